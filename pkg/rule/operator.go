package rule

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/language"

	"riffle/pkg/rule/token"
)

// named operators in the order in which the nearest is looked for.
var operatorNames = []struct {
	name string
	op   operator
}{
	{"from", opFrom}, {"to", opTo}, {"reposts_of", opRepostsOf}, {"retweets_of", opRepostsOf},
	{"url", opURL}, {"conversation", opConversation}, {"conversation_id", opConversation},
	{"lang", opLang}, {"network", opNetwork}, {"source", opSource}, {"is", opIs}, {"has", opHas},
	{"followers", opFollowers}, {"followers_count", opFollowers}, {minFollowers, opFollowers},
	{"sample", opSample}, {"contains", opContains},
}

const minFollowers = "min_followers"

func operatorNamed(name string) (operator, bool) {
	for _, o := range operatorNames {
		if o.name == name {
			return o.op, true
		}
	}
	return 0, false
}

// named reads name:value.
func (p *parser) named(l lexeme) *term {
	name := strings.ToLower(l.name(p.rule()))
	value := l.value(p.rule())
	op, known := operatorNamed(name)
	switch {
	case known:
	case name == "http", name == "https":
		op, value = opURL, strings.TrimPrefix(value, "//")
	default:
		p.report(unknownProblem(l, name))
		return p.arena.term(term{})
	}
	if strings.TrimFunc(value, isSpace) == "" {
		p.report(missingProblem(l, name, p.rule()))
		return p.arena.term(term{op: op})
	}
	if op != opContains && strings.Contains(value, "*") {
		p.report(starProblem(l.valueStart, l.valueEnd))
		return p.arena.term(term{op: op})
	}
	if !known {
		p.report(bareURLProblem(l, value))
	}
	return p.value(l, op, name, value)
}

// value reads what stands after the name of an operator.
func (p *parser) value(l lexeme, op operator, name, value string) *term {
	switch op {
	case opContains:
		return p.substring(l, value)
	case opFrom, opTo, opRepostsOf, opConversation:
		return p.account(l, op, value)
	case opURL:
		return p.link(value, l.valueStart, l.valueEnd)
	case opLang:
		return p.lang(l, value)
	case opIs:
		return p.fact(l, op, value)
	case opHas:
		return p.fact(l, op, value)
	case opFollowers:
		return p.followers(l, name, value)
	case opSample:
		return p.sample(l, value)
	}
	return p.place(l, op, name, value)
}

// place reads the name of a network or a source, which are free.
func (p *parser) place(l lexeme, op operator, name, value string) *term {
	if len(p.arena.cut(value)) == 0 {
		p.report(placeProblem(l, name))
	}
	return p.arena.term(term{op: op, value: token.FoldName(strings.TrimFunc(value, isSpace))})
}

func (p *parser) substring(l lexeme, value string) *term {
	plain, marked := token.Fold(value)
	if utf8.RuneCountInString(plain) < minSubstring {
		p.report(substringProblem(l, value))
	}
	return p.arena.term(term{op: opContains, value: marked, marked: plain != marked})
}

// account reads a handle or an id.
func (p *parser) account(l lexeme, op operator, value string) *term {
	if !l.quoted {
		value = strings.TrimRight(value, trailing)
	}
	if op != opConversation {
		value = strings.TrimPrefix(value, "@")
	}
	if value == "" || strings.ContainsFunc(value, isSpace) || len(p.arena.cut(value)) == 0 {
		p.report(accountProblem(l, op))
	} else if op != opConversation && isDomain(value) {
		p.report(unresolvedProblem(l.valueStart, l.valueEnd, l.name(p.rule())+":"))
	}
	return p.arena.term(term{op: op, value: token.FoldName(value)})
}

// isDomain reports whether a handle is the name of a host, as Bluesky's are and
// those of other networks are not.
func isDomain(handle string) bool {
	labels := strings.Split(handle, ".")
	for _, label := range labels {
		if !isLabel(label) {
			return false
		}
	}
	first := labels[len(labels)-1][0] | 0x20
	return len(labels) > 1 && 'a' <= first && first <= 'z'
}

// isLabel reports whether s can stand between the dots of a host's name.
func isLabel(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return s != "" && s[0] != '-' && s[len(s)-1] != '-'
}

func (p *parser) link(value string, start, end int) *term {
	t := p.arena.term(term{op: opURL, value: value, words: p.arena.wordsOf(p.arena.cut(linkText(value)))})
	if len(t.words) == 0 {
		p.report(linkProblem(start, end, value))
	}
	return t
}

func (p *parser) lang(l lexeme, value string) *term {
	tag := langTag(value)
	if !isLang(tag) {
		p.report(langProblem(l, value))
	}
	return p.arena.term(term{op: opLang, value: tag})
}

// langTag lowers a language tag and replaces the two names that ISO gave up but
// Twitter did not.
func langTag(tag string) string {
	tag = strings.ToLower(tag)
	primary, rest, more := strings.Cut(tag, "-")
	switch primary {
	case "iw":
		primary = "he"
	case "in":
		primary = "id"
	default:
		return tag
	}
	if !more {
		return primary
	}
	return primary + "-" + rest
}

// isLang reports whether tag, in lower case, begins with a language that exists
// and goes on as tags do.
func isLang(tag string) bool {
	for i, part := range strings.Split(tag, "-") {
		if !isSubtag(part) || i == 0 && len(part) > 3 {
			return false
		}
	}
	primary, _, _ := strings.Cut(tag, "-")
	_, err := language.ParseBase(primary)
	return err == nil
}

func isSubtag(s string) bool {
	for i := 0; i < len(s); i++ {
		if (s[i] < 'a' || s[i] > 'z') && (s[i] < '0' || s[i] > '9') {
			return false
		}
	}
	return 1 <= len(s) && len(s) <= 8
}

func (p *parser) fact(l lexeme, op operator, value string) *term {
	facts := isFacts
	if op == opHas {
		facts = hasFacts
	}
	name := strings.ToLower(value)
	for _, f := range facts {
		if f.name == name {
			return p.arena.term(term{op: op, what: f.fact})
		}
	}
	names := make([]string, len(facts))
	for i, f := range facts {
		names[i] = f.name
	}
	p.report(factProblem(l, l.name(p.rule()), value, names))
	return p.arena.term(term{op: op})
}

func (p *parser) followers(l lexeme, name, value string) *term {
	t := p.arena.term(term{op: opFollowers, high: math.MaxInt64})
	from, to, isRange := strings.Cut(value, "..")
	ok := from != "" || to != ""
	if isRange && name == minFollowers {
		ok = false
	}
	if ok && from != "" {
		t.low, ok = number(from)
	}
	if ok && to != "" {
		t.high, ok = number(to)
	}
	if !ok || t.low > t.high {
		p.report(followersProblem(l, name, value))
	}
	return t
}

func number(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && isDecimal(s)
}

func (p *parser) sample(l lexeme, value string) *term {
	n, ok := number(value)
	switch {
	case !ok || n < 1 || n > 100:
		p.report(sampleProblem(l, value))
	case p.negated > 0:
		p.report(sampleNegatedProblem(l, value))
	}
	return p.arena.term(term{op: opSample, low: n})
}
