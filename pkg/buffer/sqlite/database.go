package sqlite

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"sync"
)

//go:embed schema.sql
var schema string

// schemaVersion is that of schema.sql, kept in the file's user_version.
const schemaVersion = 1

// The write-ahead log is folded into the file when it has this many pages of
// SQLite's 4 KB, and cut when it has grown to twice that. (Larger pages, 8 to
// 64 KB, are no faster, and cost more for every change of a row.)
const (
	checkpointPages = 4000
	walBytes        = 2 * checkpointPages * 4096
)

// Free pages are given back to the disk when they are more than this many and
// three quarters of the file, so many at a time: after an outage is drained, and
// not while it is, when pages would be moved that are free a moment later.
const (
	freePages   = 4096
	shrinkPages = 1024
)

// database is one connection with its statements.
type database struct {
	sql        *sql.DB
	statements map[string]*sql.Stmt
	turn       *sync.Mutex // shared by those that write, since SQLite itself would poll
}

// connect opens the file with one connection. synchronous is FULL, which syncs
// each commit, or NORMAL, which syncs each checkpoint.
func connect(path, synchronous string, turn *sync.Mutex) (*database, error) {
	query := url.Values{"_txlock": {"immediate"}, "_pragma": {
		"busy_timeout(5000)", "auto_vacuum(INCREMENTAL)", "journal_mode(WAL)", "synchronous(" + synchronous + ")",
		"cache_size(-8000)",
		fmt.Sprintf("wal_autocheckpoint(%d)", checkpointPages), fmt.Sprintf("journal_size_limit(%d)", walBytes),
	}}
	file := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: query.Encode()}
	db, err := sql.Open("sqlite", file.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return &database{sql: db, statements: make(map[string]*sql.Stmt), turn: turn}, nil
}

// prepare compiles statements that transactions run by their text.
func (d *database) prepare(ctx context.Context, queries ...string) error {
	for _, query := range queries {
		statement, err := d.sql.PrepareContext(ctx, query) //nolint:sqlclosecheck // it lasts as long as the connection
		if err != nil {
			return err
		}
		d.statements[query] = statement
	}
	return nil
}

// transaction runs prepared statements.
type transaction struct {
	tx         *sql.Tx
	statements map[string]*sql.Stmt
}

func (t transaction) exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return t.tx.StmtContext(ctx, t.statements[query]).ExecContext(ctx, args...) //nolint:sqlclosecheck // the transaction closes it
}

func (t transaction) row(ctx context.Context, query string, args ...any) *sql.Row {
	return t.tx.StmtContext(ctx, t.statements[query]).QueryRowContext(ctx, args...) //nolint:sqlclosecheck // the transaction closes it
}

func (t transaction) rows(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return t.tx.StmtContext(ctx, t.statements[query]).QueryContext(ctx, args...) //nolint:sqlclosecheck // the transaction closes it
}

// write runs f in a transaction, alone. The end of ctx does not interrupt it:
// watching for that costs more than the millisecond that it lasts.
func (d *database) write(ctx context.Context, f func(context.Context, transaction) error) error {
	d.turn.Lock()
	defer d.turn.Unlock()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	ctx = context.WithoutCancel(ctx)
	tx, err := d.sql.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(ctx, transaction{tx, d.statements}); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// create makes the tables in an empty file.
func (d *database) create(ctx context.Context) error {
	return d.write(ctx, func(ctx context.Context, t transaction) error {
		var version int
		if err := t.tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
			return err
		}
		switch {
		case version == schemaVersion:
			_, err := t.tx.ExecContext(ctx, pauses)
			return err
		case version > schemaVersion:
			return fmt.Errorf("%w: its schema is %d, ours %d; use the riffle that made it, a newer one, or another file",
				ErrSchema, version, schemaVersion)
		}
		_, err := t.tx.ExecContext(ctx, schema+pauses+fmt.Sprintf("; PRAGMA user_version = %d", schemaVersion))
		return err
	})
}

// shrink gives free pages back to the disk when there are many.
func (d *database) shrink(ctx context.Context) error {
	d.turn.Lock()
	defer d.turn.Unlock()
	ctx = context.WithoutCancel(ctx)
	var free, all int
	if err := d.statements[queryFreePages].QueryRowContext(ctx).Scan(&free); err != nil || free < freePages {
		return err
	}
	if err := d.statements[queryAllPages].QueryRowContext(ctx).Scan(&all); err != nil || free < all/4*3 {
		return err
	}
	_, err := d.sql.ExecContext(ctx, fmt.Sprintf("PRAGMA incremental_vacuum(%d)", shrinkPages))
	return err
}

func (d *database) close() error { return d.sql.Close() }
