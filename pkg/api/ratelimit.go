package api

import (
	"math"
	"net/http"
	"strconv"
	"time"
)

// DefaultRate is how many requests a second one token may make in the long run,
// where Config says nothing else.
const DefaultRate = 2000

const (
	// rateWindow is how long a token may save up what it does not use.
	rateWindow = 10 * time.Second
	// maxOpen is how many requests of one token may wait or stream at once.
	maxOpen = 100
)

// allowance is what a token may do still: a bucket that fills at the rate, up to
// what rateWindow brings. Answers 304 are free, since they cost next to nothing
// and are what a poller should aim for.
type allowance struct {
	left float64
	at   time.Time // of the last look
	open int
}

// fill adds what the time since the last look has brought.
func (b *allowance) fill(rate float64, now time.Time) {
	most := rate * rateWindow.Seconds()
	if b.at.IsZero() {
		b.left = most
	} else {
		b.left = min(most, b.left+rate*max(0, now.Sub(b.at).Seconds())) // a clock may go back
	}
	b.at = now
}

// take uses up one request; false says that there is none left.
func (b *allowance) take() bool {
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

// charge takes one request off the asker's allowance, and says in the answer
// what is left.
//
// Errors: *requestError of kind rateLimited.
func (a *API) charge(header http.Header, entry *tokenEntry) error {
	if a.rate < 0 {
		return nil
	}
	entry.mu.Lock()
	entry.allowed.fill(a.rate, a.now())
	ok := entry.allowed.take()
	left := entry.allowed.left
	entry.mu.Unlock()

	header[ratePolicyKey] = []string{a.ratePolicy}
	header[rateKey] = []string{rateHeader(left, a.rate)}
	if ok {
		return nil
	}
	return rateLimited.because("This token has made more than %g requests a second for a while. Poll with If-None-Match or wait=: an answer 304 is free.", a.rate).
		telling("Retry-After", "1")
}

// refund gives back what an answer 304 was charged.
func (a *API) refund(header http.Header, entry *tokenEntry) {
	if a.rate < 0 {
		return
	}
	entry.mu.Lock()
	entry.allowed.left++
	left := entry.allowed.left
	entry.mu.Unlock()
	header[rateKey] = []string{rateHeader(left, a.rate)}
}

// rateHeader tells what is left, and in how many seconds all of it is back.
func rateHeader(left, rate float64) string {
	b := append(make([]byte, 0, 48), `"token";r=`...)
	b = strconv.AppendInt(b, int64(max(0, left)), 10)
	b = append(b, ";t="...)
	missing := rate*rateWindow.Seconds() - left
	return string(strconv.AppendInt(b, int64(math.Ceil(missing/rate)), 10))
}

func ratePolicy(rate float64) string {
	seconds := rateWindow.Seconds()
	return `"token";q=` + strconv.Itoa(int(rate*seconds)) + ";w=" + strconv.Itoa(int(seconds))
}

// hold counts a request that stays open, until the function that it gives is
// called.
//
// Errors: *requestError of kind rateLimited.
func (w *identity) hold() (release func(), err error) {
	w.entry.mu.Lock()
	defer w.entry.mu.Unlock()
	if w.entry.allowed.open >= maxOpen {
		return nil, rateLimited.because("This token has %d requests open that wait or stream; close some.", maxOpen).
			telling("Retry-After", "10")
	}
	w.entry.allowed.open++
	return func() {
		w.entry.mu.Lock()
		defer w.entry.mu.Unlock()
		w.entry.allowed.open--
	}, nil
}
