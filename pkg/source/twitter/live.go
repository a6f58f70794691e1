package twitter

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"riffle/pkg/event"
	"riffle/pkg/reconnect"
	"riffle/pkg/shrink"
)

const (
	// stallTime is how long a connection may bring no byte: three times the
	// servers' keep-alive.
	stallTime = 90 * time.Second
	// refusalTime is how long a server may take to say why it refuses.
	refusalTime = 5 * time.Second
	// cursorFormat is RFC 3339 to the millisecond.
	cursorFormat = "2006-01-02T15:04:05.000Z07:00"
)

var (
	// errStalled ends a connection that brings nothing.
	errStalled = fmt.Errorf("no byte for %v", stallTime)
	// errEnded: the server ended the stream in due form and gave no reason.
	errEnded = errors.New("server ended the stream")
)

// Source reads a stream of Twitter's API, version 1.1. What nobody listens to is
// gone: its cursor is the time until which it was heard, so that whoever goes on
// there can tell what is missing.
type Source struct {
	config Config
	client *http.Client // signs

	mu       sync.Mutex
	schedule schedule
	heard    time.Time // until when nothing is missing; zero before the first connection
}

// New makes a source of c; it connects when it is read.
func New(c Config) *Source { return &Source{config: c, client: signingClient(&c)} }

// Read reads one connection, from now on, and tells the gap since the one before,
// or since the cursor. Keep-alives are messages, too: blank ones.
//
// Errors: why the connection failed or ended; it never ends for good.
func (s *Source) Read(ctx context.Context, cursor string, emit func(event.Message) error) error {
	if err := s.begin(cursor); err != nil {
		return err
	}
	reading, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c := connection{
		source: s, emit: emit,
		stall: time.AfterFunc(stallTime, func() { cancel(errStalled) }),
	}
	defer c.stall.Stop()
	err := c.run(reading)
	if cause := context.Cause(reading); cause != nil && !isAnswer(err) {
		err = cause
	}
	return fmt.Errorf("twitter: read %s of %s: %w", s.config.Stream, s.config.host(), err)
}

// isAnswer reports whether the server has said why there is no stream, whatever
// became of the connection afterwards.
func isAnswer(err error) bool {
	_, refused := errors.AsType[*reconnect.StatusError](err)
	_, closed := errors.AsType[*disconnectError](err)
	return refused || closed
}

// begin begins a connection. Only the first one looks at the cursor, which is
// that of the newest event and so older than what was heard since.
func (s *Source) begin(cursor string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.schedule.connected(false)
	if cursor == "" || !s.heard.IsZero() {
		return nil
	}
	at, err := time.Parse(time.RFC3339Nano, cursor)
	if err != nil {
		return fmt.Errorf("twitter: cursor %q is no time: %w", cursor, errForeignCursor)
	}
	s.heard = at
	return nil
}

var errForeignCursor = reconnect.Denied("this name belongs to another kind of source: give this one a --name of its own")

// listen notes that a connection stands since now, and gives the gap before it;
// nil for the first.
func (s *Source) listen(now time.Time) *event.Gap {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := s.heard
	s.heard = now
	if from.IsZero() {
		return nil
	}
	return &event.Gap{From: event.TimeOf(from), To: event.TimeOf(now), Why: "there was no connection, and Twitter repeats nothing"}
}

// hear notes that what came until now was heard.
func (s *Source) hear(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = now
}

// proved notes that the connection is good.
func (s *Source) proved() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.schedule.connected(true)
}

// Reconnect says when to connect again: at once after a connection that brought
// something, unless that has just been done; else from 250 ms in steps of it to
// 16 s; from 5 s doubling to 320 s after an answer that is no stream; from 1 min
// doubling to 16 min where we come too often; later where the server asks for it.
//
// Errors: event.ErrDenied for answers and closings that will be the same
// tomorrow: 401, 403, 404, 406, and the codes 2, 6, 7 of a disconnect message.
func (s *Source) Reconnect(err error, _ bool) (time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if errors.Is(err, event.ErrDenied) {
		return 0, err
	}
	if answer, ok := errors.AsType[*reconnect.StatusError](err); ok {
		return s.schedule.refused(answer), nil
	}
	return s.schedule.failed(), nil
}

// Replays is false.
func (s *Source) Replays() bool { return false }

// NewDecoder makes a decoder of the stream's messages.
func (s *Source) NewDecoder() event.Decoder {
	if s.config.Stream == streamSite || s.config.Audience != "" {
		return &privateDecoder{decoder: NewDecoder(), audience: s.config.Audience}
	}
	return NewDecoder()
}

