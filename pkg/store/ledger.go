package store

import (
	"context"
	"errors"

	"riffle/pkg/event"
)

// Unknown tells which of some frames the store does not know as finished.
func (s *Store) Unknown(ctx context.Context, ids []event.FrameID) ([]event.FrameID, error) {
	done := make(map[event.FrameID]bool)
	for from := 0; from < len(ids); from += purgeStep {
		if err := s.finished(ctx, ids[from:min(len(ids), from+purgeStep)], done); err != nil {
			return nil, s.fail("look for finished frames", err)
		}
	}
	var unknown []event.FrameID
	for _, id := range ids {
		if !done[id] {
			unknown = append(unknown, id)
		}
	}
	return unknown, nil
}

func (s *Store) finished(ctx context.Context, ids []event.FrameID, done map[event.FrameID]bool) (err error) {
	args := make([]any, len(ids))
	for i := range ids {
		args[i] = ids[i][:]
	}
	rows, err := s.db.QueryContext(ctx, "SELECT id FROM frames WHERE done = 1 AND id IN "+marks(len(ids)), args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var id []byte
		if err := rows.Scan(&id); err != nil {
			return err
		}
		done[event.FrameID(id)] = true
	}
	return rows.Err()
}
