package ingest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"riffle/pkg/event"
	"riffle/pkg/spool"
)

func openSpool(t *testing.T, dir string, o spool.Options) *spool.Spool {
	t.Helper()
	s, err := spool.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func newSpooling(t *testing.T, s Source, p Pusher, disk Spool) *Ingest {
	t.Helper()
	in, err := New(Config{Name: "test", Source: s, Pusher: p, Spool: disk, Log: zap.NewNop(), Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func wantSpooled(t *testing.T, s *spool.Spool, want int) {
	t.Helper()
	if got := s.Depth().Events; got != int64(want) {
		t.Errorf("spool holds %d events, want %d", got, want)
	}
}

// Whatever the buffer does, a source that can't be read again is read on, and
// every event ends up in the buffer once, in order.
func TestSpoolTakesWhatTheBufferDoesNot(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(c *chain, n int) (bool, error){
		"outage": func(_ *chain, n int) (bool, error) {
			if n > 4 && n < 12 {
				return false, errAway
			}
			return false, nil
		},
		"every answer is lost": func(_ *chain, n int) (bool, error) {
			if n%2 == 1 {
				return true, errAway
			}
			return false, nil
		},
		"full": func(_ *chain, n int) (bool, error) {
			if n%3 == 0 {
				return false, event.ErrFull
			}
			return false, nil
		},
		"loses its newest frames": func(c *chain, n int) (bool, error) {
			if n%7 == 0 {
				c.lose(3)
			}
			return false, nil
		},
		"loses frames in an outage": func(c *chain, n int) (bool, error) {
			if n == 6 {
				c.lose(3)
			}
			if n > 4 && n < 12 {
				return false, errAway
			}
			return false, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &script{messages: words(manyFrames), forward: true}
				c := newChain()
				c.fault = func(n int) (bool, error) { return fault(c, n) }
				disk := openSpool(t, t.TempDir(), spool.Options{})
				in := newSpooling(t, s, c, disk)
				if err := in.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				checkKeys(t, c, words(manyFrames))
				if got, want := in.Summary().Read, int64(manyFrames); got != want {
					t.Errorf("read %d, want %d", got, want)
				}
				wantSpooled(t, disk, 0)
				if got := in.Status().State; got != StateEnded {
					t.Errorf("state %q, want %q", got, StateEnded)
				}
			})
		})
	}
}

// While the buffer is away the source is not held; what was spooled survives a
// stop, and goes before what comes after the next start.
func TestSpoolOutlivesTheIngest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &script{messages: words(manyFrames), forward: true, live: true}
		c := newChain()
		away := true
		c.fault = func(int) (bool, error) {
			if away {
				return false, errAway
			}
			return false, nil
		}
		c.position = func() error { // nobody even tells where the chain stands
			if away {
				return errAway
			}
			return nil
		}
		dir := t.TempDir()
		disk := openSpool(t, dir, spool.Options{})
		ctx, stop := context.WithCancel(t.Context())
		in := newSpooling(t, s, c, disk)
		done := run(ctx, in)
		time.Sleep(time.Minute)
		if got, want := in.Summary().Accepted, int64(manyFrames); got != want {
			t.Errorf("accepted %d, want %d", got, want)
		}
		wantSpooled(t, disk, manyFrames)
		st := in.Status()
		if st.State != StateAway || st.Lag < time.Minute-time.Second || st.Spool.Events != manyFrames {
			t.Errorf("status %q, lag %v, %d events in the spool; want %q, a minute, %d", st.State, st.Lag, st.Spool.Events, StateAway, manyFrames)
		}
		stop()
		wantStop(t, done)
		if err := disk.Close(); err != nil {
			t.Fatal(err)
		}

		c.mu.Lock()
		away = false
		c.mu.Unlock()
		s.messages = append(s.messages, "later")
		s.live = false
		again := newSpooling(t, s, c, openSpool(t, dir, spool.Options{}))
		if err := again.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		checkKeys(t, c, append(words(manyFrames), "later"))
	})
}