// privateDecoder is that of a stream whose tweets are each for somebody. One that
// does not say for whom is for the stream's account; on a site stream, which has
// none, it is refused, since for nobody would mean for everybody.
type privateDecoder struct {
	decoder  *Decoder
	audience string
}

// Decode shrinks one message.
func (d *privateDecoder) Decode(ev *event.Event, msg []byte) error {
	if err := d.decoder.Decode(ev, msg); err != nil || len(ev.Audience) > 0 {
		return err
	}
	switch {
	case d.audience != "":
		ev.Audience = append(ev.Audience, d.audience)
	case !ev.Deleted:
		return shrink.Reject(event.ReasonUnknown)
	}
	return nil
}

// connection is one connection while it is read.
type connection struct {
	source *Source
	emit   func(event.Message) error
	stall  *time.Timer
	begun  time.Time
	cursor []byte // when the newest whole messages came
	good   bool
	notice *disconnectError // that the server told of the end
	lines  lines
}

// run connects and hands messages on until the connection ends.
func (c *connection) run(ctx context.Context) error {
	resp, err := c.source.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		c.stall.Reset(refusalTime)
		return newStatusError(resp, c.source.config.Keys)
	}
	c.begun = time.Now()
	if gap := c.source.listen(c.begun); gap != nil {
		if err := c.emit(event.Message{Gap: gap}); err != nil {
			return err
		}
	}
	return c.read(unpack(resp))
}

// read reads the stream. A receiver that takes its time is no stall: only the
// waiting for bytes is timed.
func (c *connection) read(body io.Reader) error {
	for {
		c.stall.Reset(stallTime)
		n, err := body.Read(c.lines.room())
		c.stall.Stop()
		c.lines.grow(n)
		if takeErr := c.takeAll(time.Now()); takeErr != nil {
			return takeErr
		}
		if err != nil {
			return c.end(err)
		}
	}
}

// takeAll hands on the messages that are whole, and notes that the stream was
// heard until they came.
func (c *connection) takeAll(now time.Time) error {
	msg, whole := c.lines.next()
	if !whole {
		return nil
	}
	c.cursor = now.UTC().AppendFormat(c.cursor[:0], cursorFormat)
	for ; whole; msg, whole = c.lines.next() {
		if err := c.take(msg); err != nil {
			return err
		}
		c.prove(msg)
	}
	c.source.hear(now)
	return nil
}

// end hands on a last message that lacks its end: all of it, or the half that
// came, which is counted as what it is.
func (c *connection) end(err error) error {
	if rest := c.lines.rest(); !shrink.IsBlank(rest) && !errors.Is(err, context.Canceled) {
		if err := c.take(rest); err != nil {
			return err
		}
	}
	switch {
	case c.notice != nil:
		return c.notice
	case errors.Is(err, io.EOF):
		return errEnded
	}
	return err
}

// take hands a message on, and looks whether it says something about the
// connection.
func (c *connection) take(msg []byte) error {
	if err := c.emit(event.Message{Data: msg, Cursor: c.cursor}); err != nil {
		return err
	}
	if notice := disconnectOf(msg); notice != nil {
		c.notice = notice
		if errors.Is(notice, event.ErrDenied) {
			return notice
		}
		return nil // the server closes; until then it may say more
	}
	return nil
}

// prove notes when the connection has shown to be good.
func (c *connection) prove(msg []byte) {
	if !c.good && c.notice == nil && c.proves(msg) {
		c.good = true
		c.source.proved()
	}
}

// proves reports whether msg shows that the connection is good. A keep-alive
// does when the connection has outlived its predecessors, which on a stream that
// seldom finds anything is all that comes; junk, such as a page of somebody
// between us and Twitter, never does.
func (c *connection) proves(msg []byte) bool {
	msg = bytes.TrimLeft(msg, " \t\r\n")
	if len(msg) == 0 {
		return time.Since(c.begun) >= stallTime
	}
	return msg[0] == '{'
}

// noticeSize is what a disconnect message may have at most; tweets are longer,
// so that hardly one is searched.
const noticeSize = 1 << 10

var disconnectField = []byte(`"disconnect"`)

// disconnectOf reads the message with which a server closes a stream; nil for
// all others.
func disconnectOf(msg []byte) *disconnectError {
	if len(msg) > noticeSize || !bytes.Contains(msg, disconnectField) {
		return nil
	}
	var m struct {
		Disconnect *disconnectError `json:"disconnect"`
	}
	if err := json.Unmarshal(msg, &m); err != nil {
		return nil //nolint:nilerr // it is no message at all, which the decoder tells
	}
	return m.Disconnect
}
