package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"riffle/pkg/pause"
)

// pauses is made where it is missing, in files of older programs too: those
// pass it over.
const pauses = `CREATE TABLE IF NOT EXISTS pauses (
	stage    TEXT    PRIMARY KEY,
	revision INTEGER NOT NULL,
	until    INTEGER NOT NULL -- ms; 0: no end; -1: not paused
) STRICT, WITHOUT ROWID`

// notPaused stands for the end of a pause where there is none.
const notPaused = -1

const (
	queryPause = `INSERT INTO pauses (stage, revision, until) VALUES (?, ?, ?)
		ON CONFLICT (stage) DO UPDATE SET revision = excluded.revision, until = excluded.until
		WHERE excluded.revision > pauses.revision`
	queryPaused = `SELECT until FROM pauses WHERE stage = ?`
)

// Pause lets every take obey the filters' switch, in the step that takes: while
// it is on nothing is handed out. An older switch than the one that is obeyed
// changes nothing.
func (b *Buffer) Pause(ctx context.Context, s pause.Switch) error {
	end := int64(notPaused)
	if s.Paused {
		end = 0
		if !s.Until.IsZero() {
			end = s.Until.UnixMilli()
		}
	}
	// A pause is as durable as a frame. The look before keeps the repetitions
	// from writing.
	var revision int64
	err := b.looks.sql.QueryRowContext(ctx, `SELECT revision FROM pauses WHERE stage = ?`, s.Stage).Scan(&revision)
	if err == nil && revision >= s.Revision {
		return nil
	}
	if err == nil || errors.Is(err, sql.ErrNoRows) {
		err = b.pushes.write(ctx, func(ctx context.Context, t transaction) error {
			_, err := t.exec(ctx, queryPause, s.Stage, s.Revision, end)
			return err
		})
	}
	return wrap(ctx, err, "pause filters")
}

// paused reports whether filters are to take nothing.
func paused(ctx context.Context, t transaction) (bool, error) {
	var until int64
	err := t.row(ctx, queryPaused, pause.Filter).Scan(&until)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil && (until == 0 || until > time.Now().UnixMilli()), err
}
