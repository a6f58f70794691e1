// Package pausetest lets a test play the operator who pauses a stage.
package pausetest

import (
	"context"
	"sync"

	"riffle/pkg/pause"
)

// Lever is a stage's switch in memory. It is safe for concurrent use.
type Lever struct {
	mu    sync.Mutex
	by    *pause.Switch // nil: off
	ended chan struct{} // the end of the present phase
}

// NewLever makes one that is off.
func NewLever() *Lever { return &Lever{ended: make(chan struct{})} }

// Pause puts it on.
func (l *Lever) Pause(by pause.Switch) { l.flip(&by) }

// Resume puts it off.
func (l *Lever) Resume() { l.flip(nil) }

func (l *Lever) flip(by *pause.Switch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if (l.by == nil) != (by == nil) {
		close(l.ended)
		l.ended = make(chan struct{})
	}
	l.by = by
}

func (l *Lever) phase() (*pause.Switch, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.by, l.ended
}

// Paused gives the switch that pauses the stage now, if one does.
func (l *Lever) Paused() (by pause.Switch, paused bool) {
	if by, _ := l.phase(); by != nil {
		return *by, true
	}
	return pause.Switch{}, false
}

// Begins gives a channel that is closed once it is on.
func (l *Lever) Begins() <-chan struct{} {
	by, ended := l.phase()
	if by == nil {
		return ended
	}
	closed := make(chan struct{})
	close(closed)
	return closed
}

// Pass waits until it is off. The context that it returns ends with the cause
// pause.ErrPaused when a pause begins, and with ctx.
func (l *Lever) Pass(ctx context.Context) (context.Context, context.CancelFunc, error) {
	for {
		by, ended := l.phase()
		if ctx.Err() != nil {
			return nil, nil, context.Cause(ctx)
		}
		if by == nil {
			open, shut := context.WithCancelCause(ctx)
			go func() {
				select {
				case <-ended:
					shut(pause.ErrPaused)
				case <-open.Done():
				}
			}()
			return open, func() { shut(context.Canceled) }, nil
		}
		select {
		case <-ended:
		case <-ctx.Done():
		}
	}
}
