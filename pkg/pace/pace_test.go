package pace

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestPace(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		rate   int
		count  int
		want   time.Duration
		within time.Duration
	}{
		{"unlimited", 0, 1_000_000, 0, 0},
		{"one a second", 1, 11, 10 * time.Second, 0},
		{"fifty a second", 50, 501, 10 * time.Second, 0},
		{"faster than the grain", 150_000, 1_500_000, 10 * time.Second, grain},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p, start := New(test.rate), time.Now()
				for range test.count {
					if err := p.Wait(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				if got := time.Since(start); got > test.want || got < test.want-test.within {
					t.Errorf("%d elements took %v, want %v", test.count, got, test.want)
				}
			})
		})
	}
}

func TestStallIsCaughtUpOnForItsCreditOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := New(100)
		if err := p.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		start, atOnce := time.Now(), 0
		for time.Since(start) == 0 {
			if err := p.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			atOnce++
		}
		if atOnce < 100 || atOnce > 103 {
			t.Errorf("%d elements at once after a stall, want the 100 of one second", atOnce)
		}
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, stopped := New(1), errors.New("stopped")
		ctx, cancel := context.WithCancelCause(t.Context())
		if err := p.Wait(ctx); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Millisecond, func() { cancel(stopped) })
		if err := p.Wait(ctx); !errors.Is(err, stopped) {
			t.Errorf("got %v, want %v", err, stopped)
		}
	})
}

// After a stall a second is caught up on, and then the rate holds again, also
// where the clock moves between two elements.
func TestRateHoldsAfterAStall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := New(1000)
		if err := p.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		resumed := time.Now()
		for range 3000 {
			if err := p.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Microsecond)
		}
		if took := time.Since(resumed); took < 1900*time.Millisecond || took > 2100*time.Millisecond {
			t.Errorf("3000 elements at 1000/s took %v after a stall, want 2s: one second is caught up on", took)
		}
	})
}
