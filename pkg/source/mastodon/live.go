package mastodon

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"riffle/pkg/event"
	"riffle/pkg/reconnect"
)

// Source reads one of a server's streams, as server-sent events or over
// WebSocket. Streams repeat nothing: what was missed between two connections is
// fetched from the timeline of the stream, oldest first, while the new
// connection goes on.
//
// Its cursor is the newest status, up to which all was had, and when that was.
type Source struct {
	config Config

	mu       sync.Mutex
	schedule reconnect.Schedule
	first    position  // where this Source was first read from, for an empty cursor
	heard    time.Time // until when the newest connection was heard
	complete bool      // nothing was missing when the newest connection ended
	audience []string
	limited  time.Time // until then the server's limit of requests holds
}

// New makes a source of c; it connects when it is read.
func New(c Config) *Source { return &Source{config: c, audience: c.Audience} }

// errNoAnswer ends a connection whose server does not answer.
var errNoAnswer = fmt.Errorf("no answer within %v", answerTime)

// answerTime bounds connecting, the handshake and the first line of an answer.
const answerTime = 15 * time.Second

// Read reads one connection. What is missing after cursor it fetches meanwhile;
// some statuses come twice, and those among the fetched stand in their own order.
// What can't be fetched is told as a gap. Deletions, and edits of statuses older
// than the missing ones, are told by the stream alone.
//
// Errors: why the connection failed or ended; it never ends for good.
func (s *Source) Read(ctx context.Context, cursor string, emit func(event.Message) error) error {
	from, err := parsePosition(cursor)
	if err != nil {
		return err
	}
	from, missing := s.begin(from)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c := &connection{source: s, emit: emit, position: from, missing: missing}
	err = c.run(ctx, cancel)
	s.end(c)
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return fmt.Errorf("mastodon: read %s: %w", s.config.Host, err)
}

// begin begins a connection that goes on from a position; missing is since when
// nothing was heard, 0 where nobody knows.
func (s *Source) begin(from position) (_ position, missing event.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.schedule.Begin()
	if from.empty() {
		from = s.first.clone()
	}
	missing = from.at
	if s.complete {
		missing = max(missing, event.TimeOf(s.heard))
	}
	return from, missing
}

// end notes what a connection has come to.
func (s *Source) end(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.streaming.Load() {
		s.heard, s.complete = c.whole, !c.fetching
	}
}

// begins notes where a source that had no cursor begins.
func (s *Source) begins(at position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first.empty() {
		s.first = at.clone()
	}
}

func (s *Source) settled() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.schedule.Settled()
}

// Reconnect says when to connect again; see reconnect.Schedule.
//
// Errors: event.ErrDenied for answers that will be the same tomorrow, above all
// for a token that is missing or refused, and for a cursor of another kind of
// source.
func (s *Source) Reconnect(err error, _ bool) (time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.schedule.After(err)
}

// Replays is false: a stream begins now.
func (s *Source) Replays() bool { return false }

// NewDecoder makes a decoder of the stream's messages. Whose stream it is may
// become known with the first connection only.
func (s *Source) NewDecoder() event.Decoder {
	if !s.config.private() || s.config.Audience != nil {
		return NewDecoder(s.config.Host, s.config.Audience...)
	}
	return &liveDecoder{Decoder: NewDecoder(s.config.Host), source: s}
}

// liveDecoder asks for the audience until it is known.
type liveDecoder struct {
	*Decoder
	source *Source
}

// Decode shrinks one message; see Decoder.Decode.
func (d *liveDecoder) Decode(ev *event.Event, msg []byte) error {
	if d.audience == nil {
		d.audience = d.source.seenBy()
	}
	return d.Decoder.Decode(ev, msg)
}

func (s *Source) seenBy() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.audience
}

// request makes a request with the token.
func (s *Source) request(ctx context.Context, address string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header = s.header()
	return req, nil
}

func (s *Source) header() http.Header {
	h := http.Header{"User-Agent": {"riffle"}}
	if s.config.Token != "" {
		h.Set("Authorization", "Bearer "+s.config.Token)
	}
	return h
}

func (s *Source) client() *http.Client {
	if s.config.Client != nil {
		return s.config.Client
	}
	return http.DefaultClient
}

// refusal reads an answer that is not what was asked for.
func (s *Source) refusal(resp *http.Response, advice map[int]string) error {
	err := reconnect.NewStatusError(resp, advice)
	err.Hide(s.config.Token)
	if err.Code == http.StatusTooManyRequests {
		err.After = max(err.After, time.Until(resetOf(resp.Header)))
	}
	return err
}
