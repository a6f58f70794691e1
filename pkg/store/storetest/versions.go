package storetest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/event"
)

// step is a batch and what it changes for readers who had read all.
type step struct {
	write []verdict
	want  map[int64][]string // by user
}

// testVersions: the newest version of an event wins, and each match has the
// right changes.
func testVersions(sc scene) {
	t, s := sc.T, sc.store
	for _, test := range versionTests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(s)
			at := map[int64]int64{}
			for i, step := range test.steps {
				w.write(t, step.write...)
				for user := int64(1); user <= 2; user++ {
					changes, next := w.changes(t, user, at[user])
					if diff := cmp.Diff(step.want[user], describe(t, changes)); diff != "" {
						t.Errorf("step %d, user %d: changes differ (-want +got):\n%s", i, user, diff)
					}
					at[user] = next
				}
			}
			for user, want := range test.left {
				page := w.query(t, event.Query{User: user})
				if diff := cmp.Diff(want, describe(t, page.Changes)); diff != "" {
					t.Errorf("user %d: matches differ (-want +got):\n%s", user, diff)
				}
			}
		})
	}
}

// testUnmarkedEdit: a newer version takes matches away even if it is not marked
// as one that may.
func testUnmarkedEdit(sc scene) {
	sc.afterNewPosts()
	w := newWorld(sc.store)
	w.write(sc.T, verdict{key: "a", version: 1, users: []int64{1}})
	w.write(sc.T, verdict{key: "a", version: 2})
	if got := describe(sc.T, w.query(sc.T, event.Query{User: 1}).Changes); len(got) != 0 {
		sc.Errorf("matches are left: %q", got)
	}
}

