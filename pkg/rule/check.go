package rule

import "slices"

// check looks at the meaning of a rule whose syntax is right.
func check(n *branch) []Problem {
	if !n.selective() {
		return notSelective(nil, n)
	}
	if n.kind == nodeTerm {
		return nil
	}
	return contradictions(n)
}

// span is a stretch of the rule.
type span struct{ start, end int }

// branch is a part of a rule in negation normal form: minuses stand before
// terms alone, and no AND holds an AND, no OR an OR.
type branch struct {
	kind    nodeKind // nodeTerm, nodeAnd or nodeOr
	kids    []*branch
	term    *term
	negated bool
	span    span // where it is written, as a branch of an OR as a whole
}

// normal brings n, under a minus or not, into negation normal form.
func (a *arena) normal(n *node, negated bool) *branch {
	at := span{n.start, n.end}
	switch n.kind {
	case nodeTerm:
		return a.branches.one(branch{term: n.term, negated: negated, span: at})
	case nodeNot:
		b := a.normal(n.kids[0], !negated)
		if !negated {
			b.span = at
		}
		return b
	}
	b := a.branches.one(branch{kind: n.kind, span: at})
	if negated {
		b.kind = nodeAnd + nodeOr - n.kind
	}
	first := len(a.openKids)
	for _, kid := range n.kids {
		k := a.normal(kid, negated)
		if k.kind == b.kind {
			if b.kind == nodeOr && !kid.writtenOr() {
				for _, part := range k.kids {
					part.span = k.span
				}
			}
			a.openKids = append(a.openKids, k.kids...)
			continue
		}
		a.openKids = append(a.openKids, k)
	}
	return a.close(b, first)
}

// writtenOr reports whether n, minuses aside, is a group with OR in it, and not
// one that a minus makes an OR: the parts of that are no branches to the reader.
func (n *node) writtenOr() bool {
	for n.kind == nodeNot {
		n = n.kids[0]
	}
	return n.kind == nodeOr
}

// close gives b the kids that were gathered from first on.
func (a *arena) close(b *branch, first int) *branch {
	b.kids = a.kids.list(a.openKids[first:])
	a.openKids = a.openKids[:first]
	return b
}

// selective reports whether every way to satisfy b goes through a selective
// term that is not negated.
func (b *branch) selective() bool {
	switch b.kind {
	case nodeAnd:
		for _, kid := range b.kids {
			if kid.selective() {
				return true
			}
		}
		return false
	case nodeOr:
		for _, kid := range b.kids {
			if !kid.selective() {
				return false
			}
		}
		return true
	}
	return !b.negated && b.term.op.selective()
}

// notSelective reports the branches of ORs that are not selective, or else the
// whole b. Parts of one branch are reported as that, once.
func notSelective(problems []Problem, b *branch) []Problem {
	if or := b.mixedOr(); or != nil {
		for _, kid := range or.kids {
			if !kid.selective() {
				problems = notSelective(problems, kid)
			}
		}
		return problems
	}
	problem := selectiveProblem(b.span.start, b.span.end)
	if slices.Contains(problems, problem) {
		return problems
	}
	return append(problems, problem)
}

// mixedOr finds the OR whose branches are to be looked at: b itself, or one in
// an AND that would be selective but for some of its branches.
func (b *branch) mixedOr() *branch {
	switch b.kind {
	case nodeOr:
		return b
	case nodeAnd:
		for _, kid := range b.kids {
			if kid.kind == nodeOr && kid.anySelective() {
				return kid
			}
		}
	}
	return nil
}

func (b *branch) anySelective() bool {
	for _, kid := range b.kids {
		if kid.selective() {
			return true
		}
	}
	return false
}
