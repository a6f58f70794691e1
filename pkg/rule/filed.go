package rule

// Filed is a rule in an Index. It is never changed.
type Filed struct {
	ID     int64
	User   int64
	Tag    string
	Action Action

	several bool   // it can be reached in more than one way
	known   uint32 // the version of what was measured when it was filed
	program program
	regexps *regexps
}

// file makes a rule ready for an index and tells the ways to reach it.
func (a *arena) file(r *Rule, expr *Expr, known *measured) (*Filed, []way) {
	compiled, expressions := a.compile(expr.normal)
	ways := a.waysOf(expr.normal, known.now())
	return &Filed{
		ID: r.ID, User: r.User, Tag: r.Tag, Action: r.Action,
		several: len(ways) > 1, known: known.version, program: compiled, regexps: expressions,
	}, ways
}

// ways works out again how the rule is reached.
func (f *Filed) ways(a *arena, known *measured) []way {
	return a.waysOf(a.unpack(f.program), known.at(f.known))
}
