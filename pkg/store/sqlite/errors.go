package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"riffle/pkg/retry"
	"riffle/pkg/store"
)

// isDuplicate reports whether a unique key is taken.
func isDuplicate(err error) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	return e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
}

// mark marks an error; see store.Dialect.
func mark(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		// A deadline is that of one call; whoever has no time left does not try
		// again.
		if errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, sql.ErrConnDone) {
			return retry.Transient(err)
		}
		return err
	}
	switch e.Code() & 0xff { // the primary code; the rest says more
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_INTERRUPT,
		sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL:
		return retry.Transient(err)
	case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH:
		return &store.RowError{Err: err}
	case sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("the file is no SQLite database; name another with sqlite:PATH: %w", err)
	}
	return err
}
