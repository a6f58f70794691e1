package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"modernc.org/sqlite"

	"riffle/pkg/event"
	"riffle/pkg/retry"
	"riffle/pkg/store"
	"riffle/pkg/store/storetest"
)

// openAt opens the store in a file.
func openAt(tb testing.TB, path string) *store.Store {
	tb.Helper()
	s, err := Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("Close: %v", err)
		}
	})
	return s
}

func openEmpty(tb testing.TB) ([]*store.Store, *sql.DB) {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "store.db")
	s := openAt(tb, path)
	if err := s.Migrate(tb.Context(), nil); err != nil {
		tb.Fatalf("Migrate: %v", err)
	}
	return []*store.Store{s, openAt(tb, path), openAt(tb, path)}, openRaw(tb, path)
}

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, openEmpty)
}

// TestBounded reads the plans of queries: each looks things up in an index, and
// sorts nothing.
func TestBounded(t *testing.T) {
	t.Parallel()
	storetest.RunBounded(t, func(tb testing.TB, through storetest.Through) *store.Store {
		tb.Helper()
		s, err := open(filepath.Join(tb.TempDir(), "store.db"), func(dsn string) (*sql.DB, error) {
			return sql.OpenDB(through(connector(dsn))), nil
		})
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { _ = s.Close() })
		if err := s.Migrate(tb.Context(), nil); err != nil {
			tb.Fatalf("Migrate: %v", err)
		}
		return s
	}, func(ctx context.Context, conn driver.Conn, query string, args []driver.NamedValue, run func() error) (fault string, err error) {
		if !large.MatchString(query) {
			return "", run()
		}
		err = storetest.ReadAll(ctx, conn, "EXPLAIN QUERY PLAN "+query, args, func(row []driver.Value) {
			step := fmt.Sprint(row[3])
			if strings.Contains(step, "TEMP B-TREE") || strings.HasPrefix(step, "SCAN") && step != "SCAN step" ||
				strings.Contains(step, "SEARCH m USING INDEX matches_number (user_id=?)") {
				fault = step
			}
		})
		return fault, errors.Join(err, run())
	})
}

// large finds statements about tables that grow with what is kept.
var large = regexp.MustCompile(`\b(FROM|JOIN|INTO|UPDATE) (events|matches|frames|announcements)\b`)

// connector makes connections to the file of a DSN.
type connector string

func (c connector) Connect(context.Context) (driver.Conn, error) { return c.Driver().Open(string(c)) }

func (c connector) Driver() driver.Driver { return new(sqlite.Driver) }

func BenchmarkWrite(b *testing.B) { storetest.BenchmarkWrite(b, openEmpty) }

// openRaw opens a database without the store's settings.
func openRaw(tb testing.TB, path string) *sql.DB {
	tb.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Errorf("Close: %v", err)
		}
	})
	return db
}

// TestNoDatabase: what is no SQLite file, or can't be reached, is said clearly.
func TestNoDatabase(t *testing.T) {
	t.Parallel()
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("no database at all. ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, path string
		transient  bool
		want       string
	}{
		{"a text file", text, false, "no SQLite database"},
		{"a folder that is not there", filepath.Join(t.TempDir(), "no", "such", "folder"), true, "unable to open"},
	} {
		err := openAt(t, test.path).CheckSchema(t.Context())
		if err == nil || !strings.Contains(err.Error(), test.want) || retry.IsTransient(err) != test.transient {
			t.Errorf("%s: got %v, transient %t, want %q, transient %t", test.name, err, retry.IsTransient(err), test.want, test.transient)
		}
	}
}

// TestLocked: a lock that another process holds for too long is waited for, and
// then may pass.
func TestLocked(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	s := openAt(t, path)
	if err := s.Migrate(t.Context(), nil); err != nil {
		t.Fatalf("Migrate: %v", err)
	}
	other, err := openRaw(t, path).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), &event.Batch{Deliveries: []event.Delivery{{ID: event.FrameID{1}}}}); !retry.IsTransient(err) {
		t.Errorf("Write: got %v, want a transient error", err)
	}
	if _, err := s.Stats(t.Context()); err != nil {
		t.Errorf("Stats beside a writer: %v", err)
	}
	if _, err := other.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), &event.Batch{Deliveries: []event.Delivery{{ID: event.FrameID{1}}}}); err != nil {
		t.Errorf("Write after the lock: %v", err)
	}
}
