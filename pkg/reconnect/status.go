package reconnect

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"riffle/pkg/event"
)

// StatusError is an HTTP answer in place of a stream. With advice it is an
// event.ErrDenied: asking again is of no use.
type StatusError struct {
	Code int
	// After is how long the server asks to be left alone.
	After  time.Duration
	said   string
	advice string
}

func (e *StatusError) Error() string {
	msg := fmt.Sprintf("server answered %d %s", e.Code, http.StatusText(e.Code))
	if e.said != "" {
		msg += fmt.Sprintf(": %q", e.said)
	}
	if e.advice != "" {
		msg += "; " + e.advice
	}
	return msg
}

// Is makes a refusal for good event.ErrDenied.
func (e *StatusError) Is(target error) bool { return target == event.ErrDenied && e.advice != "" }

// saidSize is how much of an answer is worth showing.
const saidSize = 200

// NewStatusError reads what the server said. advice says by status code what to
// do about an answer that will be the same tomorrow; nothing about others.
func NewStatusError(resp *http.Response, advice map[int]string) *StatusError {
	e := &StatusError{Code: resp.StatusCode, After: retryAfter(resp.Header.Get("Retry-After")), advice: advice[resp.StatusCode]}
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

// Denied makes an event.ErrDenied that says msg.
func Denied(msg string) error { return &deniedError{msg} }

type deniedError struct{ msg string }

func (e *deniedError) Error() string        { return e.msg }
func (e *deniedError) Is(target error) bool { return target == event.ErrDenied }

// Hide takes a secret out of what the server said.
func (e *StatusError) Hide(secret string) {
	if secret != "" {
		e.said = strings.ReplaceAll(e.said, secret, "***")
	}
}
