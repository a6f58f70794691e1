package ingest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"riffle/pkg/event"
	"riffle/pkg/pause"
	"riffle/pkg/pause/pausetest"
)

// turns holds that no loop is stuck while d passes.
func turns(t *testing.T, in *Ingest, d time.Duration, when string) {
	t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		time.Sleep(time.Second)
		synctest.Wait()
		if stuck := in.Stuck(time.Now()); len(stuck) > 0 {
			t.Fatalf("%s: %v are stuck", when, stuck)
		}
	}
}

// Whatever source, buffer and operator do, ingest is not stuck.
func TestNotStuck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var pushes, position error
		answer := func(push, pos error) {
			mu.Lock()
			defer mu.Unlock()
			pushes, position = push, pos
		}
		c, lever := newChain(), pausetest.NewLever()
		c.fault = func(int) (bool, error) {
			mu.Lock()
			defer mu.Unlock()
			return false, pushes
		}
		c.position = func() error {
			mu.Lock()
			defer mu.Unlock()
			return position
		}
		source := &script{messages: words(10), live: true, breaks: map[int]error{3: errors.New("cut"), 5: errors.New("cut")}, wait: 20 * time.Minute}
		in := newIngest(t, source, c)
		in.gate = lever
		turns(t, in, time.Hour, "not begun")
		lever.Pause(pause.Switch{})
		answer(errAway, errAway)
		ctx, stop := context.WithCancel(t.Context())
		done := run(ctx, in)
		turns(t, in, time.Hour, "paused")
		lever.Resume()
		turns(t, in, time.Hour, "the buffer is away")
		answer(errAway, event.ErrFenced)
		turns(t, in, time.Hour, "standby")
		answer(event.ErrFull, nil)
		turns(t, in, time.Hour, "the buffer is full")
		answer(nil, nil)
		turns(t, in, time.Hour, "the source cannot be connected")
		checkKeys(t, c, words(10))
		turns(t, in, time.Hour, "nothing comes")
		stop()
		wantStop(t, done)
		turns(t, in, time.Hour, "stopped")
	})
}

// A decoder that does not come back is stuck, and so is what waits for it.
func TestStuck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newChain()
		until := make(chan struct{})
		in := newIngest(t, &hanging{script{messages: words(1), live: true}, until}, c)
		ctx, stop := context.WithCancel(t.Context())
		done := run(ctx, in)
		time.Sleep(time.Hour)
		stuck := in.Stuck(time.Now())
		if !slices.Contains(stuck, "pushing") || len(stuck) != 2 {
			t.Errorf("stuck are %v, want the pushing and one worker", stuck)
		}
		close(until)
		turns(t, in, time.Minute, "it went on")
		checkKeys(t, c, words(1))
		stop()
		wantStop(t, done)
	})
}

// hanging is a source whose decoders wait.
type hanging struct {
	script
	until <-chan struct{}
}

func (h *hanging) NewDecoder() event.Decoder { return hangingDecoder{h.until} }

type hangingDecoder struct{ until <-chan struct{} }

func (d hangingDecoder) Decode(ev *event.Event, msg []byte) error {
	<-d.until
	return wordDecoder{}.Decode(ev, msg)
}
