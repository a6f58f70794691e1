package rule

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// lexeme is one piece of a rule's syntax.
type lexeme struct {
	kind       lexKind
	start, end int // bytes of the rule
	// valueStart and valueEnd bound what stands inside quotes or slashes, or
	// after the name of an operator.
	valueStart, valueEnd int
	quoted               bool
	bad                  bool // reported already
}

type lexKind uint8

const (
	lexEnd lexKind = iota
	lexOpen
	lexClose
	lexOr
	lexAnd
	lexMinus
	lexDanglingMinus
	lexWord
	lexQuote // valueEnd to end may hold ~N
	lexRegexp
	lexNamed // the name is start to the colon
)

func (l lexeme) value(rule string) string { return rule[l.valueStart:l.valueEnd] }

func (l lexeme) text(rule string) string { return rule[l.start:l.end] }

// name is what stands before the colon of a lexNamed.
func (l lexeme) name(rule string) string {
	name, _, _ := strings.Cut(rule[l.start:l.end], ":")
	return name
}

// lexer cuts a rule into lexemes.
type lexer struct {
	rule    string
	pos     int
	problem func(Problem)
}

// next reads one lexeme. What can't be read is reported and given as what it
// was most likely meant to be.
func (x *lexer) next() lexeme {
	x.skipSpace()
	start := x.pos
	if start == len(x.rule) {
		return lexeme{kind: lexEnd, start: start, end: start}
	}
	switch x.rule[start] {
	case '(':
		return x.single(lexOpen)
	case ')':
		return x.single(lexClose)
	case '-':
		return x.minus()
	case '/':
		return x.regexp()
	}
	if quoteSize(x.rule[start:]) > 0 {
		return x.quote()
	}
	return x.word()
}

func (x *lexer) skipSpace() {
	for x.pos < len(x.rule) {
		r, size := utf8.DecodeRuneInString(x.rule[x.pos:])
		if !isSpace(r) {
			return
		}
		x.pos += size
	}
}

func (x *lexer) single(kind lexKind) lexeme {
	x.pos++
	return lexeme{kind: kind, start: x.pos - 1, end: x.pos}
}

// minus tells a minus that has something to negate from one that has not.
func (x *lexer) minus() lexeme {
	l := x.single(lexMinus)
	rest := x.rule[x.pos:]
	r, _ := utf8.DecodeRuneInString(rest)
	bare := rest[:bareLength(rest[:min(len(rest), len("AND")+utf8.UTFMax)])]
	if rest == "" || isSpace(r) || r == ')' || r == '-' || bare == "OR" || bare == "AND" {
		l.kind = lexDanglingMinus
	}
	return l
}

// regexp runs to the next slash without a backslash before it.
func (x *lexer) regexp() lexeme {
	l := lexeme{kind: lexRegexp, start: x.pos, valueStart: x.pos + 1}
	length := regexpLength(x.rule[l.valueStart:])
	if length < 0 {
		x.pos += bareLength(x.rule[x.pos:])
		l.end, l.valueEnd = x.pos, x.pos
		l.bad = true
		x.problem(noSlashProblem(x.rule, l))
		return l
	}
	l.valueEnd = l.valueStart + length
	x.pos = l.valueEnd + 1
	if r, size := utf8.DecodeRuneInString(x.rule[x.pos:]); size > 0 && !isSpace(r) && r != ')' {
		x.pos += bareLength(x.rule[x.pos:])
		l.end = x.pos
		l.bad = true
		x.problem(afterSlashProblem(x.rule, l))
	}
	l.end = x.pos
	return l
}

func regexpLength(s string) int {
	for i := 0; i < len(s); i++ {
		if s[i] == '/' && (i == 0 || s[i-1] != '\\') {
			return i
		}
	}
	return -1
}

// quote reads quoted words and the ~N after them.
func (x *lexer) quote() lexeme {
	l := lexeme{kind: lexQuote, start: x.pos, quoted: true}
	x.quoted(&l)
	if strings.HasPrefix(x.rule[x.pos:], "~") {
		x.pos += bareLength(x.rule[x.pos:])
	}
	l.end = x.pos
	return l
}

// quoted reads from a quote to the next one.
func (x *lexer) quoted(l *lexeme) {
	open := x.pos
	x.pos += quoteSize(x.rule[x.pos:])
	l.valueStart = x.pos
	for x.pos < len(x.rule) {
		if size := quoteSize(x.rule[x.pos:]); size > 0 {
			l.valueEnd = x.pos
			x.pos += size
			return
		}
		x.pos++
	}
	l.valueEnd = x.pos
	x.problem(unterminatedProblem(x.rule, open))
}

// word reads what has neither quotes nor slashes around it, keywords included.
func (x *lexer) word() lexeme {
	l := lexeme{kind: lexWord, start: x.pos}
	x.pos += bareLength(x.rule[x.pos:])
	l.end = x.pos
	switch bare := l.text(x.rule); {
	case bare == "OR":
		l.kind = lexOr
	case bare == "AND":
		l.kind = lexAnd
	default:
		x.named(&l, nameLength(bare))
	}
	return l
}

// named makes l an operator if it begins with a name and a colon; the value may
// be quoted.
func (x *lexer) named(l *lexeme, name int) {
	if name == 0 {
		return
	}
	l.kind, l.valueStart, l.valueEnd = lexNamed, l.start+name+1, l.end
	if l.valueStart == l.end && quoteSize(x.rule[x.pos:]) > 0 {
		l.quoted = true
		x.quoted(l)
		l.end = x.pos
	}
}

// nameLength counts the letters of an operator's name that a colon follows; 0
// if s begins with none.
func nameLength(s string) int {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == ':' {
			return i
		}
		if c|0x20 < 'a' || c|0x20 > 'z' {
			if c != '_' {
				return 0
			}
		}
	}
	return 0
}

// bareLength counts the bytes of s up to where an unquoted term ends.
func bareLength(s string) int {
	for i := 0; i < len(s); {
		r, size := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(s[i:])
		}
		if isSpace(r) || r == '(' || r == ')' || isQuote(r) {
			return i
		}
		i += size
	}
	return len(s)
}

func isQuote(r rune) bool { return r == '"' || r == '“' || r == '”' || r == '„' }

// quoteSize is the length of the quote that s begins with; 0 for none.
func quoteSize(s string) int {
	if s == "" || s[0] != '"' && s[0] != '\xe2' {
		return 0
	}
	if r, size := utf8.DecodeRuneInString(s); isQuote(r) {
		return size
	}
	return 0
}

// isSpace counts the zero-width space in.
func isSpace(r rune) bool {
	if r < utf8.RuneSelf {
		return r == ' ' || '\t' <= r && r <= '\r'
	}
	return unicode.IsSpace(r) || r == '\u200b'
}
