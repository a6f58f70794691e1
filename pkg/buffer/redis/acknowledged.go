package redis

import (
	"context"
	"errors"
	"fmt"
	"time"

	"riffle/pkg/event"
)

// Acknowledged lists the frames that were acknowledged lately, by source and in
// the order of their acknowledgement: those of the last minute, or fewer when
// they are many. Nothing is forgotten while nobody takes or acknowledges, so
// who comes back from an outage of the store asks before it takes.
func (b *Buffer) Acknowledged(ctx context.Context) ([]event.Delivery, error) {
	sources, err := b.client.SMembers(ctx, registry).Result()
	if err != nil {
		return nil, fmt.Errorf("buffer: list sources: %w", b.classify(ctx, err))
	}
	var all []event.Delivery
	for _, source := range sources {
		ids, err := b.client.ZRange(ctx, ackTimesKey(source), 0, -1).Result()
		if err != nil {
			return nil, b.wrap(ctx, err, "list acknowledged frames", source)
		}
		for _, id := range ids {
			d := event.Delivery{Source: source}
			copy(d.ID[:], id)
			all = append(all, d)
		}
	}
	return all, nil
}

// Stay tells for how long acknowledged frames stay at present, where they stay
// shortest: a minute, or less for a stream that is fast.
func (b *Buffer) Stay(ctx context.Context) (time.Duration, error) {
	sources, err := b.client.SMembers(ctx, registry).Result()
	if err != nil {
		return 0, fmt.Errorf("buffer: list sources: %w", b.classify(ctx, err))
	}
	stay := keepAcked
	for _, source := range sources {
		keys := []string{sourceKey(source), ackTimesKey(source)}
		us, err := b.scripts.stay.RunRO(ctx, b.client, keys, keepAcked.Microseconds(), b.keepBytes).Int64()
		if err != nil {
			return 0, b.wrap(ctx, err, "ask how long acknowledged frames stay", source)
		}
		stay = min(stay, time.Duration(us)*time.Microsecond)
	}
	return stay, nil
}

// Restore returns frames from what Acknowledged lists to the oldest end of the
// buffer: a store that failed over to an older copy has lost them. One that is
// no longer there is left out.
func (b *Buffer) Restore(ctx context.Context, frames []event.Delivery) error {
	ids := make(map[string][]any)
	for i := len(frames) - 1; i >= 0; i-- { // the last first, since each goes in front
		d := &frames[i]
		ids[d.Source] = append(ids[d.Source], d.ID[:])
	}
	var errs []error
	for source, ids := range ids {
		keys := []string{sourceKey(source), framesKey(source), ackedKey(source), ackTimesKey(source)}
		errs = append(errs, b.wrap(ctx, b.scripts.restore.Run(ctx, b.client, keys, ids...).Err(), "restore frames", source))
	}
	return errors.Join(errs...)
}
