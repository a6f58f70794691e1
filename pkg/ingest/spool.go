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

// Spool keeps frames on this host's own disk while the buffer takes none. One
// goroutine appends while another empties it.
type Spool interface {
	// Append adds entries; they are on the disk when it returns.
	//
	// Errors: event.ErrFull, and those of the disk; nothing was added then.
	Append(entries ...event.Entry) error
	// Oldest gives the oldest entry, which stays; false when none waits.
	Oldest() (event.Entry, bool, error)
	// Drop forgets the entries up to and with a frame, if it is among them.
	Drop(through event.FrameID) (dropped int, err error)
	// Depth says what waits.
	Depth() event.Depth
}

// refusedPause is the time between two tries to have something accepted that
// neither buffer nor spool takes.
const refusedPause = time.Second

// begin empties a spool that an earlier run has left, or that must be used since
// nobody knows where the buffer stands.
func (p *pushing) begin(feeder context.Context) {
	if p.in.spool == nil {
		return
	}
	if !p.adrift {
		p.drop(p.prev)
	}
	if p.adrift || p.in.spool.Depth().Frames > 0 {
		p.startFeeding(feeder)
	}
}

// spool has entries accepted: by the buffer, if the spool is empty and the
// buffer takes them at once; else by the spool, so that what came before goes
// before. Where neither takes them they wait, and so does the source.
func (p *pushing) spool(ctx, feeder context.Context, entries []event.Entry) error {
	defer p.in.state.accept() // or given up
	for {
		p.in.pushes.Within(stepTime)
		if p.feeding == nil {
			rest, err := p.give(ctx, entries, p.pushOnce)
			if err == nil {
				return nil
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			entries = rest
			p.divert(feeder, err)
		}
		err := p.in.spool.Append(entries...)
		if err == nil {
			p.in.counters.spooled(entries)
			return nil
		}
		p.refused(entries, err)
		if err := p.waitForRoom(ctx, feeder); err != nil {
			return err
		}
	}
}

// divert begins to use the spool.
func (p *pushing) divert(feeder context.Context, cause error) {
	p.in.state.fail(cause)
	p.in.diverts.Warn(p.in.log, "buffer takes no frames; they go to the spool", zap.NamedError(obs.Error, cause))
	p.adrift = errors.Is(cause, event.ErrFenced)
	p.startFeeding(feeder)
}

// refused tells of events that nobody takes.
func (p *pushing) refused(entries []event.Entry, err error) {
	events := 0
	for _, e := range entries {
		events += e.Frame.Events
	}
	p.in.state.fail(err)
	p.in.state.refuse(err)
	p.in.counters.refuse(events)
	p.in.refusals.Error(p.in.log, "neither buffer nor spool takes events; the source is held, and what it tells meanwhile may be lost",
		zap.Int("events", events), zap.NamedError(obs.Error, err))
}

// waitForRoom waits a while, and meanwhile looks after the feeding.
func (p *pushing) waitForRoom(ctx, feeder context.Context) error {
	timer := time.NewTimer(refusedPause)
	defer timer.Stop()
	for {
		select {
		case err := <-p.feeding:
			if err := p.fed(ctx, feeder, err); err != nil {
				return err
			}
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// startFeeding begins to empty the spool into the buffer.
func (p *pushing) startFeeding(feeder context.Context) {
	p.in.state.spool(true)
	p.feeding = make(chan error, 1)
	go func(done chan<- error) { done <- p.feed(feeder) }(p.feeding)
}

// feed pushes what is in the spool, the oldest first, until that is empty.
//
// Errors: event.ErrFenced; ctx's cause; those that do not pass.
func (p *pushing) feed(ctx context.Context) error {
	if p.adrift {
		if err := p.find(ctx); err != nil {
			return err
		}
	}
	for {
		e, more, err := p.oldest(ctx)
		if err != nil {
			return err
		}
		queue := p.again
		if more {
			queue = append(queue, e)
		}
		if len(queue) == 0 {
			return nil
		}
		if p.again, err = p.give(ctx, queue, p.push); err != nil {
			if more { // it is still in the spool
				p.again = p.again[:len(p.again)-1]
			}
			return err
		}
		p.drop(p.prev)
	}
}

// find asks where the chain stands.
func (p *pushing) find(ctx context.Context) error {
	var at event.Position
	err := retry.Do(ctx, func(ctx context.Context) (err error) {
		at, err = p.in.pusher.Position(ctx)
		return err
	}, p.outage.notify)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return err
	}
	p.outage.over()
	return p.land(at)
}

// land takes up the chain where it stands. What the spool holds up to there was
// pushed by an earlier run, or by a push whose answer was lost.
func (p *pushing) land(at event.Position) error {
	p.adrift = false
	if len(p.recent.frames) == 0 {
		p.prev, p.recent.base = at.Frame, at.Frame
		p.drop(at.Frame)
		return nil
	}
	lost, err := p.goBack(at)
	p.again = append(lost, p.again...)
	p.drop(at.Frame)
	return err
}

// oldest reads from the spool for as long as the disk fails.
func (p *pushing) oldest(ctx context.Context) (e event.Entry, more bool, err error) {
	err = retry.Do(ctx, func(context.Context) error {
		p.in.pushes.Within(stepTime)
		e, more, err = p.in.spool.Oldest()
		return retry.Transient(err)
	}, func(err error, _ time.Duration) {
		p.in.state.fail(err)
		p.in.refusals.Error(p.in.log, "spool cannot be read; trying again", zap.NamedError(obs.Error, err))
	})
	return e, more, err
}

// drop forgets what the buffer holds. A file that can't be removed is no reason
// to stop: at worst its frames are pushed once more, and refused by the store.
func (p *pushing) drop(through event.FrameID) {
	if _, err := p.in.spool.Drop(through); err != nil {
		p.in.refusals.Error(p.in.log, "spool cannot forget what the buffer holds", zap.NamedError(obs.Error, err))
	}
}

// fed goes on after the feeding has ended: with pushes past the spool, or, where
// something was spooled in between, by feeding again. While another ingest has
// the source's name nothing is read.
func (p *pushing) fed(ctx, feeder context.Context, err error) error {
	p.feeding = nil
	if errors.Is(err, event.ErrFenced) {
		var at event.Position
		if at, err = p.in.hold(ctx); err == nil {
			p.in.state.set(StateReading)
			err = p.land(at)
		}
	}
	switch {
	case err != nil:
		return fmt.Errorf("empty the spool: %w", err)
	case len(p.again) > 0 || p.in.spool.Depth().Frames > 0:
		p.startFeeding(feeder)
	default:
		p.in.state.spool(false)
		p.in.diverts.Info(p.in.log, "spool is empty; frames go to the buffer again")
	}
	return nil
}

// finish empties the spool after the end of the source, unless it is to stop:
// then what is in the spool stays there.
func (p *pushing) finish(ctx, stopping, feeder context.Context) error {
	for p.feeding != nil {
		select {
		case err := <-p.feeding:
			if err := p.fed(ctx, feeder, err); err != nil {
				return err
			}
		case <-stopping.Done():
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}
