package rule

import (
	"errors"
	"iter"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// Index holds the rules of all users in a form that finds those which match an
// event. It may be changed while Matchers work on it: they see each change
// whole or not at all, and neither waits for the other.
type Index struct {
	current atomic.Pointer[snapshot]

	mu    sync.Mutex // held by who changes
	rules filedSet
	count atomic.Int64 // of them; stored while mu is held
	grams gramCounts
	// growing is a filter that is being made, nil if none is.
	growing *keyFilter
	stale   []*Filed // to be filed anew, by what was learned

	measured atomic.Pointer[measured] // stored while mu is held
	lessons  lessons

	inner innerFilter

	// Memory to be used again: of *arena, of *chunk, and, while mu is held, of
	// the rules that a change meets.
	arenas sync.Pool
	chunks sync.Pool
	filing arena
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
	x := &Index{rules: newFiledSet()}
	x.current.Store(&snapshot{filter: newKeyFilter(0)})
	x.measured.Store(new(measured))
	return x
}

// Len is the number of rules.
func (x *Index) Len() int { return int(x.count.Load()) }

// Put adds a rule or replaces the one of the same id. It is in force for every
// match that begins after Put returns.
// Errors: *ProblemError, or that there is no such action; what was there stays in
// force.
func (x *Index) Put(r Rule) error {
	a := x.arena()
	defer func() {
		a.forget()
		x.arenas.Put(a)
	}()
	p := a.prepare(&r, x.measured.Load())
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
	if f := x.rules.get(id); f != nil {
		x.change(true, func(c *change) { c.remove(f) })
	}
}

// Load puts many rules at once, beside those that are there, with all
// processors. Those that are not accepted are told; what was there under their
// id stays in force. Matchers see all of them or none.
func (x *Index) Load(rules []Rule) []LoadError { return x.LoadAll(slices.Values([][]Rule{rules})) }

// LoadAll is Load of rules that come page by page. Other changes wait until the
// last one came.
func (x *Index) LoadAll(pages iter.Seq[[]Rule]) []LoadError {
	x.mu.Lock()
	defer x.mu.Unlock()
	var failed []LoadError
	x.change(false, func(c *change) {
		for rules := range pages {
			x.eachPrepared(rules, func(i int, p prepared) {
				if p.err != nil {
					failed = append(failed, LoadError{rules[i].ID, p.err})
					return
				}
				c.put(p)
			})
		}
	})
	return failed
}

// prepared is a rule ready to be filed.
type prepared struct {
	filed *Filed
	ways  []way
	err   error
}

func (a *arena) prepare(r *Rule, known *measured) prepared {
	defer a.reset()
	expr, problems := parse(a, r.Value)
	if expr == nil {
		return prepared{err: &ProblemError{problems}}
	}
	if r.Action > Drop {
		return prepared{err: errAction}
	}
	filed, ways := a.file(r, expr, known)
	return prepared{filed, ways, nil}
}

// chunkSize is how many rules are prepared at a time.
const chunkSize = 256

// chunk is some rules that are prepared, with the memory that their ways are in.
type chunk struct {
	rules      [chunkSize]prepared
	ways       slab[way]
	conditions slab[condition]
}

// eachPrepared prepares rules on all processors and meanwhile visits those that
// are ready, in their order. What is visited is valid until visit returns.
func (x *Index) eachPrepared(rules []Rule, visit func(i int, p prepared)) {
	known := x.measured.Load()
	ready := make([]chan *chunk, (len(rules)+chunkSize-1)/chunkSize)
	for i := range ready {
		ready[i] = make(chan *chunk, 1)
	}
	var next atomic.Int64
	for range runtime.GOMAXPROCS(0) {
		go func() {
			var a arena
			for i := next.Add(1) - 1; i < int64(len(ready)); i = next.Add(1) - 1 {
				start := int(i) * chunkSize
				ready[i] <- a.prepareChunk(x.chunk(), rules[start:min(start+chunkSize, len(rules))], known)
			}
		}()
	}
	for i := range ready {
		c := <-ready[i]
		start := i * chunkSize
		for k, p := range c.rules[:min(chunkSize, len(rules)-start)] {
			visit(start+k, p)
		}
		x.chunks.Put(c)
	}
}

func (x *Index) arena() *arena {
	if a, ok := x.arenas.Get().(*arena); ok {
		return a
	}
	return new(arena)
}

func (x *Index) chunk() *chunk {
	if c, ok := x.chunks.Get().(*chunk); ok {
		return c
	}
	return new(chunk)
}

func (a *arena) prepareChunk(c *chunk, rules []Rule, known *measured) *chunk {
	a.ways, a.conditions = c.ways, c.conditions
	a.ways.reset()
	a.conditions.reset()
	for i := range rules {
		c.rules[i] = a.prepare(&rules[i], known)
	}
	c.ways, c.conditions = a.ways, a.conditions
	return c
}

// change publishes what do changes. A small change must take little time.
func (x *Index) change(small bool, do func(*change)) {
	next := *x.current.Load()
	next.edit++
	do(&change{index: x, snapshot: &next, edit: edit{number: next.edit, known: x.measured.Load(), inner: &x.inner, arena: &x.filing}})
	next.refill(small)
	x.current.Store(&next)
	x.count.Store(int64(x.rules.count))
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
	if old := c.index.rules.put(p.filed); old != nil {
		c.takeOut(old)
	}
	for _, w := range p.ways {
		c.count(&w.conditions[0], 1)
		hash := slotHash(w.conditions[0].hash)
		c.snapshot.filter.add(hash)
		if c.index.growing != nil {
			c.index.growing.add(hash)
		}
		c.edit.insert(&c.snapshot.table, p.filed, w)
	}
	c.edit.arena.forget()
}

func (c *change) remove(f *Filed) {
	c.index.rules.remove(f.ID)
	c.takeOut(f)
}

// takeOut takes f out of the table.
func (c *change) takeOut(f *Filed) {
	for _, w := range f.ways(c.edit.arena, c.edit.known) {
		c.count(&w.conditions[0], -1)
		c.edit.remove(&c.snapshot.table, f, w.conditions)
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
