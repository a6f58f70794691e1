// Package feed reads streams of messages from any server, as server-sent events
// or over WebSocket. What a message is, a decoder knows that is handed in.
//
// What the source needs and guarantees is told in docs/sources.md, under
// "sse+https:// and wss://".
package feed

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"riffle/pkg/event"
	"riffle/pkg/reconnect"
)

const (
	// answerTime bounds connecting, the handshake and the first line of an answer.
	answerTime = 15 * time.Second
	// stallTime is how long a connection may bring nothing, not even a comment or a
	// ping. Nothing says how often a server must show that it is alive.
	stallTime = 5 * time.Minute
)

var (
	errNoAnswer = fmt.Errorf("no answer within %v", answerTime)
	errStalled  = fmt.Errorf("no sign of life for %v", stallTime)
	errEnded    = errors.New("the server ended the stream")
)

// advice says what to do about answers that do not pass.
var advice = map[int]string{
	http.StatusBadRequest:   "check --source",
	http.StatusUnauthorized: notLetIn,
	http.StatusForbidden:    notLetIn,
	http.StatusNotFound:     "check host and path of --source",
	http.StatusGone:         "this stream is no more; choose another in --source",
}

const notLetIn = "this server does not let you in; user and password go in front of the host: USER:PASSWORD@HOST"

// Source reads one stream. Where its messages have ids, it goes on after the
// newest, by Last-Event-ID; else what comes while there is no connection is lost,
// and told as a gap.
//
// Its cursor is that id, or else until when it was heard.
type Source struct {
	config   Config
	decoders func() event.Decoder

	mu       sync.Mutex
	schedule reconnect.Schedule
	first    time.Time // when the first connection began
	heard    time.Time // until when the newest connection was heard
	replays  bool      // messages have ids
}

// New makes a source of c, whose messages are read by what decoders makes; it
// connects when it is read.
func New(c Config, decoders func() event.Decoder) *Source {
	return &Source{config: c, decoders: decoders}
}

// Read reads one connection.
//
// Errors: why the connection failed or ended; it never ends for good.
func (s *Source) Read(ctx context.Context, cursor string, emit func(event.Message) error) error {
	from, err := parsePosition(cursor)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c := &connection{source: s, emit: emit, position: from}
	c.position.at = s.begin(from)
	c.watch = time.AfterFunc(answerTime, func() { cancel(c.silence()) })
	defer c.watch.Stop()
	err = c.run(ctx)
	s.end(c)
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = failed.Err // the rest is the address, whose query may hold a secret
	}
	return fmt.Errorf("feed: read %s: %w", s.config.Address.Host, err)
}

// begin begins a connection and gives until when the stream was had.
func (s *Source) begin(from position) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.schedule.Begin()
	if s.replays = s.replays || from.id != ""; s.replays && from == (position{}) {
		return s.first
	}
	if s.heard.After(from.at) {
		return s.heard
	}
	return from.at
}

// end notes what a connection has come to.
func (s *Source) end(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !c.streaming.Load() {
		return
	}
	s.heard = c.position.at
	if s.first.IsZero() {
		s.first = c.begun
	}
}

func (s *Source) settled() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.schedule.Settled()
}

func (s *Source) numbered() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replays = true
}

// Reconnect says when to connect again; see reconnect.Schedule.
//
// Errors: event.ErrDenied for answers that will be the same tomorrow (400, 401,
// 403, 404, 410) and for a cursor of another kind of source.
func (s *Source) Reconnect(err error, _ bool) (time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.schedule.After(err)
}

// Replays reports whether messages have ids, which shows when one comes.
func (s *Source) Replays() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.replays
}

// NewDecoder makes a decoder of the stream's messages.
func (s *Source) NewDecoder() event.Decoder { return s.decoders() }

func (s *Source) client() *http.Client {
	if s.config.Client != nil {
		return s.config.Client
	}
	return http.DefaultClient
}
