package rule

import (
	"errors"
	"regexp/syntax"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"riffle/pkg/rule/token"
)

const (
	maxWithin    = 10
	minPrefix    = 3
	minSubstring = 2
	// trailing is what a sentence leaves at the end of a tag, handle or id.
	trailing = ".,;:!?"
)

// term reads the term that l holds. One that is wrong is reported and given as
// far as it was understood.
func (p *parser) term(l lexeme) *term {
	switch l.kind {
	case lexQuote:
		return p.quoted(l)
	case lexRegexp:
		return p.regexp(l)
	case lexNamed:
		return p.named(l)
	}
	return p.bare(l)
}

func (p *parser) bare(l lexeme) *term {
	text := l.text(p.rule())
	switch text[0] {
	case '#':
		return p.tag(l, opHashtag, text[1:])
	case '@':
		return p.tag(l, opMention, text[1:])
	case '$':
		if r, _ := utf8.DecodeRuneInString(text[1:]); unicode.IsLetter(r) {
			return p.tag(l, opCashtag, text[1:])
		}
	}
	switch strings.ToLower(text) {
	case "or", "and", "not":
		p.report(lowercaseProblem(l, text))
	}
	t := p.arena.term(term{op: opText, words: p.words(l, text)})
	return t
}

// tag reads #tag, $CASH and @handle.
func (p *parser) tag(l lexeme, op operator, name string) *term {
	name = strings.TrimRight(name, trailing)
	t := p.arena.term(term{op: op, value: token.FoldName(name)})
	switch {
	case strings.Contains(name, "*"):
		p.report(starProblem(l.start, l.end))
	case len(p.arena.cut(name)) == 0:
		p.report(noTagProblem(l, l.text(p.rule())))
	case op == opMention && isDomain(name):
		p.report(unresolvedProblem(l.start, l.end, "@"))
	}
	return t
}

// words cuts the text of a term into words; a star at its end makes a prefix of
// the last one.
func (p *parser) words(l lexeme, text string) []word {
	if n := countPlainWords(text); n > 0 {
		words := p.arena.words.take(n)
		rest := strings.ToLower(text)
		for i := range words {
			words[i].form, rest, _ = strings.Cut(rest, " ")
		}
		return words
	}
	text = strings.TrimRightFunc(text, isSpace)
	text, prefix := strings.CutSuffix(text, "*")
	if strings.Contains(text, "*") {
		p.report(starProblem(l.start, l.end))
		return nil
	}
	tokens := p.arena.cut(text)
	words := p.arena.wordsOf(tokens)
	switch {
	case len(words) == 0 && prefix:
		p.report(starProblem(l.start, l.end))
	case len(words) == 0:
		p.report(noTokenProblem(l, l.text(p.rule())))
	case prefix:
		p.prefix(l, words, text[tokens[len(tokens)-1].End:])
	}
	return words
}

// countPlainWords counts the words of a text that most rules are made of:
// letters and digits of ASCII, with one space between two words. Each is one
// token for certain. 0 of another text.
func countPlainWords(text string) int {
	words, space := 1, true
	for i := range len(text) {
		switch c := text[i]; {
		case 'a' <= c|0x20 && c|0x20 <= 'z', '0' <= c && c <= '9':
			space = false
		case c == ' ' && !space:
			words++
			space = true
		default:
			return 0
		}
	}
	if space {
		return 0
	}
	return words
}

// prefix makes the last of words a prefix. Between it and the star stands only
// what folding drops.
func (p *parser) prefix(l lexeme, words []word, between string) {
	last := &words[len(words)-1]
	if dropped, _ := token.Fold(between); dropped != "" {
		p.report(starProblem(l.start, l.end))
		return
	}
	letters := 0
	for _, r := range last.form {
		if unicode.IsLetter(r) || unicode.IsNumber(r) {
			letters++
		}
	}
	if letters < minPrefix {
		p.report(prefixProblem(l, last.form))
		return
	}
	last.prefix = !last.run
}

// quoted reads "some words" and "some words"~N.
func (p *parser) quoted(l lexeme) *term {
	t := p.arena.term(term{op: opText, words: p.words(l, l.value(p.rule()))})
	_, suffix, near := strings.Cut(p.rule()[l.valueEnd:l.end], "~")
	if !near {
		return t
	}
	t.op = opNear
	n, err := strconv.Atoi(suffix)
	switch {
	case err != nil || n < 1 || n > maxWithin || !isDecimal(suffix):
		p.report(withinProblem(p.rule(), l))
	case len(t.words) == 1:
		p.report(nearOneProblem(p.rule(), l))
	}
	t.within = n
	return t
}

func isDecimal(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func (p *parser) regexp(l lexeme) *term {
	t := p.arena.term(term{op: opRegexp, value: l.value(p.rule())})
	if l.bad {
		return t
	}
	if len(t.value) < 1 || len(t.value) > maxRegexp {
		p.report(regexpLengthProblem(l, len(t.value)))
		return t
	}
	expression, err := parseRegexp(t.value)
	switch {
	case errors.Is(err, errRegexpTooLarge), regexpSyntax(err) == syntax.ErrLarge:
		p.report(regexpSizeProblem(l))
		return t
	case err != nil:
		p.report(regexpProblem(l, err))
		return t
	}
	t.regexp, t.marked = expression, expression.marked
	return t
}
