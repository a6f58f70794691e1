package redis_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/buffer/buffertest"
	"riffle/pkg/buffer/redis"
	"riffle/pkg/event"
	"riffle/pkg/testenv"
)

// A source that is drained and long silent leaves the list, with its cursor
// kept; one that comes back is taken from again.
func TestLetGo(t *testing.T) {
	t.Parallel()
	address := testenv.Redis(t)
	b := open(t, address, redis.Options{})
	frames := buffertest.Frames(t, 3, 1)
	w := b.Writer("s", "w")
	position(t, w)
	push := func(frame, prev int) {
		t.Helper()
		p := event.Push{Frame: frames[frame], Cursor: "c"}
		if prev >= 0 {
			p.Prev = frames[prev].ID
		}
		if err := w.Push(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	letGo := func(when string, silence time.Duration, want []string) {
		t.Helper()
		got, err := b.LetGo(t.Context(), silence)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: let go (-want +got):\n%s", when, diff)
		}
	}
	push(0, -1)
	letGo("a frame waits", 0, nil)
	taken, err := b.Take(t.Context(), 1)
	if err != nil || len(taken) != 1 {
		t.Fatalf("take: got %d frames, %v", len(taken), err)
	}
	letGo("a frame is in flight", 0, nil)
	if err := b.GiveBack(t.Context(), taken); err != nil {
		t.Fatal(err)
	}
	position(t, b.Writer("empty", "w"))
	letGo("nobody is silent for an hour", time.Hour, nil)
	letGo("nothing ever waited", 0, []string{"empty"})

	position(t, b.Writer("empty", "w"))
	depths, err := b.Depths(t.Context())
	if err != nil || len(depths) != 2 {
		t.Errorf("after it came back: got %d sources, %v, want 2", len(depths), err)
	}
}
