package internal

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// connected gives both ends of a connection that a briefListener accepted.
func connected(t *testing.T, network, address string) (server, client net.Conn) {
	t.Helper()
	plain, err := new(net.ListenConfig).Listen(t.Context(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	listener := brief(plain)
	t.Cleanup(func() { _ = listener.Close() })
	client, err = new(net.Dialer).DialContext(context.Background(), network, listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	if server, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	if _, ok := server.(*briefConn); !ok {
		t.Fatalf("accepted a %T, want a *briefConn", server)
	}
	return server, client
}

// onEachNetwork runs a test over TCP and over a Unix socket.
func onEachNetwork(t *testing.T, test func(t *testing.T, server, client net.Conn)) {
	t.Helper()
	t.Run("tcp", func(t *testing.T) {
		t.Parallel()
		server, client := connected(t, "tcp", "127.0.0.1:0")
		test(t, server, client)
	})
	t.Run("unix", func(t *testing.T) {
		t.Parallel()
		server, client := connected(t, "unix", filepath.Join(t.TempDir(), "s"))
		test(t, server, client)
	})
}

func TestBriefConnCarriesMoreThanTheSocketHolds(t *testing.T) {
	t.Parallel()
	onEachNetwork(t, func(t *testing.T, server, client net.Conn) {
		t.Helper()
		sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<20)
		go func() {
			_, _ = io.Copy(client, client) // back what comes
		}()
		wrote := make(chan error, 1)
		go func() {
			n, err := server.Write(sent)
			if err == nil && n != len(sent) {
				err = io.ErrShortWrite
			}
			wrote <- err
		}()
		got := make([]byte, len(sent))
		if _, err := io.ReadFull(server, got); err != nil {
			t.Fatal(err)
		}
		if err := <-wrote; err != nil {
			t.Error(err)
		}
		if !bytes.Equal(got, sent) {
			t.Error("got other bytes than were sent")
		}
	})
}

func TestBriefConnEnds(t *testing.T) {
	t.Parallel()
	onEachNetwork(t, func(t *testing.T, server, client net.Conn) {
		t.Helper()
		one := make([]byte, 1)
		if n, err := server.Read(nil); n != 0 || err != nil {
			t.Errorf("read into nothing: got %d, %v, want 0, nil", n, err)
		}
		if err := server.SetDeadline(time.Now().Add(-time.Second)); err != nil {
			t.Fatal(err)
		}
		var timeout net.Error
		if _, err := server.Read(one); !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("read after the deadline: got %v, want a timeout", err)
		}
		if _, err := server.Write(one); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("write after the deadline: got %v, want a timeout", err)
		}
		if err := server.SetDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		half, ok := server.(interface{ CloseWrite() error })
		if !ok {
			t.Fatal("the connection cannot be closed by half")
		}
		if err := half.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Read(one); !errors.Is(err, io.EOF) {
			t.Errorf("the other end reads %v, want EOF", err)
		}
		var op *net.OpError
		if _, err := server.Write(one); !errors.Is(err, syscall.EPIPE) || !errors.As(err, &op) || op.Op != "write" {
			t.Errorf("write to what is closed: got %v, want write: broken pipe", err)
		}
		if err := client.Close(); err != nil {
			t.Fatal(err)
		}
		if n, err := server.Read(one); n != 0 || !errors.Is(err, io.EOF) {
			t.Errorf("read from who is gone: got %d, %v, want EOF", n, err)
		}
		if err := server.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := server.Read(one); !errors.Is(err, net.ErrClosed) {
			t.Errorf("read after Close: got %v, want %v", err, net.ErrClosed)
		}
	})
}

func TestBriefConnIsWokenByClose(t *testing.T) {
	t.Parallel()
	onEachNetwork(t, func(t *testing.T, server, _ net.Conn) {
		t.Helper()
		began, ended := make(chan struct{}), make(chan error, 1)
		go func() {
			close(began)
			_, err := server.Read(make([]byte, 1))
			ended <- err
		}()
		<-began
		if err := server.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Errorf("got %v, want %v", err, net.ErrClosed)
		}
	})
}
