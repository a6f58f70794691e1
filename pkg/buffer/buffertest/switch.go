package buffertest

import (
	"context"
	"errors"
	"sync"

	"riffle/pkg/event"
	"riffle/pkg/retry"
)

// errOff is what an outage looks like to a stage.
var errOff = errors.New("buffer is switched off")

// Switch plays outages on the real buffer that it wraps. Its zero value is on.
type Switch struct {
	mu   sync.Mutex
	off  bool
	lose int
}

// Off makes every call fail with a transient error before it reaches the buffer.
func (s *Switch) Off() { s.set(true) }

// On ends the outage.
func (s *Switch) On() { s.set(false) }

func (s *Switch) set(off bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.off = off
}

// LoseAnswers lets the next count calls reach the buffer and fail all the same,
// as when a connection breaks after the request.
func (s *Switch) LoseAnswers(count int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lose = count
}

// call runs f unless the switch is off.
func (s *Switch) call(f func() error) error {
	s.mu.Lock()
	off, lose := s.off, s.lose > 0
	if lose && !off {
		s.lose--
	}
	s.mu.Unlock()
	if off {
		return retry.Transient(errOff)
	}
	if err := f(); err != nil || !lose {
		return err
	}
	return retry.Transient(errOff)
}

// Taker puts the switch in front of t.
func (s *Switch) Taker(t Taker) Taker { return switchedTaker{s, t} }

// Pusher puts the switch in front of p.
func (s *Switch) Pusher(p Pusher) Pusher { return switchedPusher{s, p} }

type switchedTaker struct {
	on    *Switch
	taker Taker
}

func (t switchedTaker) Take(ctx context.Context, most int) (taken []event.Delivery, err error) {
	err = t.on.call(func() error {
		taken, err = t.taker.Take(ctx, most)
		return err
	})
	if err != nil {
		return nil, err
	}
	return taken, nil
}

func (t switchedTaker) Ack(ctx context.Context, frames []event.Delivery) error {
	return t.on.call(func() error { return t.taker.Ack(ctx, frames) })
}

func (t switchedTaker) GiveBack(ctx context.Context, frames []event.Delivery) error {
	return t.on.call(func() error { return t.taker.GiveBack(ctx, frames) })
}

func (t switchedTaker) Renew(ctx context.Context, frames []event.Delivery) error {
	return t.on.call(func() error { return t.taker.Renew(ctx, frames) })
}

type switchedPusher struct {
	on     *Switch
	pusher Pusher
}

func (p switchedPusher) Position(ctx context.Context) (at event.Position, err error) {
	err = p.on.call(func() error {
		at, err = p.pusher.Position(ctx)
		return err
	})
	if err != nil {
		return event.Position{}, err
	}
	return at, nil
}

func (p switchedPusher) Push(ctx context.Context, push event.Push) error {
	return p.on.call(func() error { return p.pusher.Push(ctx, push) })
}

func (p switchedPusher) Release(ctx context.Context) error {
	return p.on.call(func() error { return p.pusher.Release(ctx) })
}
