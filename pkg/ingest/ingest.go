// Package ingest is the stage that reads a source, shrinks its messages to
// events and pushes them, in frames, into the buffer.
//
// It owns the source's cursor, which the buffer stores in the same step as the
// frame that it belongs to, and the loop that connects a source again, whose
// schedule the source gives. Nothing is dropped because the buffer is away or
// full: a source that can be read again simply waits, one that can't goes to the
// spool on this host's disk.
package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"riffle/pkg/event"
	"riffle/pkg/obs"
	"riffle/pkg/pause"
	"riffle/pkg/pulse"
	"riffle/pkg/retry"
)

// Source is a live stream.
type Source interface {
	// Read reads one connection from the position after cursor and hands each
	// message to emit, in order, from this goroutine. An empty cursor means the
	// beginning; of a stream without one, the moment at which this Source was
	// first read.
	//
	// In:     emit blocks while the buffer does; its error must be returned.
	// Out:    nil when the stream has ended for good.
	// Errors: any; Reconnect is asked what to do about it.
	Read(ctx context.Context, cursor string, emit func(event.Message) error) error
	// Reconnect says how long to wait before the next Read after err, or gives
	// up by returning an error. gotData reports whether the connection that
	// failed delivered a message.
	Reconnect(err error, gotData bool) (wait time.Duration, giveUp error)
	// Replays reports whether Read can go back to an earlier cursor.
	Replays() bool
	// NewDecoder makes the decoder of the source's messages; each worker has
	// one of its own.
	NewDecoder() event.Decoder
}

// Pusher is the buffer as one source's writer sees it.
type Pusher interface {
	// Position says where the source's chain stands and keeps or takes its name
	// for this writer.
	//
	// Errors: event.ErrFenced while another writer is alive; transient ones
	// carry retry's mark.
	Position(ctx context.Context) (event.Position, error)
	// Push appends a frame and stores the cursor in one step, or nothing. A push
	// of the newest frame once more changes nothing.
	//
	// Errors: *event.BehindError, event.ErrFull, event.ErrFenced; transient ones
	// carry retry's mark.
	Push(ctx context.Context, p event.Push) error
	// Release gives up the name, so that the next writer need not wait for its
	// silence.
	Release(ctx context.Context) error
}

const (
	// drainTime bounds what a stop waits for messages in hand.
	drainTime = 10 * time.Second
	// releaseTime bounds what a stop waits for the name to be given up.
	releaseTime = 2 * time.Second
	// standbyPause is the time between two questions whether the name is free.
	standbyPause = time.Second
	// stepTime bounds one step of a loop that turns: an attempt at the buffer, or the
	// shrinking of a chunk, on a machine with much else to do.
	stepTime = time.Minute
	// keepHold is how often a quiet source's writer shows that it is alive;
	// several times within the 15 s after which a standby takes over.
	keepHold = 4 * time.Second
)

// Config is what an Ingest needs. Name, Source, Pusher and Log are required.
type Config struct {
	// Name is the source's name, under which the buffer stores its cursor.
	Name   string
	Source Source
	Pusher Pusher
	// Audience is given to events whose wire names none: NETWORK:ACCOUNT. Empty
	// means that they are public.
	Audience []string
	// Switch pauses the stage; nil: nobody does.
	Switch Switch
	// Spool takes frames while the buffer takes none; nil, and for a source that
	// can be read again: the source waits.
	Spool Spool
	// Depths and Memory keep the cursor for a buffer that is emptied; nil: it is
	// forgotten with the buffer.
	Depths     Depths
	Memory     Memory
	Log        *zap.Logger
	Registerer prometheus.Registerer
}

// Ingest runs one source.
type Ingest struct {
	name     string
	source   Source
	pusher   Pusher
	audience []string
	gate     Switch
	spool    Spool
	depths   Depths
	memory   Memory
	log      *zap.Logger
	workers  int
	counters *counters
	totals   *totals
	state    *state
	rejected obs.Sampler
	gapped   obs.Sampler
	refusals obs.Sampler
	diverts  obs.Sampler
	pulse    *pulse.Pulse
	pushes   *pulse.Loop   // of what gives frames to the buffer or the spool
	shrinks  []*pulse.Loop // of each worker
}

// New makes an Ingest; Run starts it.
//
// Errors: counters that are registered already.
func New(c Config) (*Ingest, error) {
	state := newState()
	spool := c.Spool
	if c.Source.Replays() {
		spool = nil
	}
	counters, err := newCounters(c.Registerer, c.Name, state.lag, spool)
	if err != nil {
		return nil, fmt.Errorf("ingest: register counters: %w", err)
	}
	in := &Ingest{
		name:     c.Name,
		source:   c.Source,
		pusher:   c.Pusher,
		audience: c.Audience,
		gate:     cmp.Or[Switch](c.Switch, pause.Never{}),
		spool:    spool,
		depths:   c.Depths,
		memory:   c.Memory,
		log:      c.Log.With(zap.String(obs.Component, "ingest"), zap.String(obs.Source, c.Name)),
		workers:  runtime.GOMAXPROCS(0),
		counters: counters,
		totals:   newTotals(),
		state:    state,
		pulse:    pulse.New(),
	}
	in.pushes = in.pulse.Loop("pushing")
	for i := range in.workers {
		in.shrinks = append(in.shrinks, in.pulse.Loop(fmt.Sprint("worker ", i)))
	}
	return in, nil
}

