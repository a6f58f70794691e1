// Package feedtest is a server of messages for tests: it speaks server-sent
// events and WebSocket, and misbehaves on command.
package feedtest

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"riffle/pkg/source/sourcetest"
)

// Password is that of the user ann, whom every server lets in.
const Password = "password-of-ann"

// JunkMessages is how many messages the misdeed Junk brings.
const JunkMessages = 3

// beat is how often the server shows that it is alive.
const beat = 15 * time.Second

// Server holds messages, the project's own event JSON, of which each stream is
// served. It may be used by many goroutines.
type Server struct {
	*sourcetest.Host
	// FromStart begins a stream that names no message with the first; else only
	// those do that come before a message went whole to one, and later ones begin
	// with the next. It is set before the server is used.
	FromStart bool
	// NoIDs sends server-sent events without ids; likewise.
	NoIDs bool
	// Gzip packs server-sent events for clients that allow it; likewise.
	Gzip bool

	messages *sourcetest.Posts[message]
	gzipped  atomic.Int64

	mu    sync.Mutex
	posts int
}

// message is what a stream tells: an event, with its key where it is a post.
type message struct{ data, key string }

// New makes a server without messages.
func New() *Server {
	s := &Server{messages: sourcetest.NewPosts[message]()}
	s.Host = sourcetest.NewHost(http.HandlerFunc(s.serve))
	return s
}

// Post adds a post.
func (s *Server) Post() {
	s.mu.Lock()
	i := s.posts
	s.posts++
	s.mu.Unlock()
	s.add(fmt.Sprintf(`{"key":"test:%d","text":"post number %[1]d","author":{"id":"ann"},"created_at":"2026-05-28T20:26:40Z"}`, i), key(i))
}

func key(i int) string { return "test:" + strconv.Itoa(i) }

func (s *Server) add(data, key string) {
	s.messages.Add(func(int) message { return message{data, key} })
}

// Edit changes post i.
func (s *Server) Edit(i int) bool {
	s.add(fmt.Sprintf(`{"key":"test:%d","version":2,"text":"edited","author":{"id":"ann"},"created_at":"2026-05-28T20:26:40Z"}`, i), "")
	return true
}

// Delete deletes post i.
func (s *Server) Delete(i int) { s.add(fmt.Sprintf(`{"key":"test:%d","deleted":true}`, i), "") }

// Key is the event key of post i; empty where there is none.
func (s *Server) Key(i int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i >= s.posts {
		return ""
	}
	return key(i)
}

// Sent lists the keys of the posts that went whole to a stream.
func (s *Server) Sent() []string { return s.messages.Sent() }

// Gzipped is how many streams were packed.
func (s *Server) Gzipped() int { return int(s.gzipped.Load()) }

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	start := s.start(r.Header.Get("Last-Event-ID"))
	fault, goOn := s.Begin(w, r)
	if !goOn {
		return
	}
	if user, password, ok := r.BasicAuth(); !ok || user != "ann" || password != Password {
		http.Error(w, "not "+password, http.StatusUnauthorized)
		return
	}
	c := &connection{server: s, raw: sourcetest.Raw(r), fault: fault, next: start}
	if r.Header.Get("Upgrade") != "" {
		c.serveSocket(w, r)
		return
	}
	c.serveEvents(w, r)
}

// start is the message after that with this id.
func (s *Server) start(id string) int {
	if n, err := strconv.Atoi(id); err == nil {
		return n + 1
	}
	if s.FromStart || len(s.Sent()) == 0 {
		return 0
	}
	return s.messages.Len()
}

// wire is how a stream is written.
type wire interface {
	send(ctx context.Context, i int, data string) error
	beat(ctx context.Context) error
	// junk sends what is no message; half the beginning of one.
	junk(ctx context.Context) error
	half()
	// leave closes in due form.
	leave()
}

// connection is one stream.
type connection struct {
	server *Server
	raw    net.Conn
	fault  sourcetest.Fault
	wire   wire
	next   int
	sent   int
	last   string
}

