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
func Parse(value string) (*Expr, []Problem) {
	p := parser{lexer: lexer{rule: value}}
	p.lexer.problem = p.report
	if len(value) > MaxLength {
		p.report(tooLongProblem(value))
	}
	if len(value) > maxParsed {
		return nil, p.problems
	}
	p.advance()
	expr := &Expr{value: value, root: p.whole()}
	if !failed(p.problems) {
		expr.normal = normal(expr.root, false)
		p.problems = append(p.problems, check(expr.normal, value)...)
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
	lexer    lexer
	current  lexeme
	problems []Problem
	depth    int
	terms    int
	negated  int // how many minuses stand around
}

func (p *parser) report(problem Problem) { p.problems = append(p.problems, problem) }

func (p *parser) advance() { p.current = p.lexer.next() }

func (p *parser) rule() string { return p.lexer.rule }

// whole reads the rule to its end, over parentheses that were never opened.
func (p *parser) whole() *node {
	var parts []*node
	for {
		if n := p.or(); n != nil {
			parts = append(parts, n)
		}
		if p.current.kind == lexEnd {
			break
		}
		p.report(unopenedProblem(p.current))
		p.advance()
	}
	if len(parts) == 0 && len(p.problems) == 0 {
		p.report(emptyProblem(0, len(p.rule()), "The rule is empty."))
	}
	return join(nodeAnd, parts)
}

// or reads ANDs with OR between them; nil if there is no term at all.
func (p *parser) or() *node {
	var branches []*node
	left := p.and()
	for {
		if left != nil {
			branches = append(branches, left)
		}
		if p.current.kind != lexOr {
			return join(nodeOr, branches)
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
	var parts []*node
	afterPart := false
	for {
		switch p.current.kind {
		case lexEnd, lexClose, lexOr:
			return join(nodeAnd, parts)
		case lexAnd:
			p.explicitAnd(afterPart)
			afterPart = false
		default:
			parts = append(parts, p.unary())
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
		return &node{kind: nodeTerm, term: new(term), start: minus.start, end: minus.end}
	case lexMinus:
		p.advance()
		p.negated++
		kid := p.operand()
		p.negated--
		return &node{kind: nodeNot, kids: []*node{kid}, start: minus.start, end: kid.end}
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
	n := &node{kind: nodeTerm, term: p.term(l), start: l.start, end: l.end}
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

// join makes one node of several of a kind, without a node for a single one;
// nil of none.
func join(kind nodeKind, kids []*node) *node {
	switch len(kids) {
	case 0:
		return nil
	case 1:
		return kids[0]
	}
	return &node{kind: kind, kids: kids, start: kids[0].start, end: kids[len(kids)-1].end}
}
