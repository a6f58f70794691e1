package rule

import "regexp/syntax"

// unpack makes the tree again that a program was compiled from, but for where
// its parts stand in the rule.
func (a *arena) unpack(p program) *branch {
	in, _ := p.first()
	return a.unpackOne(in)
}

func (a *arena) unpackOne(in instruction) *branch {
	if in.code != codeAnd && in.code != codeOr {
		return a.branches.one(branch{term: a.term(a.unpackTerm(in)), negated: in.negated})
	}
	b := a.branches.one(branch{kind: nodeAnd})
	if in.code == codeOr {
		b.kind = nodeOr
	}
	first := len(a.openKids)
	for rest := in.body; len(rest) > 0; {
		in, rest = rest.first()
		a.openKids = append(a.openKids, a.unpackOne(in))
	}
	return a.close(b, first)
}

func (a *arena) unpackTerm(in instruction) term {
	switch in.code {
	case codeWord:
		words := a.words.take(1)
		words[0] = in.body.single().word()
		return term{op: opText, words: words}
	case codePhrase:
		return term{op: opText, words: a.unpackWords(in.body)}
	case codeURL:
		return term{op: opURL, words: a.unpackWords(in.body)}
	case codeNear:
		return term{op: opNear, within: int(in.body[0]), words: a.unpackWords(in.body[1:])}
	case codeContains:
		w := in.body.single()
		return term{op: opContains, value: w.form, marked: w.is(flagMarked)}
	case codeRegexp:
		return in.body.regexpTerm()
	case codeFact:
		return factTerm(fact(in.body[0]))
	case codeFollowers:
		low, high := in.body.followers()
		return term{op: opFollowers, low: low, high: high}
	case codeSample:
		return term{op: opSample, low: int64(in.body[0])}
	}
	return term{op: codeOperators[in.code], value: string(in.body)}
}

func (p program) regexpTerm() term {
	marked, _, pattern := p.pattern()
	t := term{op: opRegexp, value: pattern, marked: marked}
	// It was read before, so it is right and not too large.
	tree, _ := syntax.Parse(pattern, syntax.Perl|syntax.FoldCase)
	t.regexp = &expression{tree: tree, marked: marked}
	return t
}

func factTerm(f fact) term {
	if f < factLinks {
		return term{op: opIs, what: f}
	}
	return term{op: opHas, what: f}
}

func (a *arena) unpackWords(p program) []word {
	words := a.words.take(p.countWords())
	for i := range words {
		var w packedWord
		w, p = p.word()
		words[i] = w.word()
	}
	return words
}

func (p program) countWords() (n int) {
	for ; len(p) > 0; n++ {
		_, p = p.word()
	}
	return n
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
