// Package sqlite is the store in a file of this machine, for riffle in one
// process.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver

	"riffle/pkg/event"
	"riffle/pkg/store"
	"riffle/pkg/store/internal/registry"
	"riffle/pkg/store/internal/write"
)

//go:embed migrations/*.sql
var migrations embed.FS

// maxReaders bounds the connections that read. More would not be faster: they
// share the machine's few cores with the writer.
const maxReaders = 4

// maxTransaction is the text that one transaction writes, about.
const maxTransaction = 8 << 20

// micros is the clock of this machine in microseconds since 1970, exact to the
// millisecond.
const micros = "CAST(unixepoch('subsec') * 1000000 AS INTEGER)"

// Open opens the store in the file at path, or makes it.
//
// Errors: a path that can't be used.
func Open(path string) (*store.Store, error) {
	s, err := open(path, func(dsn string) (*sql.DB, error) { return sql.Open("sqlite", dsn) })
	if err != nil {
		return nil, fmt.Errorf("sqlite: open %s: %w", path, err)
	}
	return s, nil
}

func open(path string, openDB func(dsn string) (*sql.DB, error)) (*store.Store, error) {
	writing, err := openDB(dsn(path, forWriting))
	if err != nil {
		return nil, err
	}
	writing.SetMaxOpenConns(1)
	reading, err := openDB(dsn(path, forReading))
	if err != nil {
		return nil, err
	}
	reading.SetMaxOpenConns(maxReaders)
	reading.SetMaxIdleConns(maxReaders)
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, writing, dir,
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return nil, err
	}
	return store.New(store.Config{
		Name:       "sqlite",
		DB:         reading,
		Writing:    writing,
		Clock:      micros,
		Dialect:    newDialect(reading, writing),
		Migrations: provider,
		Registry: registry.New(reading, writing, registry.Dialect{
			Clock:    micros,
			Greatest: "MAX",
			Upsert:   func(key string) string { return "ON CONFLICT (" + key + ") DO UPDATE SET" },
			Proposed: func(column string) string { return "excluded." + column },
			Exists:   isDuplicate,
			Mark:     mark,
		}),
		HasTable: "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = ?",
	}), nil
}

// Every connection says first that readers go on beside the writer (WAL), that
// a commit is on the disk when it returns, and that a lock held by another
// process is waited for. A log of up to 64 MB, in pages, before it goes into the
// file: with the 4 MB that SQLite would take, index pages that every commit
// touches go there each time, which costs half as much again.
const (
	every = "_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)" +
		"&_pragma=wal_autocheckpoint(16000)&_pragma=temp_store(MEMORY)"
	// A transaction takes the lock for writing when it begins.
	forWriting = "&_txlock=immediate&_pragma=cache_size(-24576)"
	forReading = "&_pragma=query_only(1)&_pragma=cache_size(-4096)"
)

// dsn names the file and what its connections say.
func dsn(path, more string) string {
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: every + more}
	return u.String()
}

// dialect is store.Dialect. One connection writes, since SQLite has one writer
// at a time anyway; reading never waits for it.
type dialect struct {
	reading, writing *sql.DB
	statements       *writer
	writer           *write.Writer
}

func newDialect(reading, writing *sql.DB) *dialect {
	w := newWriter(writing)
	return &dialect{reading: reading, writing: writing, statements: w, writer: write.NewWriter(w, func() int { return maxTransaction })}
}

func (d *dialect) Mark(err error) error { return mark(err) }

func (d *dialect) Close() error {
	return errors.Join(d.statements.close(), d.reading.Close(), d.writing.Close())
}

func (d *dialect) Write(ctx context.Context, b *event.Batch) error {
	return d.writer.Write(ctx, b)
}

// inTransaction calls f within a transaction, which is committed if f succeeds.
func inTransaction(ctx context.Context, db *sql.DB, f func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}
