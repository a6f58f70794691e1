package storetest

import (
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/auth"
	"riffle/pkg/event"
	"riffle/pkg/store"
)

// newest gives the texts of all stored events, newest first, by pages of two.
func newest(t *testing.T, s *shared) []string {
	t.Helper()
	var texts []string
	for next := int64(0); ; {
		var events []event.Stored
		var err error
		if events, next, err = s.NewestEvents(t.Context(), next, 2); err != nil {
			t.Fatalf("NewestEvents: %v", err)
		}
		for _, e := range events {
			text := textOf(t, e.Body)
			if e.Sampled {
				text += " sampled"
			}
			texts = append(texts, text)
		}
		if next == 0 {
			return texts
		}
	}
}

// testNewestEvents: samples and kept events, newest first, deletions honoured.
func testNewestEvents(sc scene) {
	t, s := sc.T, sc.store
	w := newWorld(s)
	if got := newest(t, s); len(got) != 0 {
		t.Errorf("an empty store has %q", got)
	}
	for _, v := range []verdict{
		{key: "kept", version: 1, users: []int64{1}},
		{key: "sample", version: 1, stored: true},
		{key: "nothing", version: 1, revised: true},
		{key: "kept too", version: 1, users: []int64{1}},
		{key: "edited", version: 1, stored: true},
		{key: "deleted", version: 1, stored: true},
		{key: "not wanted", version: 1, stored: true},
		{key: "edited", version: 2, stored: true},
		{key: "deleted", version: 2, deleted: true},
		{key: "not wanted", version: 2, revised: true},
	} {
		w.write(t, v)
	}
	if diff := cmp.Diff([]string{"edited 2 sampled", "kept too 1", "sample 1 sampled", "kept 1"}, newest(t, s)); diff != "" {
		t.Errorf("events differ (-want +got):\n%s", diff)
	}
}

// lifetime is a retention that removes nothing of what a test makes.
const lifetime = time.Hour

func keepAll() store.Retention {
	return store.Retention{Keep: lifetime, Bare: lifetime, Frames: lifetime, Sample: lifetime, Samples: 1000}
}

func purge(t *testing.T, s *shared, keep store.Retention) int64 {
	t.Helper()
	n, err := s.Purge(t.Context(), keep)
	if err != nil {
		t.Fatalf("Purge: %v", err)
	}
	return n
}

// testPurge: what is too old goes, what is not stays, and readers are told.
func testPurge(t *testing.T, s *shared, db *sql.DB) {
	t.Helper()
	w := newWorld(s)
	start := w.query(t, event.Query{User: 1}).Next
	frame := w.batch(verdict{key: "a", version: 1, users: []int64{1, 2}}, verdict{key: "b", version: 1, users: []int64{1}})
	if err := s.Write(t.Context(), frame); err != nil {
		t.Fatalf("Write: %v", err)
	}
	w.write(t, verdict{key: "b", version: 2, deleted: true})
	for i := range 5 {
		w.write(t, verdict{key: fmt.Sprint("sample", i), version: 1, stored: true})
	}
	w.write(t, verdict{key: "bare", version: 5, deleted: true})
	if got := purge(t, s, keepAll()); got != 0 {
		t.Errorf("%d rows were removed that are not old", got)
	}
	few := keepAll()
	few.Samples = 2
	if got := purge(t, s, few); got != 3 {
		t.Errorf("%d rows were removed, want 3 samples", got)
	}
	if diff := cmp.Diff([]string{"sample4 1 sampled", "sample3 1 sampled", "a 1"}, newest(t, s)); diff != "" {
		t.Errorf("events differ (-want +got):\n%s", diff)
	}
	old := keepAll()
	old.Bare = -lifetime
	purge(t, s, old)
	w.write(t, verdict{key: "bare", version: 1, users: []int64{3}})
	if got := describe(t, w.query(t, event.Query{User: 3}).Changes); len(got) != 1 {
		t.Errorf("after its deletion was forgotten an event gives %q", got)
	}
	old = keepAll()
	old.Frames = -lifetime
	purge(t, s, old)
	if err := s.Write(t.Context(), frame); err != nil {
		t.Errorf("Write of a frame that was forgotten: %v", err)
	}
	if changes, _ := w.changes(t, 2, start); len(changes) != 1 {
		t.Errorf("a frame that came again made %q", describe(t, changes))
	}
	purgeKept(t, w, start)
	purgeChanged(t, w, db)
	purgeQuiet(t, w, db)
	purgeTokens(t, w, db)
}

