package buffertest

import (
	"fmt"
	"strconv"
	"testing"

	"riffle/pkg/event"
)

// start is when the first event of a Frames list was received; each later one
// is a millisecond younger.
const start event.Time = 1_700_000_000_000

// Frames makes frames of so many events each, for tests that do not look inside.
func Frames(tb testing.TB, count, events int) []event.Frame {
	tb.Helper()
	encoder := event.NewEncoder()
	frames := make([]event.Frame, count)
	n := 0
	for i := range frames {
		for range events {
			n++
			encoder.Append(&event.Event{
				Key: "test:" + strconv.Itoa(n), Version: event.VersionOnly, Network: "test", Source: "test",
				Text: fmt.Sprintf("post number %d of a test", n), ReceivedAt: start + event.Time(n-1),
			})
		}
		frame, err := encoder.Frame()
		if err != nil {
			tb.Fatalf("make frame: %v", err)
		}
		frames[i] = frame
	}
	return frames
}

// cursorOf is the cursor that pushAll stores with a frame.
func cursorOf(f event.Frame) string { return "after " + f.ID.String() }

// pushAll pushes frames in order after prev.
func pushAll(tb testing.TB, w Pusher, prev event.FrameID, frames []event.Frame) {
	tb.Helper()
	for _, f := range frames {
		if err := w.Push(tb.Context(), event.Push{Frame: f, Prev: prev, Cursor: cursorOf(f)}); err != nil {
			tb.Fatalf("push: %v", err)
		}
		prev = f.ID
	}
}

// fill opens a source by its writer "w" and pushes count frames of 3 events.
func fill(tb testing.TB, b Buffer, source string, count int) []event.Frame {
	tb.Helper()
	w := b.Writer(source, "w")
	at, err := w.Position(tb.Context())
	if err != nil {
		tb.Fatalf("position: %v", err)
	}
	frames := Frames(tb, count, 3)
	pushAll(tb, w, at.Frame, frames)
	return frames
}

// takeExactly takes until it has count frames.
func takeExactly(tb testing.TB, b Taker, count int) []event.Delivery {
	tb.Helper()
	var taken []event.Delivery
	for tries := 0; len(taken) < count; tries++ {
		got, err := b.Take(tb.Context(), count-len(taken))
		if err != nil {
			tb.Fatalf("take: %v", err)
		}
		if taken = append(taken, got...); len(got) == 0 && tries > 30 {
			tb.Fatalf("took %d frames, want %d", len(taken), count)
		}
	}
	return taken
}

func depthOf(tb testing.TB, b Buffer, source string) event.Depth {
	tb.Helper()
	depths, err := b.Depths(tb.Context())
	if err != nil {
		tb.Fatalf("depths: %v", err)
	}
	for _, d := range depths {
		if d.Source == source {
			return d
		}
	}
	tb.Fatalf("no depth of source %q among %d", source, len(depths))
	return event.Depth{}
}

func idsOf(frames []event.Frame) []event.FrameID {
	ids := make([]event.FrameID, len(frames))
	for i, f := range frames {
		ids[i] = f.ID
	}
	return ids
}

func takenIDs(taken []event.Delivery) []event.FrameID {
	ids := make([]event.FrameID, len(taken))
	for i, d := range taken {
		ids[i] = d.ID
	}
	return ids
}

func counts(taken []event.Delivery) []int {
	counts := make([]int, len(taken))
	for i, d := range taken {
		counts[i] = d.Count
	}
	return counts
}
