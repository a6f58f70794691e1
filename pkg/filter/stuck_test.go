package filter_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/pause"
)

// turns holds that no loop is stuck while d passes.
func (b *bench) turns(t *testing.T, d time.Duration, when string) {
	t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		passes(time.Second)
		if stuck := b.Stuck(time.Now()); len(stuck) > 0 {
			t.Fatalf("%s: %v are stuck", when, stuck)
		}
	}
}

// Whatever neighbours and operator do, the filter is not stuck.
func TestNotStuck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, lever := newPausable(t)
		b.turns(t, time.Hour, "not begun")
		b.readErr = transient()
		stop := b.start(t.Context())
		b.turns(t, time.Hour, "the rules cannot be read")
		b.readErr = nil
		b.turns(t, time.Hour, "nothing comes")

		b.store.enter = func(ctx context.Context) error {
			select {
			case <-time.After(59 * time.Second):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		for _, key := range []string{"a", "b", "c", "d"} {
			b.push(frame(t, post(key, "apple")))
		}
		b.turns(t, 10*time.Minute, "the store is slow")
		wantDepth(t, b.buffer, 0, 0)
		b.store.enter = nil

		b.store.fail(transient())
		b.push(frame(t, post("e", "apple")))
		b.turns(t, time.Hour, "the store is away")
		b.buffer.fail(transient())
		b.turns(t, time.Hour, "both are away")
		b.store.fail(nil)
		b.turns(t, time.Hour, "the buffer is away")
		b.buffer.fail(nil)
		lever.Pause(pause.Switch{})
		b.turns(t, time.Hour, "paused")
		lever.Resume()
		b.turns(t, time.Hour, "resumed")
		mustStop(t, stop)
		b.turns(t, time.Hour, "stopped")
	})
}

// A judge that does not come back is stuck, though leases are renewed, rules are
// read and the store is watched; so is a write that passes its deadline.
func TestStuck(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		before int // deliveries
		hang   func(*bench, <-chan struct{})
		want   string
	}{
		"judge":                  {0, func(b *bench, until <-chan struct{}) { b.HangJudges(until) }, "judge"},
		"judge, event for event": {2, func(b *bench, until <-chan struct{}) { b.HangJudges(until) }, "judge"},
		"write": {0, func(b *bench, until <-chan struct{}) {
			b.store.enter = func(context.Context) error {
				<-until
				return nil
			}
		}, "shift"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(false)
				b.put(keep(1, 1, "apple"))
				b.before = test.before
				until := make(chan struct{})
				test.hang(b, until)
				stop := b.start(t.Context())
				b.turns(t, time.Hour, "nothing comes")
				// As many as there may be in hand: nothing more is taken.
				for range 300 {
					b.push(frame(t, post("a", "apple")))
				}
				passes(10 * time.Minute)
				found := false
				for _, stuck := range b.Stuck(time.Now()) {
					found = found || stuck == test.want || stuck == test.want+" 0"
				}
				if !found {
					t.Errorf("stuck are %v, want %s among them", b.Stuck(time.Now()), test.want)
				}
				close(until)
				passes(time.Minute)
				if diff := cmp.Diff([]string(nil), b.Stuck(time.Now())); diff != "" {
					t.Errorf("stuck, after it went on (-want +got):\n%s", diff)
				}
				mustStop(t, stop)
			})
		})
	}
}