// purgeQuiet purges after a change that came long after all before it: who knew
// those has missed nothing.
func purgeQuiet(t *testing.T, w world, db *sql.DB) {
	t.Helper()
	before := w.query(t, event.Query{User: 6}).Next
	if _, err := db.ExecContext(t.Context(), "UPDATE counters SET value = value + 36000000000 WHERE name = 'changes'"); err != nil {
		t.Fatal(err)
	}
	w.write(t, verdict{key: "late", version: 1, users: []int64{6}})
	after := w.query(t, event.Query{User: 6}).Next
	keep := keepAll()
	keep.Keep = -5 * time.Hour // as if it had come ten hours later, five ago
	purge(t, w.shared, keep)
	if expired(t, w, 6, before) {
		t.Error("a cursor has expired though all after it is kept")
	}
	if got := describe(t, w.query(t, event.Query{User: 6, HasAfter: true, After: before}).Changes); len(got) != 1 {
		t.Errorf("got %q after the purge, want what was kept", got)
	}
	keep.Keep = -20 * time.Hour
	purge(t, w.shared, keep)
	if !expired(t, w, 6, before) || expired(t, w, 6, after) {
		t.Error("got a cursor from before what was purged not expired, or one from after it expired")
	}
}

// purgeTokens: of tokens that ended, or were revoked, the old ones go, and an
// index finds them.
func purgeTokens(t *testing.T, w world, db *sql.DB) {
	t.Helper()
	ann := w.person(t, "ann")
	now := time.Now()
	for name, token := range map[string]struct {
		expires time.Time
		revoked bool
	}{
		"ended long ago": {now.Add(-3 * lifetime), false}, "ended of late": {now.Add(-lifetime / 2), false},
		"ends": {now.Add(lifetime), false}, "never ends": {time.Time{}, false}, "revoked of late": {time.Time{}, true},
	} {
		added, err := w.AddToken(t.Context(), auth.Token{User: ann.ID, Hash: sha256.Sum256([]byte(w.prefix + name)), Hint: name, ExpiresAt: token.expires})
		if err != nil {
			t.Fatalf("AddToken: %v", err)
		}
		if token.revoked {
			wantError(t, "RevokeToken", w.RevokeToken(t.Context(), ann.ID, added.ID), nil)
		}
	}
	left := func() (names []string) {
		tokens, err := w.Tokens(t.Context(), ann.ID)
		if err != nil {
			t.Fatalf("Tokens: %v", err)
		}
		for i := range tokens {
			names = append(names, tokens[i].Hint)
		}
		slices.Sort(names)
		return names
	}
	purge(t, w.shared, keepAll())
	if diff := cmp.Diff([]string{"ended of late", "ends", "never ends", "revoked of late"}, left()); diff != "" {
		t.Errorf("tokens differ (-want +got):\n%s", diff)
	}
	old := keepAll()
	old.Keep = -2 * lifetime
	purge(t, w.shared, old)
	if diff := cmp.Diff([]string{"never ends"}, left()); diff != "" {
		t.Errorf("later, tokens differ (-want +got):\n%s", diff)
	}
	for _, column := range []string{"expires_at", "revoked_at"} {
		wantIndexed(t, db, "SELECT MAX("+column+") FROM (SELECT "+column+" FROM tokens WHERE "+column+" > 0 AND "+column+" >= 0 AND "+column+
			" < 5 ORDER BY "+column+" LIMIT 1000) AS step", "tokens_"+strings.TrimSuffix(column, "_at"))
	}
}

