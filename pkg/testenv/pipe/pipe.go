// Package pipe is a network in memory, for tests in virtual time, which stands
// still while a socket is waited for.
package pipe

import (
	"context"
	"net"
	"sync"
)

// Listener takes the connections that its Dial makes. It may be used by many
// goroutines.
type Listener struct {
	conns  chan net.Conn
	closed chan struct{}
	close  func()
}

var _ net.Listener = (*Listener)(nil)

// Listen gives a listener that is open until Close.
func Listen() *Listener {
	l := &Listener{conns: make(chan net.Conn), closed: make(chan struct{})}
	l.close = sync.OnceFunc(func() { close(l.closed) })
	return l
}

// Dial waits until a connection is accepted. Network and address are those of
// http.Transport.DialContext; there is one place to reach.
//
// Errors: net.ErrClosed after Close; the cause of ctx's end.
func (l *Listener) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Accept waits for the next connection.
//
// Errors: net.ErrClosed after Close.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close ends Accept and Dial; connections that there are stay.
func (l *Listener) Close() error {
	l.close()
	return nil
}

// Addr is the same of all.
func (l *Listener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }
