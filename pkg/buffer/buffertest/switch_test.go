package buffertest_test

import (
	"path/filepath"
	"testing"

	"riffle/pkg/buffer/buffertest"
	"riffle/pkg/buffer/sqlite"
	"riffle/pkg/event"
	"riffle/pkg/retry"
)

func TestSwitch(t *testing.T) {
	t.Parallel()
	b, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "b.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	var outage buffertest.Switch
	w, taker := outage.Pusher(b.Writer("s", "w")), outage.Taker(b)
	push := event.Push{Frame: buffertest.Frames(t, 1, 1)[0], Cursor: "1"}
	waits := func(when string, want int64) {
		t.Helper()
		depths, err := b.Depths(t.Context())
		if err != nil || len(depths) != 1 || depths[0].Frames != want {
			t.Errorf("%s: got %+v, %v, want %d frames waiting", when, depths, err, want)
		}
	}

	if _, err := w.Position(t.Context()); err != nil {
		t.Fatal(err)
	}
	outage.Off()
	if err := w.Push(t.Context(), push); !retry.IsTransient(err) {
		t.Errorf("push while off: got %v, want a transient error", err)
	}
	waits("while off", 0)
	outage.On()
	outage.LoseAnswers(1)
	if err := w.Push(t.Context(), push); !retry.IsTransient(err) {
		t.Errorf("push whose answer is lost: got %v, want a transient error", err)
	}
	waits("after a lost answer", 1)
	if err := w.Push(t.Context(), push); err != nil {
		t.Errorf("the same push again: %v", err)
	}
	outage.LoseAnswers(1)
	if taken, err := taker.Take(t.Context(), 1); len(taken) != 0 || !retry.IsTransient(err) {
		t.Errorf("take whose answer is lost: got %d frames, %v, want a transient error", len(taken), err)
	}
	waits("after a lost take", 0)
}
