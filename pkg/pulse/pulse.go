// Package pulse tells whether the loops of a stage turn. Each of them says within
// what time it will be heard of again, or that it rests: that it waits for others,
// who may take as long as they like. So an absent neighbour or a quiet source is no
// reason to restart a stage, and a loop that is stuck in its own code is.
package pulse

import (
	"sync/atomic"
	"time"
)

// Pulse holds the loops of one stage. Loops are added before the stage runs; all
// else is safe for concurrent use.
type Pulse struct {
	start time.Time // its monotonic clock is what counts
	loops []*Loop
}

// New makes a pulse without loops.
func New() *Pulse { return &Pulse{start: time.Now()} }

// Loop adds a loop. It rests.
func (p *Pulse) Loop(name string) *Loop {
	l := &Loop{name: name, start: p.start}
	p.loops = append(p.loops, l)
	return l
}

// Stuck names the loops that should have been heard of before a time, which is
// now, and were not.
func (p *Pulse) Stuck(now time.Time) []string {
	var stuck []string
	for _, l := range p.loops {
		if due := l.due.Load(); due != 0 && now.Sub(p.start) > time.Duration(due) {
			stuck = append(stuck, l.name)
		}
	}
	return stuck
}

// Loop is what one loop, or several that do the same work in turn, say of
// themselves.
type Loop struct {
	name  string
	start time.Time
	due   atomic.Int64 // ns after start; 0: it rests
}

// Within promises that the loop is heard of again before d is over.
func (l *Loop) Within(d time.Duration) { l.due.Store(int64(time.Since(l.start) + d)) }

// Rest says that the loop waits for others.
func (l *Loop) Rest() { l.due.Store(0) }
