package rule

import (
	"slices"
	"strings"

	"riffle/pkg/rule/token"
)

// judge reports whether the rule with this program matches the post.
func (p *post) judge(rule program, regexps *regexps) bool {
	p.regexps = regexps
	in, _ := rule.first()
	return p.holds(in)
}

func (p *post) holds(in instruction) bool {
	switch in.code {
	case codeAnd:
		for rest := in.body; len(rest) > 0; {
			in, rest = rest.first()
			if !p.holds(in) {
				return false
			}
		}
		return true
	case codeOr:
		for rest := in.body; len(rest) > 0; {
			in, rest = rest.first()
			if p.holds(in) {
				return true
			}
		}
		return false
	}
	return p.term(in) != in.negated
}

// term judges one term as if it were not negated.
func (p *post) term(in instruction) bool {
	switch in.code {
	case codeWord:
		return p.hasWord(in.body.single())
	case codePhrase:
		return p.hasPhrase(in.body)
	case codeNear:
		return p.hasNear(in.body)
	case codeURL:
		return p.hasLink(in.body)
	case codeContains:
		return p.hasSubstring(in.body)
	case codeRegexp:
		return p.hasRegexp(in.body)
	}
	return p.attribute(in)
}

// attribute judges what looks at the event's own fields.
func (p *post) attribute(in instruction) bool {
	switch in.code {
	case codeFact:
		return p.fact(fact(in.body[0]))
	case codeFollowers:
		low, high := in.body.followers()
		count := p.event.Author.Followers - 1
		return count >= 0 && low <= count && count <= high
	case codeSample:
		return p.sampleShare() < int(in.body[0])
	}
	return slices.Contains(p.namesOf(codeNames[in.code]), string(in.body))
}

// codeNames says which names of an event a term looks at.
var codeNames = [codeRegexp + 1]nameKind{
	codeHashtag: nameHashtag, codeCashtag: nameCashtag, codeMention: nameMention,
	codeFrom: nameFrom, codeTo: nameTo, codeRepostsOf: nameRepostsOf,
	codeConversation: nameConversation, codeNetwork: nameNetwork, codeSource: nameSource,
	codeLang: nameLang,
}

func (p program) followers() (low, high int64) {
	a, n := p.uvarint()
	b, _ := p[n:].uvarint()
	return int64(a), int64(b)
}

// hasWord reports whether the word is a token of a searched text.
func (p *post) hasWord(w packedWord) bool {
	if w.is(flagPrefix) {
		return slices.ContainsFunc(p.text.Units, func(u token.Unit) bool { return w.matches(&p.text, &u) })
	}
	found := false
	p.eachPlace(w, func(int) bool {
		found = true
		return false
	})
	return found
}

// eachPlace visits the units where a word that is no prefix begins, the last
// first, until visit returns false.
func (p *post) eachPlace(w packedWord, visit func(unit int) bool) {
	next, hash := p.words.next, w.hash()
	if w.is(flagMarked) {
		next = p.words.nextMarked
	}
	for at := p.words.find(hash); at > 0; at = next[at-1] {
		unit := int(at - 1)
		if w.length(&p.text, p.text.Units[unit:]) > 0 && !visit(unit) {
			return
		}
	}
}

// hash is that of the key under which the word's first unit is found.
func (w packedWord) hash() uint64 {
	switch {
	case w.is(flagRun):
		return keyLetter.hash(token.Hash(firstLetter(w.form)))
	case w.is(flagMarked):
		return keyMarked.hash(token.Hash(w.form))
	}
	return token.Hash(w.form)
}

func firstLetter(s string) string {
	for i := range s {
		if i > 0 {
			return s[:i]
		}
	}
	return s
}

// length is how many units the word takes at the front of units; 0 if it does
// not stand there.
func (w packedWord) length(text *token.Text, units []token.Unit) int {
	if len(units) == 0 {
		return 0
	}
	u := &units[0]
	if !w.is(flagRun) {
		if w.matches(text, u) {
			return 1
		}
		return 0
	}
	if u.RunEnd == 0 || !hasPrefix(text.Forms[u.Form:u.RunEnd], w.form) {
		return 0
	}
	end := u.Form + uint32(len(w.form))
	n := 0
	for n < len(units) && units[n].Form < end {
		n++
	}
	return n
}

// matches reports whether a word that is no run is u.
func (w packedWord) matches(text *token.Text, u *token.Unit) bool {
	if u.RunEnd > 0 || w.is(flagMarked) && u.Marked == u.Form {
		return false
	}
	form := text.Plain(u)
	if w.is(flagMarked) {
		form = text.WithMarks(u)
	}
	if w.is(flagPrefix) {
		return hasPrefix(form, w.form)
	}
	return string(form) == w.form
}

func hasPrefix(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && string(b[:len(prefix)]) == prefix
}

// hasPhrase reports whether words stand in a row in one of the searched texts.
func (p *post) hasPhrase(words program) bool {
	first, rest := words.word()
	found := false
	p.eachPlace(first, func(unit int) bool {
		units := p.text.Units[unit:p.fieldOf(unit).end]
		_, found = follow(&p.text, units[first.length(&p.text, units):], rest)
		return !found
	})
	return found
}

// follow reports whether words stand in a row at the front of units, and how
// many units they take.
func follow(text *token.Text, units []token.Unit, words program) (length int, ok bool) {
	for len(words) > 0 {
		var w packedWord
		w, words = words.word()
		n := w.length(text, units[length:])
		if n == 0 {
			return 0, false
		}
		length += n
	}
	return length, true
}

// hasLink reports whether words stand in a row in one of the links.
func (p *post) hasLink(words program) bool {
	text := p.linkUnits()
	first := 0
	for _, end := range p.linkEnds {
		for ; first < end; first++ {
			if _, ok := follow(text, text.Units[first:end], words); ok {
				return true
			}
		}
	}
	return false
}

func (p *post) hasSubstring(body program) bool {
	w := body.single()
	for i := range p.fields {
		if strings.Contains(p.fields[i].foldedText(w.is(flagMarked)), w.form) {
			return true
		}
	}
	return false
}

func (p *post) hasRegexp(body program) bool {
	marked, ordinal, pattern := body.pattern()
	expression := p.regexps.get(ordinal, pattern)
	for i := range p.fields {
		if expression.MatchString(p.fields[i].foldedText(marked)) {
			return true
		}
	}
	return false
}
