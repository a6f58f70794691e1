// Package mastodontest is a Mastodon server for tests: it speaks the real wire of
// streams, as server-sent events and over WebSocket, and of timelines, and
// misbehaves on command.
package mastodontest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"riffle/pkg/source/sourcetest"
)

// Token is that of the account ann, which every server knows.
const Token = "token-of-ann"

// Public is the stream of all public statuses.
const Public = "public"

// Server holds statuses and tells what becomes of them. It may be used by many
// goroutines.
type Server struct {
	*sourcetest.Host
	// FromStart begins each stream with the first event, and dates statuses by
	// their number, so that a stream is the same each time; real ones begin with
	// the next event. It is set before the server is used.
	FromStart bool
	// Gzip packs streams for clients that allow it; likewise.
	Gzip bool

	events *sourcetest.Posts[happening]

	mu       sync.Mutex
	name     string // host and port
	accounts map[string]string
	statuses []*status
	newest   int64 // id
	keep     int   // how many statuses a timeline has; 0: all
	closed   int   // with which status timelines are refused; 0: not
	limit    limit
	requests int // for timelines
	exceeded int // of those, how many beyond the limit

	gzipped atomic.Int64
}

// status is a status as the server keeps it.
type status struct {
	id              int64
	author, content string
	created, edited time.Time
	streams         []string
	deleted         bool
}

// happening is one event of some streams.
type happening struct {
	event, payload string
	streams        []string
	key            string // of the status, where it is a new one
}

// New makes a server with the account ann and no statuses.
func New() *Server {
	s := &Server{
		events: sourcetest.NewPosts[happening](), name: "stream.test", accounts: map[string]string{Token: "ann"},
	}
	s.Host = sourcetest.NewHost(s.routes())
	return s
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/streaming/{name...}", s.authorized(s.stream))
	mux.HandleFunc("GET /api/v1/streaming", s.authorized(s.stream))
	mux.HandleFunc("GET /api/v1/timelines/{name...}", s.authorized(s.timeline))
	mux.HandleFunc("GET /api/v1/accounts/verify_credentials", s.authorized(s.verify))
	return mux
}

// Listen serves on loopback until the test ends and returns host and port, which
// stand in the keys from then on.
func (s *Server) Listen(tb testing.TB) string {
	tb.Helper()
	name := s.Host.Listen(tb)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.name = name
	return name
}

// AddAccount lets another account in with a token of its own.
func (s *Server) AddAccount(token, account string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accounts[token] = account
}

// Revoke lets a token in no more.
func (s *Server) Revoke(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.accounts, token)
}

// Post adds a public status.
func (s *Server) Post() { s.PostTo("bob", "", Public) }

// PostTo adds a status of an author, with a text or one of its own, that these
// streams tell: public, public:local, user:ACCOUNT, list:ID, hashtag:TAG.
func (s *Server) PostTo(author, text string, streams ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.FromStart {
		now = time.UnixMilli(1_780_000_000_000 + 1000*int64(len(s.statuses)))
	}
	s.newest = max(s.newest+1, now.UnixMilli()<<16)
	s.add(&status{id: s.newest, author: author, content: text, created: now, streams: streams})
}

// PostLate adds a public status that another server took so long to send: its id
// is that of the time at which it was written.
func (s *Server) PostLate(by time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	written := time.Now().Add(-by)
	s.add(&status{id: written.UnixMilli()<<16 + 1, author: "far", created: written, streams: []string{Public}})
}

// add adds a status, with a text of its own where it has none, and tells it.
func (s *Server) add(t *status) {
	if t.content == "" {
		t.content = fmt.Sprintf("status number %d", len(s.statuses))
	}
	s.statuses = append(s.statuses, t)
	s.tell(happening{"update", s.json(t), t.streams, s.key(t)})
}

// Edit changes status i.
func (s *Server) Edit(i int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.statuses[i]
	t.content, t.edited = "edited", time.Now()
	s.tell(happening{"status.update", s.json(t), t.streams, ""})
	return true
}

// Delete deletes status i.
func (s *Server) Delete(i int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.statuses[i]
	t.deleted = true
	s.tell(happening{"delete", fmt.Sprint(t.id), t.streams, ""})
}

// Tell tells any event to some streams.
func (s *Server) Tell(event, payload string, streams ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tell(happening{event, payload, streams, ""})
}

func (s *Server) tell(h happening) { s.events.Add(func(int) happening { return h }) }

// Key is the event key of status i; empty where there is none.
func (s *Server) Key(i int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i >= len(s.statuses) {
		return ""
	}
	return s.key(s.statuses[i])
}

func (s *Server) key(t *status) string { return fmt.Sprintf("mastodon:%s/%d", s.name, t.id) }

// Sent lists the keys of the statuses that went whole to a stream.
func (s *Server) Sent() []string { return s.events.Sent() }

// Gzipped is how many streams were packed.
func (s *Server) Gzipped() int { return int(s.gzipped.Load()) }

// json writes a status as Mastodon does.
func (s *Server) json(t *status) string {
	at := func(t time.Time) any {
		if t.IsZero() {
			return nil
		}
		return t.UTC().Format("2006-01-02T15:04:05.000Z")
	}
	visibility := "private"
	if slices.ContainsFunc(t.streams, func(name string) bool { return strings.HasPrefix(name, Public) }) {
		visibility = "public"
	}
	id := fmt.Sprint(t.id)
	return encode(ordered{
		{"id", id}, {"created_at", at(t.created)}, {"in_reply_to_id", nil}, {"in_reply_to_account_id", nil},
		{"sensitive", false}, {"spoiler_text", ""}, {"visibility", visibility}, {"language", "en"},
		{"uri", "https://" + s.name + "/users/" + t.author + "/statuses/" + id},
		{"url", "https://" + s.name + "/@" + t.author + "/" + id},
		{"replies_count", 0}, {"reblogs_count", 0}, {"favourites_count", 0}, {"edited_at", at(t.edited)},
		{"content", "<p>" + t.content + "</p>"}, {"reblog", nil}, {"account", s.account(t.author)},
		{"media_attachments", []any{}}, {"mentions", []any{}}, {"tags", []any{}}, {"emojis", []any{}},
		{"card", nil}, {"poll", nil},
	})
}

func (s *Server) account(name string) ordered {
	return ordered{
		{"id", accountID(name)}, {"username", name}, {"acct", name}, {"display_name", strings.ToUpper(name)},
		{"url", "https://" + s.name + "/@" + name}, {"followers_count", 7},
	}
}

// accountID makes an id of a name.
func accountID(name string) string {
	id := "1"
	for _, c := range []byte(name) {
		id += fmt.Sprintf("%03d", c)
	}
	return id
}

// ordered is a JSON object whose fields keep their order.
type ordered []struct {
	name  string
	value any
}

// MarshalJSON writes the fields as they stand.
func (o ordered) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, field := range o {
		if i > 0 {
			b = append(b, ',')
		}
		value, err := json.Marshal(field.value)
		if err != nil {
			return nil, err
		}
		b = append(fmt.Appendf(b, "%q:", field.name), value...)
	}
	return append(b, '}'), nil
}

func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings, numbers and lists of them
	}
	return string(b)
}
