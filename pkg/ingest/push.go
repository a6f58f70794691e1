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
// before it.
type pushing struct {
	in     *Ingest
	prev   event.FrameID
	recent recent
	outage *outage
}

func (in *Ingest) newPushing(prev event.FrameID) *pushing {
	return &pushing{
		in: in, prev: prev, recent: recent{base: prev},
		outage: in.newOutage("buffer does not take frames; trying again"),
	}
}

// run pushes chunks in order until there are no more.
func (p *pushing) run(ctx context.Context, g *gatherer) error {
	quiet := time.NewTicker(keepHold)
	defer quiet.Stop()
	for {
		select {
		case c, more := <-g.order:
			if !more {
				return nil
			}
			if err := p.take(ctx, c); err != nil {
				return err
			}
			g.free <- c
			quiet.Reset(keepHold)
		case <-quiet.C:
			if err := p.keep(ctx); err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// take pushes the frame of c, once it is made, and counts its messages. A chunk
// without an accepted event has no frame to carry its cursor: the next one moves
// it, and after a restart in between the chunk is passed over again.
func (p *pushing) take(ctx context.Context, c *chunk) error {
	p.in.state.hold(c.arrived)
	defer p.in.state.hold(time.Time{})
	select {
	case <-c.done:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if c.err != nil {
		return fmt.Errorf("make frame: %w", c.err)
	}
	if c.frame.Events > 0 {
		if err := p.give(ctx, []pushed{{c.frame, c.last()}}); err != nil {
			return err
		}
	}
	p.in.totals.add(&c.tally)
	p.in.counters.chunk(c)
	p.in.state.pushed(c.arrived, c.tally.accepted)
	return nil
}

// keep shows the buffer that this writer is alive, and notices early when the
// buffer went back.
func (p *pushing) keep(ctx context.Context) error {
	pos, err := p.in.pusher.Position(ctx)
	switch {
	case errors.Is(err, event.ErrFenced):
	case err != nil || pos.Frame == p.prev:
		return nil //nolint:nilerr // an outage is the next push's matter
	default:
		err = &event.BehindError{At: pos}
	}
	again, err := p.mend(ctx, err)
	if err != nil {
		return err
	}
	return p.give(ctx, again)
}

// give pushes the frames of queue in order, and those before them that the
// buffer turns out to miss.
func (p *pushing) give(ctx context.Context, queue []pushed) error {
	for len(queue) > 0 {
		next := queue[0]
		if err := p.push(ctx, next); err != nil {
			again, err := p.mend(ctx, err)
			if err != nil {
				return err
			}
			queue = append(again, queue...)
			continue
		}
		p.prev = next.frame.ID
		p.recent.add(next)
		queue = queue[1:]
	}
	return nil
}

// push pushes one frame for as long as the buffer is away or full.
func (p *pushing) push(ctx context.Context, f pushed) error {
	err := retry.Do(ctx, func(ctx context.Context) error {
		err := p.in.pusher.Push(ctx, event.Push{Frame: f.frame, Prev: p.prev, Cursor: f.cursor})
		if errors.Is(err, event.ErrFull) {
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

// mend answers a push that was refused: it returns the frames to give again.
//
// Errors: *backError when the source must be read again; err itself when there
// is nothing to mend.
func (p *pushing) mend(ctx context.Context, err error) ([]pushed, error) {
	if behind, is := errors.AsType[*event.BehindError](err); is {
		if behind.At.Frame == p.prev {
			return nil, fmt.Errorf("buffer refuses a frame that follows its newest: %w", err)
		}
		return p.goBack(behind.At)
	}
	if errors.Is(err, event.ErrFenced) && !p.in.source.Replays() {
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
func oldest(frames []pushed) event.Time {
	if len(frames) == 0 {
		return 0
	}
	return frames[0].frame.Oldest
}

// goBack sets the chain to where the buffer stands and returns the frames that
// it lost.
func (p *pushing) goBack(at event.Position) ([]pushed, error) {
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
