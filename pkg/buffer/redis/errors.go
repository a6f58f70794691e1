package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"riffle/pkg/retry"
)

// UnfitError refuses a server that must not hold a buffer and says what to do.
// It wraps nothing: go-redis unwraps what a new connection fails with.
type UnfitError struct{ Reason string }

func (e *UnfitError) Error() string { return "redis is not fit for a buffer: " + e.Reason }

// passing are the answers of a server that is not able now. All others are
// answers to a mistake of ours or in the configuration.
var passing = []string{
	"LOADING ", "READONLY ", "MASTERDOWN ", "NOREPLICAS ", "CLUSTERDOWN ", "TRYAGAIN ", "MOVED ", "ASK ", "BUSY ",
	"MISCONF ", // it can't write its own disk
	"UNBLOCKED ", "ERR max number of clients reached", "max number of clients reached",
}

// withheld are the answers of a server that does not let us in. At first contact
// that is a mistake in the configuration; later it passes: a password is being
// changed, or the server was started with another file.
var withheld = []string{"NOAUTH ", "WRONGPASS ", "NOPERM ", "DENIED ", "ERR AUTH "}

// classify marks what may pass. An outage has many faces (refused, reset, cut
// off, timed out), so everything passes that is not an answer.
func classify(ctx context.Context, err error) error {
	var answer goredis.Error
	var unfit *UnfitError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &unfit), errors.Is(err, goredis.ErrClosed):
		return err
	case errors.As(err, &answer):
		if begins(answer, passing) {
			return retry.Transient(err)
		}
		return err
	default:
		return retry.Transient(err)
	}
}

func begins(answer goredis.Error, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(answer.Error(), prefix) })
}

// classify marks what may pass, which for a server that this buffer has worked
// with is also that it lets nobody in, or is not fit.
func (b *Buffer) classify(ctx context.Context, err error) error {
	err = classify(ctx, err)
	var answer goredis.Error
	var unfit *UnfitError
	if b.met.Load() && (errors.As(err, &unfit) || errors.As(err, &answer) && begins(answer, withheld)) {
		return retry.Transient(err)
	}
	return err
}

// wrap gives err its mark and says what failed for whom.
func (b *Buffer) wrap(ctx context.Context, err error, doing, source string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("buffer: %s of %s: %w", doing, source, b.classify(ctx, err))
}
