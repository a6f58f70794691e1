// Package storetest is the suite that every dialect of the store passes.
package storetest

import (
	"testing"

	"riffle/pkg/store"
)

// Open gives an empty store with the newest schema; each call gives another.
type Open func(tb testing.TB) *store.Store

// scene is one case of the suite.
type scene struct {
	*testing.T
	store *store.Store
}

// Run tests a dialect.
func Run(t *testing.T, open Open) {
	t.Helper()
	shared := open(t)
	for _, group := range []struct {
		name string
		run  func(scene)
	}{
		{"versions", testVersions},
		{"claims", testClaims},
		{"claim race", testClaimRace},
		{"pages", testPages},
		{"filters", testFilters},
		{"by id", testByID},
		{"follow", testFollow},
		{"model in order", testModel},
		{"model at once", testModelAtOnce},
		{"deletion race", testDeletionRace},
		{"account race", testAccountRace},
		{"many matches", testManyMatches},
		{"refused rows", testRefusedRows},
		{"users", testUsers},
		{"links", testLinks},
		{"tokens", testTokens},
		{"logins", testLogins},
		{"rules", testRules},
		{"rule numbers", testRuleNumbers},
	} {
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			group.run(scene{t, shared})
		})
	}
	for _, alone := range []struct {
		name string
		run  func(scene)
	}{
		{"newest events", testNewestEvents},
		{"purge", testPurge},
		{"stats", testStats},
	} {
		t.Run(alone.name, func(t *testing.T) {
			t.Parallel()
			alone.run(scene{t, open(t)})
		})
	}
}
