package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"riffle/pkg/event"
	"riffle/pkg/retry"
)

// TestKinds provokes errors, since only the driver can make its own.
func TestKinds(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "kinds.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(1)
	const table = "CREATE TABLE t (k INTEGER PRIMARY KEY, v BLOB NOT NULL, CHECK (v <> -1))"
	if _, err := db.ExecContext(t.Context(), table); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, query, kind string }{
		{"a table is missing", "SELECT 1 FROM nothing", "ours"},
		{"no SQL", "SELEKT", "ours"},
		{"a row without a value", "INSERT INTO t (k, v) VALUES (1, NULL)", "row"},
		{"a value of another type", "INSERT INTO t (k, v) VALUES ('x', 1)", "row"},
		{"a check", "INSERT INTO t (k, v) VALUES (1, -1)", "row"},
		{"too big", "INSERT INTO t (k, v) VALUES (1, zeroblob(2000000000))", "row"},
		{"the disk is full", "PRAGMA max_page_count = 1; INSERT INTO t (k, v) VALUES (2, zeroblob(10000000))", "transient"},
		{"read only", "PRAGMA query_only = 1; INSERT INTO t (k, v) VALUES (3, 1)", "transient"},
	} {
		_, err := db.ExecContext(t.Context(), tt.query)
		if got := kindOf(err); got != tt.kind {
			t.Errorf("%s: got %q of %v, want %q", tt.name, got, err, tt.kind)
		}
	}
	for name, tt := range map[string]struct {
		err  error
		kind string
	}{
		"deadline": {context.DeadlineExceeded, "transient"},
		"stopped":  {context.Canceled, "ours"},
	} {
		if got := kindOf(fmt.Errorf("exec: %w", tt.err)); got != tt.kind {
			t.Errorf("%s: got %q, want %q", name, got, tt.kind)
		}
	}
}

func kindOf(err error) string {
	marked := mark(err)
	switch {
	case err == nil:
		return "no error"
	case !errors.Is(marked, err):
		return "not the error itself"
	case retry.IsTransient(marked):
		return "transient"
	case errors.Is(marked, event.ErrRow):
		return "row"
	}
	return "ours"
}