// What an earlier run pushed and did not forget is not pushed again.
func TestSpoolKnowsWhatTheBufferHolds(t *testing.T) {
	t.Parallel()
	c, disk := newChain(), openSpool(t, t.TempDir(), spool.Options{})
	for _, key := range []string{"a", "b", "c", "d"} {
		f := otherFrame(t, key, key)
		if err := disk.Append(event.Entry{Frame: f.Frame, Cursor: f.Cursor}); err != nil {
			t.Fatal(err)
		}
		if key <= "b" {
			f.Prev = c.at().Frame
			if err := c.append(f); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := newSpooling(t, &script{messages: []string{"e"}, forward: true}, c, disk).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkKeys(t, c, []string{"a", "b", "c", "d", "e"})
	if got, want := c.pushes[3].Cursor, "d"; got != want {
		t.Errorf("cursor %q, want %q", got, want)
	}
}

// What neither takes waits, is counted, and is not lost.
func TestFullSpoolHoldsTheSource(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]spool.Options{"some room": {MaxBytes: 20_000, FileBytes: 4000}, "no room": {MaxBytes: 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &script{messages: words(manyFrames), forward: true}
				c := newChain()
				away := true
				c.fault = func(int) (bool, error) {
					if away {
						return false, errAway
					}
					return false, nil
				}
				disk := openSpool(t, t.TempDir(), o)
				in := newSpooling(t, s, c, disk)
				done := run(t.Context(), in)
				time.Sleep(time.Minute)
				accepted := in.Summary().Accepted
				if accepted == manyFrames || accepted != disk.Depth().Events {
					t.Errorf("accepted %d of %d, %d are in the spool", accepted, manyFrames, disk.Depth().Events)
				}
				if got := counterOf(t, in.counters.spoolRefused); got == 0 {
					t.Error("nothing is counted as refused")
				}
				if s := in.Status(); s.Refused.IsZero() || s.RefusedWhy == "" {
					t.Errorf("the status says that events are refused since %v, for %q", s.Refused, s.RefusedWhy)
				}
				c.mu.Lock()
				away = false
				c.mu.Unlock()
				if err := <-done; err != nil {
					t.Fatal(err)
				}
				if s := in.Status(); !s.Refused.IsZero() {
					t.Errorf("the status still says that events are refused since %v", s.Refused)
				}
				checkKeys(t, c, words(manyFrames))
			})
		})
	}
}

func counterOf(t *testing.T, c prometheus.Counter) float64 {
	t.Helper()
	r := prometheus.NewRegistry()
	r.MustRegister(c)
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	return families[0].GetMetric()[0].GetCounter().GetValue()
}

// While another ingest has the name nothing is read; what was in hand is on the
// disk, and goes to the buffer when the name is free.
func TestSpoolOfAFencedIngest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &script{messages: words(manyFrames), forward: true}
		c := newChain()
		var free time.Time
		c.fault = func(n int) (bool, error) {
			if n == 5 {
				c.pushes = append(c.pushes, otherFrame(t, "other", "x"))
				free = time.Now().Add(time.Minute)
			}
			if time.Now().Before(free) {
				return false, event.ErrFenced
			}
			return false, nil
		}
		c.position = func() error {
			if time.Now().Before(free) {
				return event.ErrFenced
			}
			return nil
		}
		disk := openSpool(t, t.TempDir(), spool.Options{})
		in := newSpooling(t, s, c, disk)
		done := run(t.Context(), in)
		time.Sleep(30 * time.Second)
		if got := in.Status().State; got != StateStandby {
			t.Errorf("state %q, want %q", got, StateStandby)
		}
		if got := in.Summary().Accepted; got == manyFrames {
			t.Error("all was read while another ingest has the name")
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		want := words(manyFrames)
		got := slices.DeleteFunc(c.keys(t), func(key string) bool { return key == "other" })
		slices.Sort(got) // what memory had is given again on top of the other's
		slices.Sort(want)
		if !slices.Equal(slices.Compact(got), want) {
			t.Errorf("buffer holds %d different events, want %d", len(slices.Compact(got)), len(want))
		}
	})
}

// A buffer that refuses for good ends the stage; what was in hand is on the disk.
func TestSpoolBeforeTheEnd(t *testing.T) {
	t.Parallel()
	c := newChain()
	broken := errors.New("WRONGTYPE")
	c.fault = func(n int) (bool, error) {
		if n > 2 {
			return false, broken
		}
		return false, nil
	}
	disk := openSpool(t, t.TempDir(), spool.Options{})
	err := newSpooling(t, &script{messages: words(manyFrames), forward: true}, c, disk).Run(t.Context())
	if !errors.Is(err, broken) {
		t.Errorf("Run() = %v, want %v", err, broken)
	}
	e, ok, err := disk.Oldest()
	if err != nil || !ok || e.Frame.Events != chunkMessages {
		t.Errorf("spool begins with %d events, %t, %v; want the frame that was refused", e.Frame.Events, ok, err)
	}
}

// A source that can be read again waits, and needs no disk.
func TestReplayNeedsNoSpool(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newChain()
		c.fault = func(n int) (bool, error) {
			if n < 9 {
				return false, errAway
			}
			return false, nil
		}
		disk := openSpool(t, t.TempDir(), spool.Options{})
		in := newSpooling(t, &script{messages: words(manyFrames)}, c, disk)
		done := run(t.Context(), in)
		time.Sleep(time.Second)
		wantSpooled(t, disk, 0)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		checkKeys(t, c, words(manyFrames))
	})
}
