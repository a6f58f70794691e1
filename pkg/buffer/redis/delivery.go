package redis

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"riffle/pkg/event"
)

// An idle Take asks this often: at once when frames are coming, and not so
// often as to be seen in a profile when none are.
const (
	idleFirst = 2 * time.Millisecond
	idleMost  = 20 * time.Millisecond
	idleTotal = time.Second
)

// Take leases up to most frames: those whose lease ended first, then the oldest
// of each source, a different source first each time. It returns as soon as it
// has one, and with none after a second. The end of ctx ends the waiting; what a
// take that was under way got is returned, or it would be nobody's until its
// lease ends.
//
// Errors: transients; none as long as there is a frame to return.
func (b *Buffer) Take(ctx context.Context, most int) ([]event.Delivery, error) {
	waited, wait := time.Duration(0), idleFirst
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-timer.C:
		}
		taken, err := b.takeRound(ctx, most)
		if err != nil || len(taken) > 0 || waited >= idleTotal {
			return taken, err
		}
		timer.Reset(wait)
		waited += wait
		wait = min(2*wait, idleMost)
	}
}

// takeRound asks every source once. A source that fails does not keep the others
// waiting: in a cluster each may be on a node of its own.
func (b *Buffer) takeRound(ctx context.Context, most int) ([]event.Delivery, error) {
	sources, err := b.round(ctx)
	if err != nil {
		return nil, err
	}
	var taken []event.Delivery
	var errs []error
	for _, source := range sources {
		got, err := b.takeFrom(ctx, source, most-len(taken))
		if err != nil {
			errs = append(errs, b.wrap(ctx, err, "take frames", source))
		}
		if taken = append(taken, got...); len(taken) >= most {
			break
		}
	}
	if len(taken) > 0 {
		return taken, nil
	}
	return nil, errors.Join(errs...)
}

func (b *Buffer) takeFrom(ctx context.Context, source string, most int) ([]event.Delivery, error) {
	keys := []string{
		sourceKey(source), framesKey(source), takenKey(source), leasesKey(source), agesKey(source),
		deliveriesKey(source), ackedKey(source), ackTimesKey(source),
	}
	answer, err := b.scripts.take.Run(ctx, b.client, keys,
		most, b.options.Lease.Microseconds(), keepAcked.Microseconds()).Slice()
	if err != nil {
		return nil, err
	}
	outer := reply{values: answer}
	taken := make([]event.Delivery, 0, len(answer))
	for range answer {
		r := reply{values: outer.list()}
		d := event.Delivery{Source: source, ID: r.frameID(), Stamp: r.number(), Count: int(r.number()), Data: []byte(r.text())}
		if err := errors.Join(outer.err, r.err); err != nil {
			return taken, err
		}
		taken = append(taken, d)
	}
	return taken, nil
}

// Ack ends the flight of frames that are dealt with. One that was delivered
// again since is left alone.
func (b *Buffer) Ack(ctx context.Context, frames []event.Delivery) error {
	return b.each(ctx, frames, "acknowledge frames", func(source string, pairs []any) error {
		keys := []string{
			sourceKey(source), takenKey(source), leasesKey(source), agesKey(source), deliveriesKey(source),
			ackedKey(source), ackTimesKey(source),
		}
		args := append([]any{keepAcked.Microseconds(), b.keepBytes}, pairs...)
		return b.scripts.ack.Run(ctx, b.client, keys, args...).Err()
	})
}

// GiveBack returns frames to the oldest end of the buffer, as if they had not
// been delivered. One that was delivered again since is left alone.
func (b *Buffer) GiveBack(ctx context.Context, frames []event.Delivery) error {
	return b.each(ctx, frames, "give back frames", func(source string, pairs []any) error {
		keys := []string{
			sourceKey(source), framesKey(source), takenKey(source), leasesKey(source), agesKey(source),
			deliveriesKey(source),
		}
		return b.scripts.giveBack.Run(ctx, b.client, keys, pairs...).Err()
	})
}

// Renew begins the leases of frames anew. One that was delivered again since is
// left alone.
func (b *Buffer) Renew(ctx context.Context, frames []event.Delivery) error {
	return b.each(ctx, frames, "renew leases", func(source string, pairs []any) error {
		keys := []string{leasesKey(source), deliveriesKey(source)}
		args := append([]any{b.options.Lease.Microseconds()}, pairs...)
		return b.scripts.renew.Run(ctx, b.client, keys, args...).Err()
	})
}

// each calls f for every source of frames with their pairs of id and stamp, the
// latest stamp first. It goes on after an error.
func (b *Buffer) each(ctx context.Context, frames []event.Delivery, doing string, f func(source string, pairs []any) error) error {
	frames = slices.Clone(frames)
	slices.SortFunc(frames, func(x, y event.Delivery) int {
		return cmp.Or(cmp.Compare(x.Source, y.Source), cmp.Compare(y.Stamp, x.Stamp))
	})
	var errs []error
	for len(frames) > 0 {
		source, pairs := frames[0].Source, []any(nil)
		for len(frames) > 0 && frames[0].Source == source {
			pairs = append(pairs, frames[0].ID[:], frames[0].Stamp)
			frames = frames[1:]
		}
		errs = append(errs, b.wrap(ctx, f(source, pairs), doing, source))
	}
	return errors.Join(errs...)
}
