// Package mysql is the store on MySQL 8.0.27 or newer and MariaDB 10.6 or
// newer.
package mysql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"embed"
	"fmt"
	"io/fs"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/pressly/goose/v3"

	"riffle/pkg/event"
	"riffle/pkg/store"
	"riffle/pkg/store/internal/registry"
	"riffle/pkg/store/internal/write"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Bounds of the pool of one process. A server takes 151 connections unless it
// is told otherwise, and other processes want some too.
const (
	maxConnections = 24
	maxIdle        = 8
	maxIdleTime    = 5 * time.Minute
)

// Open makes a store of mysql://user:pass@host:port/db[?params]; see
// docs/schema.md for the parameters. It does not connect: the server may be
// away, which the first call tells.
//
// Errors: a URL that can't be used, without quoting it.
func Open(url string) (*store.Store, error) {
	s, err := open(url, sql.OpenDB)
	if err != nil {
		return nil, fmt.Errorf("mysql: %w", err)
	}
	return s, nil
}

func open(url string, openDB func(driver.Connector) *sql.DB) (*store.Store, error) {
	config, err := parse(url)
	if err != nil {
		return nil, err
	}
	inner, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	connector := &connector{Connector: inner}
	db := openDB(connector)
	db.SetMaxOpenConns(maxConnections)
	db.SetMaxIdleConns(maxIdle)
	db.SetConnMaxIdleTime(maxIdleTime)
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	provider, err := goose.NewProvider(goose.DialectMySQL, db, dir,
		goose.WithSessionLocker(migrationLock{}), goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return nil, err
	}
	marker := &marker{config: config}
	return store.New(store.Config{
		Name:       "mysql",
		DB:         db,
		Writing:    db,
		Clock:      micros,
		Dialect:    &dialect{db: db, writer: write.NewWriter(&writer{db: db}, connector.transaction), mark: marker.mark},
		Migrations: provider,
		Registry: registry.New(db, db, registry.Dialect{
			Clock:    micros,
			Greatest: "GREATEST",
			Upsert:   func(string) string { return "ON DUPLICATE KEY UPDATE" },
			Proposed: func(column string) string { return "VALUES(" + column + ")" },
			Exists:   isDuplicate,
			Mark:     marker.mark,
		}),
		Fits:     func() { marker.fits.Store(true) },
		HasTable: "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?",
	}), nil
}

// dialect is store.Dialect.
type dialect struct {
	db     *sql.DB
	writer *write.Writer
	mark   func(error) error
}

func (d *dialect) Mark(err error) error { return d.mark(err) }

func (d *dialect) Close() error { return d.db.Close() }

func (d *dialect) Write(ctx context.Context, b *event.Batch) error {
	return d.writer.Write(ctx, b)
}

// migrationLock lets one process migrate at a time.
type migrationLock struct{}

func (migrationLock) SessionLock(ctx context.Context, conn *sql.Conn) error {
	var got sql.NullInt64
	if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK(CONCAT('riffle.migrate.', DATABASE()), 25)").Scan(&got); err != nil {
		return err
	}
	if got.Int64 != 1 {
		return fmt.Errorf("another process migrates: %w", context.DeadlineExceeded)
	}
	return nil
}

func (migrationLock) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	_, err := conn.ExecContext(ctx, "DO RELEASE_LOCK(CONCAT('riffle.migrate.', DATABASE()))")
	return err
}
