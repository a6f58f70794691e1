package filter

import (
	"testing"

	"riffle/pkg/event"
)

// A frame that came again while it was in hand belongs to its later delivery:
// settling the earlier one changes nothing.
func TestLaterDeliveryReplacesTheEarlier(t *testing.T) {
	t.Parallel()
	h := newHand(false)
	first := event.Delivery{ID: event.FrameID{1}, Stamp: 1, Data: make([]byte, 100)}
	again := first
	again.Stamp = 2
	h.add(first)
	h.add(again)
	if h.current(first) || !h.current(again) {
		t.Errorf("current(first, again) = %v, %v, want false, true", h.current(first), h.current(again))
	}
	h.remove(first)
	if got := h.len(); got != 1 {
		t.Errorf("%d frames in hand after the earlier delivery was removed, want 1", got)
	}
	h.remove(again)
	h.remove(again)
	if h.len() != 0 || h.bytes != 0 {
		t.Errorf("hand holds %d frames, %d bytes, want none", h.len(), h.bytes)
	}
}

// Large frames fill a hand before many small ones do, and one always has room.
func TestHandIsBoundedByBytes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name             string
		frames, each     int
		wantMin, wantMax int
	}{
		{"empty", 0, 0, firstTake, firstTake},
		{"small frames", 10, 1000, maxFrames - 10, maxFrames - 10},
		{"large frames", 4, 1 << 20, 1, 2},
		{"full", 6, 1 << 20, 0, 0},
		{"a single giant", 1, 64 << 20, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHand(false)
			for i := range tt.frames {
				h.add(event.Delivery{ID: event.FrameID{byte(i + 1)}, Data: make([]byte, tt.each)})
			}
			if got := h.free(); got < tt.wantMin || got > tt.wantMax {
				t.Errorf("free() = %d, want %d to %d", got, tt.wantMin, tt.wantMax)
			}
		})
	}
}
