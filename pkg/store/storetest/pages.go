package storetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/event"
)

// testPages: both directions, page by page.
func testPages(sc scene) {
	t, s := sc.T, sc.store
	w := newWorld(s)
	empty := w.query(t, event.Query{User: 1})
	if len(empty.Changes) != 0 || empty.More || empty.Prev != 0 {
		t.Errorf("a user without matches has the page %+v", empty)
	}
	var want []string
	for i := range 10 {
		w.write(t, verdict{key: fmt.Sprint(i), version: 1, users: []int64{1, 2}})
		want = append(want, fmt.Sprintf("new %d 1", i))
	}
	w.write(t, verdict{key: "3", version: 2, deleted: true})
	t.Run("backwards", func(t *testing.T) {
		t.Parallel()
		var got []string
		for q := (event.Query{User: 1, Limit: 4}); ; {
			page := w.query(t, q)
			got = append(got, describe(t, page.Changes)...)
			if more := page.Prev != 0; more != page.More {
				t.Errorf("page with %d changes: prev %d, more %t", len(page.Changes), page.Prev, page.More)
			}
			if q.Before = page.Prev; q.Before == 0 {
				break
			}
		}
		reversed := []string{}
		for i := 9; i >= 0; i-- {
			if i != 3 {
				reversed = append(reversed, want[i])
			}
		}
		if diff := cmp.Diff(reversed, got); diff != "" {
			t.Errorf("matches differ (-want +got):\n%s", diff)
		}
	})
	t.Run("forwards", func(t *testing.T) {
		t.Parallel()
		for _, limit := range []int{1, 5, 10, 11} {
			var got []string
			for q := (event.Query{User: 1, Limit: limit, HasAfter: true, After: empty.Next}); ; {
				page := w.query(t, q)
				got = append(got, describe(t, page.Changes)...)
				if page.Next < q.After {
					t.Fatalf("next went back from %d to %d", q.After, page.Next)
				}
				if q.After = page.Next; !page.More {
					break
				}
			}
			all := append(append(append([]string{}, want[:3]...), want[4:]...), "delete")
			if diff := cmp.Diff(all, got); diff != "" {
				t.Errorf("limit %d: changes differ (-want +got):\n%s", limit, diff)
			}
		}
	})
	t.Run("back from a page of changes", func(t *testing.T) {
		t.Parallel()
		first := w.query(t, event.Query{User: 1, HasAfter: true, After: empty.Next, Limit: 5})
		second := w.query(t, event.Query{User: 1, HasAfter: true, After: first.Next, Limit: 5})
		back := w.query(t, event.Query{User: 1, Before: second.Prev})
		if diff := cmp.Diff([]string{"new 5 1", "new 4 1", "new 2 1", "new 1 1", "new 0 1"}, describe(t, back.Changes)); diff != "" {
			t.Errorf("matches differ (-want +got):\n%s", diff)
		}
	})
	t.Run("last number", func(t *testing.T) {
		t.Parallel()
		changes, next := w.changes(t, 2, 0)
		got, err := w.LastNumber(t.Context(), w.base+2)
		if want := changes[len(changes)-1].Number; err != nil || got != want || next < want {
			t.Errorf("LastNumber: got %d, %v, want %d; next is %d", got, err, want, next)
		}
		if got, err := w.LastNumber(t.Context(), w.base+3); err != nil || got != 0 {
			t.Errorf("LastNumber without matches: got %d, %v, want 0", got, err)
		}
	})
	t.Run("what a match holds", func(t *testing.T) {
		t.Parallel()
		page := w.query(t, event.Query{User: 2, Limit: 1})
		want := event.Change{
			ID: page.Changes[0].ID, Number: page.Changes[0].Number, Kind: event.ChangeNew, MatchedAt: event.Time(page.Changes[0].Number / 1000),
			Event: w.event(verdict{key: "9", version: 1}).AppendJSON(nil),
			Rules: []byte(`[{"id":"2","spans":[{"field":"text","start":0,"end":3}]}]`),
		}
		if diff := cmp.Diff(want, page.Changes[0]); diff != "" {
			t.Errorf("match differs (-want +got):\n%s", diff)
		}
	})
}

