package rule

import (
	"maps"
	"sync"
)

// measured says how common keys turned out to be that were presumed rare when
// rules were filed under them. It is never changed; a change makes another one.
type measured struct {
	version uint32
	chances map[uint64][]measurement // by slotHash, ascending versions
}

type measurement struct {
	version uint32
	chance  float32
}

// maxMeasured bounds how many keys are known.
const maxMeasured = 4096

// with gives what is known after one key more was measured.
func (m *measured) with(hash uint64, chance float32) *measured {
	next := &measured{version: m.version + 1, chances: maps.Clone(m.chances)}
	if next.chances == nil {
		next.chances = make(map[uint64][]measurement)
	}
	of := next.chances[hash]
	next.chances[hash] = append(of[:len(of):len(of)], measurement{next.version, chance})
	return next
}

// at is what was known at a version: by it a rule's ways are found again long
// after it was filed.
func (m *measured) at(version uint32) knowledge { return knowledge{m, version} }

func (m *measured) now() knowledge { return m.at(m.version) }

// knowledge is what was known of keys when a rule was filed; the zero value is
// nothing.
type knowledge struct {
	measured *measured
	version  uint32
}

// chance is that of a key: as it was measured, else as presumed.
func (k knowledge) chance(hash uint64, presumed float32) float32 {
	if k.measured == nil {
		return presumed
	}
	of := k.measured.chances[slotHash(hash)]
	for i := len(of) - 1; i >= 0; i-- {
		if of[i].version <= k.version {
			return of[i].chance
		}
	}
	return presumed
}

// correct puts what was measured in place of what was presumed.
func (k knowledge) correct(conditions []condition) []condition {
	for i := range conditions {
		conditions[i].chance = k.chance(conditions[i].hash, conditions[i].chance)
	}
	return conditions
}

const (
	// manyGathered is how many rules a key must have led to in one event for
	// it to be noted.
	manyGathered = 64
	// tellEvery is how many events a matcher sees before it tells what it
	// noted, window how many must have been seen before anything is made of it.
	tellEvery = 512
	window    = 4096
	// maxNoted bounds the keys that are noted at once.
	maxNoted = 4096
	// surprise is how many times commoner than presumed a key must be for its
	// rules to be filed anew.
	surprise = 2
	// refileStep is how many rules are filed anew in one change of the index,
	// refileTurn in one turn.
	refileStep = 8
	refileTurn = 4096
)

// heat counts the events in which a key led to many rules, by its slotHash.
type heat struct {
	events int
	keys   map[uint64]int
}

func (h *heat) note(hash uint64) {
	if h.keys == nil {
		h.keys = make(map[uint64]int)
	}
	if _, known := h.keys[hash]; known || len(h.keys) < maxNoted {
		h.keys[hash]++
	}
}

// add takes over what another one counted, which begins anew.
func (h *heat) add(other *heat) {
	h.events += other.events
	for hash, n := range other.keys {
		if h.keys == nil {
			h.keys = make(map[uint64]int)
		}
		if _, known := h.keys[hash]; known || len(h.keys) < maxNoted {
			h.keys[hash] += n
		}
	}
	other.events = 0
	clear(other.keys)
}

// lessons gathers what all matchers tell. A matcher that would have to wait
// tells later.
type lessons struct {
	mu   sync.Mutex
	heat heat
}

func (l *lessons) tell(h *heat) {
	if l.mu.TryLock() {
		l.heat.add(h)
		l.mu.Unlock()
	}
}

// take gives the shares of events in which keys led to many rules, once enough
// events were seen.
func (l *lessons) take() map[uint64]float32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.heat.events < window {
		return nil
	}
	shares := make(map[uint64]float32, len(l.heat.keys))
	for hash, n := range l.heat.keys {
		shares[hash] = float32(n) / float32(l.heat.events)
	}
	l.heat = heat{}
	return shares
}

// Upkeep does what would make a change of the index take too long. It files
// rules anew that stand under a key which turned out to be much commoner than
// was presumed, such as a hashtag of the day, if they also need something rarer:
// some thousand at most, the others wait for the next call. It is to be called
// now and then, by one goroutine at a time.
func (x *Index) Upkeep() {
	x.growFilter()
	for hash, share := range x.lessons.take() {
		x.learn(hash, share)
	}
	x.refile()
}

// learn notes how common a key is, and which rules are to be filed anew.
func (x *Index) learn(hash uint64, share float32) {
	s := x.current.Load().table.find(hash)
	if s == nil || s.node == nil {
		return
	}
	rules := s.node.appendRules(nil)
	if len(rules) == 0 {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	known := x.measured.Load()
	if share < surprise*rules[0].chanceOf(hash, known) || len(known.chances) >= maxMeasured {
		return
	}
	x.measured.Store(known.with(hash, share))
	x.stale = append(x.stale, rules...)
}

// chanceOf is what a rule that is filed under a key has it for.
func (f *Filed) chanceOf(hash uint64, known *measured) float32 {
	for _, w := range f.ways(new(arena), known) {
		if first := &w.conditions[0]; slotHash(first.hash) == hash {
			return known.now().chance(hash, first.chance)
		}
	}
	return 1
}

// appendRules appends all rules filed at a node and below.
func (n *treeNode) appendRules(rules []*Filed) []*Filed {
	rules = n.judged.appendOf(nil, n.met.appendOf(nil, rules))
	if n.tests != nil {
		for _, t := range *n.tests {
			rules = t.node.appendRules(rules)
		}
	}
	if n.kids != nil {
		n.kids.each(func(s *slot) bool {
			if s.node != nil {
				rules = s.node.appendRules(rules)
			} else {
				rules = append(rules, s.rule)
			}
			return true
		})
	}
	return rules
}

// refile files the next of the stale rules anew.
func (x *Index) refile() {
	for done := 0; done < refileTurn; done += refileStep {
		x.mu.Lock()
		step := x.stale[:min(refileStep, len(x.stale))]
		x.stale = x.stale[len(step):]
		if len(step) > 0 {
			x.change(true, func(c *change) {
				for _, f := range step {
					c.refile(f)
				}
			})
		} else {
			x.stale = nil
		}
		x.mu.Unlock()
		if len(step) < refileStep {
			return
		}
	}
}

// refile files a rule by what is known now, if it is still there and if that
// makes a difference.
func (c *change) refile(f *Filed) {
	known := c.index.measured.Load()
	if c.index.rules.get(f.ID) != f {
		return
	}
	next := *f
	next.known = known.version
	ways := next.ways(new(arena), known)
	next.several = len(ways) > 1
	if !beginAlike(ways, f.ways(new(arena), known)) {
		c.put(prepared{&next, ways, nil})
	}
}

// beginAlike reports whether the ways are filed under the same keys.
func beginAlike(a, b []way) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].conditions[0].hash != b[i].conditions[0].hash {
			return false
		}
	}
	return true
}
