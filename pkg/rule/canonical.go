package rule

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"riffle/pkg/rule/token"
)

// Canonical gives the rule as it was understood: folded, aliases replaced,
// needless signs left out, parentheses where precedence decided. Parsed again
// it means the same.
func (e *Expr) Canonical() string {
	return string(e.append(nil, simple(e.root), true))
}

// simple flattens ANDs in ANDs and ORs in ORs and removes double minuses.
func simple(n *node) *node {
	if n.kind == nodeTerm {
		return n
	}
	if n.kind == nodeNot && n.kids[0].kind == nodeNot {
		return simple(n.kids[0].kids[0])
	}
	flat := &node{kind: n.kind}
	for _, kid := range n.kids {
		kid = simple(kid)
		if kid.kind == n.kind && n.kind != nodeNot {
			flat.kids = append(flat.kids, kid.kids...)
			continue
		}
		flat.kids = append(flat.kids, kid)
	}
	return flat
}

// append appends n's text; what is no term needs parentheses but for the whole.
func (e *Expr) append(dst []byte, n *node, whole bool) []byte {
	switch n.kind {
	case nodeTerm:
		return append(dst, e.termText(n.term)...)
	case nodeNot:
		return e.append(append(dst, '-'), n.kids[0], false)
	}
	between := " "
	if n.kind == nodeOr {
		between = " OR "
	}
	if !whole {
		dst = append(dst, '(')
	}
	for i, kid := range n.kids {
		if i > 0 {
			dst = append(dst, between...)
		}
		dst = e.append(dst, kid, kid.kind == nodeNot)
	}
	if !whole {
		dst = append(dst, ')')
	}
	return dst
}

// termText gives the first of a term's possible spellings that is read back as
// the same term. The last one is what was written.
func (e *Expr) termText(t *term) string {
	for _, text := range t.spellings() {
		if again := readTerm(text); again != nil && again.equal(t) {
			return text
		}
	}
	return e.value[t.start:t.end]
}

// readTerm parses a text that should be one term; nil if it is not.
func readTerm(text string) *term {
	p := new(arena).newParser(text)
	p.advance()
	root := p.whole()
	if failed(p.problems) || root == nil || root.kind != nodeTerm {
		return nil
	}
	return root.term
}

// equal reports whether t and u mean the same by their letters.
func (t *term) equal(u *term) bool {
	return t.op == u.op && t.within == u.within && t.low == u.low && t.high == u.high &&
		t.what == u.what && slices.Equal(t.words, u.words) && (t.op == opURL || t.value == u.value)
}

// spellings lists how a term may be written, the best first.
func (t *term) spellings() []string {
	switch t.op {
	case opText:
		return t.textSpellings()
	case opNear:
		return []string{`"` + joinWords(t.words) + `"~` + strconv.Itoa(t.within)}
	case opHashtag:
		return []string{"#" + t.value}
	case opCashtag:
		return []string{"$" + t.value}
	case opMention:
		return []string{"@" + t.value}
	case opRegexp:
		return []string{"/" + t.value + "/"}
	}
	return t.namedSpellings(canonicalNames[t.op] + ":")
}

var canonicalNames = map[operator]string{
	opContains: "contains", opFrom: "from", opTo: "to", opRepostsOf: "reposts_of", opURL: "url",
	opConversation: "conversation", opLang: "lang", opNetwork: "network", opSource: "source",
	opIs: "is", opHas: "has", opFollowers: "followers", opSample: "sample",
}

func (t *term) namedSpellings(name string) []string {
	switch t.op {
	case opURL:
		folded, _ := token.Fold(linkText(t.value))
		marked := token.FoldName(linkText(t.value))
		return []string{name + quoteIfNeeded(folded), name + quoteIfNeeded(marked), name + quoteIfNeeded(joinWords(t.words))}
	case opIs:
		return []string{name + isFacts[t.what].name}
	case opHas:
		return []string{name + hasFacts[t.what-factLinks].name}
	case opFollowers:
		return []string{name + t.rangeText()}
	case opSample:
		return []string{name + strconv.FormatInt(t.low, 10)}
	}
	return []string{name + quoteIfNeeded(t.value), name + `"` + t.value + `"`}
}

func (t *term) rangeText() string {
	text := ".."
	if t.low > 0 || t.high == math.MaxInt64 {
		text = strconv.FormatInt(t.low, 10) + text
	}
	if t.high < math.MaxInt64 {
		text += strconv.FormatInt(t.high, 10)
	}
	return text
}

// textSpellings puts quotes around what would be read as an operator, or as
// several terms.
func (t *term) textSpellings() []string {
	text := joinWords(t.words)
	quoted := `"` + text + `"`
	switch {
	case len(t.words) > 1, text == "or", text == "and", text == "not":
		return []string{quoted}
	}
	return []string{text, quoted}
}

func joinWords(words []word) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(w.form)
		if w.prefix {
			b.WriteByte('*')
		}
	}
	return b.String()
}
