package twittertest

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"riffle/pkg/source/sourcetest"
)

// feed is one stream.
type feed struct {
	server *Server
	fault  sourcetest.Fault
	raw    net.Conn
	w      io.Writer
	zip    *gzip.Writer // nil where the stream is not gzipped
	flush  func() error
	next   int
	sent   int
	last   []byte
}

func newFeed(s *Server, w http.ResponseWriter, r *http.Request, fault sourcetest.Fault) *feed {
	f := &feed{
		server: s, fault: fault, raw: sourcetest.Raw(r), next: s.posts.Len(),
		w: w, flush: http.NewResponseController(w).Flush,
	}
	w.Header().Set("Content-Type", "application/json")
	if s.gzip && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		f.zip = gzip.NewWriter(w)
		f.w = f.zip
		s.mu.Lock()
		s.gzipped++
		s.mu.Unlock()
	}
	return f
}

// run sends until the stream ends, or the server.
func (f *feed) run(ctx context.Context) {
	if f.push() != nil {
		return
	}
	for {
		if f.fault.Misdeed != sourcetest.None && f.sent == f.fault.After {
			if !f.misbehave(ctx) {
				return
			}
			f.fault.Misdeed = sourcetest.None
		}
		post, more := f.server.posts.Wait(f.next)
		if more != nil {
			if !f.wait(ctx, more) {
				return
			}
			continue
		}
		f.next++
		if !f.send(post.data) {
			return
		}
		f.last = post.data
		f.sent++
		if post.key != "" {
			f.server.posts.Note(post.key)
		}
	}
}

// wait waits for more to send, and keeps the stream alive meanwhile.
func (f *feed) wait(ctx context.Context, more <-chan struct{}) bool {
	quiet := time.NewTimer(KeepAlive)
	defer quiet.Stop()
	select {
	case <-more:
		return true
	case <-quiet.C:
		return f.send(nil)
	case <-f.server.Closed():
	case <-ctx.Done():
	}
	return false
}

// send sends a message, or a keep-alive, and reports whether it went whole.
func (f *feed) send(msg []byte) bool {
	_, err := f.w.Write(append(bytes.Clone(msg), "\r\n"...))
	return err == nil && f.push() == nil
}

// push sends what was written so far.
func (f *feed) push() error {
	if f.zip != nil {
		if err := f.zip.Flush(); err != nil {
			return err
		}
	}
	return f.flush()
}

// misbehave commits the stream's misdeed and reports whether it goes on.
func (f *feed) misbehave(ctx context.Context) bool {
	switch f.fault.Misdeed {
	case sourcetest.Drop:
		_ = f.raw.Close()
	case sourcetest.Leave: // the end of the handler is that of the stream
		if f.zip != nil {
			_ = f.zip.Close()
		}
	case sourcetest.Half:
		_, _ = f.w.Write(Tweet(FirstID-1, 500, "half of this")[:200])
		_ = f.push()
		_ = f.raw.Close()
	case sourcetest.Stall:
		select {
		case <-f.server.Closed():
		case <-ctx.Done():
		}
	case sourcetest.Junk:
		return f.send([]byte("\x00{\"text\":")) && f.send([]byte("<html>\n<body>")) && f.send([]byte(`{"a":[}`)) && f.send([]byte("\r"))
	case sourcetest.Oversize:
		return f.send(bytes.Repeat([]byte("x\r"), 3<<19))
	case sourcetest.Duplicate:
		return f.last == nil || f.send(f.last)
	case sourcetest.None, sourcetest.Mute:
		return true
	}
	return false
}
