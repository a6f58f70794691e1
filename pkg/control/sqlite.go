package control

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	_ "modernc.org/sqlite" // the driver
)

// tables are made where they are missing; they have no version, since an entry
// is JSON.
const tables = `CREATE TABLE IF NOT EXISTS beats (
	instance TEXT    PRIMARY KEY,
	seen     INTEGER NOT NULL, -- ms
	entry    TEXT    NOT NULL  -- JSON
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS switches (
	stage    TEXT    PRIMARY KEY,
	revision INTEGER NOT NULL,
	entry    TEXT    NOT NULL  -- JSON
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS samples (
	slot  INTEGER PRIMARY KEY,
	entry TEXT    NOT NULL  -- JSON
) STRICT`

// SQLite keeps signs of life and switches in a file, for stages on one host.
type SQLite struct{ db *sql.DB }

// OpenSQLite opens the file at path, which may be that of the buffer.
func OpenSQLite(ctx context.Context, path string) (*SQLite, error) {
	// The file may be the buffer's, whoever comes first: the same vacuum.
	query := url.Values{"_txlock": {"immediate"}, "_pragma": {
		"busy_timeout(5000)", "auto_vacuum(INCREMENTAL)", "journal_mode(WAL)", "synchronous(NORMAL)",
	}}
	file := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: query.Encode()}
	db, err := sql.Open("sqlite", file.String())
	if err != nil {
		return nil, fmt.Errorf("control: open %s: %w", path, err)
	}
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, tables); err != nil {
		return nil, errors.Join(fmt.Errorf("control: open %s: %w", path, err), db.Close())
	}
	return &SQLite{db}, nil
}

// Close closes the file.
func (s *SQLite) Close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("control: close: %w", err)
	}
	return nil
}

// Beat keeps b. An error costs nothing but this one: the next is due anyway.
func (s *SQLite) Beat(ctx context.Context, b Beat) error {
	if err := s.keep(ctx, b); err != nil {
		return fmt.Errorf("control: beat of %s: %w", b.Instance, err)
	}
	return nil
}

func (s *SQLite) keep(ctx context.Context, b Beat) error {
	entry, err := json.Marshal(b)
	if err != nil {
		return err
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after the commit it does nothing
	now := time.Now().UnixMilli()
	const insert = `INSERT INTO beats (instance, seen, entry) VALUES (?, ?, ?)
		ON CONFLICT (instance) DO UPDATE SET seen = excluded.seen, entry = excluded.entry`
	if _, err := tx.ExecContext(ctx, insert, b.Instance, now, string(entry)); err != nil {
		return err
	}
	const forget = `DELETE FROM beats WHERE seen <= ?
		OR instance IN (SELECT instance FROM beats ORDER BY seen DESC LIMIT -1 OFFSET ?)`
	if _, err := tx.ExecContext(ctx, forget, now-keep.Milliseconds(), most); err != nil {
		return err
	}
	return tx.Commit()
}

// Beats lists the last beat of every instance, the latest first.
func (s *SQLite) Beats(ctx context.Context) ([]Beat, error) {
	beats, err := s.list(ctx)
	if err != nil {
		return nil, fmt.Errorf("control: read beats: %w", err)
	}
	return beats, nil
}

func (s *SQLite) list(ctx context.Context) ([]Beat, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT seen, entry FROM beats ORDER BY seen DESC`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err tells
	now := time.Now().UnixMilli()
	beats := []Beat{}
	for rows.Next() {
		var seen int64
		var entry []byte
		if err := rows.Scan(&seen, &entry); err != nil {
			return nil, err
		}
		if b, err := read(entry, seen, now); err == nil { // others are of a program that we do not know
			beats = append(beats, b)
		}
	}
	return beats, rows.Err()
}