var versionTests = []struct {
	name  string
	steps []step
	left  map[int64][]string
}{
	{
		name: "a post",
		steps: []step{
			{[]verdict{{key: "a", version: 1, text: "one", users: []int64{1}}}, map[int64][]string{1: {"new one"}}},
			{[]verdict{{key: "b", version: 1, text: "two", users: []int64{1, 2}}}, map[int64][]string{1: {"new two"}, 2: {"new two"}}},
		},
		left: map[int64][]string{1: {"new two", "new one"}, 2: {"new two"}},
	},
	{
		name: "an edit that is kept",
		steps: []step{
			{[]verdict{{key: "a", version: 1, text: "one", users: []int64{1, 2}}}, map[int64][]string{1: {"new one"}, 2: {"new one"}}},
			{[]verdict{{key: "a", version: 2, text: "two", users: []int64{1, 2}}}, map[int64][]string{1: {"update two"}, 2: {"update two"}}},
		},
		left: map[int64][]string{1: {"new two"}, 2: {"new two"}},
	},
	{
		name: "an edit that one drops",
		steps: []step{
			{[]verdict{{key: "a", version: 1, text: "one", users: []int64{1, 2}}}, map[int64][]string{1: {"new one"}, 2: {"new one"}}},
			{[]verdict{{key: "a", version: 2, text: "two", users: []int64{2}}}, map[int64][]string{1: {"delete"}, 2: {"update two"}}},
			{[]verdict{{key: "a", version: 3, text: "three", users: []int64{1}}}, map[int64][]string{1: {"new three"}, 2: {"delete"}}},
		},
		left: map[int64][]string{1: {"new three"}, 2: nil},
	},
	{
		name: "an edit that nobody keeps, then an old version",
		steps: []step{
			{[]verdict{{key: "a", version: 2, revised: true}}, nil},
			{[]verdict{{key: "a", version: 1, text: "one", users: []int64{1}}}, nil},
			{[]verdict{{key: "a", version: 3, text: "three", users: []int64{1}}}, map[int64][]string{1: {"new three"}}},
		},
		left: map[int64][]string{1: {"new three"}},
	},
	{
		name: "a deletion after the post",
		steps: []step{
			{[]verdict{{key: "a", version: 1, text: "one", users: []int64{1}}}, map[int64][]string{1: {"new one"}}},
			{[]verdict{{key: "a", version: event.VersionFinal, deleted: true}}, map[int64][]string{1: {"delete"}}},
			{[]verdict{{key: "a", version: 1, text: "one", users: []int64{1, 2}}}, nil},
		},
		left: map[int64][]string{1: nil, 2: nil},
	},
	{
		name: "a deletion before the post",
		steps: []step{
			{[]verdict{{key: "a", version: 5, deleted: true}}, nil},
			{[]verdict{{key: "a", version: 1, text: "one", users: []int64{1}}}, nil},
			{[]verdict{{key: "a", version: 5, text: "five", users: []int64{1}}}, nil},
			{[]verdict{{key: "a", version: 6, text: "six", users: []int64{1}}}, map[int64][]string{1: {"new six"}}},
		},
	},
	{
		name: "a duplicate changes nothing",
		steps: []step{
			{[]verdict{{key: "a", version: 1, text: "one", users: []int64{1}}}, map[int64][]string{1: {"new one"}}},
			{[]verdict{{key: "a", version: 1, text: "one", users: []int64{1}}}, nil},
		},
	},
	{
		name: "the same event for another audience",
		steps: []step{
			{[]verdict{{key: "a", version: 1, text: "one", users: []int64{1}, judged: []int64{1}}}, map[int64][]string{1: {"new one"}}},
			{[]verdict{{key: "a", version: 1, text: "one", users: []int64{2}, judged: []int64{2}}}, map[int64][]string{2: {"new one"}}},
			{[]verdict{{key: "a", version: 2, text: "two", users: []int64{2}, judged: []int64{2}}}, map[int64][]string{2: {"update two"}}},
			{[]verdict{{key: "a", version: 2, text: "two", judged: []int64{1}}}, map[int64][]string{1: {"delete"}}},
		},
	},
	{
		name: "all in one batch",
		steps: []step{
			{[]verdict{
				{key: "a", version: 1, text: "one", users: []int64{1}},
				{key: "a", version: 2, text: "two", users: []int64{1, 2}},
				{key: "b", version: 1, text: "bee", users: []int64{2}},
				{key: "a", version: 3, text: "three", users: []int64{1}},
			}, map[int64][]string{1: {"new three"}, 2: {"new bee"}}},
		},
	},
	{
		name: "a sample is kept later",
		steps: []step{
			{[]verdict{{key: "a", version: 1, text: "one", stored: true}}, nil},
			{[]verdict{{key: "a", version: 1, text: "one", users: []int64{1}}}, map[int64][]string{1: {"new one"}}},
		},
		left: map[int64][]string{1: {"new one"}},
	},
	{
		name: "made and deleted between two looks",
		steps: []step{
			{[]verdict{{key: "a", version: 1, text: "one", users: []int64{1}}}, map[int64][]string{1: {"new one"}}},
			{[]verdict{{key: "a", version: 2, deleted: true}, {key: "a", version: 3, text: "three", users: []int64{1}}},
				map[int64][]string{1: {"new three"}}},
		},
	},
	{
		name: "a deleted account",
		steps: []step{
			{[]verdict{
				{key: "a", author: "ann", version: 1, text: "one", users: []int64{1}},
				{key: "b", author: "bob", version: 1, text: "two", users: []int64{1}},
			}, map[int64][]string{1: {"new one", "new two"}}},
			{[]verdict{{key: "ann", version: 9, deleted: true, account: true}}, map[int64][]string{1: {"delete"}}},
			{[]verdict{{key: "c", author: "ann", version: 8, text: "older", users: []int64{1}}}, nil},
			{[]verdict{{key: "d", author: "ann", version: 10, text: "newer", users: []int64{1}}}, map[int64][]string{1: {"new newer"}}},
		},
		left: map[int64][]string{1: {"new newer", "new two"}},
	},
	{
		name: "a judgement that did not get through is made up for",
		steps: []step{
			{[]verdict{{key: "a", version: 1, text: "one", users: []int64{1, 2}}}, map[int64][]string{1: {"new one"}, 2: {"new one"}}},
			{[]verdict{{key: "a", version: 2, text: "two", users: []int64{1}, judged: []int64{}}}, map[int64][]string{1: {"update two"}}},
			{[]verdict{{key: "a", version: 2, text: "two", users: []int64{1}}}, map[int64][]string{2: {"delete"}}},
		},
	},
	{
		name: "a match that comes back is new",
		steps: []step{
			{[]verdict{{key: "a", version: 1, text: "one", users: []int64{1}}}, map[int64][]string{1: {"new one"}}},
			{[]verdict{{key: "a", version: 2, revised: true}}, map[int64][]string{1: {"delete"}}},
			{[]verdict{{key: "a", version: 3, text: "three", users: []int64{1}}}, map[int64][]string{1: {"new three"}}},
			{[]verdict{{key: "a", version: 4, text: "four", users: []int64{1}}}, map[int64][]string{1: {"update four"}}},
		},
		left: map[int64][]string{1: {"new four"}},
	},
	{
		name: "two edits between two looks are one update",
		steps: []step{
			{[]verdict{{key: "a", version: 1, text: "one", users: []int64{1}}}, map[int64][]string{1: {"new one"}}},
			{[]verdict{
				{key: "a", version: 2, text: "two", users: []int64{1}},
				{key: "a", version: 3, text: "three", users: []int64{1}},
			}, map[int64][]string{1: {"update three"}}},
		},
	},
	{
		name: "made and gone in one batch was never there",
		steps: []step{
			{[]verdict{
				{key: "a", version: 1, text: "one", users: []int64{1}},
				{key: "a", version: 2, deleted: true},
			}, nil},
			{[]verdict{{key: "a", version: 1, text: "one", users: []int64{1}}}, nil},
		},
		left: map[int64][]string{1: nil},
	},
	{
		name: "a deletion twice is one",
		steps: []step{
			{[]verdict{{key: "a", version: 1, text: "one", users: []int64{1}}}, map[int64][]string{1: {"new one"}}},
			{[]verdict{{key: "a", version: 2, deleted: true}}, map[int64][]string{1: {"delete"}}},
			{[]verdict{{key: "a", version: 2, deleted: true}}, nil},
			{[]verdict{{key: "a", version: 3, deleted: true}}, nil},
		},
	},
	{
		name: "text with all that SQL and JSON mind",
		steps: []step{
			{[]verdict{{key: "a", version: 1, text: "'; DROP -- \\ \" \x00 \x1a % _ \u2028 é 漢 😀 ?", users: []int64{1}, tag: "it's \"q\" \\ é"}},
				map[int64][]string{1: {"new '; DROP -- \\ \" \x00 \x1a % _ \u2028 é 漢 😀 ?"}}},
		},
	},
}
