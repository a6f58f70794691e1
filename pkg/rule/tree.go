package rule

import "slices"

// treeNode is what is filed under one key, after all keys on the path to it. It
// is never changed once it is published.
type treeNode struct {
	kind keyKind
	edit uint32
	text string // of the key, if it is a word or a name

	// met are rules that match whenever this node is reached, judged those whose
	// programs decide.
	met, judged list
	kids        *table // rules that ask for more keys, by the next one
	tests       *[]testNode
}

// testNode is a node that is reached when a term holds.
type testNode struct {
	test program
	node *treeNode
}

// edit is a change of an index. Readers see all of it or nothing.
type edit struct {
	number uint32
	known  *measured
	inner  *innerFilter
	path   []uint64 // the conditions down to where the edit is at work
	arena  *arena   // of rules that are filed already
}

// insert files f under the conditions of a way, of which the path is done.
//
// A key under which there is one rule only leads to it at once; the second one
// makes a node, which tells them apart by what else they ask for. A first rule
// of which that takes long to work out is judged right there instead: a rule may
// have hundreds of ways, and meet another such rule in each.
func (e *edit) insert(t *table, f *Filed, w way) {
	c := &w.conditions[len(e.path)]
	e.path = append(e.path, c.hash)
	s := t.change(c.hash, e.number)
	switch {
	case s.node != nil:
		s.node = e.insertNode(s.node, f, w)
	case s.rule == nil:
		s.rule, s.second = f, w.second(len(e.path))
	case s.rule == f:
		s.second = 0 // two of its ways begin alike
	default:
		first := s.rule
		s.rule, s.second = nil, 0
		s.node = c.newNode(e.number)
		if first.isLong() {
			s.node.judged = s.node.judged.with(first)
		} else {
			e.insertAlong(s.node, first)
		}
		s.node = e.insertNode(s.node, f, w)
	}
	e.path = e.path[:len(e.path)-1]
}

// maxShort is how many bytes a program has at most of which the way is worked
// out for the sake of another rule.
const maxShort = 200

func (f *Filed) isLong() bool { return f.several || len(f.program) > maxShort }

// insertAlong files a rule at the end of the path, by all its ways that go
// along it.
func (e *edit) insertAlong(n *treeNode, f *Filed) {
	for _, w := range f.ways(e.arena, e.known) {
		if w.goesAlong(e.path) {
			e.insertNode(n, f, w)
		}
	}
}

func (w *way) goesAlong(path []uint64) bool {
	if len(w.conditions) < len(path) {
		return false
	}
	for i, hash := range path {
		if w.conditions[i].hash != hash {
			return false
		}
	}
	return true
}

// second is the hash of a word that must be there too; 0 if there is none.
func (w *way) second(from int) uint64 {
	for _, c := range w.conditions[from:] {
		if c.kind == keyWord || c.kind == keyMarked {
			return c.hash
		}
	}
	return 0
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
	if n.kids != nil {
		kids := *n.kids
		copied.kids = &kids
	}
	if n.tests != nil {
		tests := slices.Clone(*n.tests)
		copied.tests = &tests
	}
	return &copied
}

// insertNode files f at the node at the end of the path.
func (e *edit) insertNode(n *treeNode, f *Filed, w way) *treeNode {
	n = e.own(n)
	switch left := w.conditions[len(e.path):]; {
	case len(left) == 0 && w.whole:
		n.met = n.met.with(f)
	case len(left) == 0:
		n.judged = n.judged.with(f)
	case left[0].test != "":
		e.insertTest(n, f, w)
	default:
		if n.kids == nil {
			n.kids = new(table)
		}
		e.inner.add(left[0].hash)
		e.insert(n.kids, f, w)
	}
	return n
}

func (e *edit) insertTest(n *treeNode, f *Filed, w way) {
	c := &w.conditions[len(e.path)]
	if n.tests == nil {
		n.tests = new([]testNode)
	}
	i := n.findTest(c.test)
	if i < 0 {
		i = len(*n.tests)
		*n.tests = append(*n.tests, testNode{c.test, c.newNode(e.number)})
	}
	e.path = append(e.path, c.hash)
	(*n.tests)[i].node = e.insertNode((*n.tests)[i].node, f, w)
	e.path = e.path[:len(e.path)-1]
}

func (n *treeNode) findTest(test program) int {
	if n.tests == nil {
		return -1
	}
	return slices.IndexFunc(*n.tests, func(t testNode) bool { return t.test == test })
}

// remove takes f out from under what is left of the conditions of a way. It may
// be judged at any node that the way goes along.
func (e *edit) remove(t *table, f *Filed, left []condition) {
	hash := left[0].hash
	found := t.find(hash)
	if found == nil || found.rule != f && found.node == nil {
		return // taken out already: another way of the rule came along here
	}
	s := t.change(hash, e.number)
	if s.rule == f {
		s.rule = nil
	} else if s.node = e.removeNode(s.node, f, left[1:]); s.node.empty() {
		s.node = nil
	}
	if s.rule == nil && s.node == nil {
		t.drop(hash, e.number)
	}
}

func (e *edit) removeNode(n *treeNode, f *Filed, left []condition) *treeNode {
	n = e.own(n)
	n.judged = n.judged.without(f)
	switch {
	case len(left) == 0:
		n.met = n.met.without(f)
	case left[0].test != "":
		e.removeTest(n, f, left)
	case n.kids != nil:
		e.remove(n.kids, f, left)
	}
	return n
}

func (e *edit) removeTest(n *treeNode, f *Filed, left []condition) {
	i := n.findTest(left[0].test)
	if i < 0 {
		return
	}
	kid := e.removeNode((*n.tests)[i].node, f, left[1:])
	if kid.empty() {
		*n.tests = slices.Delete(*n.tests, i, i+1)
		return
	}
	(*n.tests)[i].node = kid
}

func (n *treeNode) empty() bool {
	return n.judged.count == 0 && n.met.count == 0 && (n.kids == nil || n.kids.count == 0) &&
		(n.tests == nil || len(*n.tests) == 0)
}

// isAt reports whether a key of a post that has the hash of this node's is the
// same, as far as its text is kept.
func (n *treeNode) isAt(p *post, k *eventKey) bool {
	if k.kind != n.kind {
		return false
	}
	if !n.kind.isWord() {
		return n.text == k.name
	}
	u := &p.text.Units[k.unit]
	if n.kind == keyMarked {
		return string(p.text.WithMarks(u)) == n.text
	}
	return string(p.text.Plain(u)) == n.text
}
