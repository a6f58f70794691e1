package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/pressly/goose/v3"

	"riffle/pkg/event"
	"riffle/pkg/store/internal/registry"
)

// Dialect is what differs between databases.
type Dialect interface {
	// Write stores a batch.
	Write(ctx context.Context, b *event.Batch) error
	// Mark marks an error as transient, or as a *RowError, and leaves others.
	Mark(err error) error
	// Close ends all connections.
	Close() error
}

// Config is what a dialect makes a Store of; all fields are required.
type Config struct {
	Name       string  // of the dialect, for error messages
	DB         *sql.DB // for reading
	Writing    *sql.DB // the same, where one serves for both
	Dialect    Dialect
	Registry   *registry.Registry
	Migrations *goose.Provider
	// HasTable is a query that counts the tables of a name.
	HasTable string
	// Fits, which may be nil, is told that the schema is the one that this binary
	// works with.
	Fits func()
	// Clock is an expression that gives the database's clock in microseconds
	// since 1970.
	Clock string
}

// Store is an open store. All its methods may be called at once; every error
// that may pass is marked as transient (pkg/retry).
type Store struct {
	*registry.Registry
	name       string
	db         *sql.DB
	writing    *sql.DB
	dialect    Dialect
	migrations *goose.Provider
	hasTable   string
	clock      string
	fits       func()
}

// New makes a Store; it is for dialects to call.
func New(c Config) *Store {
	if c.Fits == nil {
		c.Fits = func() {}
	}
	return &Store{
		Registry: c.Registry, name: c.Name, db: c.DB, writing: c.Writing, dialect: c.Dialect,
		migrations: c.Migrations, hasTable: c.HasTable, clock: c.Clock, fits: c.Fits,
	}
}

// Close ends all connections.
func (s *Store) Close() error { return s.fail("close", s.dialect.Close()) }

// Ping reports whether the store answers.
func (s *Store) Ping(ctx context.Context) error { return s.fail("ping", s.db.PingContext(ctx)) }

// Write stores what a filter decided about the events of some frames, in one
// transaction, and finishes the frames. A batch with more than some thousand
// rows takes several transactions, each of which claims the frames and the last
// finishes them; it can be written again after a failure between two.
//
// Of the versions of an event the newest stays, in whatever order they come.
// Each match that is new, updated or gone takes the next number.
//
// Errors: event.ErrRefused if a later delivery claimed one of the frames, or
// one is finished, and nothing was written; *RowError; transient ones.
func (s *Store) Write(ctx context.Context, b *event.Batch) error {
	return s.fail("write batch", s.dialect.Write(ctx, b))
}

// fail names an operation in an error and marks it; nil stays nil.
func (s *Store) fail(operation string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %s: %w", s.name, operation, s.dialect.Mark(err))
}
