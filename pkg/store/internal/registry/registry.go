// Package registry keeps what people set up: users with their linked accounts,
// tokens, login codes and rules. These are few and change seldom, so that plain
// statements of database/sql serve, the same ones for every dialect.
//
// Rules, links and tokens are numbered from counters, each by a transaction that
// locks the counter first and holds it until its commit: numbers become visible
// in order, and a reader that remembers the last one it saw misses nothing.
package registry

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"riffle/pkg/event"
)

// Dialect is what differs between the databases.
type Dialect struct {
	// Clock is an expression that gives the database's clock in microseconds
	// since 1970.
	Clock string
	// Greatest is the function that gives the greater of two numbers.
	Greatest string
	// Upsert begins the clause behind VALUES that changes the row which has
	// these key columns already.
	Upsert func(key string) string
	// Proposed is the value that an insert proposed for a column.
	Proposed func(column string) string
	// Exists reports whether err says that a unique key is taken.
	Exists func(err error) bool
	// Mark marks what may pass when tried again.
	Mark func(err error) error
}

// Registry reads and writes these tables. It is safe for concurrent use.
type Registry struct {
	read, write *sql.DB
	dialect     Dialect
}

// New makes a registry over two handles of one database; they may be the same.
func New(read, write *sql.DB, d Dialect) *Registry {
	return &Registry{read: read, write: write, dialect: d}
}

// tx calls f in one transaction.
func (r *Registry) tx(ctx context.Context, what string, f func(*sql.Tx) error) error {
	tx, err := r.write.BeginTx(ctx, nil)
	if err != nil {
		return r.wrap(what, err)
	}
	if err := f(tx); err != nil {
		return errors.Join(r.wrap(what, err), rollback(tx))
	}
	return r.wrap(what, tx.Commit())
}

// rollback ends tx. That it was ended already, by its context or its
// connection, is no news.
func rollback(tx *sql.Tx) error {
	err := tx.Rollback()
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

// wrap says what failed. The words of the domain pass as they are.
func (r *Registry) wrap(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, event.ErrNotFound), errors.Is(err, event.ErrExists):
		return err
	case errors.Is(err, sql.ErrNoRows):
		return event.ErrNotFound
	case r.dialect.Exists(err):
		return event.ErrExists
	}
	return fmt.Errorf("store: %s: %w", what, r.dialect.Mark(err))
}

// number takes n numbers of a counter and gives the first. The counter stays
// locked until the transaction ends.
func (r *Registry) number(ctx context.Context, tx *sql.Tx, counter string, n int) (int64, error) {
	_, err := tx.ExecContext(ctx,
		"UPDATE counters SET value = "+r.dialect.Greatest+"(value + 1, "+r.dialect.Clock+") + ? WHERE name = ?",
		n-1, counter)
	if err != nil {
		return 0, err
	}
	var last int64
	err = tx.QueryRowContext(ctx, "SELECT value FROM counters WHERE name = ?", counter).Scan(&last)
	return last - int64(n) + 1, err
}

// one turns "no row was changed" into event.ErrNotFound.
func one(res sql.Result, err error) error {
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n == 0 {
		return event.ErrNotFound
	}
	return err
}

// querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// list reads all rows of a query.
func list[T any](ctx context.Context, db querier, scan func(*sql.Rows) (T, error), query string, args ...any) ([]T, error) {
	return listUpTo(ctx, db, 0, scan, query, args...)
}

// listUpTo makes room for a number of rows at once.
func listUpTo[T any](ctx context.Context, db querier, room int, scan func(*sql.Rows) (T, error), query string, args ...any) (all []T, err error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	if room > 0 {
		all = make([]T, 0, room)
	}
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

// placeholders gives n groups of width question marks.
func placeholders(n, width int) string {
	group := "(?" + strings.Repeat(", ?", width-1) + ")"
	return group + strings.Repeat(", "+group, n-1)
}

// micros is the form of a time in the tables; the zero time is 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}
