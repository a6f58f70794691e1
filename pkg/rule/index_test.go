package rule

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"riffle/pkg/event"
	"riffle/pkg/rule/token"
)

// twin is an Index that judges every rule by walking its tree.
type twin map[int64]twinRule

type twinRule struct {
	Rule
	expr *Expr
}

func (w twin) put(r Rule) bool {
	expr, _ := Parse(r.Value)
	if expr == nil {
		return false
	}
	w[r.ID] = twinRule{r, expr}
	return true
}

// match names the rules that match, as the Matcher's hits are named.
func (w twin) match(ev *event.Event, only []int64) []string {
	var hits []Rule
	drops := map[int64]bool{}
	n := newNaive(ev)
	for _, r := range w {
		if only != nil && !slices.Contains(only, r.User) || ev.Deleted || !n.eval(r.expr.root) {
			continue
		}
		hits = append(hits, r.Rule)
		drops[r.User] = drops[r.User] || r.Action == Drop
	}
	hits = slices.DeleteFunc(hits, func(r Rule) bool { return drops[r.User] })
	slices.SortFunc(hits, func(a, b Rule) int { return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.ID, b.ID)) })
	names := []string{}
	for _, r := range hits {
		names = append(names, fmt.Sprintf("%d/%d %s", r.User, r.ID, r.Value))
	}
	return names
}

func hitNames(w twin, hits []Hit) []string {
	names := []string{}
	for _, h := range hits {
		names = append(names, fmt.Sprintf("%d/%d %s", h.User, h.Rule.ID, w[h.Rule.ID].Value))
	}
	return names
}

// compareWithTwin plays random changes of rules and random events to an index
// and to its twin.
func compareWithTwin(t *testing.T, seed uint64, rounds, ids int) {
	t.Helper()
	d := newDice(seed)
	index, naive := NewIndex(), twin{}
	matcher := index.NewMatcher()
	for range rounds {
		d.changeRules(index, naive, ids)
		for range 3 {
			ev := d.event()
			var only []int64
			if d.chance(20) {
				only = []int64{int64(d.IntN(4)), int64(d.IntN(4))}
			}
			got, want := hitNames(naive, matcher.Match(ev, only)), naive.match(ev, only)
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Fatalf("seed %d: rules that match (-twin +index):\n%s\nevent: %+v", seed, diff, ev)
			}
		}
	}
	if got, want := index.Len(), len(naive); got != want {
		t.Errorf("Len: got %d, want %d", got, want)
	}
}

// changeRules makes one change, of one rule or of many, to both.
func (d dice) changeRules(index *Index, naive twin, ids int) {
	switch d.IntN(10) {
	case 3:
		d.learn(index)
	case 0:
		rules := make([]Rule, d.IntN(ids/4))
		for i := range rules {
			rules[i] = d.newRule(ids)
		}
		index.Load(rules)
		for _, r := range rules {
			naive.put(r)
		}
	case 1, 2:
		id := d.newRule(ids).ID
		index.Remove(id)
		delete(naive, id)
	default:
		r := d.newRule(ids)
		if err := index.Put(r); (err == nil) != naive.put(r) {
			panic(err)
		}
	}
}

// learn tells the index that a word or the beginning of one is commoner than it
// presumed.
func (d dice) learn(index *Index) {
	word := pick(d, "the", "a", "of", "cat", "dog", "tea", "new", "york")
	hash := keyWord.hash(token.Hash(word))
	if d.chance(30) {
		hash = gramHash(keyGramThree, word+"  "[:max(0, 3-len(word))])
	}
	index.learn(slotHash(hash), float32(d.Float64()))
	index.refile()
}

// newRule makes a rule of one of several ids. Many hold a common word, so that
// they are filed together.
func (d dice) newRule(ids int) Rule {
	id := int64(d.IntN(ids))
	r := Rule{ID: id, User: id % 4, Value: d.rule(2)}
	if d.IntN(ids) == 0 {
		r.Action = Drop
	}
	switch {
	case d.chance(30):
		r.Value = pick(d, "the ", "a ", "the a ", "the of ") + d.attribute() + pick(d, " -", " ") + d.attribute()
	case d.chance(30):
		r.Value = pick(d, "the ", "a ", "the a ", `"the a" `, "cat ") + r.Value
	}
	return r
}

// TestHashIsNotTheKey gives a node the text of another key, as if both had one
// hash: what is filed there, and below, does not match.
func TestHashIsNotTheKey(t *testing.T) {
	t.Parallel()
	cases := []struct {
		value string
		path  []uint64
	}{
		{"cat", []uint64{token.Hash("cat")}},
		{"#cat", []uint64{keyHashtag.hash(token.Hash("cat"))}},
		{"cat zebra", []uint64{token.Hash("cat"), token.Hash("zebra")}},
		{"cat zebra", []uint64{token.Hash("zebra"), token.Hash("cat")}},
		{"cat #zebra", []uint64{keyHashtag.hash(token.Hash("zebra")), token.Hash("cat")}},
	}
	for _, c := range cases {
		index := NewIndex()
		index.Load([]Rule{{ID: 1, User: 1, Value: c.value}, {ID: 2, User: 2, Value: c.value}})
		m := index.NewMatcher()
		ev := &event.Event{Text: "a cat, a zebra", Hashtags: []string{"cat", "zebra"}}
		if got := matched(m, ev, nil); !slices.Equal(got, []int64{1, 2}) {
			t.Errorf("%s: got %v, want both rules", c.value, got)
		}
		at := &index.current.Load().table
		for _, hash := range c.path {
			s := at.find(hash)
			if s == nil || s.node == nil {
				break // filed in the other order
			}
			text := s.node.text
			s.node.text = "cow"
			if got := matched(m, ev, nil); len(got) > 0 {
				t.Errorf("%s, with another text of the key %q: got %v, want none", c.value, text, got)
			}
			s.node.text = text
			if at = s.node.kids; at == nil {
				break
			}
		}
	}
}

func TestIndexAgreesWithTwin(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		compareWithTwin(t, seed, 60, 200)
	}
}

func TestLargeIndexAgreesWithTwin(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		compareWithTwin(t, seed, 60, 3000)
	}
}

func FuzzIndex(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { compareWithTwin(t, seed, 30, 100) })
}
