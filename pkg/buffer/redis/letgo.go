package redis

import (
	"context"
	"fmt"
	"time"
)

// LetGo takes sources from the list that filters ask by which nobody has written
// for some time and of which nothing waits, is in flight or was acknowledged
// lately. Their cursors stay, and a writer that comes back is on the list again
// before its first frame, or within 5 s where both happen at the same moment.
func (b *Buffer) LetGo(ctx context.Context, silence time.Duration) (gone []string, err error) {
	depths, err := b.Depths(ctx)
	if err != nil {
		return nil, err
	}
	now, err := b.client.Time(ctx).Result()
	if err != nil {
		return nil, fmt.Errorf("buffer: ask the time: %w", b.classify(ctx, err))
	}
	for i := range depths {
		d := &depths[i]
		if d.Frames > 0 || d.InFlight > 0 || now.Sub(d.Seen.Std()) < silence {
			continue
		}
		acked, err := b.client.ZCard(ctx, ackTimesKey(d.Source)).Result()
		if err == nil && acked == 0 {
			err = b.client.SRem(ctx, registry, d.Source).Err()
			gone = append(gone, d.Source)
		}
		if err != nil {
			return gone, b.wrap(ctx, err, "let go", d.Source)
		}
	}
	return gone, nil
}
