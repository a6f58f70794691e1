package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"riffle/pkg/event"
	"riffle/pkg/obs"
)

// errDrainTime ends a stop that could not push what was in hand.
var errDrainTime = errors.New("messages in hand could not be pushed in time")

// backError asks to read the source again from where the buffer stands.
type backError struct{ at event.Position }

func (e *backError) Error() string {
	return fmt.Sprintf("buffer went back to frame %s", e.at.Frame)
}

// session reads the source from where the buffer stands until it ends, ctx ends,
// or the source must be read again from another position. Without a position,
// which a source with a spool does not need, it is found on the way.
//
//	source -> read -> gatherer --work--> workers
//	                     └──────order──────┴──> pushing ──────────> buffer
//	                                               └──> spool ───────┘
//
// Chunks in hand when a session fails are given up: they were not accepted.
func (in *Ingest) session(ctx context.Context, at *event.Position) error {
	draining, cancel := drainContext(ctx, in.patience)
	defer cancel()
	group, working := errgroup.WithContext(draining)
	// Reading ends with ctx, at once; working may go on for as long as a drain.
	reading, stop := context.WithCancelCause(working)
	defer stop(nil)
	defer context.AfterFunc(ctx, func() { stop(context.Cause(ctx)) })()

	var cursor string
	if at != nil {
		cursor = at.Cursor
	} else {
		cursor = in.ownCursor()
	}
	g := newGatherer(2*in.workers + 2)
	var readErr error // does not end the group: what was read before is still pushed
	group.Go(func() error {
		defer g.close()
		readErr = in.read(reading, cursor, g)
		return nil
	})
	for _, loop := range in.shrinks {
		group.Go(func() error {
			in.newWorker(loop).run(g.work)
			return nil
		})
	}
	p := in.newPushing(at)
	group.Go(func() error { return p.run(working, ctx, g) })

	err := group.Wait()
	if errors.Is(err, errDrainTime) {
		in.log.Warn("stopped with messages in hand that the buffer did not take; they were not accepted")
		return nil
	}
	return errors.Join(err, readErr)
}

// drainContext outlives ctx by as long as patience says once it has ended.
func drainContext(ctx context.Context, patience func(ended context.Context) time.Duration) (context.Context, context.CancelFunc) {
	draining, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	var timer *time.Timer
	started := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		timer = time.AfterFunc(patience(ctx), func() { cancel(errDrainTime) })
		close(started)
	})
	return draining, func() {
		if !stop() {
			<-started
			timer.Stop()
		}
		cancel(nil)
	}
}

// read reads the source from the position after cursor, connection after
// connection, until it ends for good or ctx ends.
//
// Errors: the one with which the source gives up.
func (in *Ingest) read(ctx context.Context, cursor string, g *gatherer) error {
	for attempt := 1; !ended(ctx); attempt++ {
		in.state.set(StateReading)
		gotData := false
		err := in.source.Read(ctx, cursor, func(m event.Message) error {
			if m.Gap != nil {
				in.gap(*m.Gap)
				return nil
			}
			gotData = true
			return g.add(ctx, m)
		})
		if err == nil {
			break
		}
		if gotData {
			attempt = 1
			cursor = g.position()
		}
		if err := in.reconnect(ctx, err, gotData, attempt); err != nil {
			return err
		}
	}
	return nil
}

// reconnect waits until the source may be connected again. A stop is no failure
// to ask the source about.
func (in *Ingest) reconnect(ctx context.Context, cause error, gotData bool, attempt int) error {
	if ended(ctx) {
		return nil
	}
	wait, giveUp := in.source.Reconnect(cause, gotData)
	if giveUp != nil {
		return fmt.Errorf("source gave up: %w", giveUp)
	}
	in.log.Info("source disconnected; connecting again",
		zap.NamedError(obs.Error, cause), zap.Int(obs.Attempt, attempt), zap.Duration(obs.Delay, wait))
	in.counters.reconnect()
	in.state.fail(cause)
	in.state.set(StateReconnecting)
	_ = sleep(ctx, wait) // the caller looks at ctx
	return nil
}
