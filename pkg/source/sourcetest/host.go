package sourcetest

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"

	"riffle/pkg/testenv/pipe"
)

// Host is what the local servers of all networks share: it serves on loopback,
// with or without TLS, or in memory, hands every stream its fault, and can go
// away and come back. It may be used by many goroutines.
type Host struct {
	handler http.Handler

	mu     sync.Mutex
	faults []Fault
	count  int
	conns  map[net.Conn]bool // true: hijacked
	down   bool
	closed chan struct{}
}

// NewHost makes a host for a server's handler.
func NewHost(handler http.Handler) *Host {
	return &Host{handler: handler, conns: map[net.Conn]bool{}, closed: make(chan struct{})}
}

// ServeHTTP hands the request to the server's handler.
func (h *Host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer h.forget(Raw(r))
	h.handler.ServeHTTP(w, r)
}

// forget drops a connection that was hijacked: nobody else says when it ends.
func (h *Host) forget(c net.Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.conns[c] {
		delete(h.conns, c)
	}
}

// Misbehave gives the next streams one fault each; later ones have none.
func (h *Host) Misbehave(faults ...Fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults = append(h.faults, faults...)
}

// Behave takes back all faults that are left.
func (h *Host) Behave() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults = nil
}

// Begin takes the fault of a stream that is asked for, and counts it. It
// answers a request that is to be refused, or never answered, itself, and then
// returns false.
func (h *Host) Begin(w http.ResponseWriter, r *http.Request) (Fault, bool) {
	fault := h.take()
	switch {
	case fault.Misdeed == Mute:
		select {
		case <-h.closed:
		case <-r.Context().Done():
		}
		return fault, false
	case fault.Status != 0:
		if fault.RetryAfter != "" {
			w.Header().Set("Retry-After", fault.RetryAfter)
		}
		body := fault.Body
		if body == "" {
			body = "service not ready"
		}
		http.Error(w, body, fault.Status)
		return fault, false
	}
	return fault, true
}

func (h *Host) take() Fault {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.count++
	if len(h.faults) == 0 {
		return Fault{}
	}
	fault := h.faults[0]
	h.faults = h.faults[1:]
	return fault
}

// Streams is how many streams were asked for so far.
func (h *Host) Streams() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.count
}

// Closed is closed when the test ends.
func (h *Host) Closed() <-chan struct{} { return h.closed }

// Down cuts all connections and refuses new ones until Up.
func (h *Host) Down() { h.set(true) }

// Up ends Down.
func (h *Host) Up() { h.set(false) }

func (h *Host) set(down bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.down = down
	for c := range h.conns {
		_ = c.Close()
	}
}

type connKey struct{}

// Raw is the connection under a request, for a handler that cuts it below HTTP.
func Raw(r *http.Request) net.Conn {
	c, _ := r.Context().Value(connKey{}).(net.Conn)
	return c
}

func keepConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// track follows the connections, and cuts those that are made while the server
// is down.
func (h *Host) track(c net.Conn, state http.ConnState) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch state {
	case http.StateNew:
		h.conns[c] = false
		if h.down {
			_ = c.Close()
		}
	case http.StateClosed:
		delete(h.conns, c)
	case http.StateHijacked:
		h.conns[c] = true
	case http.StateActive, http.StateIdle:
	}
}

// Listen serves on loopback until the test ends and returns host and port.
func (h *Host) Listen(tb testing.TB) string {
	tb.Helper()
	server := h.unstarted(tb)
	server.Start()
	return strings.TrimPrefix(server.URL, "http://")
}

// ListenTLS serves on loopback with TLS and returns host and port, and a client
// that trusts the server; others do not.
func (h *Host) ListenTLS(tb testing.TB) (string, *http.Client) {
	tb.Helper()
	server := h.unstarted(tb)
	server.StartTLS()
	return strings.TrimPrefix(server.URL, "https://"), server.Client()
}

func (h *Host) unstarted(tb testing.TB) *httptest.Server {
	tb.Helper()
	server := httptest.NewUnstartedServer(h)
	server.Config.ConnContext, server.Config.ConnState = keepConn, h.track
	server.Config.ErrorLog = quiet()
	tb.Cleanup(func() {
		h.close()
		server.Close()
	})
	return server
}

// Pipe serves in memory until the test ends and returns a client that reaches
// nothing else, so that a bubble of testing/synctest can hold both.
func (h *Host) Pipe(tb testing.TB) *http.Client {
	tb.Helper()
	l := pipe.Listen()
	server := &http.Server{ //nolint:gosec // no stranger reaches a pipe
		Handler: h, ConnContext: keepConn, ConnState: h.track, ErrorLog: quiet(),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	tb.Cleanup(func() {
		h.close()
		if err := server.Close(); err != nil {
			tb.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			tb.Error(err)
		}
	})
	return &http.Client{Transport: &http.Transport{DialContext: h.dialer(l), DisableKeepAlives: true}}
}

// dialer reaches a listener while the host is not down.
func (h *Host) dialer(l *pipe.Listener) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		h.mu.Lock()
		down := h.down
		h.mu.Unlock()
		if down {
			return nil, &net.OpError{Op: "dial", Net: "pipe", Err: syscall.ECONNREFUSED}
		}
		return l.Dial(ctx, network, address)
	}
}

func (h *Host) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-h.closed:
	default:
		close(h.closed)
	}
	for c := range h.conns { // those that were hijacked nobody else closes
		_ = c.Close()
	}
}
