package storetest

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/event"
	"riffle/pkg/store"
)

// step is a batch and what each user's change log then says since the start and
// since the step before.
type step struct {
	write []verdict
	want  map[int64][]string // what is new to a reader who had read all, by user
}

// testVersions: the newest version of an event wins, and each match has the
// right changes.
func testVersions(t *testing.T, open Open) {
	for _, test := range versionTests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			at := map[int64]int64{1: 0, 2: 0}
			for i, step := range test.steps {
				write(t, s, step.write...)
				for user := int64(1); user <= 2; user++ {
					page := changes(t, s, user, at[user])
					if diff := cmp.Diff(step.want[user], describe(t, page)); diff != "" {
						t.Errorf("step %d, user %d: changes differ (-want +got):\n%s", i, user, diff)
					}
					at[user] = page.Next
				}
			}
			for user, want := range test.left {
				page, err := s.Matches(t.Context(), event.Query{User: user, Limit: 100})
				if err != nil {
					t.Fatalf("Matches: %v", err)
				}
				if diff := cmp.Diff(want, describe(t, page)); diff != "" {
					t.Errorf("user %d: matches differ (-want +got):\n%s", user, diff)
				}
			}
		})
	}
}

func changes(t *testing.T, s *store.Store, user, after int64) event.Page {
	t.Helper()
	page, err := s.Matches(t.Context(), event.Query{User: user, HasAfter: true, After: after, Limit: 200})
	if err != nil {
		t.Fatalf("Matches of user %d after %d: %v", user, after, err)
	}
	return page
}

// describe writes each change as its kind and its text, or its id if it is
// gone.
func describe(t *testing.T, page event.Page) []string {
	t.Helper()
	var all []string
	for _, c := range page.Changes {
		if c.Kind == event.ChangeDelete {
			all = append(all, "delete")
			continue
		}
		var ev struct{ Text string }
		if err := json.Unmarshal(c.Event, &ev); err != nil {
			t.Fatalf("event of match %s: %v", c.ID, err)
		}
		all = append(all, fmt.Sprintf("%s %s", c.Kind, ev.Text))
	}
	return all
}

