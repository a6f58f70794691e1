package jetstream

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	failedFirst, failedMost   = 250 * time.Millisecond, 30 * time.Second
	refusedFirst, refusedMost = 5 * time.Second, 5 * time.Minute
	// patience bounds what a server may ask for.
	patience = time.Hour
)

// schedule says how long to wait before the next connection. Its zero value is
// that of a source that has failed never.
type schedule struct {
	good     bool // the newest connection was
	failures int  // since the last good one
	refusals int  // likewise
}

// connected begins a connection, and says later that it is good.
func (s *schedule) connected(good bool) {
	s.good = good
	if good {
		s.failures, s.refusals = 0, 0
	}
}

// failed is the wait after a connection that broke or was not made.
func (s *schedule) failed() time.Duration {
	if s.good {
		s.good = false
		return 0
	}
	s.failures++
	return jitter(doubled(failedFirst, failedMost, s.failures))
}

// refused is the wait after an answer that was no stream; after is what the
// server asked for.
func (s *schedule) refused(after time.Duration) time.Duration {
	s.good = false
	s.refusals++
	wait := max(doubled(refusedFirst, refusedMost, s.refusals), min(after, patience))
	return wait + wait - jitter(wait) // never sooner than asked
}

func doubled(first, most time.Duration, times int) time.Duration {
	for ; times > 1 && first < most; times-- {
		first *= 2
	}
	return min(first, most)
}

// jitter takes away up to a quarter, so that the clients of a server that comes
// back do not come at once.
func jitter(d time.Duration) time.Duration { return d - rand.N(d/4) }

// statusError is an HTTP answer in place of a stream.
type statusError struct {
	code       int
	retryAfter time.Duration
	said       string
}

func (e *statusError) Error() string {
	msg := fmt.Sprintf("server answered %d %s", e.code, http.StatusText(e.code))
	if e.said != "" {
		msg += fmt.Sprintf(": %q", e.said)
	}
	if advice := e.advice(); advice != "" {
		msg += "; " + advice
	}
	return msg
}

// permanent reports whether asking again is of no use.
func (e *statusError) permanent() bool { return e.advice() != "" }

// advice says what to do about a permanent answer.
func (e *statusError) advice() string {
	switch e.code {
	case http.StatusBadRequest:
		return "check the collections of --source"
	case http.StatusUnauthorized, http.StatusForbidden:
		return "this server lets you not in; choose another host in --source"
	case http.StatusNotFound:
		return "check host and path of --source; the usual path is " + defaultPath
	}
	return ""
}

// saidSize is how much of an answer is worth showing.
const saidSize = 200

func newStatusError(resp *http.Response) *statusError {
	e := &statusError{code: resp.StatusCode, retryAfter: retryAfter(resp.Header.Get("Retry-After"))}
	if resp.Body != nil {
		if said, err := io.ReadAll(io.LimitReader(resp.Body, saidSize)); err == nil {
			e.said = strings.TrimSpace(string(said))
		}
	}
	return e
}

// retryAfter reads seconds or a date; what is neither counts as nothing.
func retryAfter(header string) time.Duration {
	if seconds, err := strconv.Atoi(header); err == nil {
		return time.Duration(max(seconds, 0)) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}
