// Package retry is the one backoff policy towards our own servers.
//
// An adapter, which knows its driver, marks an error as transient; Do tries
// again for as long as an error carries that mark, without a limit in time: an
// outage costs delay, never data.
package retry

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// transientError marks what may succeed when tried again.
type transientError struct{ err error }

func (e *transientError) Error() string { return e.err.Error() }
func (e *transientError) Unwrap() error { return e.err }

// Transient marks err as one that may pass: an outage, a deadlock, a timeout.
// nil stays nil.
func Transient(err error) error {
	if err == nil {
		return nil
	}
	return &transientError{err}
}

// IsTransient reports whether err carries the mark.
func IsTransient(err error) bool {
	var t *transientError
	return errors.As(err, &t)
}

// Do calls f until it succeeds, fails with an error that is not transient, or
// ctx ends. Between tries it waits from 50 ms, doubling to 5 s, with jitter.
// notify, which may be nil, is told of each failure that is tried again.
//
// Errors: f's last error; it wraps ctx's cause when ctx ended the trying.
func Do(ctx context.Context, f func(context.Context) error, notify func(err error, wait time.Duration)) error {
	policy := backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(50*time.Millisecond),
		backoff.WithMultiplier(2),
		backoff.WithMaxInterval(5*time.Second),
		backoff.WithMaxElapsedTime(0), // the library's default gives up after 15 minutes
	)
	try := func() error {
		err := f(ctx)
		if err != nil && !IsTransient(err) {
			return backoff.Permanent(err)
		}
		return err
	}
	return backoff.RetryNotify(try, backoff.WithContext(policy, ctx), notify)
}
