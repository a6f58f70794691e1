package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"riffle/pkg/event"
	"riffle/pkg/obs"
	"riffle/pkg/retry"
)

// pushing gives the frames of one session to the buffer, each chained to the one
// before it; with a spool, to that while the buffer takes none.
type pushing struct {
	in     *Ingest
	prev   event.FrameID
	recent recent
	outage *outage

	// adrift says that it is not known where the chain stands.
	adrift bool
	// again are frames that the buffer lost, to be given before those of the
	// spool.
	again []event.Entry
	// feeding has the end of the goroutine that empties the spool; nil while there
	// is none. Only that goroutine pushes meanwhile, and uses the fields above.
	feeding chan error
}

// newPushing begins where the buffer stands; nil: nobody knows.
func (in *Ingest) newPushing(at *event.Position) *pushing {
	p := &pushing{in: in, adrift: at == nil, outage: in.newOutage("buffer does not take frames; trying again")}
	if at != nil {
		p.prev, p.recent.base = at.Frame, at.Frame
	}
	return p
}

// run pushes chunks in order until there are no more, and until the spool is
// empty, unless ctx ends or stopping does.
func (p *pushing) run(ctx, stopping context.Context, g *gatherer) error {
	feeder, stop := context.WithCancel(ctx)
	defer func() {
		stop()
		if p.feeding != nil {
			p.in.log.Debug("spool is left as it is", zap.NamedError(obs.Error, <-p.feeding))
		}
	}()
	p.begin(feeder)
	quiet := time.NewTicker(keepHold)
	defer quiet.Stop()
	for {
		p.in.pushes.Within(stepTime) // there is a tick before that
		select {
		case c, more := <-g.order:
			if !more {
				return p.finish(ctx, stopping, feeder)
			}
			if err := p.take(ctx, feeder, p.ready(c, g), g); err != nil {
				return err
			}
			quiet.Reset(keepHold)
		case err := <-p.feeding:
			if err := p.fed(ctx, feeder, err); err != nil {
				return err
			}
		case <-quiet.C:
			if p.feeding != nil {
				continue // its pushes show that this writer is alive
			}
			if err := p.keep(ctx, feeder); err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// groupMost is how many frames are spooled with one sync: those that came while
// the last one took its time.
const groupMost = 8

// ready adds to a chunk those that have come since, where they are to be spooled.
func (p *pushing) ready(first *chunk, g *gatherer) []*chunk {
	chunks := []*chunk{first}
	for p.feeding != nil && len(chunks) < groupMost {
		select {
		case c, more := <-g.order:
			if !more {
				return chunks // a closed channel says so again
			}
			chunks = append(chunks, c)
			continue
		default:
		}
		break
	}
	return chunks
}

// take has the frames of chunks accepted, once they are made, and counts their
// messages. A chunk without an accepted event has no frame to carry its cursor:
// the next one moves it, and after a restart in between the chunk is passed over
// again.
func (p *pushing) take(ctx, feeder context.Context, chunks []*chunk, g *gatherer) error {
	p.in.state.hold(chunks[0].arrived)
	defer p.in.state.hold(time.Time{})
	var entries []event.Entry
	for _, c := range chunks {
		select {
		case <-c.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if c.err != nil {
			return fmt.Errorf("make frame: %w", c.err)
		}
		if c.frame.Events > 0 {
			entries = append(entries, event.Entry{Frame: c.frame, Cursor: c.last()})
		}
	}
	if len(entries) > 0 {
		if err := p.accept(ctx, feeder, entries); err != nil {
			return err
		}
	}
	for _, c := range chunks {
		p.in.totals.add(&c.tally)
		p.in.counters.chunk(c)
		p.in.state.pushed(c.arrived, c.tally.accepted)
		g.free <- c
	}
	return nil
}

// accept gives entries to the buffer or, where there is a spool and the buffer
// does not take them at once, to that.
func (p *pushing) accept(ctx, feeder context.Context, entries []event.Entry) error {
	if p.in.spool != nil {
		return p.spool(ctx, feeder, entries)
	}
	_, err := p.give(ctx, entries, p.push)
	return err
}

// keep shows the buffer that this writer is alive, and notices early when the
// buffer went back.
func (p *pushing) keep(ctx, feeder context.Context) error {
	pos, err := p.in.pusher.Position(ctx)
	switch {
	case errors.Is(err, event.ErrFenced):
	case err != nil || pos.Frame == p.prev:
		return nil //nolint:nilerr // an outage is the next push's matter
	default:
		err = &event.BehindError{At: pos}
	}
	again, err := p.mend(ctx, err)
	switch {
	case errors.Is(err, event.ErrFenced) && p.in.spool != nil:
		p.divert(feeder, err)
		return nil
	case err != nil || len(again) == 0:
		return err
	}
	return p.accept(ctx, feeder, again)
}

// give pushes the frames of queue in order, and those before them that the
// buffer turns out to miss. It returns what was not pushed.
func (p *pushing) give(
	ctx context.Context, queue []event.Entry, push func(context.Context, event.Entry) error,
) (rest []event.Entry, err error) {
	for len(queue) > 0 {
		next := queue[0]
		if err := push(ctx, next); err != nil {
			again, err := p.mend(ctx, err)
			if err != nil {
				return queue, err
			}
			queue = append(again, queue...)
			continue
		}
		p.prev = next.Frame.ID
		p.recent.add(next)
		queue = queue[1:]
	}
	return nil, nil
}

// push pushes one frame for as long as the buffer is away or full.
func (p *pushing) push(ctx context.Context, e event.Entry) error {
	err := retry.Do(ctx, func(ctx context.Context) error {
		err := p.pushOnce(ctx, e)
		if errors.Is(err, event.ErrFull) {
			// A Redis without memory refuses a push before it sees who pushes; the
			// name must be kept all the same. That fails where this one failed.
			_, _ = p.in.pusher.Position(ctx)
			return retry.Transient(err) // it will be drained
		}
		return err
	}, p.outage.notify)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	p.outage.over()
	return err
}

func (p *pushing) pushOnce(ctx context.Context, e event.Entry) error {
	p.in.pushes.Within(stepTime)
	return p.in.pusher.Push(ctx, event.Push{Frame: e.Frame, Prev: p.prev, Cursor: e.Cursor})
}

// mend answers a push that was refused: it returns the frames to give again.
//
// Errors: *backError when the source must be read again; err itself when there
// is nothing to mend.
func (p *pushing) mend(ctx context.Context, err error) ([]event.Entry, error) {
	if behind, is := errors.AsType[*event.BehindError](err); is {
		if behind.At.Frame == p.prev {
			return nil, fmt.Errorf("buffer refuses a frame that follows its newest: %w", err)
		}
		return p.goBack(behind.At)
	}
	if errors.Is(err, event.ErrFenced) && !p.in.source.Replays() && p.in.spool == nil {
		// What is in hand exists nowhere else: it waits until the name is free.
		at, err := p.in.hold(ctx)
		if err != nil {
			return nil, err
		}
		p.in.state.set(StateReading)
		return p.goBack(at)
	}
	return nil, err
}

// oldest is the time of the first event of frames; 0 where there is none.
func oldest(frames []event.Entry) event.Time {
	if len(frames) == 0 {
		return 0
	}
	return frames[0].Frame.Oldest
}

// goBack sets the chain to where the buffer stands and returns the frames that
// it lost.
func (p *pushing) goBack(at event.Position) ([]event.Entry, error) {
	lost, known := p.recent.cut(at.Frame)
	if !known {
		if p.in.source.Replays() {
			return nil, &backError{at}
		}
		p.in.log.Error("buffer lost frames that are no longer in memory, and this source cannot be read again",
			zap.String(obs.Cursor, at.Cursor), zap.Stringer(obs.FrameID, at.Frame))
		p.in.gap(event.Gap{From: p.recent.time(at.Frame), To: oldest(lost), Why: "buffer lost frames that are no longer in memory"})
	}
	if len(lost) > 0 {
		p.in.log.Warn("buffer went back; giving it again what it lost",
			zap.Stringer(obs.FrameID, at.Frame), zap.Int("frames", len(lost)))
		p.in.counters.giveAgain(len(lost))
	}
	p.prev = at.Frame
	return lost, nil
}
