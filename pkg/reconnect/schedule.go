// Package reconnect is when a source's server is asked again: the schedule that
// sources without one of their own keep to, and what an answer that is no stream
// means.
package reconnect

import (
	"errors"
	"math/rand/v2"
	"time"

	"riffle/pkg/event"
)

const (
	failedFirst, failedMost   = 250 * time.Millisecond, 30 * time.Second
	refusedFirst, refusedMost = 5 * time.Second, 5 * time.Minute
	// patience bounds what a server may ask for.
	patience = time.Hour
)

// SettledTime is how long a connection must have brought something to be called
// good. A resumed one brings much at once, whatever is wrong with it.
const SettledTime = 10 * time.Second

// Schedule says how long to wait before the next connection: nothing after a good
// one, else from 250 ms doubling to 30 s, and from 5 s doubling to 5 min where
// the server answers with a status, or later where it says so. Its zero value is
// that of a source that has never failed.
type Schedule struct {
	good     bool // the newest connection was
	failures int  // since the last good one
	refusals int  // likewise
}

// Begin begins a connection.
func (s *Schedule) Begin() { s.good = false }

// Settled says that the connection is good.
func (s *Schedule) Settled() { *s = Schedule{good: true} }

// After is the wait after what ended a connection.
//
// Errors: err itself, where asking again is of no use.
func (s *Schedule) After(err error) (time.Duration, error) {
	if errors.Is(err, event.ErrDenied) {
		return 0, err
	}
	if status, answered := errors.AsType[*StatusError](err); answered {
		return s.Refused(status.After), nil
	}
	return s.Failed(), nil
}

// Failed is the wait after a connection that broke or was not made.
func (s *Schedule) Failed() time.Duration {
	if s.good {
		s.good = false
		return 0
	}
	s.failures++
	return jitter(doubled(failedFirst, failedMost, s.failures))
}

// Refused is the wait after an answer that was no stream; after is what the
// server asked for.
func (s *Schedule) Refused(after time.Duration) time.Duration {
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
