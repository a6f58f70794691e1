// Package jetstreamtest is a Jetstream server for tests: it speaks the real wire
// of /subscribe and misbehaves on command.
package jetstreamtest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/coder/websocket"

	"riffle/pkg/source/sourcetest"
)

// FirstTime is the time_us of the first event; each next one is a second later.
const FirstTime = 1_780_000_000_000_000

// firstTime is where cursors stop to be sequence numbers.
const firstTime = 1_000_000_000_000_000

// Server holds a stream of events from which each connection is served. It may
// be used by many goroutines.
type Server struct {
	*sourcetest.Host
	numbered bool
	posts    *sourcetest.Posts[stored]

	mu    sync.Mutex
	first int      // the oldest event that it keeps
	keys  []string // of the posts
	asked []url.Values
}

type stored struct {
	collection string
	key        string // of the event
	data       []byte
}

// New makes a server without events.
func New() *Server {
	s := &Server{posts: sourcetest.NewPosts[stored]()}
	s.Host = sourcetest.NewHost(http.HandlerFunc(s.serve))
	return s
}

// NewNumbered makes one that numbers its events, from 1 on, as servers since
// 2026 do.
func NewNumbered() *Server {
	s := New()
	s.numbered = true
	return s
}

const (
	posts  = "app.bsky.feed.post"
	author = "did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"
)

// Post adds a post.
func (s *Server) Post() { s.Add(posts, 1) }

// Add adds n events of a collection.
func (s *Server) Add(collection string, n int) {
	for range n {
		s.posts.Add(func(i int) stored {
			rkey := fmt.Sprintf("3lb%010d", i)
			if collection == posts {
				s.note(rkey)
			}
			return s.record(i, "create", collection, rkey, "post number "+strconv.Itoa(i))
		})
	}
}

// Edit changes post i.
func (s *Server) Edit(i int) bool {
	s.posts.Add(func(n int) stored { return s.record(n, "update", posts, s.rkey(i), "edited") })
	return true
}

// Delete deletes post i.
func (s *Server) Delete(i int) {
	s.posts.Add(func(n int) stored {
		return stored{posts, "", fmt.Appendf(nil, `%s"rev":"3lb%010d","operation":"delete","collection":"%s","rkey":"%s"}}`,
			s.head(n), n, posts, s.rkey(i))}
	})
}

func (s *Server) record(i int, operation, collection, rkey, text string) stored {
	return stored{collection, "bluesky:" + author + "/" + collection + "/" + rkey, fmt.Appendf(nil,
		`%s"rev":"3lb%010d","operation":"%s","collection":"%s","rkey":"%s","record":{"$type":"%[4]s",`+
			`"createdAt":"2026-05-28T20:26:40.000Z","langs":["en"],"text":"%[6]s"},"cid":"bafyreib"}}`,
		s.head(i), i, operation, collection, rkey, text)}
}

func (s *Server) head(i int) string {
	number := ""
	if s.numbered {
		number = fmt.Sprintf(`,"cursor":%d`, i+1)
	}
	return fmt.Sprintf(`{"did":"%s","time_us":%d%s,"kind":"commit","commit":{`, author, FirstTime+i*1_000_000, number)
}

func (s *Server) note(rkey string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = append(s.keys, rkey)
}

func (s *Server) rkey(i int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i >= len(s.keys) {
		return ""
	}
	return s.keys[i]
}

// Forget makes the server keep no event older than event i.
func (s *Server) Forget(i int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.first = i
}

// Key is the event key of post i; empty where there is none.
func (s *Server) Key(i int) string {
	if rkey := s.rkey(i); rkey != "" {
		return "bluesky:" + author + "/" + posts + "/" + rkey
	}
	return ""
}

// Sent lists the keys of the posts that went whole to a stream.
func (s *Server) Sent() []string { return s.posts.Sent() }

// mostAsked bounds what Asked lists.
const mostAsked = 100

// Asked lists the queries of the first hundred connections.
func (s *Server) Asked() []url.Values {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

func (s *Server) ask(query url.Values) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.asked) < mostAsked {
		s.asked = append(s.asked, query)
	}
}

// serve is the /subscribe endpoint.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	s.ask(query)
	if r.URL.Path != "/subscribe" {
		http.NotFound(w, r)
		return
	}
	fault, goOn := s.Begin(w, r)
	if !goOn {
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
	feed := feed{server: s, conn: conn, raw: sourcetest.Raw(r), fault: fault, next: start, wanted: query["wantedCollections"]}
	feed.run(conn.CloseRead(r.Context()))
}

// start finds the first event to send: without a cursor, or with one of the
// future, the next that comes.
func (s *Server) start(cursor string) (int, error) {
	if cursor == "" {
		return s.posts.Len(), nil
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
	s.mu.Lock()
	defer s.mu.Unlock()
	return min(max(n, s.first), s.posts.Len()), nil
}

// feed is one connection.
type feed struct {
	server *Server
	conn   *websocket.Conn
	raw    net.Conn
	fault  sourcetest.Fault
	next   int
	wanted []string
	sent   int
	last   []byte
}

func (f *feed) run(ctx context.Context) {
	for {
		if f.fault.Misdeed != sourcetest.None && f.sent == f.fault.After {
			if !f.misbehave(ctx) {
				return
			}
			f.fault.Misdeed = sourcetest.None
		}
		e, there := f.server.posts.At(ctx, f.server.Closed(), f.next)
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
		f.server.posts.Note(e.key)
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
	case sourcetest.Drop:
		_ = f.raw.Close()
		return false
	case sourcetest.Leave:
		_ = f.conn.Close(websocket.StatusGoingAway, "server shutting down")
		return false
	case sourcetest.Half:
		// The head of a text message of 300 bytes, and some of them.
		_, _ = f.raw.Write(append([]byte{0x81, 126, 1, 44}, `{"did":"did:plc:aaaa`...))
		_ = f.raw.Close()
		return false
	case sourcetest.Stall:
		select {
		case <-f.server.Closed():
		case <-ctx.Done():
		}
		return false
	case sourcetest.Junk:
		return f.send(ctx, []byte("\x00{\"did\":")) && f.send(ctx, nil) && f.send(ctx, []byte(`{"time_us":true}`))
	case sourcetest.Oversize:
		return f.send(ctx, []byte(strings.Repeat("x", 3<<20)))
	case sourcetest.Duplicate:
		return f.last == nil || f.send(ctx, f.last)
	case sourcetest.None, sourcetest.Mute:
	}
	return true
}

func (f *feed) send(ctx context.Context, msg []byte) bool {
	return f.conn.Write(ctx, websocket.MessageText, msg) == nil
}
