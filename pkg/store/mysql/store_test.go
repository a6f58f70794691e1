package mysql

import (
	"testing"

	"riffle/pkg/store"
	"riffle/pkg/store/storetest"
	"riffle/pkg/testenv"
)

func openEmpty(t *testing.T) *store.Store {
	t.Helper()
	s, err := Open(testenv.MariaDB(t))
	if err != nil {
		t.Fatal(err)
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

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, openEmpty)
}
