// Package pace spreads a stream evenly over time.
package pace

import (
	"context"
	"time"
)

const (
	// grain is the shortest sleep worth its price; faster streams go in small
	// bursts, one each grain.
	grain = time.Millisecond
	// credit is how much of a stall is caught up on; the rest is forgiven, so
	// that an hour's stall is not followed by an hour's burst.
	credit = time.Second
)

// Pace holds a stream at a rate. It is used by one goroutine at a time.
type Pace struct {
	rate  int
	start time.Time
	count int64 // since start
}

// New makes a pace of perSecond; 0 does not hold anything back.
func New(perSecond int) *Pace { return &Pace{rate: perSecond} }

// Wait waits until the next element is due.
//
// Errors: the cause of ctx's end.
func (p *Pace) Wait(ctx context.Context) error {
	if p.rate == 0 {
		return nil
	}
	now := time.Now()
	early := p.due(now).Sub(now)
	p.count++
	switch {
	case early < -credit:
		p.start, p.count = now.Add(-credit), 1 // this one counts, else the next is as late and nothing is held back again
	case early >= grain:
		return sleep(ctx, early)
	}
	return nil
}

// due is when the element of this count may go. Whole seconds are folded into
// the start, so that the product stays small.
func (p *Pace) due(now time.Time) time.Time {
	if p.start.IsZero() {
		p.start = now
	}
	for p.count >= int64(p.rate) {
		p.count -= int64(p.rate)
		p.start = p.start.Add(time.Second)
	}
	return p.start.Add(time.Duration(p.count) * time.Second / time.Duration(p.rate))
}

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
