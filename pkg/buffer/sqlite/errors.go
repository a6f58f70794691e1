package sqlite

import (
	"context"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"riffle/pkg/retry"
)

// ErrSchema refuses a file that a newer program made.
var ErrSchema = errors.New("buffer file is newer than this program")

// passing are SQLite's primary result codes that may change without us: another
// process holds the lock, or the disk is full or unwell.
var passing = map[int]bool{
	lib.SQLITE_BUSY: true, lib.SQLITE_LOCKED: true, lib.SQLITE_FULL: true, lib.SQLITE_IOERR: true,
	lib.SQLITE_CANTOPEN: true, lib.SQLITE_PROTOCOL: true, lib.SQLITE_NOMEM: true,
}

// wrap marks err where it may pass and says what failed.
func wrap(ctx context.Context, err error, doing string) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	} else if e, is := errors.AsType[*sqlite.Error](err); is && passing[e.Code()&0xff] {
		err = retry.Transient(err)
	}
	return fmt.Errorf("buffer: %s: %w", doing, err)
}

// isFull says that the disk has no room.
func isFull(err error) bool {
	e, is := errors.AsType[*sqlite.Error](err)
	return is && e.Code()&0xff == lib.SQLITE_FULL
}
