// Package sourcetest is the conformance suite that every source passes.
package sourcetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"riffle/pkg/event"
)

// Source is what ingest asks of a source.
type Source interface {
	Read(ctx context.Context, cursor string, emit func(event.Message) error) error
	Reconnect(err error, gotData bool) (wait time.Duration, giveUp error)
	Replays() bool
	NewDecoder() event.Decoder
}

// Harness opens streams for the suite. Each call makes a Source of its own over
// a stream of its own, which gives the same messages each time.
type Harness struct {
	// Open gives a stream of Messages messages.
	Open     func(t *testing.T) Source
	Messages int
	// Endless says that Read waits after the last message instead of returning.
	Endless bool
	// Rewinds says that Read may begin some messages before the one after its
	// cursor.
	Rewinds bool
	// Malformed gives a stream of the same messages with as many as Junk others
	// among them; nil for a source that makes its messages itself.
	Malformed func(t *testing.T) Source
	Junk      int
}

// stopTime is how long a source may take to stop.
const stopTime = time.Second

// Run runs the suite. No other test may run beside it: the leak check would see
// its goroutines.
func Run(t *testing.T, h Harness) {
	t.Helper()
	t.Run("same messages in the same order each time", h.testOrder)
	t.Run("cursor resumes and misses nothing", h.testResume)
	t.Run("error of emit ends the connection", h.testEmitError)
	t.Run("stops when asked", h.testStop)
	t.Run("leaks nothing over many connections", h.testLeaks)
	t.Run("junk never stops the stream", h.testMalformed)
}

// received is a message that outlives its emit.
type received struct{ Data, Cursor string }

var errEnough = errors.New("enough")

// read reads want messages, or to the end where that is nearer.
func read(t *testing.T, s Source, cursor string, want int) []received {
	t.Helper()
	var got []received
	err := s.Read(t.Context(), cursor, func(m event.Message) error {
		got = append(got, received{string(m.Data), string(m.Cursor)})
		if len(got) == want {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		t.Fatalf("read from %q: %v after %d messages", cursor, err, len(got))
	}
	return got
}

func (h Harness) testOrder(t *testing.T) {
	first := read(t, h.Open(t), "", h.Messages)
	if got, want := len(first), h.Messages; got != want {
		t.Fatalf("%d messages, want %d", got, want)
	}
	s := h.Open(t)
	second := read(t, s, "", h.Messages)
	if !s.Replays() { // its cursors may tell the time
		for i := range second {
			first[i].Cursor, second[i].Cursor = "", ""
		}
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("second time (-first +second):\n%s", diff)
	}
}

func (h Harness) testResume(t *testing.T) {
	all := read(t, h.Open(t), "", h.Messages)
	for _, at := range []int{0, 1, len(all) / 2, len(all) - 2} {
		t.Run(fmt.Sprint("after message ", at), func(t *testing.T) {
			want := all[at+1:]
			s := h.Open(t)
			if !s.Replays() {
				t.Skip("the source does not replay")
			}
			got := h.readTo(t, s, all[at].Cursor, all[len(all)-1])
			if extra := len(got) - len(want); extra > 0 && h.Rewinds {
				got = got[extra:]
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// readTo reads from cursor to the message last.
func (h Harness) readTo(t *testing.T, s Source, cursor string, last received) []received {
	t.Helper()
	var got []received
	err := s.Read(t.Context(), cursor, func(m event.Message) error {
		got = append(got, received{string(m.Data), string(m.Cursor)})
		if got[len(got)-1] == last {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		t.Fatalf("read from %q: %v", cursor, err)
	}
	return got
}

func (h Harness) testEmitError(t *testing.T) {
	calls := 0
	err := h.Open(t).Read(t.Context(), "", func(event.Message) error {
		calls++
		return errEnough
	})
	if !errors.Is(err, errEnough) || calls != 1 {
		t.Errorf("got %v after %d calls, want %v after 1", err, calls, errEnough)
	}
}

// testStop stops a source while it reads, and while it waits for its receiver.
func (h Harness) testStop(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := h.Open(t)
	begun, done := make(chan struct{}), make(chan error, 1)
	count := 0
	go func() {
		done <- s.Read(ctx, "", func(event.Message) error {
			if count++; count == 1 {
				close(begun)
			}
			if count == h.Messages && !h.Endless {
				<-ctx.Done()
			}
			return ctx.Err()
		})
	}()
	<-begun
	cancel()
	select {
	case err := <-done:
		if err == nil {
			t.Error("a stopped source says that its stream has ended")
		}
	case <-time.After(stopTime):
		t.Errorf("not stopped after %v", stopTime)
	}
}

func (h Harness) testLeaks(t *testing.T) {
	s := h.Open(t)
	before := goleak.IgnoreCurrent() // servers of the harness live as long as t
	for range 50 {
		ctx, cancel := context.WithCancel(t.Context())
		err := s.Read(ctx, "", func(event.Message) error { cancel(); return ctx.Err() })
		cancel()
		if err == nil {
			t.Fatal("a stopped source says that its stream has ended")
		}
		if !s.Replays() {
			break
		}
	}
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
}

func (h Harness) testMalformed(t *testing.T) {
	if h.Malformed == nil {
		t.Skip("the source makes its messages itself")
	}
	want := accepted(t, h.Open(t), h.Messages)
	if len(want) == 0 {
		t.Fatal("no message without junk is an event")
	}
	got := accepted(t, h.Malformed(t), h.Messages+h.Junk)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events with junk among the messages (-without +with):\n%s", diff)
	}
}

// accepted reads and decodes so many messages and returns the keys of the
// events.
func accepted(t *testing.T, s Source, messages int) []string {
	t.Helper()
	var keys []string
	var ev event.Event
	decoder := s.NewDecoder()
	for _, m := range read(t, s, "", messages) {
		err := decoder.Decode(&ev, []byte(m.Data))
		if err == nil {
			keys = append(keys, string([]byte(ev.Key)))
			continue
		}
		_, invalid := errors.AsType[*event.InvalidError](err)
		if _, over := errors.AsType[*event.PassedOverError](err); !invalid && !over {
			t.Errorf("decoder: %v, want *event.InvalidError or *event.PassedOverError", err)
		}
	}
	return keys
}
