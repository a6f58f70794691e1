package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"riffle/pkg/event"
	"riffle/pkg/store/internal/write"
)

const (
	// maxAnnouncements is how many transactions one question goes through.
	// Beyond it, asking about users one by one is cheaper.
	maxAnnouncements = 1000
	// announcedFor is how long announcements are kept: readers follow within
	// milliseconds.
	announcedFor = 10 * time.Minute
)

// News tells how far changes have come, and whose matches changed after a
// number that an earlier call gave as Changes. 0 asks for the first alone.
func (s *Store) News(ctx context.Context, after int64) (event.News, error) {
	news, err := s.news(ctx, after)
	return news, s.fail("read news", err)
}

func (s *Store) news(ctx context.Context, after int64) (event.News, error) {
	var n event.News
	err := s.db.QueryRowContext(ctx, "SELECT c.value, t.value, r.value, k.value FROM counters c JOIN counters t ON t.name = 'tokens' JOIN counters r ON r.name = 'rules' "+
		"JOIN counters k ON k.name = 'kept' WHERE c.name = 'changes'").
		Scan(&n.Changes, &n.Tokens, &n.Rules, &n.Kept)
	switch {
	case err != nil || after == 0:
		return n, err
	case n.Changes == after:
		n.Whole = true
		return n, nil
	case n.Changes < after: // another server took over, with an older copy
		return n, nil
	}
	return n, s.announced(ctx, after, &n)
}

// announced follows the chain of announcements, each of which names the number
// before its transaction. Where one is missing, somebody else wrote, or it was
// purged: then the list of users is not whole.
func (s *Store) announced(ctx context.Context, after int64, n *event.News) (err error) {
	rows, err := s.db.QueryContext(ctx,
		"SELECT number, previous, users FROM announcements WHERE number > ? ORDER BY number LIMIT ?", after, maxAnnouncements)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	n.Users = make(map[int64]int64)
	at := after
	for rows.Next() {
		var number, previous int64
		var users sql.RawBytes
		if err := rows.Scan(&number, &previous, &users); err != nil {
			return err
		}
		if previous != at {
			return nil
		}
		if err := write.ReadAnnouncement(users, number, n.Users); err != nil {
			return err
		}
		at = number
	}
	if n.Whole = at >= n.Changes; n.Whole {
		n.Changes = at // more was committed since the counter was read
	}
	return rows.Err()
}
