package ingest

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"riffle/pkg/event"
)

// The frames of this many messages are pushed one by one.
const manyFrames = 20 * chunkMessages

func TestFaultsOfTheBufferLoseAndDoubleNothing(t *testing.T) {
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
		"loses everything": func(c *chain, n int) (bool, error) {
			if n == 9 {
				c.lose(len(c.pushes))
			}
			return false, nil
		},
		"loses a frame whose answer got lost": func(c *chain, n int) (bool, error) {
			if n == 5 {
				return true, errAway
			}
			if n == 6 {
				c.lose(2)
			}
			return false, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &script{messages: words(manyFrames)}
				c := newChain()
				c.fault = func(n int) (bool, error) { return fault(c, n) }
				in := newIngest(t, s, c)
				if err := in.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				checkKeys(t, c, words(manyFrames))
				if got, want := in.Summary().Read, int64(manyFrames); got != want {
					t.Errorf("read %d, want %d", got, want)
				}
				if got, want := s.from, []string{""}; !slices.Equal(got, want) {
					t.Errorf("source was read from %q, want %q: memory had what was lost", got, want)
				}
			})
		})
	}
}

// A buffer that stands where memory does not reach is behind by more than
// recent keeps: the source is read again from its cursor.
func TestDeepLossReadsTheSourceAgain(t *testing.T) {
	t.Parallel()
	s := &script{messages: words(manyFrames)}
	c := newChain()
	lost := false
	c.fault = func(n int) (bool, error) {
		if n == 9 && !lost {
			lost = true
			c.pushes = nil
			c.start = event.Position{Frame: event.FrameID{7}, Cursor: "100"}
		}
		return false, nil
	}
	if err := newIngest(t, s, c).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkKeys(t, c, words(manyFrames)[100:])
	if got, want := s.from, []string{"", "100"}; !slices.Equal(got, want) {
		t.Errorf("source was read from %q, want %q", got, want)
	}
}

// A source that cannot be read again gives what memory has, on top of where the
// buffer stands.
func TestDeepLossOfASourceWithoutReplayGivesWhatMemoryHas(t *testing.T) {
	t.Parallel()
	s := &script{messages: words(manyFrames), forward: true}
	c := newChain()
	c.fault = func(n int) (bool, error) {
		if n == 9 {
			c.pushes = nil
			c.start = event.Position{Frame: event.FrameID{7}}
		}
		return false, nil
	}
	if err := newIngest(t, s, c).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkKeys(t, c, words(manyFrames))
	if got, want := c.pushes[0].Prev, (event.FrameID{7}); got != want {
		t.Errorf("first frame follows %s, want %s", got, want)
	}
}

func TestAnotherWriterTakesOver(t *testing.T) {
	t.Parallel()
	for name, forward := range map[string]bool{"source replays": false, "source does not": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := &script{messages: words(manyFrames), forward: forward}
				c := newChain()
				var free time.Time
				c.fault = func(n int) (bool, error) {
					if n == 5 { // the other one has written a frame of its own
						c.pushes = append(c.pushes, otherFrame(t, "w2048", "2049"))
						free = time.Now().Add(15 * time.Second)
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
				if err := newIngest(t, s, c).Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				got := c.keys(t)
				slices.Sort(got)
				want := words(manyFrames)
				slices.Sort(want)
				if !slices.Equal(slices.Compact(got), want) {
					t.Errorf("buffer holds %d different events, want %d", len(slices.Compact(got)), len(want))
				}
				if !forward && len(got) != len(want) {
					t.Errorf("buffer holds %d events, want %d: the other's cursor was known", len(got), len(want))
				}
			})
		})
	}
}

// A quiet source's writer asks for its position now and then, which keeps its
// name and shows a loss before the next message comes.
func TestQuietSourceNoticesALoss(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newChain()
		ctx, stop := context.WithCancel(t.Context())
		done := run(ctx, newIngest(t, &script{messages: words(manyFrames), live: true}, c))
		time.Sleep(time.Second)
		c.mu.Lock()
		c.lose(2)
		c.mu.Unlock()
		time.Sleep(keepHold)
		checkKeys(t, c, words(manyFrames))
		stop()
		wantStop(t, done)
	})
}

func TestQuietSourceNoticesThatItsNameIsTaken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newChain()
		ctx, stop := context.WithCancel(t.Context())
		in := newIngest(t, &script{messages: words(3), live: true}, c)
		done := run(ctx, in)
		time.Sleep(time.Second)
		c.mu.Lock()
		c.position = func() error { return event.ErrFenced }
		c.mu.Unlock()
		time.Sleep(keepHold)
		if got, want := in.Status().State, StateStandby; got != want {
			t.Errorf("state %q, want %q", got, want)
		}
		stop()
		wantStop(t, done)
	})
}

func TestRefusalOfTheRightSuccessorEndsTheStage(t *testing.T) {
	t.Parallel()
	c := newChain()
	c.fault = func(int) (bool, error) { return false, &event.BehindError{At: c.at()} }
	if err := newIngest(t, &script{messages: words(1)}, c).Run(t.Context()); err == nil {
		t.Error("no error, want one: this would go on for ever")
	}
}

func TestRecentIsBounded(t *testing.T) {
	t.Parallel()
	r := recent{base: event.FrameID{}}
	frame := func(i int) event.Entry {
		return event.Entry{Frame: event.Frame{ID: event.FrameID{byte(i), byte(i >> 8)}, Data: make([]byte, recentBytes/10)}}
	}
	for i := 1; i <= 50; i++ {
		r.add(frame(i))
	}
	if r.size > recentBytes || len(r.frames) != 9 {
		t.Errorf("%d frames of %d bytes, want 9 of at most %d", len(r.frames), r.size, recentBytes)
	}
	if after, known := r.cut(event.FrameID{41}); !known || len(after) != 9 {
		t.Errorf("cut before the oldest: %d frames, known %v, want 9, true", len(after), known)
	}
	if r.size != 0 {
		t.Errorf("%d bytes left, want 0", r.size)
	}
	r.add(frame(60))
	if after, known := r.cut(event.FrameID{99}); known || len(after) != 1 {
		t.Errorf("cut at an unknown frame: %d frames, known %v, want all, false", len(after), known)
	}
	if _, known := r.cut(event.FrameID{99}); !known {
		t.Error("the frame where the chain was set to is not known")
	}
}

func otherFrame(t *testing.T, key, cursor string) event.Push {
	t.Helper()
	e := event.NewEncoder()
	e.Append(&event.Event{Key: key, Version: 1, Network: "test"})
	f, err := e.Frame()
	if err != nil {
		t.Fatal(err)
	}
	return event.Push{Frame: f, Cursor: cursor}
}
