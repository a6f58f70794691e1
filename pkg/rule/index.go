package rule

import (
	"cmp"
	"slices"
	"sync"

	"riffle/pkg/event"
)

// Index holds the rules of all users in a form that finds those which match an
// event. It may be changed while Matchers work on it.
type Index struct {
	mu    sync.RWMutex
	rules map[int64]*Filed
}

// Filed is a rule in an Index.
type Filed struct {
	ID     int64
	User   int64
	Tag    string
	Action Action

	expr *Expr
}

// LoadError says which rule of many was not accepted, and why.
type LoadError struct {
	Rule int64
	Err  error
}

// Hit is a rule of a user that matches.
type Hit struct {
	User int64
	Rule *Filed
}

// NewIndex returns an empty one.
func NewIndex() *Index { return &Index{rules: make(map[int64]*Filed)} }

// Len is the number of rules.
func (x *Index) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.rules)
}

// Load puts many rules at once, beside those that are there.
func (x *Index) Load(rules []Rule) []LoadError {
	var failed []LoadError
	for _, r := range rules {
		if err := x.Put(r); err != nil {
			failed = append(failed, LoadError{r.ID, err})
		}
	}
	return failed
}

// Put adds a rule or replaces the one of the same id. It is in force for every
// match that begins after Put returns.
// Errors: *ProblemError; what was there stays in force.
func (x *Index) Put(r Rule) error {
	expr, problems := Parse(r.Value)
	if expr == nil {
		return &ProblemError{problems}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.rules[r.ID] = &Filed{ID: r.ID, User: r.User, Tag: r.Tag, Action: r.Action, expr: expr}
	return nil
}

// Remove takes a rule out; an id that is not there is no error.
func (x *Index) Remove(id int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.rules, id)
}

// Matcher finds the rules that match an event. Each goroutine has its own.
type Matcher struct {
	index *Index
	hits  []Hit
	event *event.Event
}

// NewMatcher returns one that sees all changes of the index.
func (x *Index) NewMatcher() *Matcher { return &Matcher{index: x} }

// Match gives the keep rules that match, by ascending user, then rule. A user
// with a drop rule that matches has none. Of rules of other users than those in
// only, if that is not nil, none is given. A deletion matches nothing. The hits
// are valid until the next call.
func (m *Matcher) Match(ev *event.Event, only []int64) []Hit {
	m.hits, m.event = m.hits[:0], ev
	if ev.Deleted {
		return m.hits
	}
	n := newNaive(ev)
	m.index.mu.RLock()
	defer m.index.mu.RUnlock()
	for _, f := range m.index.rules {
		if (only == nil || slices.Contains(only, f.User)) && n.eval(f.expr.root) {
			m.hits = append(m.hits, Hit{f.User, f})
		}
	}
	m.hits = settle(m.hits)
	return m.hits
}

// settle sorts the hits and takes out drop rules with all that they drop.
func settle(hits []Hit) []Hit {
	slices.SortFunc(hits, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.Rule.ID, b.Rule.ID))
	})
	kept := hits[:0]
	for start := 0; start < len(hits); {
		end, dropped := start, false
		for ; end < len(hits) && hits[end].User == hits[start].User; end++ {
			dropped = dropped || hits[end].Rule.Action == Drop
		}
		if !dropped {
			kept = append(kept, hits[start:end]...)
		}
		start = end
	}
	return kept
}

// Spans says where in the event of the last Match the rule of h was satisfied.
func (m *Matcher) Spans(h Hit) []event.Span {
	n := newNaive(m.event)
	return n.spans(nil, h.Rule.expr.root)
}
