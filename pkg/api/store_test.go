package api

import (
	"path/filepath"
	"testing"

	"riffle/pkg/store"
	"riffle/pkg/store/mysql"
	"riffle/pkg/store/sqlite"
	"riffle/pkg/testenv"
)

// TestOverSQLite runs the suite over the embedded store.
func TestOverSQLite(t *testing.T) {
	t.Parallel()
	runSuite(t, func(t *testing.T) testStore {
		s, err := sqlite.Open(filepath.Join(t.TempDir(), "store.db"))
		return migrated(t, s, err)
	})
}

// TestOverMariaDB runs the suite over a server.
func TestOverMariaDB(t *testing.T) {
	t.Parallel()
	runSuite(t, func(t *testing.T) testStore {
		s, err := mysql.Open(testenv.MariaDB(t))
		return migrated(t, s, err)
	})
}

func migrated(t *testing.T, s *store.Store, err error) testStore {
	t.Helper()
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	if err := s.Migrate(t.Context(), nil); err != nil {
		t.Fatalf("Migrate: %v", err)
	}
	return s
}
