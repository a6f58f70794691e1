// Package storetest is the suite that every dialect of the store passes.
package storetest

import (
	"database/sql"
	"testing"

	"riffle/pkg/store"
)

// Open gives an empty store with the newest schema, as several processes have it
// open, and its database past the store; each call gives another.
type Open func(tb testing.TB) ([]*store.Store, *sql.DB)

// scene is one case of the suite.
type scene struct {
	*testing.T
	store *shared
}

// afterNewPosts brings the store to where it takes for granted that posts are
// new, which it checks in another way than when it has looked them up.
func (sc scene) afterNewPosts() scene {
	sc.Helper()
	w := newWorld(sc.store)
	for _, key := range []string{"x", "y", "z"} {
		w.write(sc.T, verdict{key: key, version: 1, users: []int64{1}})
	}
	return sc
}

// Run tests a dialect.
func Run(t *testing.T, open Open) {
	t.Helper()
	t.Run("together", func(t *testing.T) {
		t.Parallel()
		runTogether(t, open)
	})
	for name, test := range map[string]func(scene){
		"newest events": testNewestEvents,
		"stats":         testStats,
		"news":          testNews,
		"dead letters":  testDead,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all, _ := open(t)
			test(scene{t, share(all[:1])})
		})
	}
	for name, test := range map[string]func(scene){
		"claims when all is new":   func(sc scene) { testClaims(sc.afterNewPosts()) },
		"versions when all is new": testUnmarkedEdit,
		"first account":            func(sc scene) { testFirstAccount(sc.afterNewPosts()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all, _ := open(t)
			test(scene{t, share(all)})
		})
	}
	t.Run("purge", func(t *testing.T) {
		t.Parallel()
		all, db := open(t)
		testPurge(t, share(all[:1]), db)
	})
	t.Run("broken rule", func(t *testing.T) {
		t.Parallel()
		all, db := open(t)
		testBrokenRule(t, share(all[:1]), db)
	})
	t.Run("schema", func(t *testing.T) {
		t.Parallel()
		all, db := open(t)
		testSchema(t, all[0], db)
	})
}

// runTogether runs cases on one store at the same time, and then looks whether
// what is in it makes sense.
func runTogether(t *testing.T, open Open) {
	t.Helper()
	all, db := open(t)
	s := share(all)
	t.Run("cases", func(t *testing.T) {
		for name, test := range map[string]func(scene){
			"versions":       testVersions,
			"claims":         testClaims,
			"claim race":     testClaimRace,
			"pages":          testPages,
			"filters":        testFilters,
			"by id":          testByID,
			"follow":         testFollow,
			"model in order": testModel,
			"model at once":  testModelAtOnce,
			"deletion race":  testDeletionRace,
			"account race":   testAccountRace,
			"many matches":   testManyMatches,
			"refused rows":   testRefusedRows,
			"users":          testUsers,
			"links":          testLinks,
			"tokens":         testTokens,
			"logins":         testLogins,
			"rotation":       testRotation,
			"rules":          testRules,
			"rules in force": testRulesInForce,
			"rule numbers":   testRuleNumbers,
			"floods":         testFloods,
			"unknown frames": testUnknown,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(scene{t, s})
			})
		}
	})
	testInvariants(t, db)
}

// testInvariants counts what must not be there, whatever was written.
func testInvariants(t *testing.T, db *sql.DB) {
	t.Helper()
	const lane = "1152921504606846976"
	for what, query := range map[string]string{
		"events whose text and state contradict each other": "SELECT COUNT(*) FROM events WHERE (state = 0) <> (body IS NOT NULL)",
		"matches without an event": "SELECT COUNT(*) FROM matches m LEFT JOIN events e ON e.seq = m.event" +
			" WHERE e.seq IS NULL OR e.seq >= " + lane,
		"matches newer than their event": "SELECT COUNT(*) FROM matches m JOIN events e ON e.seq = m.event WHERE m.version > e.version",
		"live matches of deletions":      "SELECT COUNT(*) FROM matches m JOIN events e ON e.seq = m.event WHERE m.state = 0 AND e.state <> 0",
		"numbers that one user has twice": "SELECT COUNT(*) FROM (SELECT user_id, number FROM matches" +
			" GROUP BY user_id, number HAVING COUNT(*) > 1) AS twice",
		"numbers that were not given out": "SELECT COUNT(*) FROM matches WHERE born >= number" +
			" OR number > (SELECT value FROM counters WHERE name = 'changes')",
	} {
		var n int
		if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
			t.Errorf("count %s: %v", what, err)
		}
		if n != 0 {
			t.Errorf("there are %d %s", n, what)
		}
	}
}
