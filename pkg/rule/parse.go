package rule

// Limits of a rule, which may be reached.
const (
	MaxLength = 2048 // bytes
	MaxTerms  = 256
	MaxDepth  = 32 // parentheses in one another

	// maxParsed is how long a rule that is too long may be to be read all the
	// same, for what else is wrong with it.
	maxParsed = 8 * MaxLength
)

// Parse reads a rule. It gives all that it finds wrong, in the order of the
// rule, and warnings. The expression is nil when one of them is an error.
func Parse(value string) (*Expr, []Problem) { return parse(new(arena), value) }

// parse reads a rule in an arena, in which the expression lives.
func parse(a *arena, value string) (*Expr, []Problem) {
	p := a.newParser(value)
	if len(value) > MaxLength {
		p.report(tooLongProblem(value))
	}
	if len(value) > maxParsed {
		return nil, p.problems
	}
	p.advance()
	expr := &a.expr
	*expr = Expr{value: value, root: p.whole()}
	if !failed(p.problems) {
		expr.normal = a.normal(expr.root, false)
		p.problems = append(p.problems, check(expr.normal)...)
	}
	sortProblems(p.problems)
	if failed(p.problems) {
		return nil, p.problems
	}
	return expr, p.problems
}

// Check is Parse under the name of what most callers want of it.
func Check(value string) (*Expr, []Problem) { return Parse(value) }

// parser builds the tree by recursive descent. An error does not stop it: it
// goes on as if the culprit were a term, or were not there.
type parser struct {
	arena    *arena
	lexer    lexer
	current  lexeme
	problems []Problem
	depth    int
	terms    int
	negated  int // how many minuses stand around
}

func (a *arena) newParser(value string) *parser {
	p := &a.parser
	report := p.lexer.problem
	if report == nil {
		report = p.report
	}
	*p = parser{arena: a, lexer: lexer{rule: value, problem: report}}
	return p
}

func (p *parser) report(problem Problem) { p.problems = append(p.problems, problem) }

func (p *parser) advance() { p.current = p.lexer.next() }

func (p *parser) rule() string { return p.lexer.rule }

// whole reads the rule to its end, over parentheses that were never opened.
func (p *parser) whole() *node {
	first := len(p.arena.openNodes)
	for {
		p.add(p.or())
		if p.current.kind == lexEnd {
			break
		}
		p.report(unopenedProblem(p.current))
		p.advance()
	}
	n := p.join(nodeAnd, first)
	if n == nil && len(p.problems) == 0 {
		p.report(emptyProblem(0, len(p.rule()), "The rule is empty."))
	}
	return n
}

// add puts n, if it is not nil, at the end of the list that is being made.
func (p *parser) add(n *node) {
	if n != nil {
		p.arena.openNodes = append(p.arena.openNodes, n)
	}
}

// or reads ANDs with OR between them; nil if there is no term at all.
func (p *parser) or() *node {
	first := len(p.arena.openNodes)
	left := p.and()
	for {
		p.add(left)
		if p.current.kind != lexOr {
			return p.join(nodeOr, first)
		}
		or := p.current
		p.advance()
		right := p.and()
		if left == nil || right == nil {
			p.report(danglingProblem(or, "OR", CodeDanglingOr))
		}
		left = right
	}
}

// and reads terms and groups side by side; nil if there are none.
func (p *parser) and() *node {
	first := len(p.arena.openNodes)
	afterPart := false
	for {
		switch p.current.kind {
		case lexEnd, lexClose, lexOr:
			return p.join(nodeAnd, first)
		case lexAnd:
			p.explicitAnd(afterPart)
			afterPart = false
		default:
			p.add(p.unary())
			afterPart = true
		}
	}
}

// explicitAnd reads the word AND, which may be left out.
func (p *parser) explicitAnd(hasLeft bool) {
	and := p.current
	p.advance()
	switch p.current.kind {
	case lexEnd, lexClose, lexOr, lexAnd:
		p.report(danglingProblem(and, "AND", CodeDanglingAnd))
	default:
		if !hasLeft {
			p.report(danglingProblem(and, "AND", CodeDanglingAnd))
			return
		}
		p.report(explicitAndProblem(and))
	}
}

// unary reads one term or group, with a minus or without.
func (p *parser) unary() *node {
	minus := p.current
	switch minus.kind {
	case lexDanglingMinus:
		p.report(danglingMinusProblem(minus))
		p.advance()
		return p.arena.nodes.one(node{kind: nodeTerm, term: new(term), start: minus.start, end: minus.end})
	case lexMinus:
		p.advance()
		p.negated++
		kid := p.operand()
		p.negated--
		kids := p.arena.nodeLists.take(1)
		kids[0] = kid
		return p.arena.nodes.one(node{kind: nodeNot, kids: kids, start: minus.start, end: kid.end})
	}
	return p.operand()
}

func (p *parser) operand() *node {
	if p.current.kind == lexOpen {
		return p.group()
	}
	l := p.current
	p.terms++
	if p.terms == MaxTerms+1 {
		p.report(tooManyProblem(l))
	}
	n := p.arena.nodes.one(node{kind: nodeTerm, term: p.term(l), start: l.start, end: l.end})
	n.term.start, n.term.end = l.start, l.end
	p.advance()
	return n
}

// group reads from a parenthesis to the one that closes it.
func (p *parser) group() *node {
	open := p.current
	p.depth++
	if p.depth == MaxDepth+1 {
		p.report(tooDeepProblem(open))
	}
	p.advance()
	before := len(p.problems)
	n := p.or()
	p.depth--
	end := p.current.end
	if p.current.kind == lexClose {
		p.advance()
	} else {
		p.report(unclosedProblem(open))
	}
	if n == nil {
		if len(p.problems) == before {
			p.report(emptyProblem(open.start, end-open.start, "There is nothing between these parentheses."))
		}
		n = &node{kind: nodeTerm, term: new(term)}
	}
	n.start, n.end = open.start, end
	return n
}

// join makes one node of those that were added from first on, without a node
// for a single one; nil of none.
func (p *parser) join(kind nodeKind, first int) *node {
	kids := p.arena.openNodes[first:]
	p.arena.openNodes = p.arena.openNodes[:first]
	switch len(kids) {
	case 0:
		return nil
	case 1:
		return kids[0]
	}
	return p.arena.nodes.one(node{
		kind: kind, kids: p.arena.nodeLists.list(kids), start: kids[0].start, end: kids[len(kids)-1].end,
	})
}