func (c *connection) run(ctx context.Context) {
	beats := time.NewTicker(beat)
	defer beats.Stop()
	for {
		if c.fault.Misdeed != sourcetest.None && c.sent == c.fault.After {
			if !c.misbehave(ctx) {
				return
			}
			c.fault.Misdeed = sourcetest.None
		}
		m, more := c.server.messages.Wait(c.next)
		if more == nil {
			if c.wire.send(ctx, c.next, m.data) != nil {
				return
			}
			if c.last = m.data; m.key != "" {
				c.server.messages.Note(m.key)
			}
			c.next++
			c.sent++
			continue
		}
		select {
		case <-more:
		case <-beats.C:
			if c.wire.beat(ctx) != nil {
				return
			}
		case <-c.server.Closed():
			return
		case <-ctx.Done():
			return
		}
	}
}

// misbehave commits the connection's misdeed and reports whether the stream goes
// on.
func (c *connection) misbehave(ctx context.Context) bool {
	switch c.fault.Misdeed {
	case sourcetest.Drop:
		_ = c.raw.Close()
		return false
	case sourcetest.Leave:
		c.wire.leave()
		return false
	case sourcetest.Half:
		c.wire.half()
		_ = c.raw.Close()
		return false
	case sourcetest.Stall:
		select {
		case <-c.server.Closed():
		case <-ctx.Done():
		}
		return false
	case sourcetest.Junk:
		return c.wire.junk(ctx) == nil
	case sourcetest.Oversize:
		return c.wire.send(ctx, c.next-1, strings.Repeat("x", 3<<20)) == nil
	case sourcetest.Duplicate:
		return c.last == "" || c.wire.send(ctx, c.next-1, c.last) == nil
	case sourcetest.None, sourcetest.Mute:
	}
	return true
}

// events writes server-sent events.
type events struct {
	w     io.Writer
	flush func() error
	noIDs bool
}

func (c *connection) serveEvents(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	flusher := http.NewResponseController(w)
	e := &events{w: w, flush: flusher.Flush, noIDs: c.server.NoIDs}
	if c.server.Gzip && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		c.server.gzipped.Add(1)
		packed := gzip.NewWriter(w)
		e.w = packed
		e.flush = func() error {
			if err := packed.Flush(); err != nil {
				return err
			}
			return flusher.Flush()
		}
	}
	c.wire = e
	if e.write("\ufeff: welcome\nretry: 1\n\n") != nil {
		return
	}
	c.run(r.Context())
}

func (e *events) write(text string) error {
	if _, err := io.WriteString(e.w, text); err != nil {
		return err
	}
	return e.flush()
}

func (e *events) send(_ context.Context, i int, data string) error {
	if e.noIDs || i < 0 {
		return e.write("data: " + data + "\n\n")
	}
	return e.write(fmt.Sprintf("event: post\r\nid: %d\r\ndata: %s\r\n\r\n", i, data))
}

func (e *events) beat(context.Context) error { return e.write(":\n\n") }

func (e *events) junk(context.Context) error {
	return e.write("\x00\xff{\"id\":\n" + // a line that no message has
		"id\x00: 7\ndata: {\"key\":\"test:1\",\n\n" + // cut JSON
		"event: gossip\n\n" + // an event without data
		"data: {}\ndata\n\n" +
		"data:\x00\xff\n\n")
}

func (e *events) half() { _ = e.write("id: 999999\ndata: {\"key\":\"test:99\",") }

// leave lets the handler return, which ends the answer in due form.
func (e *events) leave() {}

// socket writes messages over WebSocket.
type socket struct {
	conn *websocket.Conn
	raw  net.Conn
}

func (c *connection) serveSocket(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = conn.CloseNow() }()
	c.wire = &socket{conn, c.raw}
	c.run(conn.CloseRead(r.Context()))
}

func (s *socket) send(ctx context.Context, _ int, data string) error {
	return s.conn.Write(ctx, websocket.MessageText, []byte(data))
}

func (s *socket) beat(ctx context.Context) error { return s.conn.Ping(ctx) }

func (s *socket) junk(ctx context.Context) error {
	for _, msg := range []string{"\x00{", "{}", `{"key":"test:1",`} {
		if err := s.conn.Write(ctx, websocket.MessageBinary, []byte(msg)); err != nil {
			return err
		}
	}
	return nil
}

// half sends the head of a text message of 300 bytes, and some of them.
func (s *socket) half() { _, _ = s.raw.Write(append([]byte{0x81, 126, 1, 44}, `{"key":"test:`...)) }

func (s *socket) leave() { _ = s.conn.Close(websocket.StatusGoingAway, "server shutting down") }
