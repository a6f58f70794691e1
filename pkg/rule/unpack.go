package rule

// branch makes the tree again that a program was compiled from, but for where
// its parts stand in the rule.
func (p program) branch() *branch {
	in, _ := p.first()
	return in.branch()
}

func (in instruction) branch() *branch {
	if in.code != codeAnd && in.code != codeOr {
		return &branch{term: in.term(), negated: in.negated}
	}
	b := &branch{kind: nodeAnd}
	if in.code == codeOr {
		b.kind = nodeOr
	}
	for rest := in.body; len(rest) > 0; {
		in, rest = rest.first()
		b.kids = append(b.kids, in.branch())
	}
	return b
}

func (in instruction) term() *term {
	switch in.code {
	case codeWord:
		return &term{op: opText, words: []word{in.body.single().word()}}
	case codePhrase:
		return &term{op: opText, words: in.body.words()}
	case codeURL:
		return &term{op: opURL, words: in.body.words()}
	case codeNear:
		return &term{op: opNear, within: int(in.body[0]), words: in.body[1:].words()}
	case codeContains:
		w := in.body.single()
		return &term{op: opContains, value: w.form, marked: w.is(flagMarked)}
	case codeRegexp:
		return in.body.regexpTerm()
	case codeFact:
		return factTerm(fact(in.body[0]))
	case codeFollowers:
		low, high := in.body.followers()
		return &term{op: opFollowers, low: low, high: high}
	case codeSample:
		return &term{op: opSample, low: int64(in.body[0])}
	}
	return &term{op: codeOperators[in.code], value: string(in.body)}
}

func (p program) regexpTerm() *term {
	marked, _, pattern := p.pattern()
	t := &term{op: opRegexp, value: pattern, marked: marked}
	t.regexp, _ = parseRegexp(pattern) // it was read before
	return t
}

func factTerm(f fact) *term {
	if f < factLinks {
		return &term{op: opIs, what: f}
	}
	return &term{op: opHas, what: f}
}

func (p program) words() []word {
	var words []word
	for len(p) > 0 {
		var w packedWord
		w, p = p.word()
		words = append(words, w.word())
	}
	return words
}

func (w packedWord) word() word {
	return word{form: w.form, marked: w.is(flagMarked), run: w.is(flagRun), prefix: w.is(flagPrefix)}
}

// codeOperators is the other way of operatorCodes, for the codes of names.
var codeOperators = [codeRegexp + 1]operator{
	codeNetwork: opNetwork, codeSource: opSource, codeLang: opLang, codeFrom: opFrom, codeTo: opTo,
	codeRepostsOf: opRepostsOf, codeConversation: opConversation, codeHashtag: opHashtag,
	codeCashtag: opCashtag, codeMention: opMention,
}
