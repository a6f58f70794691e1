package sqlite

import (
	"path/filepath"
	"testing"

	"riffle/pkg/store"
	"riffle/pkg/store/storetest"
)

func openEmpty(tb testing.TB) *store.Store {
	tb.Helper()
	s, err := Open(filepath.Join(tb.TempDir(), "store.db"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("Close: %v", err)
		}
	})
	if err := s.Migrate(tb.Context(), nil); err != nil {
		tb.Fatalf("Migrate: %v", err)
	}
	return s
}

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, openEmpty)
}

func BenchmarkWrite(b *testing.B) { storetest.BenchmarkWrite(b, openEmpty) }
