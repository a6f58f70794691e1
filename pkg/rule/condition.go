package rule

import (
	"cmp"
	"math"
	"math/bits"
	"slices"

	"riffle/pkg/rule/token"
)

// condition is something that must hold of an event for a rule to match.
type condition struct {
	hash uint64
	// chance is how likely it holds of an event that nothing is known of.
	chance float32
	kind   keyKind // keyEvery of a test
	exact  bool    // it says all that its term says
	text   string  // of a key that is a word or a name
	test   program // of what is no key: a term that is to be judged
}

// way is one way for a rule to match: conditions that all hold when it matches
// in this way. The first is a key under which the rule is filed; the others
// are words, names and tests, the least likely first.
type way struct {
	conditions []condition
	// whole says that the rule matches when the conditions hold: there is
	// nothing more to judge.
	whole bool
}

// maxConditions bounds how deep a rule is filed.
const maxConditions = 6

// likely is the chance from which on it is not worth to ask.
const likely = 0.9

// waysOf gives all ways to match a rule: it matches only if it does so in one
// of them. Those that b has twice are told once.
func (a *arena) waysOf(b *branch, known knowledge) []way {
	ways := a.branchWays(b, known)
	for i := range ways {
		ways[i].settle()
	}
	return ways
}

// settle puts the key that is best to file under first and keeps of the others
// what is worth to ask.
func (w *way) settle() {
	slices.SortStableFunc(w.conditions, func(a, b condition) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(a.chance, b.chance), cmp.Compare(a.hash, b.hash))
	})
	w.conditions = slices.CompactFunc(w.conditions, func(a, b condition) bool { return a.hash == b.hash })
	kept := w.conditions[:0]
	for i, c := range w.conditions {
		switch {
		case i > 0 && !c.isInner():
			w.whole = w.whole && !c.exact
		case i > 0 && (c.chance > likely || len(kept) == maxConditions):
			w.whole = false
		default:
			kept = append(kept, c)
		}
	}
	w.conditions = kept
}

// rank puts keys before tests.
func (c *condition) rank() int {
	switch {
	case c.test != "":
		return 2
	case c.kind >= keyNetwork && c.kind <= keyLang:
		return 1
	}
	return 0
}

// isInner reports whether c may stand after the first: the keys that an event
// has few of, and tests.
func (c *condition) isInner() bool {
	return c.test != "" || c.kind.isName() || c.kind == keyWord || c.kind == keyMarked
}

// way gives one way.
func (a *arena) way(whole bool, conditions ...condition) []way {
	ways := a.ways.take(1)
	ways[0] = way{conditions: conditions, whole: whole}
	return ways
}

// oneCondition gives one way that asks for one thing.
func (a *arena) oneCondition(whole bool, c condition) []way {
	conditions := a.conditions.take(1)
	conditions[0] = c
	return a.way(whole, conditions...)
}

// branchWays gives the ways to satisfy b, unsettled.
func (a *arena) branchWays(b *branch, known knowledge) []way {
	switch b.kind {
	case nodeOr:
		var ways []way
		for _, kid := range b.kids {
			ways = append(ways, a.branchWays(kid, known)...)
		}
		return ways
	case nodeAnd:
		return a.andWays(b, known)
	}
	switch {
	case !b.negated && b.term.op.selective():
		return a.termWays(b.term, known)
	case !b.isTested():
		return a.way(false)
	}
	c := a.testOf(b)
	return a.oneCondition(c.exact, c)
}

// andWays joins what all parts of an AND ask for. Of the parts that are ORs
// only one can be followed: the least likely, if it is less so than all that is
// no OR.
func (a *arena) andWays(b *branch, known knowledge) []way {
	var parts [][]way
	first := len(a.openConditions)
	whole := true
	for _, kid := range b.kids {
		ways := a.branchWays(kid, known)
		if len(ways) > 1 {
			parts = append(parts, ways)
			continue
		}
		a.openConditions = append(a.openConditions, ways[0].conditions...)
		whole = whole && ways[0].whole
	}
	single := a.way(whole, a.conditions.list(a.openConditions[first:])...)
	a.openConditions = a.openConditions[:first]
	common := &single[0]
	best := leastLikely(parts)
	if best < 0 || common.chance() <= chanceOfAny(parts[best]) {
		common.whole = common.whole && len(parts) == 0
		return single
	}
	joined := make([]way, len(parts[best]))
	for i, w := range parts[best] {
		joined[i].conditions = append(w.conditions[:len(w.conditions):len(w.conditions)], common.conditions...)
		joined[i].whole = w.whole && common.whole && len(parts) == 1
	}
	return joined
}

func leastLikely(parts [][]way) int {
	best := -1
	for i, ways := range parts {
		if best < 0 || chanceOfAny(ways) < chanceOfAny(parts[best]) {
			best = i
		}
	}
	return best
}

// chance is that of the key that a way would be filed under.
func (w *way) chance() float32 {
	least := float32(noKey)
	for i := range w.conditions {
		if c := &w.conditions[i]; c.rank() == 0 {
			least = min(least, c.chance)
		}
	}
	return least
}

// noKey is more than all chances of any rule's ways together.
const noKey = 1e6

func chanceOfAny(ways []way) (sum float32) {
	for i := range ways {
		sum += ways[i].chance()
	}
	return sum
}

// keyCondition makes a condition of a key.
func keyCondition(kind keyKind, text string, chance float32, exact bool) condition {
	return condition{hash: kind.hash(token.Hash(text)), chance: chance, kind: kind, exact: exact, text: text}
}

// isTested reports whether a term that is not selective, or is negated, makes a
// test. Tests at a node are tried one by one, so only those are made of which
// there are few that differ.
func (b *branch) isTested() bool {
	switch b.term.op {
	case opRegexp: // compiled for the whole rule, so judged with it
		return false
	case opFollowers, opNetwork, opSource:
		return !b.negated
	}
	return true
}

// testOf makes a condition of a term that is not selective, or is negated.
func (a *arena) testOf(b *branch) condition {
	t, exact := b.term, true
	if kind, isKey := attributeKeys[t.op]; isKey && !b.negated {
		return keyCondition(kind, t.value, t.chance(), true)
	}
	if t.op == opFollowers {
		t, exact = t.widened()
	}
	test, _ := a.compile(&branch{term: t, negated: b.negated})
	c := condition{hash: keyEvery.hash(token.Hash(string(test))), kind: keyEvery, exact: exact, test: test, chance: t.chance()}
	if b.negated {
		c.chance = 1 - c.chance
	}
	return c
}

// widened moves the ends of a range of followers out to powers of two, so that
// there are few ranges that differ; exact says that it is still the same.
func (t *term) widened() (wide *term, exact bool) {
	w := *t
	if t.low > 0 {
		w.low = 1 << (bits.Len64(uint64(t.low)) - 1)
		w.high = math.MaxInt64
	} else if n := bits.Len64(uint64(t.high)); n < 63 {
		w.high = 1<<n - 1
	}
	return &w, w.low == t.low && w.high == t.high
}

var attributeKeys = map[operator]keyKind{opLang: keyLang, opNetwork: keyNetwork, opSource: keySource}
