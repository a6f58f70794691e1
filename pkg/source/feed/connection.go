package feed

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"riffle/pkg/event"
	"riffle/pkg/reconnect"
	"riffle/pkg/socket"
)

// connection is one connection while it is read.
type connection struct {
	source   *Source
	emit     func(event.Message) error
	position position
	begun    time.Time
	watch    *time.Timer
	good     bool
	numbered bool
	// streaming says that the server has answered with a stream.
	streaming atomic.Bool
	cursor    []byte
}

// run connects and hands messages on until the connection ends.
func (c *connection) run(ctx context.Context) error {
	if c.source.config.socket() {
		return c.runSocket(ctx)
	}
	return c.runEvents(ctx)
}

// silence is why a connection is given up that was silent for too long.
func (c *connection) silence() error {
	if !c.streaming.Load() {
		return errNoAnswer
	}
	return errStalled
}

// connected notes that the stream has begun, and tells what was missed.
func (c *connection) connected() error {
	c.watch.Stop()
	c.begun = time.Now()
	c.streaming.Store(true)
	missing := c.position.at
	c.position.at = c.begun
	if missing.IsZero() || c.position.id != "" {
		return nil
	}
	return c.emit(event.Message{Gap: &event.Gap{
		From: event.TimeOf(missing), To: event.TimeOf(c.begun), Why: "there was no connection, and nothing says after which message to go on",
	}})
}

// wait begins to wait for the server; a receiver that takes its time is no stall.
// half: a message has begun to come.
func (c *connection) wait(half bool) {
	if !half {
		c.position.at = time.Now()
	}
	c.watch.Reset(stallTime)
}

// hear notes a sign of life.
func (c *connection) hear() {
	c.watch.Stop()
	if !c.good && time.Since(c.begun) >= reconnect.SettledTime {
		c.good = true
		c.source.settled()
	}
}

// hand hands a message on.
func (c *connection) hand(msg []byte) error {
	c.cursor = c.position.append(c.cursor[:0])
	return c.emit(event.Message{Data: msg, Cursor: c.cursor})
}

func (c *connection) runEvents(ctx context.Context) error {
	s := c.source
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.config.Address.String(), nil)
	if err != nil {
		return err
	}
	req.Header = s.config.header(c.position.id)
	req.Header.Set("Accept", "text/event-stream")
	resp, err := s.client().Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if resp.StatusCode != http.StatusOK || kind != "text/event-stream" {
		return s.refusal(resp)
	}
	if err := c.connected(); err != nil {
		return err
	}
	w := &watched{body: resp.Body, c: c}
	w.events = newEvents(w)
	w.events.next = c.position.id
	return c.readEvents(w.events)
}

// refusal reads an answer that is not what was asked for.
func (s *Source) refusal(resp *http.Response) error {
	err := reconnect.NewStatusError(resp, advice)
	if s.config.User != nil {
		password, _ := s.config.User.Password()
		err.Hide(password)
	}
	return err
}

func (c *connection) readEvents(e *events) error {
	for {
		msg, err := e.message()
		if errors.Is(err, io.EOF) {
			return errEnded
		}
		if err != nil {
			return err
		}
		if c.position.id = e.id; e.id != "" && !c.numbered {
			c.numbered = true
			c.source.numbered()
		}
		if err := c.hand(msg); err != nil {
			return err
		}
	}
}

// watched gives up on a body that brings nothing.
type watched struct {
	body   io.Reader
	events *events // that it is read into
	c      *connection
}

func (w *watched) Read(p []byte) (int, error) {
	w.c.wait(w.events.half())
	n, err := w.body.Read(p)
	if n > 0 {
		w.c.hear()
	}
	return n, err
}

func (c *connection) runSocket(ctx context.Context) error {
	s := c.source
	//nolint:bodyclose // websocket.Dial closes it
	conn, resp, err := websocket.Dial(ctx, s.config.Address.String(), &websocket.DialOptions{
		HTTPClient: s.config.Client,
		HTTPHeader: s.config.header(""),
		OnPingReceived: func(context.Context, []byte) bool {
			c.hear()
			c.wait(true) // a ping may stand in the middle of a message
			return true
		},
	})
	if err != nil {
		if resp != nil && resp.StatusCode != http.StatusSwitchingProtocols {
			err = s.refusal(resp)
		}
		return err
	}
	conn.SetReadLimit(-1) // readMessage keeps to a limit without losing the connection
	// Whatever ends the reading, there is nothing to say to the server. One watch
	// serves the whole connection: the library would set one up with each read.
	defer func() { _ = conn.CloseNow() }()
	defer context.AfterFunc(ctx, func() { _ = conn.CloseNow() })()
	c.position.id = "" // messages have none
	if err := c.connected(); err != nil {
		return err
	}
	return c.readSocket(context.WithoutCancel(ctx), conn)
}

func (c *connection) readSocket(ctx context.Context, conn *websocket.Conn) error {
	var buf []byte
	for {
		var err error
		c.wait(false)
		if buf, err = socket.Read(ctx, conn, buf); err != nil {
			return err
		}
		c.hear()
		if err := c.hand(buf); err != nil {
			return err
		}
	}
}
