package rule

// Filed is a rule in an Index. It is never changed.
type Filed struct {
	ID     int64
	User   int64
	Tag    string
	Action Action

	several bool // it can be reached in more than one way
	program program
	regexps *regexps
}

// file makes a rule ready for an index and tells the ways to reach it.
func file(r Rule, expr *Expr) (*Filed, []way) {
	var c compiler
	compiled := program(c.branch(nil, expr.normal))
	ways := waysOf(expr.normal)
	return &Filed{
		ID: r.ID, User: r.User, Tag: r.Tag, Action: r.Action,
		several: len(ways) > 1, program: compiled, regexps: newRegexps(c.regexps),
	}, ways
}

// ways works out again how the rule is reached.
func (f *Filed) ways() []way { return waysOf(f.program.branch()) }
