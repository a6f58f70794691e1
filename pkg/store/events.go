package store

import (
	"context"
	"errors"
	"slices"

	"riffle/pkg/event"
	"riffle/pkg/store/internal/write"
)

// NewestEvents gives up to limit stored events, kept ones and samples, newest
// arrivals first, those that are deleted left out. before is 0 for the newest,
// or the next that an earlier call gave; next is 0 where there are no more.
func (s *Store) NewestEvents(ctx context.Context, before int64, limit int) (events []event.Stored, next int64, err error) {
	var all []storedEvent
	for _, lane := range []int64{write.LaneKept, write.LaneSample} {
		found, err := s.newestIn(ctx, lane, before, limit)
		if err != nil {
			return nil, 0, s.fail("read newest events", err)
		}
		all = append(all, found...)
	}
	slices.SortFunc(all, func(a, b storedEvent) int { return int(min(1, max(-1, b.place-a.place))) })
	if len(all) > limit {
		all = all[:limit]
		next = all[limit-1].place
	} else if len(all) == limit && limit > 0 {
		next = all[limit-1].place // there may be more
	}
	for i := range all {
		events = append(events, event.Stored{Body: all[i].body, Sampled: all[i].lane == write.LaneSample})
	}
	return events, next, nil
}

// storedEvent is an event's text with its place in its lane, which is when it
// arrived.
type storedEvent struct {
	lane  int64
	place int64
	body  []byte
}

func (s *Store) newestIn(ctx context.Context, lane, before int64, limit int) (events []storedEvent, err error) {
	from := lane * write.LaneSize
	to := from + write.LaneSize
	if before != 0 {
		to = from + before
	}
	rows, err := s.db.QueryContext(ctx,
		"SELECT seq, body FROM events WHERE seq >= ? AND seq < ? AND state = 0 ORDER BY seq DESC LIMIT ?", from, to, limit)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		e := storedEvent{lane: lane}
		if err := rows.Scan(&e.place, &e.body); err != nil {
			return nil, err
		}
		e.place -= from
		events = append(events, e)
	}
	return events, rows.Err()
}
