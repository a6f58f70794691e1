// Package jetstreamtest is a Jetstream server for tests: it speaks the real wire
// of /subscribe and misbehaves on command.
package jetstreamtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"
)

// FirstTime is the time_us of the first event; each next one is a second later.
const FirstTime = 1_780_000_000_000_000

// firstTime is where cursors stop to be sequence numbers.
const firstTime = 1_000_000_000_000_000

// Fault is how one connection misbehaves.
type Fault struct {
	// Status refuses the connection with this answer, and RetryAfter as header.
	Status     int
	RetryAfter string
	// After is how many events come before Misdeed.
	After   int
	Misdeed Misdeed
}

// Misdeed is what a server does in place of its next event. After the first four
// the connection is of no more use; after the others the stream goes on.
type Misdeed int

// The misdeeds.
const (
	None      Misdeed = iota
	Drop              // cut the connection
	Leave             // close it in due form
	Half              // cut it in the middle of a message
	Stall             // say nothing any more
	Junk              // send what is no JSON
	Oversize          // send 3 MiB
	Duplicate         // send the event before once more
)

// Server holds a stream of events from which each connection is served. It may
// be used by many goroutines.
type Server struct {
	numbered bool

	mu     sync.Mutex
	events []stored
	grown  chan struct{} // closed when an event is added
	faults []Fault
	asked  []url.Values
	closed chan struct{}
}

type stored struct {
	collection string
	data       []byte
}

// New makes a server without events.
func New() *Server { return &Server{grown: make(chan struct{}), closed: make(chan struct{})} }

// NewNumbered makes one that numbers its events, from 1 on, as servers since
// 2026 do.
func NewNumbered() *Server {
	s := New()
	s.numbered = true
	return s
}

// Post adds n posts; their keys go on from those before.
func (s *Server) Post(n int) { s.Add("app.bsky.feed.post", n) }

// Add adds n events of a collection.
func (s *Server) Add(collection string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range n {
		i := len(s.events)
		number := ""
		if s.numbered {
			number = fmt.Sprintf(`,"cursor":%d`, i+1)
		}
		s.events = append(s.events, stored{collection, fmt.Appendf(nil,
			`{"did":"did:plc:aaaaaaaaaaaaaaaaaaaaaaaa","time_us":%d%s,"kind":"commit","commit":{"rev":"3lb%010d",`+
				`"operation":"create","collection":"%s","rkey":"3lb%010d","record":{"$type":"%[4]s",`+
				`"createdAt":"2026-05-28T20:26:40.000Z","langs":["en"],"text":"post number %d"},"cid":"bafyreib"}}`,
			FirstTime+i*1_000_000, number, i, collection, i, i)})
	}
	close(s.grown)
	s.grown = make(chan struct{})
}

// Misbehave gives the next connections one fault each; later ones have none.
func (s *Server) Misbehave(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, faults...)
}

// Asked lists the queries of all connections so far.
func (s *Server) Asked() []url.Values {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

type connKey struct{}

// Listen serves on loopback until the test ends and returns host and port.
func (s *Server) Listen(tb testing.TB) string {
	tb.Helper()
	h := httptest.NewUnstartedServer(s)
	h.Config.ConnContext = keepConn
	h.Start()
	tb.Cleanup(func() {
		s.close()
		h.Close()
	})
	return strings.TrimPrefix(h.URL, "http://")
}

// Pipe serves in memory until the test ends and returns a client that reaches
// nothing else, so that a bubble of testing/synctest can hold both.
func (s *Server) Pipe(tb testing.TB) *http.Client {
	tb.Helper()
	l := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	h := &http.Server{Handler: s, ConnContext: keepConn} //nolint:gosec // no stranger reaches a pipe
	served := make(chan error, 1)
	go func() { served <- h.Serve(l) }()
	transport := &http.Transport{DialContext: l.dial, DisableKeepAlives: true}
	tb.Cleanup(func() {
		s.close()
		if err := h.Close(); err != nil {
			tb.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			tb.Error(err)
		}
	})
	return &http.Client{Transport: transport}
}

// keepConn lets a handler cut its connection below HTTP.
func keepConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

func (s *Server) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.closed:
	default:
		close(s.closed)
	}
}

