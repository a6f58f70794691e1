package mastodontest

import (
	"compress/gzip"
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coder/websocket"

	"riffle/pkg/source/sourcetest"
)

// How often the real servers show that they are alive.
const (
	thump = 15 * time.Second
	ping  = 30 * time.Second
)

// stream serves one stream, in either form.
func (s *Server) stream(w http.ResponseWriter, r *http.Request, account string) {
	start := s.events.Len() // before the answer: what is told from then on comes
	if s.FromStart {
		start = 0
	}
	fault, goOn := s.Begin(w, r)
	if !goOn {
		return
	}
	name, known := streamName(r, account)
	if !known {
		fail(w, http.StatusNotFound, "Not found")
		return
	}
	f := &feed{server: s, stream: name, raw: sourcetest.Raw(r), fault: fault, next: start}
	if r.Header.Get("Upgrade") != "" {
		f.serveSocket(w, r)
		return
	}
	f.serveEvents(w, r)
}

// streamName says which stream is asked for.
func streamName(r *http.Request, account string) (name string, known bool) {
	query := r.URL.Query()
	name = strings.ReplaceAll(r.PathValue("name"), "/", ":")
	if name == "" {
		name = query.Get("stream")
	}
	switch name {
	case Public, "public:local":
		return name, true
	case "user":
		return "user:" + account, true
	case "list":
		return "list:" + query.Get("list"), query.Has("list")
	case "hashtag":
		return "hashtag:" + query.Get("tag"), query.Has("tag")
	}
	return "", false
}

// wire is how a stream is written.
type wire interface {
	send(ctx context.Context, h happening) error
	beat(ctx context.Context) error
	// junk sends what is no message; half the beginning of a message.
	junk(ctx context.Context) error
	half()
	// leave closes in due form.
	leave()
}

// feed is one connection.
type feed struct {
	server *Server
	stream string
	raw    net.Conn
	fault  sourcetest.Fault
	wire   wire
	next   int
	sent   int
	last   happening
}

// run tells what happens until the connection is of no more use.
func (f *feed) run(ctx context.Context, beat time.Duration) {
	beats := time.NewTicker(beat)
	defer beats.Stop()
	for {
		if f.fault.Misdeed != sourcetest.None && f.sent == f.fault.After {
			if !f.misbehave(ctx) {
				return
			}
			f.fault.Misdeed = sourcetest.None
		}
		h, more := f.server.events.Wait(f.next)
		if more == nil {
			f.next++
			if f.tell(ctx, h) != nil {
				return
			}
			continue
		}
		select {
		case <-more:
		case <-beats.C:
			if f.wire.beat(ctx) != nil {
				return
			}
		case <-f.server.Closed():
			return
		case <-ctx.Done():
			return
		}
	}
}

func (f *feed) tell(ctx context.Context, h happening) error {
	if !slices.Contains(h.streams, f.stream) {
		return nil
	}
	f.last = h
	f.sent++
	if err := f.wire.send(ctx, h); err != nil {
		return err
	}
	if h.key != "" {
		f.server.events.Note(h.key)
	}
	return nil
}

// misbehave commits the connection's misdeed and reports whether the stream goes
// on.
func (f *feed) misbehave(ctx context.Context) bool {
	switch f.fault.Misdeed {
	case sourcetest.Drop:
		_ = f.raw.Close()
		return false
	case sourcetest.Leave:
		f.wire.leave()
		return false
	case sourcetest.Half:
		f.wire.half()
		_ = f.raw.Close()
		return false
	case sourcetest.Stall:
		select {
		case <-f.server.Closed():
		case <-ctx.Done():
		}
		return false
	case sourcetest.Junk:
		return f.wire.junk(ctx) == nil
	case sourcetest.Oversize:
		return f.wire.send(ctx, happening{event: "update", payload: strings.Repeat("x", 3<<20)}) == nil
	case sourcetest.Duplicate:
		return f.last.event == "" || f.wire.send(ctx, f.last) == nil
	case sourcetest.None, sourcetest.Mute:
	}
	return true
}

// JunkMessages is how many messages the misdeed Junk brings.
const JunkMessages = 4

// events writes server-sent events.
type events struct {
	w     io.Writer
	flush func() error
	raw   net.Conn
}

func (f *feed) serveEvents(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "private, no-store")
	flusher := http.NewResponseController(w)
	e := &events{w: w, flush: flusher.Flush, raw: f.raw}
	if f.server.Gzip && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		f.server.gzipped.Add(1)
		packed := gzip.NewWriter(w)
		e.w = packed
		e.flush = func() error {
			if err := packed.Flush(); err != nil {
				return err
			}
			return flusher.Flush()
		}
	}
	f.wire = e
	if e.write(":)\n") != nil {
		return
	}
	f.run(r.Context(), thump)
}

func (e *events) write(text string) error {
	if _, err := io.WriteString(e.w, text); err != nil {
		return err
	}
	return e.flush()
}

func (e *events) send(_ context.Context, h happening) error {
	return e.write("event: " + h.event + "\ndata: " + h.payload + "\n\n")
}

func (e *events) beat(context.Context) error { return e.write(":thump\n") }

func (e *events) junk(context.Context) error {
	return e.write("\x00\xff{\"id\":\n" + // a line of no event
		"event: update\ndata: {\"id\":\"1\",\n\n" + // cut JSON
		"event: filters_changed\ndata: undefined\n\n" +
		"event: gossip\ndata: {}\n\n" + // a name that nobody knows
		":half a heartbeat\n\n\n")
}

func (e *events) half() { _ = e.write("event: update\ndata: {\"id\":\"1234567890\",\"created_at\":") }

// leave lets the handler return, which ends the answer in due form.
func (e *events) leave() {}

// socket writes messages over WebSocket.
type socket struct {
	conn   *websocket.Conn
	raw    net.Conn
	stream string
}

func (f *feed) serveSocket(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = conn.CloseNow() }()
	name, _, _ := strings.Cut(f.stream, ":")
	f.wire = &socket{conn, f.raw, name}
	f.run(conn.CloseRead(r.Context()), ping)
}

func (s *socket) write(ctx context.Context, msg string) error {
	return s.conn.Write(ctx, websocket.MessageText, []byte(msg))
}

func (s *socket) send(ctx context.Context, h happening) error {
	return s.write(ctx, encode(ordered{{"stream", []string{s.stream}}, {"event", h.event}, {"payload", h.payload}}))
}

func (s *socket) beat(ctx context.Context) error { return s.conn.Ping(ctx) }

func (s *socket) junk(ctx context.Context) error {
	for _, msg := range []string{
		"\x00{", `{"stream":["public"],"event":"update","payload":"{\"id\":\"1\","}`,
		`{"stream":["public"],"event":"filters_changed","payload":"undefined"}`, `{"stream":["public"],"event":"gossip","payload":"{}"}`,
	} {
		if err := s.write(ctx, msg); err != nil {
			return err
		}
	}
	return nil
}

// half sends the head of a text message of 300 bytes, and some of them.
func (s *socket) half() {
	_, _ = s.raw.Write(append([]byte{0x81, 126, 1, 44}, `{"stream":["public"],"event":"upd`...))
}

func (s *socket) leave() { _ = s.conn.Close(websocket.StatusGoingAway, "server shutting down") }
