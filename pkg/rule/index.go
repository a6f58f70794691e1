package rule

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
)

// Index holds the rules of all users in a form that finds those which match an
// event. It may be changed while Matchers work on it: they see each change
// whole or not at all, and neither waits for the other.
type Index struct {
	current atomic.Pointer[snapshot]

	mu    sync.Mutex // held by who changes
	rules map[int64]*Filed
	grams gramCounts
	// growing is a filter that is being made, nil if none is.
	growing *keyFilter
	stale   []*Filed // to be filed anew, by what was learned

	measured atomic.Pointer[measured] // stored while mu is held
	lessons  lessons
}

// snapshot is an index that no longer changes.
type snapshot struct {
	table table
	// kinds counts the keys of each kind under which rules are filed, so that
	// a matcher looks for no others.
	kinds  [keyKinds]int32
	grams  *gramFilter
	filter *keyFilter
	edit   uint32
}

// errAction is that of a rule which somebody broke in the store.
var errAction = errors.New("its action is none that there is")

// LoadError says which rule of many was not accepted, and why.
type LoadError struct {
	Rule int64
	Err  error
}

// NewIndex returns an empty one.
func NewIndex() *Index {
	x := &Index{rules: make(map[int64]*Filed)}
	x.current.Store(&snapshot{filter: newKeyFilter(0)})
	x.measured.Store(new(measured))
	return x
}

// Len is the number of rules.
func (x *Index) Len() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.rules)
}

// Put adds a rule or replaces the one of the same id. It is in force for every
// match that begins after Put returns.
// Errors: *ProblemError, or that there is no such action; what was there stays in
// force.
func (x *Index) Put(r Rule) error {
	p := prepare(r, x.measured.Load())
	if p.err != nil {
		return p.err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.change(true, func(c *change) { c.put(p) })
	return nil
}

// Remove takes a rule out; an id that is not there is no error.
func (x *Index) Remove(id int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if f := x.rules[id]; f != nil {
		x.change(true, func(c *change) { c.remove(f) })
	}
}

// Load puts many rules at once, beside those that are there, with all
// processors. Those that are not accepted are told; what was there under their
// id stays in force. Matchers see all of them or none.
func (x *Index) Load(rules []Rule) []LoadError {
	x.mu.Lock()
	defer x.mu.Unlock()
	var failed []LoadError
	x.change(false, func(c *change) {
		eachPrepared(rules, x.measured.Load(), func(i int, p prepared) {
			if p.err != nil {
				failed = append(failed, LoadError{rules[i].ID, p.err})
				return
			}
			c.put(p)
		})
	})
	return failed
}

// prepared is a rule ready to be filed.
type prepared struct {
	filed *Filed
	ways  []way
	err   error
}

func prepare(r Rule, known *measured) prepared {
	expr, problems := Parse(r.Value)
	if expr == nil {
		return prepared{err: &ProblemError{problems}}
	}
	if r.Action > Drop {
		return prepared{err: errAction}
	}
	filed, ways := file(r, expr, known)
	return prepared{filed, ways, nil}
}

const prepareChunk = 256

// eachPrepared prepares rules on all processors and meanwhile visits those that
// are ready, in their order.
func eachPrepared(rules []Rule, known *measured, visit func(i int, p prepared)) {
	chunks := (len(rules) + prepareChunk - 1) / prepareChunk
	ready := make([]chan []prepared, chunks)
	for i := range ready {
		ready[i] = make(chan []prepared, 1)
	}
	var next atomic.Int64
	for range runtime.GOMAXPROCS(0) {
		go func() {
			for chunk := next.Add(1) - 1; chunk < int64(chunks); chunk = next.Add(1) - 1 {
				start := int(chunk) * prepareChunk
				ready[chunk] <- prepareChunkOf(rules[start:min(start+prepareChunk, len(rules))], known)
			}
		}()
	}
	for chunk := range ready {
		for i, p := range <-ready[chunk] {
			visit(chunk*prepareChunk+i, p)
		}
	}
}

func prepareChunkOf(rules []Rule, known *measured) []prepared {
	chunk := make([]prepared, len(rules))
	for i := range rules {
		chunk[i] = prepare(rules[i], known)
	}
	return chunk
}

// change publishes what do changes. A small change must take little time.
func (x *Index) change(small bool, do func(*change)) {
	next := *x.current.Load()
	next.edit++
	do(&change{index: x, snapshot: &next, edit: edit{number: next.edit, known: x.measured.Load()}})
	next.refill(small)
	x.current.Store(&next)
}

// change is an edit of an index under way.
type change struct {
	index    *Index
	snapshot *snapshot
	edit     edit
	// ownsGrams says that snapshot.grams was copied for this change.
	ownsGrams bool
}

func (c *change) put(p prepared) {
	if old := c.index.rules[p.filed.ID]; old != nil {
		c.remove(old)
	}
	c.index.rules[p.filed.ID] = p.filed
	for _, w := range p.ways {
		c.count(&w.conditions[0], 1)
		hash := slotHash(w.conditions[0].hash)
		c.snapshot.filter.add(hash)
		if c.index.growing != nil {
			c.index.growing.add(hash)
		}
		c.edit.insert(&c.snapshot.table, p.filed, w)
	}
}

func (c *change) remove(f *Filed) {
	delete(c.index.rules, f.ID)
	for _, w := range f.ways(c.edit.known) {
		c.count(&w.conditions[0], -1)
		c.edit.remove(&c.snapshot.table, f, w.conditions, w.whole)
	}
}

// count keeps account of the keys under which rules are filed.
func (c *change) count(first *condition, n int32) {
	c.snapshot.kinds[first.kind] += n
	if !first.kind.isGram() || !c.index.grams.add(first.hash, n) {
		return
	}
	if !c.ownsGrams {
		c.ownsGrams = true
		c.snapshot.grams = c.snapshot.grams.clone()
	}
	c.snapshot.grams.set(first.hash, n > 0)
}
