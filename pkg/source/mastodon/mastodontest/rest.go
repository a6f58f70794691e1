package mastodontest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// limitTime is how long a limit of requests holds.
const limitTime = 5 * time.Minute

// limit is how many requests for timelines are answered.
type limit struct {
	most, left int // 0: no limit
	reset      time.Time
}

// Keep lets timelines have so many statuses only, as that of a user has.
func (s *Server) Keep(statuses int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep = statuses
}

// RefuseTimelines answers requests for timelines with a status; 0 ends it.
func (s *Server) RefuseTimelines(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = status
}

// Limit answers so many requests for timelines in five minutes.
func (s *Server) Limit(most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limit = limit{most: most}
}

// Requests is how many requests for timelines came.
func (s *Server) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// Exceeded is how many of them were beyond the limit.
func (s *Server) Exceeded() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.exceeded
}

// fail answers as Mastodon does.
func fail(w http.ResponseWriter, status int, msg string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":%q}`, msg)
}

// authorized lets in who has a token, and says for whom it is.
func (s *Server) authorized(serve func(w http.ResponseWriter, r *http.Request, account string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token, given := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		s.mu.Lock()
		account, known := s.accounts[token]
		s.mu.Unlock()
		switch {
		case !given:
			fail(w, http.StatusUnauthorized, "Missing access token")
		case !known:
			fail(w, http.StatusUnauthorized, "Invalid access token "+token)
		default:
			serve(w, r, account)
		}
	}
}

func (s *Server) verify(w http.ResponseWriter, _ *http.Request, account string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	fmt.Fprint(w, encode(s.account(account)))
}

// timeline serves the statuses that a stream has told, newest first.
func (s *Server) timeline(w http.ResponseWriter, r *http.Request, account string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	if !s.within(w.Header()) {
		s.exceeded++
		fail(w, http.StatusTooManyRequests, "Too many requests")
		return
	}
	if s.closed != 0 {
		fail(w, s.closed, "This method requires an authenticated user")
		return
	}
	statuses := s.page(timelineStream(r, account), r.URL.Query())
	list := make([]json.RawMessage, len(statuses))
	for i, t := range statuses {
		list[i] = json.RawMessage(s.json(t))
	}
	if n := len(statuses); n > 0 {
		here := "<https://" + s.name + r.URL.Path
		w.Header().Set("Link", fmt.Sprintf(`%s?max_id=%d>; rel="next", %s?min_id=%d>; rel="prev"`, here, statuses[n-1].id, here, statuses[0].id))
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	fmt.Fprint(w, encode(list))
}

// within counts a request and reports whether it is within the limit.
func (s *Server) within(h http.Header) bool {
	l := &s.limit
	if l.most == 0 {
		return true
	}
	if now := time.Now(); !now.Before(l.reset) {
		l.left, l.reset = l.most, now.Add(limitTime)
	}
	l.left--
	h.Set("X-RateLimit-Limit", strconv.Itoa(l.most))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(max(0, l.left)))
	h.Set("X-RateLimit-Reset", l.reset.UTC().Format("2006-01-02T15:04:05.000000Z"))
	return l.left >= 0
}

func timelineStream(r *http.Request, account string) string {
	name := r.PathValue("name")
	kind, of, _ := strings.Cut(name, "/")
	switch {
	case name == "home":
		return "user:" + account
	case kind == "list":
		return "list:" + of
	case kind == "tag":
		return "hashtag:" + of
	case r.URL.Query().Get("local") == "true":
		return "public:local"
	}
	return name
}

// page gives the statuses of a stream that a query asks for: those right after
// min_id, else the newest before max_id.
func (s *Server) page(stream string, query url.Values) []*status {
	var all []*status // newest first
	for _, t := range slices.Backward(s.statuses) {
		if slices.Contains(t.streams, stream) && (s.keep == 0 || len(all) < s.keep) {
			all = append(all, t)
		}
	}
	slices.SortFunc(all, func(a, b *status) int { return cmp.Compare(b.id, a.id) })
	number := func(name string, otherwise int64) int64 {
		if n, err := strconv.ParseInt(query.Get(name), 10, 64); err == nil {
			return n
		}
		return otherwise
	}
	above, below := number("min_id", -1), number("max_id", 1<<62)
	all = slices.DeleteFunc(all, func(t *status) bool { return t.deleted || t.id <= above || t.id >= below })
	n := min(len(all), int(min(number("limit", 20), 40)))
	if query.Has("min_id") {
		return all[len(all)-n:]
	}
	return all[:n]
}