// testFilters: by tag and by rule, in both directions, with work that is
// bounded.
func testFilters(sc scene) {
	t, s := sc.T, sc.store
	w := newWorld(s)
	start := w.query(t, event.Query{User: 1}).Next
	for i := range 30 {
		var batch []verdict
		for j := range 200 {
			v := verdict{key: fmt.Sprintf("%d.%d", i, j), version: 1, users: []int64{1}, tag: "common"}
			if j == 0 && i%10 == 0 {
				v.tag = `rare "one"`
			}
			batch = append(batch, v)
		}
		w.write(t, batch...)
	}
	w.write(t, verdict{key: "10.0", version: 2, deleted: true})
	for _, test := range []struct {
		name string
		q    event.Query
		want []string
	}{
		{"tag backwards", event.Query{Tag: `rare "one"`}, []string{"new 20.0 1", "new 0.0 1"}},
		{"tag forwards", event.Query{Tag: `rare "one"`, HasAfter: true, After: start}, []string{"new 0.0 1", "new 20.0 1", "delete"}},
		{"rule of nobody", event.Query{Rule: "2"}, nil},
		{"tag that is part of another", event.Query{Tag: "rare"}, nil},
		{"tag and rule", event.Query{Tag: `rare "one"`, Rule: "1"}, []string{"new 20.0 1", "new 0.0 1"}},
		{"tag and another's rule", event.Query{Tag: `rare "one"`, Rule: "2"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			q := test.q
			q.User, q.Limit = 1, 2
			var got []string
			pages := 0
			for {
				page := w.query(t, q)
				pages++
				got = append(got, describe(t, page.Changes)...)
				if !page.More {
					break
				}
				q.After, q.Before = page.Next, page.Prev
				if !q.HasAfter {
					q.After = 0
				} else {
					q.Before = 0
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("changes differ (-want +got):\n%s", diff)
			}
			if pages < 2 {
				t.Error("6,000 matches were looked at for one page")
			}
		})
	}
}

// testByID: matches by their ids, which are their user's alone.
func testByID(sc scene) {
	t, s := sc.T, sc.store
	w := newWorld(s)
	w.write(t,
		verdict{key: "a", version: 1, users: []int64{1, 2}},
		verdict{key: "b", version: 1, users: []int64{1}},
		verdict{key: "c", version: 1, users: []int64{1}})
	page := w.query(t, event.Query{User: 1})
	c, b, a := page.Changes[0].ID, page.Changes[1].ID, page.Changes[2].ID
	others := w.query(t, event.Query{User: 2}).Changes[0].ID
	if a == others {
		t.Errorf("two users' matches of one event have the id %s", a)
	}
	w.write(t, verdict{key: "b", version: 2, deleted: true}, verdict{key: "c", version: 2, users: []int64{1}})
	got := w.query(t, event.Query{User: 1, IDs: []string{a, "nonsense", others, b, c, a + "x", ""}})
	if diff := cmp.Diff([]string{"new a 1", "new c 2"}, describe(t, got.Changes)); diff != "" {
		t.Errorf("matches differ (-want +got):\n%s", diff)
	}
	if len(got.Changes) == 2 && (got.Changes[0].ID != a || got.Changes[1].ID != c) {
		t.Errorf("ids are %s and %s, want %s and %s", got.Changes[0].ID, got.Changes[1].ID, a, c)
	}
	for _, id := range []string{others, "", "!"} {
		if page := w.query(t, event.Query{User: 1, IDs: []string{id}}); len(page.Changes) != 0 {
			t.Errorf("id %q gives %v", id, page.Changes)
		}
	}
}

// expired reports whether a cursor is older than what is kept.
func expired(t *testing.T, w world, user, after int64) bool {
	t.Helper()
	_, err := w.Matches(t.Context(), event.Query{User: w.base + user, HasAfter: true, After: after, Limit: 10})
	if err != nil && !errors.Is(err, event.ErrCursorExpired) {
		t.Fatalf("Matches: %v", err)
	}
	return err != nil
}
