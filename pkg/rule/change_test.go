package rule

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"riffle/pkg/event"
	"riffle/pkg/rule/token"
)

// matched gives the ids of the rules that match.
func matched(m *Matcher, ev *event.Event, only []int64) []int64 {
	ids := []int64{}
	for _, h := range m.Match(ev, only) {
		ids = append(ids, h.Rule.ID)
	}
	return ids
}

// TestReadersSeeChangesWhole changes one rule to and fro between two words that
// both stand in every event: whoever matches meanwhile sees it exactly once.
func TestReadersSeeChangesWhole(t *testing.T) {
	t.Parallel()
	index := NewIndex()
	var others []Rule
	for i := range int64(2000) {
		others = append(others, Rule{ID: 10 + i, User: i, Value: fmt.Sprintf("word%d -other%d", i, i)})
	}
	if failed := index.Load(others); len(failed) > 0 {
		t.Fatalf("Load: %v", failed)
	}
	put := func(value string) {
		if err := index.Put(Rule{ID: 1, User: 1, Value: value}); err != nil {
			t.Errorf("Put: %v", err)
		}
	}
	put("cat")
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			m := index.NewMatcher()
			for {
				select {
				case <-stop:
					return
				default:
				}
				if got := matched(m, &event.Event{Text: "the cat and the dog"}, nil); len(got) != 1 || got[0] != 1 {
					t.Errorf("rules that match during changes: got %v, want [1]", got)
					return
				}
			}
		})
	}
	for i := range 500 {
		put([]string{"dog", "cat", "cat OR dog", `"the dog"`}[i%4])
		if i%50 == 0 {
			index.Remove(int64(10 + i))
		}
	}
	close(stop)
	readers.Wait()
}

func TestBrokenRuleReplacesNothing(t *testing.T) {
	t.Parallel()
	index := NewIndex()
	if err := index.Put(Rule{ID: 1, User: 1, Value: "cat"}); err != nil {
		t.Fatalf("Put: %v", err)
	}
	err := index.Put(Rule{ID: 1, User: 1, Value: "cat OR"})
	var broken *ProblemError
	if !errors.As(err, &broken) || broken.Problems[0].Code != CodeDanglingOr {
		t.Errorf("Put of a broken rule: got %v, want dangling_or", err)
	}
	failed := index.Load([]Rule{{ID: 1, User: 1, Value: "("}, {ID: 2, User: 1, Value: "dog"}})
	if len(failed) != 1 || failed[0].Rule != 1 {
		t.Errorf("Load: got %v, want rule 1 alone refused", failed)
	}
	if got := matched(index.NewMatcher(), &event.Event{Text: "cat dog"}, nil); !cmp.Equal(got, []int64{1, 2}) {
		t.Errorf("rules that match: got %v, want [1 2]", got)
	}
}

