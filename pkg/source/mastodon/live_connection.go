package mastodon

import (
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"riffle/pkg/event"
	"riffle/pkg/reconnect"
)

// The time without a sign of life after which a connection is given up: three of
// the server's, which are a line ":thump" every 15 s, or a ping every 30 s.
const (
	eventsStall = 45 * time.Second
	socketStall = 90 * time.Second
)

// connection is one connection while it is read, by one goroutine, and what was
// missed before it is fetched, by another.
type connection struct {
	source  *Source
	begun   time.Time
	missing event.Time // since when nothing was heard
	watch   *time.Timer
	whole   time.Time // until then nothing is missing but what the position tells
	good    bool
	fresh   bool // position is where the source begins
	// streaming says that the server has answered with a stream.
	streaming atomic.Bool

	mu       sync.Mutex // one message at a time
	emit     func(event.Message) error
	fetching bool     // something is, or may be, missing; position does not move with the stream
	position position // what was had without a gap
	newest   []byte   // the newest status that the stream told
	cursor   []byte
}

// run reads the stream, and fetches what is missing.
func (c *connection) run(ctx context.Context, cancel context.CancelCauseFunc) error {
	if err := c.source.findAudience(ctx); err != nil {
		return err
	}
	c.begin(ctx)
	c.begun = time.Now()
	c.watch = time.AfterFunc(answerTime, func() { cancel(c.silence()) })
	defer c.watch.Stop()
	read, err := c.open(ctx)
	if err != nil {
		return err
	}
	c.fetching, c.whole = true, time.Now()
	c.streaming.Store(true)
	fetched := make(chan struct{})
	go func() {
		defer close(fetched)
		if err := c.fetchMissed(ctx); err != nil {
			cancel(err)
		}
	}()
	err = read(ctx)
	cancel(err)
	<-fetched
	return err
}

// begin finds the status after which a source without a position begins. Where
// that can't be had, the stream has the say about why.
func (c *connection) begin(ctx context.Context) {
	if !c.position.empty() {
		return
	}
	page, err := c.source.page(ctx, map[string][]string{"limit": {"1"}})
	if err != nil {
		return
	}
	c.fresh = true
	c.position = position{[]byte("0"), event.TimeOf(time.Now())}
	if len(page) > 0 {
		c.position.id = page[0].id
	}
	c.source.begins(c.position)
}

// silence is why a connection is given up that was silent for too long.
func (c *connection) silence() error {
	if !c.streaming.Load() {
		return errNoAnswer
	}
	return fmt.Errorf("no sign of life for %v", c.stall())
}

func (c *connection) stall() time.Duration {
	if c.source.config.WebSocket {
		return socketStall
	}
	return eventsStall
}

// wait begins to wait for the server; a receiver that takes its time is no stall.
// half: a message has begun to come.
func (c *connection) wait(half bool) {
	if !half {
		c.whole = time.Now()
	}
	c.watch.Reset(c.stall())
}

// hear notes a sign of life.
func (c *connection) hear() {
	c.watch.Stop()
	if !c.good && time.Since(c.begun) >= reconnect.SettledTime {
		c.good = true
		c.source.settled()
	}
}

// open asks for the stream and returns what reads it.
func (c *connection) open(ctx context.Context) (read func(context.Context) error, err error) {
	if c.source.config.WebSocket {
		return c.openSocket(ctx)
	}
	return c.openEvents(ctx)
}

func (c *connection) openEvents(ctx context.Context) (func(context.Context) error, error) {
	s := c.source
	req, err := s.request(ctx, s.config.events())
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/event-stream")
	resp, err := s.client().Do(req)
	if err != nil {
		return nil, err
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if resp.StatusCode != http.StatusOK || kind != "text/event-stream" {
		defer func() { _ = resp.Body.Close() }()
		return nil, s.refusal(resp, s.config.advice())
	}
	return func(context.Context) error {
		defer func() { _ = resp.Body.Close() }()
		return c.readEvents(resp.Body)
	}, nil
}

// readEvents hands on the events of a stream until it ends.
func (c *connection) readEvents(body io.Reader) error {
	w := &watched{body: body, c: c}
	f := newFrames(w)
	w.frames = f
	for {
		block, err := f.next()
		if err != nil {
			return err
		}
		if err := c.told(block, eventID(block)); err != nil {
			return err
		}
	}
}

// watched gives up on a body that brings nothing.
type watched struct {
	body   io.Reader
	frames *frames // that it is read into
	c      *connection
}

func (w *watched) Read(p []byte) (int, error) {
	w.c.wait(w.frames.half())
	n, err := w.body.Read(p)
	if n > 0 {
		w.c.hear()
	}
	return n, err
}

// told hands on a message of the stream; id is that of the new status which it
// tells.
func (c *connection) told(msg, id []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(id) > 0 && later(id, c.newest) {
		c.newest = append(c.newest[:0], id...)
	}
	if !c.fetching {
		c.moveTo(c.newest, event.TimeOf(c.whole))
	}
	return c.hand(msg)
}

// fetched hands on statuses that were missed, oldest first.
func (c *connection) fetched(statuses []missed) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := event.TimeOf(time.Now())
	for _, status := range statuses {
		c.moveTo(status.id, min(status.at, now))
		if err := c.hand(status.data); err != nil {
			return err
		}
	}
	return nil
}

// moveTo moves the position forward, never back.
func (c *connection) moveTo(id []byte, at event.Time) {
	if later(id, c.position.id) {
		c.position.id = append(c.position.id[:0], id...)
	}
	c.position.at = max(c.position.at, at)
}

func (c *connection) hand(msg []byte) error {
	c.cursor = c.position.append(c.cursor[:0])
	return c.emit(event.Message{Data: msg, Cursor: c.cursor})
}

// gap tells what could not be had.
func (c *connection) gap(from, to event.Time, why string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.emit(event.Message{Gap: &event.Gap{From: from, To: max(from, to), Why: why}})
}

// upToDate says that nothing is missing any more, up to newest and what the
// stream told.
func (c *connection) upToDate(newest []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fetching = false
	c.moveTo(newest, event.TimeOf(c.begun))
	c.source.begins(c.position)
}
