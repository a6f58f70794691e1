package rule

import (
	"slices"
)

// burstAt is how many rules wait at one node before they are told apart by
// what else they ask for. Below it, judging them all is quicker.
const burstAt = 32

// treeNode is what is filed under one key, after all keys on the path to it.
// It is never changed once it is published.
type treeNode struct {
	kind keyKind
	text string // of the key, if it is a word or a name
	edit uint32

	// judged are rules whose programs decide.
	judged list
	// burst says that rules with more conditions were handed down to kids and
	// tests.
	burst bool
	// met are rules that match whenever this node is reached.
	met   list
	kids  table // by the next key
	tests []testNode
}

// testNode is a node that is reached when a term holds.
type testNode struct {
	test program
	node *treeNode
}

// edit is a change of an index. Readers see all of it or nothing.
type edit struct {
	number uint32
	path   []uint64 // of the node that is being changed
}

// insert files f under the conditions of a way.
func (e *edit) insert(t *table, f *Filed, w way) {
	e.path = e.path[:0]
	e.insertAt(t, f, w.conditions, w.whole)
}

// insertAt files f in the table under the first of conditions.
func (e *edit) insertAt(t *table, f *Filed, conditions []condition, whole bool) {
	c := &conditions[0]
	s := t.change(c.hash, e.number)
	if s.node == nil {
		if s.rule == nil || s.rule == f {
			s.rule = f
			return
		}
		s.node = c.newNode(e.number)
		s.node.judged = s.node.judged.with(s.rule)
		s.rule = nil
	}
	e.path = append(e.path, c.hash)
	s.node = e.insertNode(s.node, f, conditions[1:], whole)
	e.path = e.path[:len(e.path)-1]
}

func (c *condition) newNode(edit uint32) *treeNode {
	n := &treeNode{kind: c.kind, edit: edit}
	if c.kind.isWord() || c.kind.isName() {
		n.text = c.text
	}
	return n
}

// own gives a copy of n that this edit may change.
func (e *edit) own(n *treeNode) *treeNode {
	if n.edit == e.number {
		return n
	}
	copied := *n
	copied.edit = e.number
	copied.tests = slices.Clone(n.tests)
	return &copied
}

// insertNode files f at n under what conditions are left.
func (e *edit) insertNode(n *treeNode, f *Filed, conditions []condition, whole bool) *treeNode {
	n = e.own(n)
	switch {
	case !n.burst:
		n.judged = n.judged.with(f)
		if n.judged.count > burstAt {
			e.burst(n)
		}
	case len(conditions) == 0 && whole:
		n.met = n.met.with(f)
	case len(conditions) == 0:
		n.judged = n.judged.with(f)
	case conditions[0].test != "":
		e.insertTest(n, f, conditions, whole)
	default:
		e.insertAt(&n.kids, f, conditions, whole)
	}
	return n
}

func (e *edit) insertTest(n *treeNode, f *Filed, conditions []condition, whole bool) {
	c := &conditions[0]
	i := n.findTest(c.test)
	if i < 0 {
		i = len(n.tests)
		n.tests = append(n.tests, testNode{c.test, c.newNode(e.number)})
	}
	e.path = append(e.path, c.hash)
	n.tests[i].node = e.insertNode(n.tests[i].node, f, conditions[1:], whole)
	e.path = e.path[:len(e.path)-1]
}

func (n *treeNode) findTest(test program) int {
	return slices.IndexFunc(n.tests, func(t testNode) bool { return t.test == test })
}

// burst hands down the rules at n that ask for more.
func (e *edit) burst(n *treeNode) {
	waiting := n.judged
	n.burst, n.judged = true, list{}
	waiting.each(nil, func(f *Filed) {
		for _, w := range f.ways() {
			if left, ok := w.after(e.path); ok {
				e.insertNode(n, f, left, w.whole)
			}
		}
	})
}

// after gives the conditions that are left at the end of a path, if the way
// goes along it.
func (w *way) after(path []uint64) (left []condition, ok bool) {
	if len(w.conditions) < len(path) {
		return nil, false
	}
	for i, hash := range path {
		if w.conditions[i].hash != hash {
			return nil, false
		}
	}
	return w.conditions[len(path):], true
}

// remove takes f out from under the conditions of a way.
func (e *edit) remove(t *table, f *Filed, w way) { e.removeAt(t, f, w.conditions, w.whole) }

func (e *edit) removeAt(t *table, f *Filed, conditions []condition, whole bool) {
	hash := conditions[0].hash
	found := t.find(hash)
	if found == nil || found.rule != f && found.node == nil {
		return // taken out already: another way of the rule came along here
	}
	s := t.change(hash, e.number)
	if s.rule == f {
		s.rule = nil
	} else if s.node = e.removeNode(s.node, f, conditions[1:], whole); s.node.empty() {
		s.node = nil
	}
	if s.empty() {
		t.drop(hash, e.number)
	}
}

func (e *edit) removeNode(n *treeNode, f *Filed, conditions []condition, whole bool) *treeNode {
	n = e.own(n)
	switch {
	case !n.burst, len(conditions) == 0 && !whole:
		n.judged = n.judged.without(f)
	case len(conditions) == 0:
		n.met = n.met.without(f)
	case conditions[0].test != "":
		e.removeTest(n, f, conditions, whole)
	default:
		e.removeAt(&n.kids, f, conditions, whole)
	}
	return n
}

func (e *edit) removeTest(n *treeNode, f *Filed, conditions []condition, whole bool) {
	i := n.findTest(conditions[0].test)
	if i < 0 {
		return
	}
	kid := e.removeNode(n.tests[i].node, f, conditions[1:], whole)
	if kid.empty() {
		n.tests = slices.Delete(n.tests, i, i+1)
		return
	}
	n.tests[i].node = kid
}

func (n *treeNode) empty() bool {
	return n.judged.count == 0 && n.met.count == 0 && n.kids.count == 0 && len(n.tests) == 0
}

// keyText compares the text of an event's key with that of a node.
func (n *treeNode) isFor(p *post, k *eventKey) bool {
	switch {
	case n.kind != k.kind:
		return false
	case n.kind.isName():
		return n.text == k.name
	case n.kind == keyMarked:
		return string(p.text.WithMarks(&p.text.Units[k.unit])) == n.text
	case n.kind.isWord():
		return string(p.text.Plain(&p.text.Units[k.unit])) == n.text
	}
	return true
}

// eventKey is a key that an event has.
type eventKey struct {
	hash uint64
	kind keyKind
	unit uint32 // of a word
	name string // of a name
}
