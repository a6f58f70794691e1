package mysql

import (
	"database/sql"
	"errors"
	"testing"

	"riffle/pkg/event"
	"riffle/pkg/store/internal/write"
	"riffle/pkg/testenv"
)

// openWriter gives a writer on an empty database, and the database itself.
func openWriter(t *testing.T, at string) (*writer, *sql.DB) {
	t.Helper()
	if err := openAt(t, at).Migrate(t.Context(), nil); err != nil {
		t.Fatalf("Migrate: %v", err)
	}
	db := openRaw(t, at)
	return &writer{db: db}, db
}

// number reads one.
func number(t *testing.T, db *sql.DB, query string) (n int64) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// TestPlanConditions: a plan is carried out only if the store is as it was when
// it was read, and else nothing of it.
func TestPlanConditions(t *testing.T) {
	t.Parallel()
	w, db := openWriter(t, testenv.MariaDB(t))
	claim := []event.Delivery{{ID: event.FrameID{1}, Stamp: 5}}
	kept := write.Event{Seq: 10, ID: [16]byte{10}, Version: 1, Body: []byte("{}")}
	bare := write.Event{Seq: write.LaneBare*write.LaneSize + 11, ID: [16]byte{11}, Version: 1, State: write.Bare}
	if err := w.Apply(t.Context(), &write.Plan{Claims: claim, Updated: []write.Event{kept, bare}}); err != nil {
		t.Fatalf("Apply: %v", err)
	}
	revised := func(e write.Event, rev int64) write.Event {
		e.Rev, e.Version = rev, 2
		return e
	}
	for _, test := range []struct {
		name string
		plan write.Plan
		ok   bool
	}{
		{name: "an older stamp", plan: write.Plan{Claims: []event.Delivery{{ID: event.FrameID{1}, Stamp: 4}}}},
		{name: "a row of another rev", plan: write.Plan{Updated: []write.Event{revised(kept, 3)}}},
		{name: "a row that is missing", plan: write.Plan{Removed: []int64{bare.Seq, bare.Seq + 1}}},
		{name: "an id that is there", plan: write.Plan{Inserted: []write.Event{{ID: kept.ID, Version: 9}}}},
		{name: "another number of accounts", plan: write.Plan{Authors: true, Accounts: 7}},
		{name: "all as it was", ok: true, plan: write.Plan{
			Claims: claim, Updated: []write.Event{revised(kept, 1)}, Removed: []int64{bare.Seq},
			Inserted: []write.Event{{ID: bare.ID, Version: 2}}, Authors: true, Accounts: 0,
		}},
	} {
		before := number(t, db, "SELECT value FROM counters WHERE name = 'changes'")
		test.plan.Numbers = 1
		test.plan.Made = []write.Match{{Event: 77, User: 1}}
		err := w.Apply(t.Context(), &test.plan)
		if test.ok != (err == nil) || err != nil && !errors.Is(err, write.ErrConflict) {
			t.Errorf("%s: Apply: got %v, want it to pass: %t", test.name, err, test.ok)
		}
		if moved := number(t, db, "SELECT value FROM counters WHERE name = 'changes'") > before; moved != test.ok {
			t.Errorf("%s: the counter moved: %t", test.name, moved)
		}
		if matches := number(t, db, "SELECT COUNT(*) FROM matches"); (matches == 1) != test.ok {
			t.Errorf("%s: there are %d matches", test.name, matches)
		}
	}
	if got := number(t, db, "SELECT COUNT(*) FROM events WHERE version = 2"); got != 2 {
		t.Errorf("%d events of version 2, want 2", got)
	}
}

// TestWrittenWaits: the events of a deleted account are looked up together with
// those that are being written.
func TestWrittenWaits(t *testing.T) {
	t.Parallel()
	w, db := openWriter(t, testenv.StartMariaDB(t).URL) // its own, to see that somebody waits there
	author := write.Account{ID: [16]byte{1, 2, 3, 4, 5, 6, 7, 8}, Version: 9}
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = tx.ExecContext(t.Context(), "INSERT INTO events (seq, id, version, author, body) VALUES (1, ?, 1, ?, '{}')",
		make([]byte, 16), write.AuthorHash(author.ID))
	if err != nil {
		t.Fatal(err)
	}
	type answer struct {
		events []write.Event
		err    error
	}
	found := make(chan answer, 1)
	go func() {
		events, err := w.Written(t.Context(), author, 0, 10)
		found <- answer{events, err}
	}()
	var got answer
	for waiting := false; !waiting; {
		select {
		case got = <-found:
			t.Fatalf("Written did not wait: %+v, %v", got.events, got.err)
		default:
		}
		waiting = waits(t, db)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if got = <-found; got.err != nil || len(got.events) != 1 {
		t.Errorf("Written: got %+v, %v, want one event", got.events, got.err)
	}
}

// waits reports whether a transaction waits for a row.
func waits(t *testing.T, db *sql.DB) bool {
	t.Helper()
	var name string
	var n int
	if err := db.QueryRowContext(t.Context(), "SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'").Scan(&name, &n); err != nil {
		t.Fatalf("ask for lock waits: %v", err)
	}
	return n > 0
}
