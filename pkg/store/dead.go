package store

import (
	"context"
	"database/sql"
	"errors"

	"riffle/pkg/event"
)

// What is read of a dead letter; its bytes only where they are asked for.
const deadColumns = "id, at, source, frame, event_key, reason, error, deliveries, events, LENGTH(bytes)"

// DeadLetters lists up to limit dead letters without their Data, the newest
// first. before is 0, or the id of the last one that was seen.
func (s *Store) DeadLetters(ctx context.Context, before int64, limit int) ([]event.DeadLetter, error) {
	letters, err := s.deadLetters(ctx, before, limit)
	return letters, s.fail("list dead letters", err)
}

func (s *Store) deadLetters(ctx context.Context, before int64, limit int) (letters []event.DeadLetter, err error) {
	rows, err := s.db.QueryContext(ctx, "SELECT "+deadColumns+" FROM dead_letters WHERE ? = 0 OR id < ? ORDER BY id DESC LIMIT ?",
		before, before, limit)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var d event.DeadLetter
		if err := scanDead(rows, &d); err != nil {
			return nil, err
		}
		letters = append(letters, d)
	}
	return letters, rows.Err()
}

func scanDead(row interface{ Scan(into ...any) error }, d *event.DeadLetter, more ...any) error {
	var frame []byte
	err := row.Scan(append([]any{
		&d.ID, &d.At, &d.Source, &frame, &d.Key, &d.Reason, &d.Error, &d.Deliveries, &d.Events, &d.Size,
	}, more...)...)
	copy(d.Frame[:], frame)
	return err
}

// DeadLetter gives one, whole.
//
// Errors: event.ErrNotFound; transient ones.
func (s *Store) DeadLetter(ctx context.Context, id int64) (event.DeadLetter, error) {
	var d event.DeadLetter
	row := s.db.QueryRowContext(ctx, "SELECT "+deadColumns+", bytes FROM dead_letters WHERE id = ?", id)
	err := scanDead(row, &d, &d.Data)
	if errors.Is(err, sql.ErrNoRows) {
		return d, event.ErrNotFound
	}
	return d, s.fail("read dead letter", err)
}

// CountDeadLetters tells how many there are.
func (s *Store) CountDeadLetters(ctx context.Context) (count int64, err error) {
	err = s.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM dead_letters").Scan(&count)
	return count, s.fail("count dead letters", err)
}

// DropDeadLetter removes one.
//
// Errors: event.ErrNotFound; transient ones.
func (s *Store) DropDeadLetter(ctx context.Context, id int64) error {
	result, err := s.writing.ExecContext(ctx, "DELETE FROM dead_letters WHERE id = ?", id)
	if err != nil {
		return s.fail("drop dead letter", err)
	}
	if rows, err := result.RowsAffected(); err != nil || rows > 0 {
		return s.fail("drop dead letter", err)
	}
	return event.ErrNotFound
}

// TrimDeadLetters removes the oldest dead letters beyond a number of them, or of
// their bytes, and tells how many.
func (s *Store) TrimDeadLetters(ctx context.Context, most int, bytes int64) (dropped int64, err error) {
	last, err := s.surplusDead(ctx, most, bytes)
	if err != nil || last == 0 {
		return 0, s.fail("trim dead letters", err)
	}
	result, err := s.writing.ExecContext(ctx, "DELETE FROM dead_letters WHERE id <= ?", last)
	if err != nil {
		return 0, s.fail("trim dead letters", err)
	}
	dropped, err = result.RowsAffected()
	return dropped, s.fail("trim dead letters", err)
}

// surplusDead gives the newest id that is too much; 0 for none.
func (s *Store) surplusDead(ctx context.Context, most int, bytes int64) (last int64, err error) {
	rows, err := s.db.QueryContext(ctx, "SELECT id, LENGTH(bytes) FROM dead_letters ORDER BY id DESC")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var id, size int64
		if err := rows.Scan(&id, &size); err != nil {
			return 0, err
		}
		most, bytes = most-1, bytes-size
		if most < 0 || bytes < 0 {
			return id, nil
		}
	}
	return 0, rows.Err()
}
