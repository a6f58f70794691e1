package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/pressly/goose/v3"
)

// Migrate brings the schema to the version of this binary. progress, which may
// be nil, is told before each step which version there is and which is to be.
//
// Errors: *SchemaError if the schema is newer than this binary; transient ones.
func (s *Store) Migrate(ctx context.Context, progress func(have, want int64)) error {
	return s.fail("migrate", s.migrate(ctx, progress))
}

func (s *Store) migrate(ctx context.Context, progress func(have, want int64)) error {
	for {
		have, want, err := s.migrations.GetVersions(ctx)
		if err != nil {
			return err
		}
		if have > want {
			return &SchemaError{have, want}
		}
		if have == want {
			s.fits()
			return nil
		}
		if progress != nil {
			progress(have, want)
		}
		_, err = s.migrations.UpByOne(ctx)
		if err != nil && !errors.Is(err, goose.ErrNoNextVersion) { // else another process took the step
			return err
		}
	}
}

// CheckSchema reports whether the schema is the one that this binary works
// with. It changes nothing.
//
// Errors: *SchemaError; transient ones.
func (s *Store) CheckSchema(ctx context.Context) error {
	return s.fail("check schema", s.checkSchema(ctx))
}

func (s *Store) checkSchema(ctx context.Context) error {
	want := int64(0)
	for _, source := range s.migrations.ListSources() {
		want = max(want, source.Version)
	}
	have, err := s.schemaVersion(ctx)
	if err != nil {
		return err
	}
	if have != want {
		return &SchemaError{have, want}
	}
	s.fits()
	return nil
}

// schemaVersion reads what goose notes; 0 for an empty store. It makes no
// table, as goose's own question would: a check must be free of effects.
func (s *Store) schemaVersion(ctx context.Context) (int64, error) {
	var tables int
	if err := s.db.QueryRowContext(ctx, s.hasTable, "goose_db_version").Scan(&tables); err != nil || tables == 0 {
		return 0, err
	}
	var version sql.NullInt64
	err := s.db.QueryRowContext(ctx, "SELECT MAX(version_id) FROM goose_db_version WHERE is_applied = 1").Scan(&version)
	return version.Int64, err
}
