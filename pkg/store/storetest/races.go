package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"riffle/pkg/event"
	"riffle/pkg/store"
)

// testDeletionRace: posts and their deletions at once, in either order: in the
// end no post is left, nor its text.
func testDeletionRace(sc scene) {
	t, s := sc.T, sc.store
	w := newWorld(s)
	const posts = 60
	var filters sync.WaitGroup
	write := func(of func(i int) []verdict) {
		filters.Go(func() {
			for i := range posts {
				if err := w.Write(t.Context(), w.batch(of(i)...)); err != nil {
					t.Errorf("Write: %v", err)
				}
			}
		})
	}
	key := func(i int) string { return fmt.Sprint("k", i) }
	post := func(i int) verdict { return verdict{key: key(i), version: 1, text: "SECRET", users: []int64{1}} }
	deletion := func(i int) verdict { return verdict{key: key(i), version: event.VersionFinal, deleted: true} }
	write(func(i int) []verdict { return []verdict{post(i), deletion(posts - 1 - i)} })
	write(func(i int) []verdict { return []verdict{deletion(i)} })
	write(func(i int) []verdict { return []verdict{post(posts - 1 - i), deletion((i + 7) % posts)} })
	filters.Wait()
	wantNothing(t, w, 1)
}

// testAccountRace: an account is deleted while four filters write its posts.
func testAccountRace(sc scene) {
	t, s := sc.T, sc.store
	w := newWorld(s)
	for round := range 10 {
		author := fmt.Sprint("ann", round)
		var filters sync.WaitGroup
		for f := range 4 {
			filters.Go(func() {
				for i := range 12 {
					v := []verdict{{key: fmt.Sprintf("%d.%d.%d", round, f, i), version: 1, text: "SECRET", author: author, users: []int64{1}}}
					if f == 3 && i == 4 {
						v = []verdict{{key: author, version: 5, deleted: true, account: true}}
					}
					if err := w.Write(t.Context(), w.batch(v...)); err != nil {
						t.Errorf("Write: %v", err)
					}
				}
			})
		}
		filters.Wait()
	}
	wantNothing(t, w, 1)
}

// testFirstAccount: the first account ever that is deleted comes in one batch
// with a post of its own, and with a deletion that makes the store look.
func testFirstAccount(sc scene) {
	t := sc.T
	w := newWorld(sc.store)
	w.write(t,
		verdict{key: "a", version: 1, text: "SECRET", author: "ann", users: []int64{1}},
		verdict{key: "b", version: 1, deleted: true},
		verdict{key: "ann", version: 5, deleted: true, account: true})
	wantNothing(t, w, 1)
}

// wantNothing makes sure that a user has no match and the store no text.
func wantNothing(t *testing.T, w world, user int64) {
	t.Helper()
	if page := w.query(t, event.Query{User: user}); len(page.Changes) != 0 {
		t.Errorf("matches are left: %q", describe(t, page.Changes))
	}
	f := follower{user: user, texts: make(map[string]string)}
	if left := f.catchUp(t, w); len(left) != 0 {
		t.Errorf("a follower still has %q", left)
	}
	for next := int64(0); ; {
		events, before, err := w.NewestEvents(t.Context(), next, 500)
		if err != nil {
			t.Fatalf("NewestEvents: %v", err)
		}
		for _, e := range events {
			if strings.Contains(string(e.Body), w.prefix) {
				t.Errorf("the store still has %s", e.Body)
			}
		}
		if next = before; next == 0 {
			return
		}
	}
}

// testManyMatches: an event that more users keep than one transaction writes.
func testManyMatches(sc scene) {
	t, s := sc.T, sc.store
	const users = 9000
	w := newWorld(s)
	everybody := make([]int64, users)
	for i := range everybody {
		everybody[i] = int64(i) + 1
	}
	start := w.query(t, event.Query{User: 1}).Next
	look := func(name string, of int64, want string) {
		t.Helper()
		changes, _ := w.changes(t, of, start)
		if got := strings.Join(describe(t, changes), ", "); got != want {
			t.Errorf("%s: user %d sees %q, want %q", name, of, got, want)
		}
	}
	b := w.batch(verdict{key: "before", version: 1, users: []int64{1}},
		verdict{key: "a", version: 1, users: everybody},
		verdict{key: "after", version: 1, users: []int64{users}})
	if err := w.Write(t.Context(), b); err != nil {
		t.Fatalf("Write: %v", err)
	}
	look("kept", 1, "new before 1, new a 1")
	look("kept", 5000, "new a 1")
	look("kept", users, "new a 1, new after 1")
	if err := w.Write(t.Context(), b); !errors.Is(err, event.ErrRefused) {
		t.Errorf("Write again: got %v, want %v", err, event.ErrRefused)
	}
	numbers := map[int64]int64{}
	for _, user := range []int64{1, 5000, users} {
		numbers[user] = lastNumber(t, w, user)
	}
	w.write(t, verdict{key: "a", version: 1, users: everybody})
	for user, want := range numbers {
		if got := lastNumber(t, w, user); got != want {
			t.Errorf("a duplicate moved user %d from %d to %d", user, want, got)
		}
	}
	w.write(t, verdict{key: "a", version: 2, users: everybody[4000:6000]})
	look("edited", 1, "new before 1, delete")
	look("edited", 5000, "new a 2")
	look("edited", users, "new after 1, delete")
	w.write(t, verdict{key: "a", version: 3, judged: []int64{4001}, revised: true})
	look("edited for one", 4001, "delete")
	look("edited for one", 5000, "new a 3")
	w.write(t, verdict{key: "a", version: 4, deleted: true})
	look("deleted", 1, "new before 1, delete")
	look("deleted", 5000, "delete")
}

func lastNumber(t *testing.T, w world, user int64) int64 {
	t.Helper()
	n, err := w.LastNumber(t.Context(), w.base+user)
	if err != nil {
		t.Fatalf("LastNumber: %v", err)
	}
	return n
}

// testRefusedRows: what the database can't hold is told from what may pass, and
// leaves nothing behind.
func testRefusedRows(sc scene) {
	t, s := sc.T, sc.store
	w := newWorld(s)
	b := w.batch(verdict{key: "good", version: 1, users: []int64{1}}, verdict{key: "bad", version: 1, users: []int64{1}})
	b.Verdicts[1].JSON = notText
	err := w.Write(t.Context(), b)
	row := new(store.RowError)
	if !errors.Is(err, event.ErrRow) || !errors.As(err, &row) {
		t.Errorf("Write: got %v, want %v", err, event.ErrRow)
	}
	if page := w.query(t, event.Query{User: 1}); len(page.Changes) != 0 {
		t.Errorf("the batch left %q", describe(t, page.Changes))
	}
	b.Verdicts = b.Verdicts[:1]
	if err := w.Write(t.Context(), b); err != nil {
		t.Errorf("Write without the bad row: %v", err)
	}
}