// wantIndexed checks that a query reads a stretch of an index, in either dialect.
func wantIndexed(t *testing.T, db *sql.DB, query, index string) {
	t.Helper()
	explain := "EXPLAIN "
	var version string
	if db.QueryRowContext(t.Context(), "SELECT sqlite_version()").Scan(&version) == nil {
		explain = "EXPLAIN QUERY PLAN "
	}
	rows, err := db.QueryContext(t.Context(), explain+query)
	if err != nil {
		t.Fatalf("EXPLAIN: %v", err)
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var plan strings.Builder
	for rows.Next() {
		cells := make([]sql.NullString, len(columns))
		places := make([]any, len(columns))
		for i := range cells {
			places[i] = &cells[i]
		}
		if err := rows.Scan(places...); err != nil {
			t.Fatal(err)
		}
		for i := range cells {
			fmt.Fprintf(&plan, "%s=%s ", columns[i], cells[i].String)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	search := strings.Contains(plan.String(), "SEARCH tokens USING COVERING INDEX "+index) || strings.Contains(plan.String(), "key="+index)
	if !search {
		t.Errorf("%s: got plan %s, want it to search %s", query, plan.String(), index)
	}
}

// purgeChanged removes what is old but for a match that has changed since, as
// if that had been an hour later.
func purgeChanged(t *testing.T, w world, db *sql.DB) {
	t.Helper()
	w.write(t, verdict{key: "edited", version: 1, users: []int64{4, 5}})
	for _, query := range []string{
		"UPDATE counters SET value = value + 3600000000 WHERE name = 'changes'",
		"UPDATE matches SET number = number + 3600000000 WHERE user_id = ?",
	} {
		var args []any
		if strings.Contains(query, "?") {
			args = append(args, w.base+4)
		}
		if _, err := db.ExecContext(t.Context(), query, args...); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	keep := keepAll()
	keep.Keep = 0
	purge(t, w.shared, keep)
	for user, want := range map[int64][]string{4: {"new edited 1"}, 5: nil} {
		if diff := cmp.Diff(want, describe(t, w.query(t, event.Query{User: user}).Changes)); diff != "" {
			t.Errorf("user %d: matches differ (-want +got):\n%s", user, diff)
		}
	}
}

// purgeKept removes all matches.
func purgeKept(t *testing.T, w world, start int64) {
	t.Helper()
	if expired(t, w, 1, start) {
		t.Error("a cursor has expired before anything was purged")
	}
	purge(t, w.shared, store.Retention{Keep: 0, Bare: lifetime, Frames: lifetime, Sample: lifetime, Samples: 2})
	page := w.query(t, event.Query{User: 1})
	if len(page.Changes) != 0 || page.More {
		t.Errorf("after the purge the page is %+v", page)
	}
	if !expired(t, w, 1, start) {
		t.Error("a cursor from before the purge has not expired")
	}
	if kept := news(t, w.shared, 0).Kept; kept <= start {
		t.Errorf("got %d as what is kept, want it above %d, which has expired", kept, start)
	}
	if expired(t, w, 1, page.Next) {
		t.Error("the cursor that a page after the purge gave has expired")
	}
	if diff := cmp.Diff([]string{"sample4 1 sampled", "sample3 1 sampled"}, newest(t, w.shared)); diff != "" {
		t.Errorf("events differ (-want +got):\n%s", diff)
	}
	w.write(t, verdict{key: "a", version: 1, users: []int64{1}})
	if got := describe(t, w.query(t, event.Query{User: 1, HasAfter: true, After: page.Next}).Changes); len(got) != 1 {
		t.Errorf("a new match gives %q", got)
	}
}

func testStats(sc scene) {
	t, s := sc.T, sc.store
	w := newWorld(s)
	w.person(t, "ann")
	w.write(t, verdict{key: "a", version: 1, users: []int64{1}})
	got, err := s.Stats(t.Context())
	want := store.Stats{Users: 1, LastChange: lastNumber(t, w, 1)}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("Stats: %v, differ (-want +got):\n%s", err, diff)
	}
}

// testSchema: a schema of another age is noticed, and nothing done about it.
func testSchema(t *testing.T, s *store.Store, db *sql.DB) {
	t.Helper()
	exec := func(query string) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), query); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	wrong := new(store.SchemaError)
	if err := s.CheckSchema(t.Context()); err != nil {
		t.Errorf("CheckSchema of the newest schema: %v", err)
	}
	if err := s.Migrate(t.Context(), func(have, _ int64) { t.Errorf("the step from version %d was taken twice", have) }); err != nil {
		t.Errorf("Migrate again: %v", err)
	}
	exec("INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)")
	if err := s.CheckSchema(t.Context()); !errors.As(err, &wrong) || wrong.Have <= wrong.Want {
		t.Errorf("CheckSchema of a newer schema: got %v", err)
	}
	if err := s.Migrate(t.Context(), nil); !errors.As(err, &wrong) {
		t.Errorf("Migrate of a newer schema: got %v", err)
	}
	exec("DELETE FROM goose_db_version WHERE version_id > 0")
	if err := s.CheckSchema(t.Context()); !errors.As(err, &wrong) || wrong.Have >= wrong.Want {
		t.Errorf("CheckSchema of an older schema: got %v", err)
	}
	exec("DROP TABLE goose_db_version")
	if err := s.CheckSchema(t.Context()); !errors.As(err, &wrong) || wrong.Have != 0 {
		t.Errorf("CheckSchema of an empty store: got %v", err)
	}
}
