package ingest

import (
	"context"
	"errors"
	"time"

	"riffle/pkg/event"
	"riffle/pkg/pause"
)

// pauseDrain bounds what a pause waits for messages in hand, where they can be
// read again.
const pauseDrain = 4 * time.Second

// Switch is the operator's wish that the stage takes nothing new.
type Switch interface {
	// Pass waits until the stage may take. The context that it returns ends with
	// the cause pause.ErrPaused when a pause begins, and with ctx.
	//
	// Errors: ctx's cause.
	Pass(ctx context.Context) (context.Context, context.CancelFunc, error)
	// Paused gives the switch that pauses the stage now, if one does.
	Paused() (by pause.Switch, paused bool)
}

// pass waits until the operator lets the stage read. What a source that cannot
// be read again told meanwhile is a gap.
func (in *Ingest) pass(ctx context.Context) (context.Context, context.CancelFunc, error) {
	_, paused := in.gate.Paused()
	began := time.Now()
	if paused {
		in.state.set(StatePaused)
		in.state.buffer("") // whether it is away is seen again when there is something to push
	}
	open, end, err := in.gate.Pass(ctx)
	if err == nil && paused {
		in.state.set(StateStarting)
		if !in.source.Replays() {
			in.gap(event.Gap{From: event.TimeOf(began), Why: "paused by the operator"})
		}
	}
	return open, end, err
}

// isPaused reports whether ctx ended because a pause began.
func isPaused(ctx context.Context) bool { return errors.Is(context.Cause(ctx), pause.ErrPaused) }

// patience is how long messages in hand may still be pushed after ctx ended.
// Those that exist nowhere else get as long as at a stop.
func (in *Ingest) patience(ctx context.Context) time.Duration {
	if isPaused(ctx) && in.source.Replays() {
		return pauseDrain
	}
	return drainTime
}