// ServeHTTP is the /subscribe endpoint.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	fault := s.begin(query)
	if r.URL.Path != "/subscribe" {
		http.NotFound(w, r)
		return
	}
	if fault.Status != 0 {
		if fault.RetryAfter != "" {
			w.Header().Set("Retry-After", fault.RetryAfter)
		}
		http.Error(w, "service not ready", fault.Status)
		return
	}
	start, err := s.start(query.Get("cursor"))
	if err != nil {
		http.Error(w, "invalid cursor", http.StatusBadRequest)
		return
	}
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = conn.CloseNow() }()
	raw, _ := r.Context().Value(connKey{}).(net.Conn)
	feed := feed{server: s, conn: conn, raw: raw, fault: fault, next: start, wanted: query["wantedCollections"]}
	feed.run(conn.CloseRead(r.Context()))
}

// begin notes a query and takes the connection's fault.
func (s *Server) begin(query url.Values) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, query)
	if len(s.faults) == 0 {
		return Fault{}
	}
	fault := s.faults[0]
	s.faults = s.faults[1:]
	return fault
}

// start finds the first event to send: without a cursor, or with one of the
// future, the next that comes.
func (s *Server) start(cursor string) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cursor == "" {
		return len(s.events), nil
	}
	n, err := strconv.Atoi(cursor)
	switch {
	case err != nil || n < 0:
		return 0, fmt.Errorf("cursor %q", cursor)
	case n < firstTime:
		n-- // sequence numbers begin with 1
	default:
		n = (n - FirstTime + 999_999) / 1_000_000
	}
	return min(max(n, 0), len(s.events)), nil
}

// event waits for event i; false when server or connection ends before.
func (s *Server) event(ctx context.Context, i int) (stored, bool) {
	for {
		s.mu.Lock()
		grown := s.grown
		if i < len(s.events) {
			defer s.mu.Unlock()
			return s.events[i], true
		}
		s.mu.Unlock()
		select {
		case <-grown:
		case <-s.closed:
			return stored{}, false
		case <-ctx.Done():
			return stored{}, false
		}
	}
}

// feed is one connection.
type feed struct {
	server *Server
	conn   *websocket.Conn
	raw    net.Conn
	fault  Fault
	next   int
	wanted []string
	sent   int
	last   []byte
}

func (f *feed) run(ctx context.Context) {
	for {
		if f.fault.Misdeed != None && f.sent == f.fault.After {
			if !f.misbehave(ctx) {
				return
			}
			f.fault.Misdeed = None
		}
		e, there := f.server.event(ctx, f.next)
		if !there {
			return
		}
		f.next++
		if !f.wants(e.collection) {
			continue
		}
		f.last = e.data
		f.sent++
		if err := f.conn.Write(ctx, websocket.MessageText, e.data); err != nil {
			return
		}
	}
}

func (f *feed) wants(collection string) bool {
	return len(f.wanted) == 0 || slices.ContainsFunc(f.wanted, func(w string) bool {
		prefix, all := strings.CutSuffix(w, "*")
		return w == collection || all && strings.HasPrefix(collection, prefix)
	})
}

// misbehave commits the connection's misdeed and reports whether the stream goes
// on.
func (f *feed) misbehave(ctx context.Context) bool {
	switch f.fault.Misdeed {
	case Drop:
		_ = f.raw.Close()
		return false
	case Leave:
		_ = f.conn.Close(websocket.StatusGoingAway, "server shutting down")
		return false
	case Half:
		// The head of a text message of 300 bytes, and some of them.
		_, _ = f.raw.Write(append([]byte{0x81, 126, 1, 44}, `{"did":"did:plc:aaaa`...))
		_ = f.raw.Close()
		return false
	case Stall:
		select {
		case <-f.server.closed:
		case <-ctx.Done():
		}
		return false
	case Junk:
		return f.send(ctx, []byte("\x00{\"did\":")) && f.send(ctx, nil) && f.send(ctx, []byte(`{"time_us":true}`))
	case Oversize:
		return f.send(ctx, []byte(strings.Repeat("x", 3<<20)))
	case Duplicate:
		return f.send(ctx, f.last)
	}
	return true
}

func (f *feed) send(ctx context.Context, msg []byte) bool {
	return f.conn.Write(ctx, websocket.MessageText, msg) == nil
}

// pipes is a listener in memory.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }
