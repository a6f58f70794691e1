package ingest

import "riffle/pkg/event"

const (
	// recentBytes bounds the memory for frames that the buffer may lose again,
	// in a failover or a crash that takes its last second with it.
	recentBytes = 16 << 20
	// recentOverhead is what an entry takes beside its frame's bytes.
	recentOverhead = 256
)

// pushed is a frame with the source's cursor after it.
type pushed struct {
	frame  event.Frame
	cursor string
}

func (p pushed) size() int { return cap(p.frame.Data) + recentOverhead }

// recent keeps the newest frames that were pushed.
type recent struct {
	base   event.FrameID // the frame before the oldest kept
	frames []pushed
	size   int
}

func (r *recent) add(p pushed) {
	r.frames = append(r.frames, p)
	r.size += p.size()
	for r.size > recentBytes && len(r.frames) > 1 {
		r.base = r.frames[0].frame.ID
		r.size -= r.frames[0].size()
		r.frames[0] = pushed{} // frees the bytes before append moves the rest
		r.frames = r.frames[1:]
	}
}

// cut takes out the frames after the one with id at, oldest first. Where that
// one is not known it takes out all, and says so.
func (r *recent) cut(at event.FrameID) (after []pushed, known bool) {
	keep, known := r.find(at)
	after = append(after, r.frames[keep:]...)
	for _, p := range after {
		r.size -= p.size()
	}
	clear(r.frames[keep:])
	r.frames = r.frames[:keep]
	if keep == 0 {
		r.base = at
	}
	return after, known
}

// find returns how many frames stand up to and with at.
func (r *recent) find(at event.FrameID) (int, bool) {
	if at == r.base {
		return 0, true
	}
	for i := len(r.frames); i > 0; i-- {
		if r.frames[i-1].frame.ID == at {
			return i, true
		}
	}
	return 0, false
}
