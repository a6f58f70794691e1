package jetstream

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"

	"riffle/pkg/event"
	"riffle/pkg/reconnect"
	"riffle/pkg/socket"
)

const (
	// dialTime bounds connecting and the handshake.
	dialTime = 15 * time.Second
	// stallTime is how long a connection may bring no message. Bluesky's own
	// servers send account and identity events of the whole network, many a
	// second, whatever the collections; a small network's may be quiet for
	// longer, and then a new connection costs nothing.
	stallTime = time.Minute
	// memory is how long every server is held to keep events (Bluesky's own keep
	// them for 36 hours, others for a day); memorySlack is how late after a cursor
	// the first event may be that it still has.
	memory, memorySlack = 24 * time.Hour, time.Minute
)

// errStalled ends a connection that brings nothing.
var errStalled = fmt.Errorf("no message for %v", stallTime)

// advice says what to do about answers that do not pass.
var advice = map[int]string{
	http.StatusBadRequest:   "check the collections of --source",
	http.StatusUnauthorized: notLetIn,
	http.StatusForbidden:    notLetIn,
	http.StatusNotFound:     "check host and path of --source; the usual path is " + defaultPath,
}

const notLetIn = "this server lets you not in; choose another host in --source"

// Source reads a Jetstream server's stream of JSON over WebSocket (/subscribe).
// Its cursor is what the server counts by: sequence numbers where its messages
// carry them, else microseconds.
type Source struct {
	config Config

	mu       sync.Mutex
	first    string    // where this Source was first read from
	heard    time.Time // when the newest connection ended that brought something
	schedule reconnect.Schedule
}

// New makes a source of c; it connects when it is read.
func New(c Config) *Source { return &Source{config: c} }

// Read reads one connection, from a little before cursor: a few messages come
// twice, none is missed, as far back as the server keeps them (36 hours on
// Bluesky's own; what is older it leaves out without a word).
//
// Errors: why the connection failed or ended; it never ends for good.
func (s *Source) Read(ctx context.Context, cursor string, emit func(event.Message) error) error {
	from, since, err := s.begin(cursor)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	conn, err := s.dial(ctx, from)
	if err != nil {
		return err
	}
	// Whatever ended the reading, there is nothing to say to the server.
	defer func() { _ = conn.CloseNow() }()
	// One watch for the whole connection: the library would set one up, and
	// allocate for it, with each read.
	defer context.AfterFunc(ctx, func() { _ = conn.CloseNow() })()
	c := connection{
		conn: conn, emit: emit, position: from, source: s, since: time.Now(), missing: since,
		stall: time.AfterFunc(stallTime, func() { cancel(errStalled) }),
	}
	defer c.stall.Stop()
	defer c.end()
	err = c.run(context.WithoutCancel(ctx))
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return fmt.Errorf("jetstream: read %s: %w", s.config.Host, err)
}

// begin parses cursor; an empty one means where this Source first began. since is
// when that was, zero where nobody knows.
func (s *Source) begin(cursor string) (from position, since time.Time, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.schedule.Begin()
	if cursor == "" {
		cursor = s.first
	}
	if s.first == "" {
		s.first = cursor
	}
	from, err = parsePosition(cursor)
	if from >= firstTime {
		return from, time.UnixMicro(int64(from)), err
	}
	return from, s.heard, err
}

// dial connects and asks for the stream after from.
func (s *Source) dial(ctx context.Context, from position) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	//nolint:bodyclose // websocket.Dial closes it
	conn, resp, err := websocket.Dial(ctx, s.config.address(from), &websocket.DialOptions{
		HTTPClient: s.config.Client,
		HTTPHeader: http.Header{"User-Agent": {"riffle"}},
	})
	if err == nil {
		conn.SetReadLimit(-1) // connection.read keeps to a limit without losing the connection
		return conn, nil
	}
	if resp != nil && resp.StatusCode != http.StatusSwitchingProtocols {
		err = reconnect.NewStatusError(resp, advice)
	}
	return nil, fmt.Errorf("jetstream: connect to %s: %w", s.config.Host, err)
}

// arrived notes a message: the position of the first one ever, and whether the
// connection has proved good.
func (s *Source) arrived(at position, good bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first == "" {
		s.first = string(at.append(nil))
	}
	if good {
		s.schedule.Settled()
	}
}

// Reconnect says when to connect again: at once after a good connection, else
// from 250 ms doubling to 30 s, and from 5 s doubling to 5 min where the server
// answers with a status, or later where it says so.
//
// Errors: event.ErrDenied for answers that will be the same tomorrow (400, 401,
// 403, 404) and for a cursor of another kind of source.
func (s *Source) Reconnect(err error, _ bool) (time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.schedule.After(err)
}

// Replays is true, for as long as the server keeps events.
func (s *Source) Replays() bool { return true }

// NewDecoder makes a decoder of the stream's messages.
func (s *Source) NewDecoder() event.Decoder { return NewDecoder() }

// connection is one connection while it is read.
type connection struct {
	conn     *websocket.Conn
	emit     func(event.Message) error
	position position // of the newest message
	source   *Source
	since    time.Time
	missing  time.Time // from when on messages are asked for
	noted    bool      // that the first message came
	good     bool
	stall    *time.Timer
	buf      []byte
	cursor   []byte
}

// run hands messages on until the connection ends.
func (c *connection) run(ctx context.Context) error {
	for {
		msg, err := socket.Read(ctx, c.conn, c.buf)
		if err != nil {
			return err
		}
		c.buf = msg
		c.stall.Stop() // a receiver that takes its time is no stall
		if at, found := scanPosition(msg); found {
			c.position = at
		}
		if err := c.checkGap(msg); err != nil {
			return err
		}
		c.note()
		c.cursor = c.position.append(c.cursor[:0])
		if err := c.emit(event.Message{Data: msg, Cursor: c.cursor}); err != nil {
			return err
		}
		c.stall.Reset(stallTime)
	}
}

func (c *connection) note() {
	good := time.Since(c.since) >= reconnect.SettledTime
	if !c.noted && c.position != 0 || good && !c.good {
		c.source.arrived(c.position, good)
		c.noted, c.good = true, good
	}
}

// end notes when the connection ended, if it was of use.
func (c *connection) end() {
	if !c.noted {
		return
	}
	c.source.mu.Lock()
	defer c.source.mu.Unlock()
	c.source.heard = time.Now()
}

// checkGap looks at the first message after a long absence. A server moves a
// cursor that is older than what it keeps up to its oldest event, without a word.
func (c *connection) checkGap(msg []byte) error {
	if c.noted || c.missing.IsZero() || c.since.Sub(c.missing) < memory {
		return nil
	}
	at := timeOf(msg)
	if at.Sub(c.missing) < memorySlack {
		return nil
	}
	return c.emit(event.Message{Gap: &event.Gap{
		From: event.TimeOf(c.missing), To: event.TimeOf(at), Why: "the server no longer keeps what was told then",
	}})
}