func TestUsersActionsAndDeletions(t *testing.T) {
	t.Parallel()
	index := NewIndex()
	index.Load([]Rule{
		{ID: 5, User: 2, Value: "cat"}, {ID: 4, User: 2, Value: "cat OR dog"},
		{ID: 3, User: 1, Value: "cat"}, {ID: 2, User: 3, Value: "cat"},
		{ID: 1, User: 3, Value: "dog", Action: Drop}, {ID: 6, User: 4, Value: "cat", Action: Drop},
	})
	m := index.NewMatcher()
	cases := []struct {
		name string
		ev   event.Event
		only []int64
		want []int64
	}{
		{"by user, then rule", event.Event{Text: "cat"}, nil, []int64{3, 2 + 2, 5, 2}},
		{"nobody, after everyone", event.Event{Text: "cat"}, []int64{}, []int64{}},
		{"a drop rule wins", event.Event{Text: "cat dog"}, nil, []int64{3, 4, 5}},
		{"an audience", event.Event{Text: "cat"}, []int64{3, 1, 3}, []int64{3, 2}},
		{"a deletion", event.Event{Text: "cat", Deleted: true}, nil, []int64{}},
	}
	for _, c := range cases {
		if diff := cmp.Diff(c.want, matched(m, &c.ev, c.only)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// TestManyRulesOfOneWord goes over the sizes at which a list or table changes
// its form, and back to nothing.
func TestManyRulesOfOneWord(t *testing.T) {
	t.Parallel()
	const n = 3000
	index := NewIndex()
	m := index.NewMatcher()
	rules := make([]Rule, n)
	for i := range rules {
		rules[i] = Rule{ID: int64(i * 7919 % n), User: int64(i % 10), Value: "cat"}
	}
	index.Load(rules)
	ev := &event.Event{Text: "the cat"}
	if got := len(m.Match(ev, nil)); got != n {
		t.Fatalf("rules of one word: got %d, want %d", got, n)
	}
	if got := len(m.Match(ev, []int64{3})); got != n/10 {
		t.Errorf("those of one user: got %d, want %d", got, n/10)
	}
	for i := range int64(n) {
		index.Remove(i)
	}
	if got := len(m.Match(ev, nil)); got != 0 || index.Len() != 0 {
		t.Errorf("after all were removed: got %d that match and %d in all, want none", got, index.Len())
	}
	if s := index.current.Load(); s.table.count != 0 || s.kinds != [keyKinds]int32{} {
		t.Errorf("after all were removed: got %d keys, kinds %v, want none", s.table.count, s.kinds)
	}
}

// TestRulesOfManyChoicesMeet has rules of many choices meet in each of them, and
// be taken out in every order: nothing of them may stay behind.
func TestRulesOfManyChoicesMeet(t *testing.T) {
	t.Parallel()
	choices := func(format string) string {
		parts := make([]string, 100)
		for i := range parts {
			parts[i] = fmt.Sprintf(format, i)
		}
		return strings.Join(parts, " OR ")
	}
	rules := []Rule{
		{ID: 0, User: 1, Value: choices("word%d")},
		{ID: 1, User: 1, Value: choices("word%d")},
		{ID: 2, User: 1, Value: choices("word%d lang:en")},
		{ID: 3, User: 1, Value: "word7 OR word7 from:ann OR word7 has:links lang:en"},
		{ID: 4, User: 1, Value: "word7 lang:de"},
	}
	ev := &event.Event{Text: "a word7", Langs: []string{"en"}}
	for first := range rules {
		index := NewIndex()
		m := index.NewMatcher()
		for i := range rules {
			if err := index.Put(rules[(first+i)%len(rules)]); err != nil {
				t.Fatalf("Put: %v", err)
			}
		}
		if got, want := matched(m, ev, nil), []int64{0, 1, 2, 3}; !cmp.Equal(got, want) {
			t.Errorf("rules that match, rule %d put first: got %v, want %v", first, got, want)
		}
		for id := range rules {
			index.Remove(int64(id))
		}
		if s := index.current.Load(); s.table.count != 0 || s.kinds != [keyKinds]int32{} {
			t.Errorf("after all were removed, rule %d put first: got %d keys, kinds %v, want none", first, s.table.count, s.kinds)
		}
	}
}

// TestFilterGrowsByUpkeep puts more rules one by one than a change may filter
// anew, some of them while the filter is being made.
func TestFilterGrowsByUpkeep(t *testing.T) {
	t.Parallel()
	index := NewIndex()
	next := 0
	put := func() {
		if err := index.Put(Rule{ID: int64(next), User: 1, Value: fmt.Sprintf("word%d", next)}); err != nil {
			t.Errorf("Put: %v", err)
		}
		next++
	}
	filterKeys := func() int { return index.current.Load().filter.keys }
	for next <= maxRefill || next <= filterKeys() {
		put()
	}
	before, begun := filterKeys(), make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := range 2000 {
			if i == 10 {
				close(begun)
			}
			put()
		}
	})
	<-begun
	index.Upkeep()
	writer.Wait()
	if got := filterKeys(); got <= before {
		t.Errorf("keys that the filter was made for: got %d, want more than %d", got, before)
	}
	m := index.NewMatcher()
	for i := range next {
		if got := matched(m, &event.Event{Text: fmt.Sprintf("word%d", i)}, nil); len(got) != 1 || got[0] != int64(i) {
			t.Fatalf("rules that match word%d: got %v, want [%d]", i, got, i)
		}
	}
}

func TestFilterInTheMakingHearsOfRules(t *testing.T) {
	t.Parallel()
	index := NewIndex()
	index.growing = newKeyFilter(64)
	if err := index.Put(Rule{ID: 1, User: 1, Value: "cat"}); err != nil {
		t.Fatalf("Put: %v", err)
	}
	if !index.growing.has(slotHash(keyWord.hash(token.Hash("cat")))) {
		t.Error("a rule put while the filter is being made: it is not in there")
	}
}
