package filter

import (
	"context"
	"sync"

	"riffle/pkg/event"
)

// Bounds of what one filter holds. Bytes are those of unpacked frames, of which
// these are some thirty full ones: a batch that is written and the next one. A
// frame's verdicts take about four times as much again when every event is kept.
const (
	maxFrames = 64
	maxBytes  = 6 << 20
)

// hand is the frames that are taken and not settled.
type hand struct {
	mu     sync.Mutex
	frames map[event.FrameID]held
	bytes  int
	trial  bool
	freed  chan struct{} // holds a token after room was made
}

type held struct {
	delivery event.Delivery
	bytes    int
}

func newHand(trial bool) *hand {
	return &hand{frames: make(map[event.FrameID]held), trial: trial, freed: make(chan struct{}, 1)}
}

// add takes a delivery in hand; an earlier one of the same frame is void from
// then on.
func (h *hand) add(d event.Delivery) {
	size := len(d.Data)
	if header, err := event.ReadHeader(d.Data); err == nil {
		size = header.Size
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bytes += size - h.frames[d.ID].bytes
	h.frames[d.ID] = held{d, size}
}

// remove puts a delivery out of hand, unless a later one took its place.
func (h *hand) remove(d event.Delivery) {
	h.mu.Lock()
	if f, ok := h.frames[d.ID]; ok && f.delivery.Stamp == d.Stamp {
		h.bytes -= f.bytes
		delete(h.frames, d.ID)
	}
	h.mu.Unlock()
	h.signal()
}

// current reports whether d is in hand and its frame's latest delivery.
func (h *hand) current(d event.Delivery) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	f, ok := h.frames[d.ID]
	return ok && f.delivery.Stamp == d.Stamp
}

func (h *hand) len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.frames)
}

func (h *hand) all() []event.Delivery {
	h.mu.Lock()
	defer h.mu.Unlock()
	frames := make([]event.Delivery, 0, len(h.frames))
	for _, f := range h.frames {
		frames = append(frames, f.delivery)
	}
	return frames
}

// widen ends a trial: the store takes what is written.
func (h *hand) widen() {
	h.mu.Lock()
	h.trial = false
	h.mu.Unlock()
	h.signal()
}

// room waits until there is room and tells for how many frames; 0 when ctx
// ended first.
func (h *hand) room(ctx context.Context) int {
	for ctx.Err() == nil {
		if n := h.free(); n > 0 {
			return n
		}
		select {
		case <-ctx.Done():
		case <-h.freed:
		}
	}
	return 0
}

// free guesses from the frames in hand how large the next ones are, so the
// bound on bytes may be passed by one take.
func (h *hand) free() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := len(h.frames)
	if h.trial || h.bytes >= maxBytes {
		return max(0, 1-n)
	}
	free := maxFrames - n
	if n > 0 && h.bytes > 0 {
		free = min(free, max(1, (maxBytes-h.bytes)/(h.bytes/n+1)))
	} else {
		free = min(free, firstTake)
	}
	return free
}

// firstTake is how many frames are taken with empty hands, when nothing tells
// how large they are.
const firstTake = 16

func (h *hand) signal() {
	select {
	case h.freed <- struct{}{}:
	default:
	}
}
