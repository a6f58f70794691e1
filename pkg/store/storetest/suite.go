// Package storetest is the suite that every dialect of the store passes.
package storetest

import (
	"testing"

	"riffle/pkg/store"
)

// Open gives an empty store with the newest schema; each call gives another.
type Open func(tb testing.TB) *store.Store

// Run tests a dialect.
func Run(t *testing.T, open Open) {
	t.Helper()
	for _, group := range []struct {
		name string
		run  func(*testing.T, Open)
	}{
		{"versions", testVersions},
	} {
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			group.run(t, open)
		})
	}
}
