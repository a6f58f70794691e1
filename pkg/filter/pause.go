package filter

import (
	"context"
	"errors"
	"time"

	"riffle/pkg/pause"
)

// pausePatience is what a pause grants to the frames in hand before they are
// given back: with the giving back it is less than 5 s.
const pausePatience = 3 * time.Second

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

// pass waits until the operator lets the filter take.
func (f *Filter) pass(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if _, paused := f.gate.Paused(); paused {
		f.status.set(StatePaused)
	}
	return f.gate.Pass(ctx)
}

// patience is how long frames in hand may take once taking has ended.
func (s *shift) patience(taking context.Context) time.Duration {
	switch {
	case s.trouble.Load():
		return outagePatience
	case errors.Is(context.Cause(taking), pause.ErrPaused):
		return pausePatience
	}
	return stopPatience
}
