package filter_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"riffle/pkg/filter"
	"riffle/pkg/pause"
	"riffle/pkg/pause/pausetest"
)

// newPausable makes a bench whose filter obeys a lever.
func newPausable(t *testing.T) (*bench, *pausetest.Lever) {
	t.Helper()
	b, lever := newBench(false), pausetest.NewLever()
	b.Filter = filter.New(filter.Config{
		Taker: b.buffer, Writer: b.store, Rules: b.store, Log: zap.NewNop(), Switch: lever,
	})
	b.put(keep(1, 1, "apple"))
	return b, lever
}

func (b *bench) wantState(t *testing.T, want filter.State, when string) {
	t.Helper()
	if got := b.Status().State; got != want {
		t.Errorf("%s: got state %q, want %q", when, got, want)
	}
}

// A paused filter takes nothing, and goes on where it stopped.
func TestPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, lever := newPausable(t)
		lever.Pause(pause.Switch{})
		stop := b.start(t.Context())
		b.push(frame(t, post("a", "apple")))
		passes(time.Minute)
		b.wantState(t, filter.StatePaused, "paused from the start")
		if takes, _ := b.tally(); takes != 0 {
			t.Errorf("%d takes while paused, want none", takes)
		}
		lever.Resume()
		passes(time.Second)
		b.wantState(t, filter.StateRunning, "resumed")
		lever.Pause(pause.Switch{})
		passes(5 * time.Second)
		b.wantState(t, filter.StatePaused, "paused again")
		b.push(frame(t, post("b", "apple")))
		passes(time.Minute)
		if diff := cmp.Diff([]matchKey{{1, "test:a"}}, b.kept()); diff != "" {
			t.Errorf("matches while paused (-want +got):\n%s", diff)
		}
		lever.Resume()
		passes(time.Second)
		if diff := cmp.Diff([]matchKey{{1, "test:a"}, {1, "test:b"}}, b.kept()); diff != "" {
			t.Errorf("matches (-want +got):\n%s", diff)
		}
		lever.Pause(pause.Switch{})
		passes(5 * time.Second)
		mustStop(t, stop)
	})
}

// A pause lets a write that is under way finish, or gives its frames back: after
// 5 s nothing is in hand.
func TestPauseGivesBackWithinFiveSeconds(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		write time.Duration
		kept  []matchKey
		back  int
	}{
		"finished":   {2 * time.Second, []matchKey{{1, "test:a"}}, 0},
		"given back": {time.Minute, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, lever := newPausable(t)
				b.store.enter = func(ctx context.Context) error {
					select {
					case <-time.After(test.write):
						return nil
					case <-ctx.Done():
						return ctx.Err()
					}
				}
				stop := b.start(t.Context())
				b.push(frame(t, post("a", "apple")))
				passes(100 * time.Millisecond)
				lever.Pause(pause.Switch{})
				passes(5 * time.Second)
				b.wantState(t, filter.StatePaused, "after 5 s")
				if waiting, flight := b.depth(); waiting != test.back || flight != 0 {
					t.Errorf("got %d frames waiting and %d in hand, want %d and none", waiting, flight, test.back)
				}
				if diff := cmp.Diff(test.kept, b.kept()); diff != "" {
					t.Errorf("matches (-want +got):\n%s", diff)
				}
				mustStop(t, stop)
			})
		})
	}
}

// A filter that waits for the store obeys a pause too, and says so.
func TestPauseWhileTheStoreIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, lever := newPausable(t)
		b.store.fail(transient())
		stop := b.start(t.Context())
		b.push(frame(t, post("a", "apple")))
		passes(time.Minute)
		lever.Pause(pause.Switch{})
		passes(5 * time.Second)
		b.wantState(t, filter.StatePaused, "store away")
		b.store.fail(nil)
		passes(time.Minute)
		b.wantState(t, filter.StatePaused, "store back")
		lever.Resume()
		passes(10 * time.Second)
		if diff := cmp.Diff([]matchKey{{1, "test:a"}}, b.kept()); diff != "" {
			t.Errorf("matches (-want +got):\n%s", diff)
		}
		mustStop(t, stop)
	})
}