// Run reads the source, but for pauses, until it ends for good or ctx ends. On
// ctx's end it takes no more, pushes what is in hand within 10 s and returns
// nil: what could not be pushed was not accepted, and a source that replays is
// read again from there. On a pause it does the same within 4 s.
//
// Errors: the source gave up, or the buffer failed for good.
func (in *Ingest) Run(ctx context.Context) error {
	defer in.release(ctx)
	defer in.pushes.Rest()
	side, stopSide := context.WithCancel(ctx)
	var sides sync.WaitGroup
	sides.Go(func() { in.remember(side) })
	err := in.turns(ctx)
	stopSide()
	sides.Wait()
	if in.Status().State == StateEnded {
		in.forget()
	}
	return err
}

// turns reads from one pause to the next.
func (in *Ingest) turns(ctx context.Context) error {
	for {
		open, end, err := in.pass(ctx)
		if err != nil {
			in.state.set(StateStopped)
			return nil //nolint:nilerr // stopped as asked, while paused
		}
		in.pushes.Within(stepTime)
		err = in.turn(open)
		in.pushes.Rest()
		paused := isPaused(open)
		end()
		if err != nil || !paused || in.Status().State == StateEnded {
			return err
		}
	}
}

// turn reads the source until it ends for good or ctx ends.
func (in *Ingest) turn(ctx context.Context) error {
	at, err := in.begin(ctx)
	for err == nil {
		err = in.session(ctx, at)
		var back *backError
		switch {
		case err == nil:
			in.state.set(StateEnded)
			if ended(ctx) {
				in.state.set(StateStopped)
			}
			return nil
		case errors.As(err, &back):
			in.log.Warn("buffer went back; source is read again from there",
				zap.String(obs.Cursor, back.at.Cursor), zap.Stringer(obs.FrameID, back.at.Frame))
			in.counters.restart()
			pos := in.recall(back.at)
			at, err = &pos, nil
		case errors.Is(err, event.ErrFenced):
			at, err = in.begin(ctx)
		}
	}
	if ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx))) {
		return nil
	}
	in.state.fail(err)
	return fmt.Errorf("ingest: %w", err)
}

// begin takes the source's name and returns where to read from; nil when a source
// with a spool is read before the buffer can be asked.
func (in *Ingest) begin(ctx context.Context) (*event.Position, error) {
	if in.spool != nil {
		if _, err := in.pusher.Position(ctx); retry.IsTransient(err) && ctx.Err() == nil {
			in.state.fail(err)
			in.log.Warn("buffer is away; the source is read into the spool", zap.NamedError(obs.Error, err))
			return nil, nil
		}
	}
	pos, err := in.hold(ctx)
	if err != nil {
		return nil, err
	}
	pos = in.recall(pos)
	return &pos, nil
}

// hold takes the source's name and returns where its chain stands. While another
// ingest holds the name it waits as standby; while the buffer is away it tries
// again.
func (in *Ingest) hold(ctx context.Context) (event.Position, error) {
	outage := in.newOutage("buffer is away; position cannot be asked")
	for waited := false; ; waited = true {
		in.pushes.Within(stepTime)
		var pos event.Position
		err := retry.Do(ctx, func(ctx context.Context) (err error) {
			pos, err = in.pusher.Position(ctx)
			return err
		}, outage.notify)
		if !errors.Is(err, event.ErrFenced) {
			outage.over()
			return pos, err
		}
		if !waited {
			in.log.Warn("another ingest writes this source; waiting as standby until it has been silent for 15 s")
			in.counters.fence()
			in.state.set(StateStandby)
		}
		if err := sleep(ctx, standbyPause); err != nil {
			return pos, err
		}
	}
}

// release gives up the source's name. Where that fails, the next writer waits.
func (in *Ingest) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTime)
	defer cancel()
	if err := in.pusher.Release(ctx); err != nil {
		in.log.Info("name of the source not given up; the next ingest waits 15 s", zap.Error(err))
	}
}

// Summary says what became of the messages so far. It may be called at any time.
func (in *Ingest) Summary() Summary { return in.totals.summary() }

// Status says how the stage is doing. It may be called at any time.
func (in *Ingest) Status() Status {
	s := in.state.status(in.totals)
	if in.spool != nil {
		s.Spool = in.spool.Depth()
		if s.Spool.Oldest != 0 {
			s.Lag = max(s.Lag, time.Since(s.Spool.Oldest.Std()))
		}
	}
	return s
}

// Stuck names the loops of the stage that stand still in their own code. Waiting
// for the buffer, the source or the operator is none of it. It may be called at any
// time.
func (in *Ingest) Stuck(now time.Time) []string { return in.pulse.Stuck(now) }

func ended(ctx context.Context) bool { return ctx.Err() != nil }

// sleep waits for d or for ctx's end, whose cause it returns.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
