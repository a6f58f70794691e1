package chaos

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"
)

// proxy stands between one stage and one server, and lets the network fail.
type proxy struct {
	address string

	mu     sync.Mutex
	target string
	links  map[*link]bool
	delay  time.Duration
	trap   *trap
}

// link is one connection through a proxy.
type link struct {
	client, server net.Conn
	// dead: nothing passes any more, and nobody is told. deaf: the next answer is
	// dropped and the connection with it. Both are guarded by the proxy's mu.
	dead, deaf bool
}

// What a trap does to the request that it waits for.
type trick int

const (
	swallow    trick = iota // the server never gets it; the connection stays open
	dropAnswer              // the server does it, and the answer is lost
	hold                    // the server gets it when the trap is released
)

// trap waits for a request with a marker in it.
type trap struct {
	marker   []byte
	trick    trick
	sprung   chan struct{} // closed when the request came
	released chan struct{}
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{address: listener.Addr().String(), target: target, links: make(map[*link]bool)}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() { p.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		p.mend()
		p.cut()
		all.Wait()
	})
	return p
}

// newProxyTo gives a proxy to the server of a URL, and the URL that leads through
// it.
func newProxyTo(t *testing.T, server string) (*proxy, string) {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	p := newProxy(t, u.Host)
	u.Host = p.address
	return p, u.String()
}

// serve carries one connection until either side ends it.
func (p *proxy) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	var dialer net.Dialer
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	p.mu.Lock()
	target := p.target
	p.mu.Unlock()
	server, err := dialer.DialContext(ctx, "tcp", target)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	l := &link{client: client, server: server}
	p.mu.Lock()
	p.links[l] = true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.links, l)
		p.mu.Unlock()
	}()
	var both sync.WaitGroup
	both.Go(func() { p.pump(l, client, server, p.request) })
	both.Go(func() { p.pump(l, server, client, p.answer) })
	both.Wait()
}

// errCut ends a connection.
var errCut = errors.New("connection is cut")

// pump carries bytes one way; look says whether they pass.
func (p *proxy) pump(l *link, from, to net.Conn, look func(*link, []byte) (bool, error)) {
	defer func() {
		_ = from.Close()
		_ = to.Close()
	}()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		p.mu.Lock()
		delay := p.delay
		p.mu.Unlock()
		time.Sleep(delay)
		pass, err := look(l, buffer[:n])
		if err != nil {
			return
		}
		if !pass {
			continue
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func (p *proxy) request(l *link, data []byte) (bool, error) {
	p.mu.Lock()
	t := p.trap
	if t == nil || l.dead || !bytes.Contains(data, t.marker) {
		dead := l.dead
		p.mu.Unlock()
		return !dead, nil
	}
	p.trap = nil
	close(t.sprung)
	l.dead = t.trick == swallow
	l.deaf = t.trick == dropAnswer
	p.mu.Unlock()
	if t.trick == hold {
		<-t.released
	}
	return t.trick != swallow, nil
}

func (p *proxy) answer(l *link, _ []byte) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l.deaf {
		return false, errCut
	}
	return !l.dead, nil
}

// set lays a trap for the next request that contains marker.
func (p *proxy) set(trick trick, marker string) *trap {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trap = &trap{marker: []byte(marker), trick: trick, sprung: make(chan struct{}), released: make(chan struct{})}
	return p.trap
}

// cut ends all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		_ = l.client.Close()
		_ = l.server.Close()
	}
}

// lead makes it one to another server; what is connected is cut.
func (p *proxy) lead(target string) {
	p.mu.Lock()
	p.target = target
	p.mu.Unlock()
	p.cut()
}

// halfOpen lets nothing pass on the connections that there are, and ends none.
func (p *proxy) halfOpen() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.dead = true
	}
}

// slow holds up everything, each way.
func (p *proxy) slow(delay time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = delay
}

// mend takes back what set and slow did.
func (p *proxy) mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay, p.trap = 0, nil
}

// The proxy does to connections what it says.
func TestProxy(t *testing.T) {
	t.Parallel()
	echo, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = echo.Close() }()
	got := make(chan string, 10)
	go func() {
		for {
			conn, err := echo.Accept()
			if err != nil {
				return
			}
			go func() {
				buffer := make([]byte, 100)
				for {
					n, err := conn.Read(buffer)
					if err != nil {
						_ = conn.Close()
						return
					}
					got <- string(buffer[:n])
					_, _ = conn.Write(buffer[:n])
				}
			}()
		}
	}()
	p := newProxy(t, echo.Addr().String())
	say := func(words string) net.Conn {
		conn, err := net.Dial("tcp", p.address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if _, err := conn.Write([]byte(words)); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	hear := func(conn net.Conn) string {
		buffer := make([]byte, 100)
		n, err := conn.Read(buffer)
		if err != nil {
			return "cut"
		}
		return string(buffer[:n])
	}
	if heard := hear(say("one")); heard != "one" || <-got != "one" {
		t.Errorf("heard %q, want one", heard)
	}
	p.set(dropAnswer, "two")
	if heard := hear(say("two")); heard != "cut" || <-got != "two" {
		t.Errorf("heard %q, want an end, though the server got it", heard)
	}
	trap := p.set(swallow, "three")
	say("three")
	<-trap.sprung
	trap = p.set(hold, "four")
	held := say("four")
	<-trap.sprung
	if len(got) > 0 {
		t.Errorf("the server got %q, want nothing yet", <-got)
	}
	close(trap.released)
	if heard := hear(held); heard != "four" || <-got != "four" {
		t.Errorf("heard %q, want four", heard)
	}
	p.cut()
	if heard := hear(held); heard != "cut" {
		t.Errorf("heard %q on a cut connection", heard)
	}
}
