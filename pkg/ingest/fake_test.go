package ingest

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"riffle/pkg/event"
	"riffle/pkg/retry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script is a source that plays a list of messages; the cursor after message n
// is n, counted from 1.
type script struct {
	messages []string
	live     bool // does not end after the last message
	forward  bool // cannot be read again
	// breaks holds, by message number, the error with which the connection ends
	// before that message; each happens once.
	breaks map[int]error
	giveUp error
	wait   time.Duration
	round  int

	mu    sync.Mutex
	asked []string // what Reconnect was asked
	from  []string // the cursors of Read
	next  int      // where a source that cannot be read again stands
}

func (s *script) Read(ctx context.Context, cursor string, emit func(event.Message) error) error {
	s.mu.Lock()
	s.from = append(s.from, cursor)
	start, _ := strconv.Atoi(cursor)
	if s.forward {
		start = s.next
	}
	s.mu.Unlock()
	for i := start; i < len(s.messages); i++ {
		if err := s.broken(i); err != nil {
			return err
		}
		m := event.Message{Data: []byte(s.messages[i]), Cursor: strconv.AppendInt(nil, int64(i+1), 10), Round: s.round}
		if err := emit(m); err != nil {
			return err
		}
		s.mu.Lock()
		s.next = i + 1
		s.mu.Unlock()
		clear(m.Data) // what was handed over is valid no longer
		clear(m.Cursor)
	}
	if !s.live {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

func (s *script) broken(i int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.breaks[i]
	delete(s.breaks, i)
	return err
}

func (s *script) Reconnect(err error, gotData bool) (time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, err.Error()+" "+strconv.FormatBool(gotData))
	return s.wait, s.giveUp
}

func (s *script) Replays() bool             { return !s.forward }
func (s *script) NewDecoder() event.Decoder { return wordDecoder{} }

// wordDecoder makes an event with the message as its key. "pass:KIND",
// "reject:NUMBER" and "panic" are what they say.
type wordDecoder struct{}

func (wordDecoder) Decode(ev *event.Event, msg []byte) error {
	ev.Reset()
	word, arg, _ := strings.Cut(string(msg), ":")
	switch word {
	case "pass":
		return &event.PassedOverError{Kind: arg}
	case "reject":
		n, _ := strconv.Atoi(arg)
		return &event.InvalidError{Reason: event.Reason(n)}
	case "panic":
		panic("broken decoder")
	case "seen":
		ev.Audience = []string{arg}
	}
	ev.Key, ev.Version, ev.Network = string(msg), event.VersionOnly, "test"
	return nil
}

// chain is a buffer in memory that can fail on demand.
type chain struct {
	mu     sync.Mutex
	pushes []event.Push
	start  event.Position // before the first push
	calls  int
	// fault, when set, answers call number n of Push instead; the push is done
	// nevertheless where done is true.
	fault    func(n int) (done bool, err error)
	position func() error // fails Position
	released int
	depth    *event.Depth // what Depths tells beside the position; nil: it fails
	changed  chan struct{}
}

func newChain() *chain { return &chain{changed: make(chan struct{}, 1000)} }

func (c *chain) at() event.Position {
	if len(c.pushes) == 0 {
		return c.start
	}
	last := c.pushes[len(c.pushes)-1]
	return event.Position{Frame: last.Frame.ID, Cursor: last.Cursor}
}

func (c *chain) Position(context.Context) (event.Position, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.position != nil {
		if err := c.position(); err != nil {
			return event.Position{}, err
		}
	}
	return c.at(), nil
}

func (c *chain) Push(_ context.Context, p event.Push) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	if c.fault == nil {
		return c.append(p)
	}
	done, err := c.fault(c.calls)
	if err == nil {
		return c.append(p)
	}
	if done {
		return errors.Join(err, c.append(p))
	}
	return err
}

func (c *chain) Release(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.released++
	return ctx.Err()
}

func (c *chain) append(p event.Push) error {
	if p.Frame.Events == 0 {
		return errors.New("frame without events")
	}
	switch at := c.at(); at.Frame {
	case p.Frame.ID:
		return nil
	case p.Prev:
		c.pushes = append(c.pushes, p)
		c.changed <- struct{}{}
		return nil
	default:
		return &event.BehindError{At: at}
	}
}

// lose takes away the newest n frames, as a failover does.
func (c *chain) lose(n int) {
	c.pushes = c.pushes[:len(c.pushes)-n]
}

// keys reads all events back, in order.
func (c *chain) keys(t *testing.T) []string {
	t.Helper()
	var keys []string
	for _, ev := range c.events(t) {
		keys = append(keys, ev.Key)
	}
	return keys
}

func (c *chain) events(t *testing.T) []*event.Event {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var events []*event.Event
	r := event.NewReader()
	for _, p := range c.pushes {
		if _, err := r.Open(p.Frame.Data); err != nil {
			t.Fatal(err)
		}
		var ev event.Event
		for {
			more, err := r.Next(&ev)
			if err != nil {
				t.Fatal(err)
			}
			if !more {
				break
			}
			events = append(events, ev.Clone())
		}
	}
	return events
}

func newIngest(t *testing.T, s Source, p Pusher) *Ingest {
	t.Helper()
	in, err := New(Config{Name: "test", Source: s, Pusher: p, Log: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// words makes n messages: w0, w1 and so on.
func words(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = "w" + strconv.Itoa(i)
	}
	return list
}

// checkKeys compares what the buffer holds with what should be there.
func checkKeys(t *testing.T, c *chain, want []string) {
	t.Helper()
	if got := c.keys(t); !slices.Equal(got, want) {
		t.Errorf("buffer holds %d events %.80q…, want %d %.80q…", len(got), got, len(want), want)
	}
}

var errAway = retry.Transient(errors.New("connection refused"))
