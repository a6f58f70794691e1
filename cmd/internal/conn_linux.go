package internal

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"unsafe"
)

// briefListener gives connections that read and write without telling Go's
// scheduler of the system call. A socket that does not block is back within
// microseconds, so that nobody needs to take the processor over meanwhile; the
// notice, though, wakes the runtime's monitor thread whenever the process was
// idle, and that costs a quiet server more than the call.
type briefListener struct{ net.Listener }

// brief makes a listener's connections cheap for a process that is mostly idle.
func brief(l net.Listener) net.Listener { return briefListener{l} }

// Accept gives a connection of the listener's own kind where it has no descriptor.
func (l briefListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if s, ok := conn.(syscall.Conn); ok {
		if raw, err := s.SyscallConn(); err == nil {
			return newBriefConn(conn, raw), nil
		}
	}
	return conn, nil
}

// briefConn is a connection of a briefListener.
type briefConn struct {
	net.Conn
	raw         syscall.RawConn
	read, write transfer
}

// transfer is a read or a write under way, one at a time. It stays with the
// connection, with its function, so that none has to be made for each.
type transfer struct {
	mu    sync.Mutex
	b     []byte
	n     int
	errno syscall.Errno
	try   func(fd uintptr) (done bool)
}

func newBriefConn(conn net.Conn, raw syscall.RawConn) *briefConn {
	c := &briefConn{Conn: conn, raw: raw}
	c.read.try, c.write.try = c.read.once, c.write.whole
	return c
}

// CloseWrite lets the http server end its side first, so that a client that still
// sends gets the answer all the same.
func (c *briefConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// Read reads like net.Conn; deadlines hold.
func (c *briefConn) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	n, err := c.read.run(c.raw.Read, b)
	switch {
	case err != nil:
		return 0, c.failed("read", err)
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// Write writes all of b, like net.Conn; deadlines hold.
func (c *briefConn) Write(b []byte) (int, error) {
	n, err := c.write.run(c.raw.Write, b)
	return n, c.failed("write", err)
}

// run has the connection try until the transfer is done.
func (t *transfer) run(by func(try func(fd uintptr) bool) error, b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b, t.n, t.errno = b, 0, 0
	err := by(t.try)
	t.b = nil
	if err == nil && t.errno != 0 {
		err = t.errno
	}
	return t.n, err
}

// once reads what is there.
func (t *transfer) once(fd uintptr) bool {
	t.n, t.errno = again(syscall.SYS_READ, fd, t.b)
	return t.errno != syscall.EAGAIN
}

// whole writes until nothing is left.
func (t *transfer) whole(fd uintptr) bool {
	for t.n < len(t.b) {
		n, errno := again(syscall.SYS_WRITE, fd, t.b[t.n:])
		if errno != 0 {
			t.errno = errno
			return errno != syscall.EAGAIN
		}
		t.n += n
	}
	t.errno = 0
	return true
}

// failed is the error that net gives for it.
func (c *briefConn) failed(op string, err error) error {
	errno, ok := err.(syscall.Errno) //nolint:errorlint // it is ours, or of net's making
	if !ok {
		return err
	}
	addr := c.RemoteAddr()
	return &net.OpError{Op: op, Net: addr.Network(), Source: c.LocalAddr(), Addr: addr, Err: os.NewSyscallError(op, errno)}
}

// again reads or writes, and once more when a signal came between.
func again(call, fd uintptr, b []byte) (int, syscall.Errno) {
	for {
		n, _, errno := syscall.RawSyscall(call, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
		if errno == 0 {
			return int(n), 0
		}
		if errno != syscall.EINTR {
			return 0, errno
		}
	}
}