var versionTests = []struct {
	name  string
	steps []step
	left  map[int64][]string
}{
	{
		name: "a post",
		steps: []step{
			{[]verdict{{key: "test:a", version: 1, text: "one", users: []int64{1}}}, map[int64][]string{1: {"new one"}}},
			{[]verdict{{key: "test:b", version: 1, text: "two", users: []int64{1, 2}}}, map[int64][]string{1: {"new two"}, 2: {"new two"}}},
		},
		left: map[int64][]string{1: {"new two", "new one"}, 2: {"new two"}},
	},
	{
		name: "an edit that is kept",
		steps: []step{
			{[]verdict{{key: "test:a", version: 1, text: "one", users: []int64{1, 2}}}, map[int64][]string{1: {"new one"}, 2: {"new one"}}},
			{[]verdict{{key: "test:a", version: 2, text: "two", users: []int64{1, 2}}}, map[int64][]string{1: {"update two"}, 2: {"update two"}}},
		},
		left: map[int64][]string{1: {"new two"}, 2: {"new two"}},
	},
	{
		name: "an edit that one drops",
		steps: []step{
			{[]verdict{{key: "test:a", version: 1, text: "one", users: []int64{1, 2}}}, map[int64][]string{1: {"new one"}, 2: {"new one"}}},
			{[]verdict{{key: "test:a", version: 2, text: "two", users: []int64{2}}}, map[int64][]string{1: {"delete"}, 2: {"update two"}}},
			{[]verdict{{key: "test:a", version: 3, text: "three", users: []int64{1}}}, map[int64][]string{1: {"new three"}, 2: {"delete"}}},
		},
		left: map[int64][]string{1: {"new three"}, 2: nil},
	},
	{
		name: "an edit that nobody keeps, then an old version",
		steps: []step{
			{[]verdict{{key: "test:a", version: 2, revised: true}}, nil},
			{[]verdict{{key: "test:a", version: 1, text: "one", users: []int64{1}}}, nil},
			{[]verdict{{key: "test:a", version: 3, text: "three", users: []int64{1}}}, map[int64][]string{1: {"new three"}}},
		},
		left: map[int64][]string{1: {"new three"}},
	},
	{
		name: "a deletion after the post",
		steps: []step{
			{[]verdict{{key: "test:a", version: 1, text: "one", users: []int64{1}}}, map[int64][]string{1: {"new one"}}},
			{[]verdict{{key: "test:a", version: event.VersionFinal, deleted: true}}, map[int64][]string{1: {"delete"}}},
			{[]verdict{{key: "test:a", version: 1, text: "one", users: []int64{1, 2}}}, nil},
		},
		left: map[int64][]string{1: nil, 2: nil},
	},
	{
		name: "a deletion before the post",
		steps: []step{
			{[]verdict{{key: "test:a", version: 5, deleted: true}}, nil},
			{[]verdict{{key: "test:a", version: 1, text: "one", users: []int64{1}}}, nil},
			{[]verdict{{key: "test:a", version: 5, text: "five", users: []int64{1}}}, nil},
			{[]verdict{{key: "test:a", version: 6, text: "six", users: []int64{1}}}, map[int64][]string{1: {"new six"}}},
		},
	},
	{
		name: "a duplicate changes nothing",
		steps: []step{
			{[]verdict{{key: "test:a", version: 1, text: "one", users: []int64{1}}}, map[int64][]string{1: {"new one"}}},
			{[]verdict{{key: "test:a", version: 1, text: "one", users: []int64{1}}}, nil},
		},
	},
	{
		name: "the same event for another audience",
		steps: []step{
			{[]verdict{{key: "test:a", version: 1, text: "one", users: []int64{1}, judged: []int64{1}}}, map[int64][]string{1: {"new one"}}},
			{[]verdict{{key: "test:a", version: 1, text: "one", users: []int64{2}, judged: []int64{2}}}, map[int64][]string{2: {"new one"}}},
			{[]verdict{{key: "test:a", version: 2, text: "two", users: []int64{2}, judged: []int64{2}}}, map[int64][]string{2: {"update two"}}},
			{[]verdict{{key: "test:a", version: 2, text: "two", judged: []int64{1}}}, map[int64][]string{1: {"delete"}}},
		},
	},
	{
		name: "all in one batch",
		steps: []step{
			{[]verdict{
				{key: "test:a", version: 1, text: "one", users: []int64{1}},
				{key: "test:a", version: 2, text: "two", users: []int64{1, 2}},
				{key: "test:b", version: 1, text: "bee", users: []int64{2}},
				{key: "test:a", version: 3, text: "three", users: []int64{1}},
			}, map[int64][]string{1: {"new three"}, 2: {"new bee"}}},
		},
	},
	{
		name: "a sample is kept later",
		steps: []step{
			{[]verdict{{key: "test:a", version: 1, text: "one", stored: true}}, nil},
			{[]verdict{{key: "test:a", version: 1, text: "one", users: []int64{1}}}, map[int64][]string{1: {"new one"}}},
		},
		left: map[int64][]string{1: {"new one"}},
	},
	{
		name: "made and deleted between two looks",
		steps: []step{
			{[]verdict{{key: "test:a", version: 1, text: "one", users: []int64{1}}}, map[int64][]string{1: {"new one"}}},
			{[]verdict{{key: "test:a", version: 2, deleted: true}, {key: "test:a", version: 3, text: "three", users: []int64{1}}},
				map[int64][]string{1: {"new three"}}},
		},
	},
	{
		name: "a deleted account",
		steps: []step{
			{[]verdict{
				{key: "test:a", author: "ann", version: 1, text: "one", users: []int64{1}},
				{key: "test:b", author: "bob", version: 1, text: "two", users: []int64{1}},
			}, map[int64][]string{1: {"new one", "new two"}}},
			{[]verdict{{key: "test:ann", version: 9, deleted: true, account: true}}, map[int64][]string{1: {"delete"}}},
			{[]verdict{{key: "test:c", author: "ann", version: 8, text: "older", users: []int64{1}}}, nil},
			{[]verdict{{key: "test:d", author: "ann", version: 10, text: "newer", users: []int64{1}}}, map[int64][]string{1: {"new newer"}}},
		},
		left: map[int64][]string{1: {"new newer", "new two"}},
	},
}
