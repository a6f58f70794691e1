package twitter

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"riffle/pkg/event"
	"riffle/pkg/reconnect"
)

// What Twitter asks of those who connect again ("Connecting to a streaming
// endpoint", v1.1).
const (
	failedStep, failedMost = 250 * time.Millisecond, 16 * time.Second
	refusedFirst           = 5 * time.Second
	refusedMost            = 320 * time.Second
	limitedFirst           = time.Minute
	// limitedMost is ours: Twitter names none, and each try while it limits
	// prolongs the limit.
	limitedMost = 16 * time.Minute
	// atOnceEvery is how often a good connection may be followed by another
	// without a wait, so that a server that brings a tweet and hangs up is not
	// hammered.
	atOnceEvery = 10 * time.Second
	// patience bounds what a server may ask for.
	patience = time.Hour
)

// schedule says how long to wait before the next connection. Its zero value is
// that of a source that has failed never.
type schedule struct {
	good   bool      // the newest connection was
	atOnce time.Time // when last there was no wait
	// Since the last good connection:
	failures, refusals, limits int
}

// connected begins a connection, and says later that it is good.
func (s *schedule) connected(good bool) {
	s.good = good
	if good {
		s.failures, s.refusals, s.limits = 0, 0, 0
	}
}

// failed is the wait after a connection that broke or was not made.
func (s *schedule) failed() time.Duration {
	good := s.good
	s.good = false
	if now := time.Now(); good && now.Sub(s.atOnce) >= atOnceEvery {
		s.atOnce = now
		return 0
	}
	s.failures++
	return min(time.Duration(s.failures)*failedStep, failedMost)
}

// refused is the wait after an answer that was no stream: longer where it says
// that we ask too often, or for how long it wants to be left alone.
func (s *schedule) refused(answer *reconnect.StatusError) time.Duration {
	after := min(answer.After, patience)
	if answer.Code == statusEnhanceYourCalm || answer.Code == http.StatusTooManyRequests {
		s.limits++
		return max(doubled(limitedFirst, limitedMost, s.limits), after)
	}
	s.refusals++
	return max(doubled(refusedFirst, refusedMost, s.refusals), after)
}

func doubled(first, most time.Duration, times int) time.Duration {
	for ; times > 1 && first < most; times-- {
		first *= 2
	}
	return min(first, most)
}

// statusEnhanceYourCalm is Twitter's own for a client that connects too often.
const statusEnhanceYourCalm = 420

// advice says what to do about answers that will be the same tomorrow.
var advice = map[int]string{
	http.StatusUnauthorized:  "check the keys (RIFFLE_TWITTER_CONSUMER_KEY, …_CONSUMER_SECRET, …_ACCESS_TOKEN, …_ACCESS_TOKEN_SECRET) and this machine's clock, since a signature is good for minutes only",
	http.StatusForbidden:     "the account of these keys may not read this stream; take keys that may, or another stream in --source",
	http.StatusNotFound:      "there is no such stream at this host; check the stream and endpoint in --source",
	http.StatusNotAcceptable: "the server does not take these options; check track, follow and language in --source",
}

// answerSize is how much of an answer is searched for keys; less of it is shown.
const answerSize = 4 << 10

// newStatusError reads what the server said, and takes out what it repeats of the
// keys.
func newStatusError(resp *http.Response, keys Keys) error {
	said, _ := io.ReadAll(io.LimitReader(unpack(resp), answerSize)) // as far as it comes: the status says enough
	shown := *resp
	shown.Body = io.NopCloser(strings.NewReader(keys.hide(string(said))))
	return reconnect.NewStatusError(&shown, advice)
}

// hide takes the keys out of a text.
func (k Keys) hide(text string) string {
	for _, key := range []string{k.ConsumerKey, k.ConsumerSecret, k.Token, k.TokenSecret} {
		if key != "" {
			text = strings.ReplaceAll(text, key, "***")
		}
	}
	return text
}

// disconnectError is what a server says before it closes a stream.
type disconnectError struct {
	Code   int    `json:"code"`
	Stream string `json:"stream_name"`
	Reason string `json:"reason"`
}

// The codes after which a new connection would be closed, too.
const (
	disconnectDuplicate = 2
	disconnectRevoked   = 6
	disconnectLogout    = 7
)

var disconnectNames = map[int]string{
	1: "shutdown", disconnectDuplicate: "duplicate stream", 3: "control request", 4: "stall", 5: "normal", disconnectRevoked: "token revoked",
	disconnectLogout: "admin logout", 8: "internal", 9: "max message limit", 10: "stream exception", 11: "broker stall", 12: "shed load",
}

// reasonSize is how much of a reason is worth showing.
const reasonSize = 200

func (e *disconnectError) Error() string {
	msg := fmt.Sprintf("server closes the stream with code %d", e.Code)
	if name := disconnectNames[e.Code]; name != "" {
		msg += " (" + name + ")"
	}
	if e.Reason != "" {
		msg += fmt.Sprintf(": %.*q", reasonSize, e.Reason)
	}
	if advice := e.advice(); advice != "" {
		msg += "; " + advice
	}
	return msg
}

// Is makes a closing for good event.ErrDenied.
func (e *disconnectError) Is(target error) bool { return target == event.ErrDenied && e.advice() != "" }

// advice says what to do where connecting again is of no use.
func (e *disconnectError) advice() string {
	switch e.Code {
	case disconnectDuplicate:
		return "another program reads with the same keys; stop it or give this one keys of its own (a standby of the same --name waits without connecting)"
	case disconnectRevoked:
		return "the account has withdrawn its token; let the app in again and set RIFFLE_TWITTER_ACCESS_TOKEN and …_ACCESS_TOKEN_SECRET"
	case disconnectLogout:
		return "the account was logged out; look at it at Twitter, then set RIFFLE_TWITTER_ACCESS_TOKEN and …_ACCESS_TOKEN_SECRET"
	}
	return ""
}
