// Package twittertest is a server of Twitter's streams, API version 1.1, for
// tests: it speaks the real wire and misbehaves on command.
package twittertest

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"riffle/pkg/source/sourcetest"
)

// KeepAlive is how long a stream says nothing before it sends an empty line.
const KeepAlive = 30 * time.Second

// FirstID is that of the first tweet; each next one is one greater.
const FirstID = 1_300_000_000_000_000_000

// longestAddress is what the server takes as path and query.
const longestAddress = 4 << 10

// Server sends every message to the streams that are open when it comes, and to
// no other: what nobody listens to is gone. It may be used by many goroutines.
type Server struct {
	*sourcetest.Host
	posts *sourcetest.Posts[post]
	gzip  bool

	mu      sync.Mutex
	keys    []string // of the tweets
	nonces  map[string]bool
	asked   []Request
	gzipped int
	open    int
	opened  chan struct{} // closed when a stream opens or ends
	burst   []byte        // on the wire
}

// post is one message; key is that of a tweet.
type post struct {
	key  string
	data []byte
}

// Request is what a client asked for.
type Request struct {
	Method, Path, Query string
	Body                url.Values
	At                  time.Time
	UserAgent           string
}

// New makes a server without messages.
func New() *Server {
	s := &Server{posts: sourcetest.NewPosts[post](), nonces: map[string]bool{}, opened: make(chan struct{})}
	s.Host = sourcetest.NewHost(http.HandlerFunc(s.serve))
	return s
}

// NewGzip makes one that gzips its streams where the client allows it.
func NewGzip() *Server {
	s := New()
	s.gzip = true
	return s
}

// Post sends a tweet.
func (s *Server) Post() {
	s.posts.Add(func(int) post {
		s.mu.Lock()
		defer s.mu.Unlock()
		id := FirstID + len(s.keys)
		s.keys = append(s.keys, "twitter:"+strconv.Itoa(id))
		return post{s.keys[len(s.keys)-1], Tweet(id, 500, "post number "+strconv.Itoa(len(s.keys)))}
	})
}

// Send sends messages as they are.
func (s *Server) Send(messages ...string) {
	for _, m := range messages {
		s.posts.Add(func(int) post { return post{data: []byte(m)} })
	}
}

// Tweet is a tweet as the stream sends it.
func Tweet(id, author int, text string) []byte {
	return fmt.Appendf(nil, `{"created_at":"Wed Apr 27 18:08:07 +0000 2016","id":%d,"id_str":"%[1]d","text":%q,`+
		`"source":"<a href=\"http:\/\/example.org\" rel=\"nofollow\">App<\/a>","truncated":false,"in_reply_to_status_id":null,`+
		`"user":{"id":%d,"id_str":"%[3]d","name":"Ann","screen_name":"user%[3]d","followers_count":231,"verified":false},`+
		`"entities":{"hashtags":[],"urls":[],"user_mentions":[],"symbols":[]},"favorited":false,"retweeted":false,`+
		`"filter_level":"low","lang":"en","timestamp_ms":"1461780487661"}`, id, text, author)
}

// ForUser is a message of a site stream.
func ForUser(user int, message []byte) string {
	return fmt.Sprintf(`{"for_user":%d,"message":%s}`, user, message)
}

// Edit reports that there are no edits.
func (s *Server) Edit(int) bool { return false }

// Delete sends the deletion of tweet i.
func (s *Server) Delete(i int) {
	s.Send(fmt.Sprintf(`{"delete":{"status":{"id":%d,"id_str":"%[1]d","user_id":500,"user_id_str":"500"},"timestamp_ms":"1461780487661"}}`, FirstID+i))
}

// Key is the event key of tweet i; empty where there is none.
func (s *Server) Key(i int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i >= len(s.keys) {
		return ""
	}
	return s.keys[i]
}

// Sent lists the keys of the tweets that went whole to a stream, in order.
func (s *Server) Sent() []string { return s.posts.Sent() }

// Repeat makes every stream bring nothing but these messages, over and over, as
// fast as it takes them. A server that gzips does so to every client, and only
// once, so that a measurement is not one of gzip.
func (s *Server) Repeat(messages [][]byte) {
	wire := append(bytes.Join(messages, []byte("\r\n")), "\r\n"...)
	if s.gzip {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		_, _ = w.Write(wire) // memory takes all
		_ = w.Close()
		wire = packed.Bytes()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.burst = wire
}

// Asked lists all requests so far.
func (s *Server) Asked() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

// Gzipped is how many streams were gzipped.
func (s *Server) Gzipped() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gzipped
}

// Open is how many streams are open, and a channel that is closed when that
// changes.
func (s *Server) Open() (streams int, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open, s.opened
}

func (s *Server) count(by int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open += by
	close(s.opened)
	s.opened = make(chan struct{})
}

// methods are the streams that there are, each with how it is asked for.
var methods = map[string]string{
	"/1.1/statuses/filter.json": http.MethodPost,
	"/1.1/statuses/sample.json": http.MethodGet,
	"/1.1/user.json":            http.MethodGet,
	"/1.1/site.json":            http.MethodGet,
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	parseErr := r.ParseForm()
	s.note(r)
	fault, ok := s.Begin(w, r)
	switch method := methods[r.URL.Path]; {
	case !ok:
	case len(r.URL.RequestURI()) > longestAddress:
		refuse(w, http.StatusRequestURITooLong, 0, "the address is too long")
	case parseErr != nil:
		refuse(w, http.StatusBadRequest, 214, "bad request")
	case method == "":
		refuse(w, http.StatusNotFound, 34, "Sorry, that page does not exist.")
	case r.Method != method:
		refuse(w, http.StatusMethodNotAllowed, 86, "This method requires a "+method+".")
	case s.authorize(r) != nil:
		refuse(w, http.StatusUnauthorized, 32, "Could not authenticate you.")
	case !acceptable(r):
		refuse(w, http.StatusNotAcceptable, 0, "No filter parameters found. Expect at least one parameter: follow track locations")
	default:
		s.stream(w, r, fault)
	}
}

func (s *Server) note(r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, Request{r.Method, r.URL.Path, r.URL.RawQuery, r.PostForm, time.Now(), r.UserAgent()})
}

func refuse(w http.ResponseWriter, status, code int, message string) {
	http.Error(w, fmt.Sprintf(`{"errors":[{"code":%d,"message":%q}]}`, code, message), status)
}

// acceptable reports whether the options say what to look for.
func acceptable(r *http.Request) bool {
	switch r.URL.Path {
	case "/1.1/statuses/filter.json":
		return r.PostForm.Get("track") != "" || r.PostForm.Get("follow") != ""
	case "/1.1/site.json":
		return r.Form.Get("follow") != ""
	}
	return true
}

func (s *Server) stream(w http.ResponseWriter, r *http.Request, fault sourcetest.Fault) {
	s.count(1)
	defer s.count(-1)
	s.mu.Lock()
	burst := s.burst
	s.mu.Unlock()
	if burst == nil {
		newFeed(s, w, r, fault).run(r.Context())
		return
	}
	if s.gzip {
		w.Header().Set("Content-Encoding", "gzip")
	}
	for r.Context().Err() == nil {
		if _, err := w.Write(burst); err != nil {
			return
		}
	}
}
