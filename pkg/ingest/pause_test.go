package ingest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"riffle/pkg/event"
	"riffle/pkg/pause"
	"riffle/pkg/pause/pausetest"
)

func (c *chain) Depths(context.Context) ([]event.Depth, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.depth == nil {
		return nil, errAway
	}
	d := *c.depth
	d.Source, d.Position = "test", c.at()
	return []event.Depth{{Source: "other"}, d}, nil
}

// disk is a Memory.
type disk struct {
	mu     sync.Mutex
	cursor string
	keeps  int
	full   error
}

func (d *disk) Load() (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cursor, nil
}

func (d *disk) Keep(cursor string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.keeps++
	if d.full == nil {
		d.cursor = cursor
	}
	return d.full
}

func (d *disk) Forget() error { return d.Keep("") }

func wantState(t *testing.T, in *Ingest, want State, when string) {
	t.Helper()
	if got := in.Status().State; got != want {
		t.Errorf("%s: got state %q, want %q", when, got, want)
	}
}

// A pause lets what is in hand be pushed and reads nothing more; after it the
// source is read on from there.
func TestPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		messages := words(20)
		c, l := newChain(), pausetest.NewLever()
		source := &script{messages: messages[:10], live: true}
		in := newIngest(t, source, c)
		in.gate = l
		l.Pause(pause.Switch{})
		ctx, stop := context.WithCancel(t.Context())
		done := run(ctx, in)
		time.Sleep(time.Minute)
		wantState(t, in, StatePaused, "paused from the start")
		checkKeys(t, c, nil)
		if len(source.from) != 0 {
			t.Errorf("the source was read while paused, from %q", source.from)
		}

		l.Resume()
		synctest.Wait() // all is read and waits for company
		l.Pause(pause.Switch{})
		synctest.Wait()
		wantState(t, in, StatePaused, "paused again")
		checkKeys(t, c, messages[:10])

		source.messages = messages
		l.Resume()
		time.Sleep(time.Second)
		wantState(t, in, StateReading, "resumed")
		checkKeys(t, c, messages)
		if want := []string{"", "10"}; !slices.Equal(source.from, want) {
			t.Errorf("read from %q, want %q", source.from, want)
		}
		l.Pause(pause.Switch{})
		synctest.Wait()
		stop()
		wantStop(t, done)
		wantState(t, in, StateStopped, "stopped while paused")
		if c.released != 1 {
			t.Errorf("the name was given up %d times, want once", c.released)
		}
	})
}

// A pause during an outage of the buffer is there within 5 s, and loses nothing
// that can be read again.
func TestPauseWhileTheBufferIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		messages := words(2000)
		c, l := newChain(), pausetest.NewLever()
		c.fault = func(n int) (bool, error) {
			if n > 1 {
				return false, errAway
			}
			return false, nil
		}
		in := newIngest(t, &script{messages: messages, live: true}, c)
		in.gate = l
		ctx, stop := context.WithCancel(t.Context())
		done := run(ctx, in)
		time.Sleep(time.Minute)
		wantState(t, in, StateAway, "before the pause")
		l.Pause(pause.Switch{})
		time.Sleep(5 * time.Second)
		wantState(t, in, StatePaused, "5 s after the pause")
		c.mu.Lock()
		c.fault = nil
		c.mu.Unlock()
		l.Resume()
		time.Sleep(time.Second)
		wantState(t, in, StateReading, "after the pause")
		checkKeys(t, c, messages)
		stop()
		wantStop(t, done)
	})
}

// What a source that cannot be read again told during a pause is a gap.
func TestPauseOfASourceWithoutReplay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := pausetest.NewLever()
		in := newIngest(t, &script{messages: words(3), live: true, forward: true}, newChain())
		in.gate = l
		ctx, stop := context.WithCancel(t.Context())
		done := run(ctx, in)
		synctest.Wait()
		l.Pause(pause.Switch{})
		synctest.Wait()
		from := time.Now()
		time.Sleep(time.Hour)
		l.Resume()
		synctest.Wait()
		gaps := in.Status().Gaps
		if len(gaps) != 1 || gaps[0].From != event.TimeOf(from) || gaps[0].To != event.TimeOf(time.Now()) {
			t.Errorf("got gaps %+v, want one of the hour from %s", gaps, from)
		}
		stop()
		wantStop(t, done)
	})
}

// A buffer that was emptied after it was drained costs nothing: reading goes on
// from the cursor on the own disk. What was not drained is read again.
func TestEmptiedBuffer(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		depth event.Depth
		want  []string // the cursors that were read from
	}{
		"drained":     {event.Depth{}, []string{"", "10"}},
		"waiting":     {event.Depth{Frames: 1}, []string{"", ""}},
		"in flight":   {event.Depth{InFlight: 1}, []string{"", ""}},
		"not reached": {event.Depth{Source: "away"}, []string{"", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				messages := words(20)
				memory := &disk{}
				c := newChain()
				if test.depth.Source == "" {
					c.depth = &test.depth
				}
				source := &script{messages: messages[:10], live: true}
				first := remembering(t, source, c, memory)
				ctx, stop := context.WithCancel(t.Context())
				done := run(ctx, first)
				time.Sleep(time.Minute)
				stop()
				wantStop(t, done)
				if memory.keeps > 1 {
					t.Errorf("the cursor was written %d times, want once", memory.keeps)
				}

				source.messages = messages
				second := remembering(t, source, newChain(), memory)
				ctx, stop = context.WithCancel(t.Context())
				done = run(ctx, second)
				time.Sleep(time.Second)
				if !slices.Equal(source.from, test.want) {
					t.Errorf("read from %q, want %q", source.from, test.want)
				}
				stop()
				wantStop(t, done)
			})
		})
	}
}

// A source that has ended is forgotten: who reads it again into an empty buffer
// means all of it.
func TestEndedSourceIsForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := &disk{cursor: "2"}
		c := newChain()
		c.depth = &event.Depth{}
		if err := remembering(t, &script{messages: words(5)}, c, memory).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		checkKeys(t, c, words(5)[2:])
		if memory.cursor != "" {
			t.Errorf("kept %q, want nothing", memory.cursor)
		}
	})
}

// A disk that is full keeps nobody from reading.
func TestMemoryThatFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newChain()
		c.depth = &event.Depth{}
		ctx, stop := context.WithCancel(t.Context())
		in := remembering(t, &script{messages: words(5), live: true}, c, &disk{full: errors.New("disk full")})
		done := run(ctx, in)
		time.Sleep(time.Minute)
		checkKeys(t, c, words(5))
		stop()
		wantStop(t, done)
	})
}

func remembering(t *testing.T, s Source, c *chain, m Memory) *Ingest {
	t.Helper()
	in, err := New(Config{Name: "test", Source: s, Pusher: c, Depths: c, Memory: m, Log: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	return in
}
