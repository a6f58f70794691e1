package filter

import (
	"context"
	"time"

	"riffle/pkg/event"
	"riffle/pkg/pulse"
)

const (
	// turnTime is how long a shift may do without a call to a neighbour that is under
	// way or has just ended: the longest of them, and as much again as any wait
	// between two tries.
	turnTime = writeTimeout + 30*time.Second
	// judgeTime bounds the judging of some events on a machine with much else to do.
	judgeTime   = time.Minute
	judgeEvents = 64
)

// heardTaker is a Taker by whose calls the shift is heard of. The leases are
// renewed by a loop of their own, which would go on if the others were stuck.
type heardTaker struct {
	Taker
	turns *pulse.Loop
}

// Take leases up to limit frames.
func (t heardTaker) Take(ctx context.Context, limit int) ([]event.Delivery, error) {
	defer heard(t.turns)()
	return t.Taker.Take(ctx, limit)
}

// Ack removes finished frames.
func (t heardTaker) Ack(ctx context.Context, frames []event.Delivery) error {
	defer heard(t.turns)()
	return t.Taker.Ack(ctx, frames)
}

// GiveBack puts frames back.
func (t heardTaker) GiveBack(ctx context.Context, frames []event.Delivery) error {
	defer heard(t.turns)()
	return t.Taker.GiveBack(ctx, frames)
}

// heardWriter is a Writer likewise. What other loops call is not heard.
type heardWriter struct {
	Writer
	turns *pulse.Loop
}

// Write stores a batch.
func (w heardWriter) Write(ctx context.Context, batch *event.Batch) error {
	defer heard(w.turns)()
	return w.Writer.Write(ctx, batch)
}

// heard is deferred around a call, which has a deadline.
func heard(turns *pulse.Loop) func() {
	turns.Within(turnTime)
	return func() { turns.Within(turnTime) }
}
