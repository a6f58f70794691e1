package rule

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// A program is a rule in negation normal form as bytes that are judged without
// being unpacked. A million of them are kept, so they hold nothing twice and no
// pointers.
//
//	node    = code (1 byte, highest bit: negated) length (uvarint) body
//	AND, OR = nodes
//	word    = flags (1 byte) form
//	words   = { flags (1 byte) length (uvarint) form }
//	near    = within (1 byte) words
//	text    = flags (1 byte) folded text   of contains
//	regexp  = flags (1 byte) ordinal (1 byte) pattern
//	name    = folded name                  of tags, accounts, keys, lang, network, source
//	fact    = fact (1 byte)
//	range   = low (uvarint) high (uvarint)
//	sample  = percent (1 byte)
type program string

type code uint8

// The codes by what it costs to judge them, so that what is cheap comes first
// in an AND.
const (
	codeFact code = iota
	codeNetwork
	codeSource
	codeLang
	codeFollowers
	codeSample
	codeFrom
	codeTo
	codeRepostsOf
	codeConversation
	codeWord
	codeHashtag
	codeCashtag
	codeMention
	codePhrase
	codeAnd
	codeOr
	codeNear
	codeURL
	codeContains
	codeRegexp

	codeNegated code = 0x80
)

const (
	flagMarked = 1 << iota
	flagRun
	flagPrefix
)

var operatorCodes = map[operator]code{
	opNear: codeNear, opContains: codeContains, opHashtag: codeHashtag, opCashtag: codeCashtag,
	opMention: codeMention, opFrom: codeFrom, opTo: codeTo, opRepostsOf: codeRepostsOf,
	opURL: codeURL, opConversation: codeConversation, opRegexp: codeRegexp, opLang: codeLang,
	opNetwork: codeNetwork, opSource: codeSource, opIs: codeFact, opHas: codeFact,
	opFollowers: codeFollowers, opSample: codeSample,
}

// compile makes the program of a rule, and place for its regular expressions,
// which are kept compiled beside it.
func (a *arena) compile(b *branch) (program, *regexps) {
	c := compiler{arena: a}
	a.program = c.branch(a.program[:0], b)
	return program(a.program), newRegexps(c.regexps)
}

// compiler counts the regular expressions of a rule.
type compiler struct {
	arena   *arena
	regexps int
}

// branch appends the program of b. The parts of an AND or OR are ordered by
// cost.
func (x *compiler) branch(dst []byte, b *branch) []byte {
	if b.kind == nodeTerm {
		return x.term(dst, b)
	}
	c := codeAnd
	if b.kind == nodeOr {
		c = codeOr
	}
	kids := x.arena.kids.list(b.kids)
	slices.SortStableFunc(kids, func(x, y *branch) int { return cmp.Compare(x.code(), y.code()) })
	dst = append(dst, byte(c))
	body := len(dst)
	for _, kid := range kids {
		dst = x.branch(dst, kid)
	}
	return insertLength(dst, body)
}

// insertLength puts the length of what dst has from body on in front of it.
func insertLength(dst []byte, body int) []byte {
	var scratch [binary.MaxVarintLen64]byte
	length := binary.AppendUvarint(scratch[:0], uint64(len(dst)-body))
	return slices.Insert(dst, body, length...)
}

func (b *branch) code() code {
	switch {
	case b.kind == nodeAnd:
		return codeAnd
	case b.kind == nodeOr:
		return codeOr
	case b.term.op != opText:
		return operatorCodes[b.term.op]
	case len(b.term.words) == 1:
		return codeWord
	}
	return codePhrase
}

func (x *compiler) term(dst []byte, b *branch) []byte {
	c, negated := b.code(), code(0)
	if b.negated {
		negated = codeNegated
	}
	dst = append(dst, byte(c|negated))
	body := len(dst)
	if c == codeRegexp {
		dst = append(dst, word{marked: b.term.marked}.flags(), byte(x.regexps))
		dst = append(dst, b.term.value...)
		x.regexps++
	} else {
		dst = b.term.body(dst, c)
	}
	return insertLength(dst, body)
}

func (t *term) body(dst []byte, c code) []byte {
	switch c {
	case codeWord:
		return append(append(dst, t.words[0].flags()), t.words[0].form...)
	case codePhrase, codeURL:
		return appendWords(dst, t.words)
	case codeNear:
		return appendWords(append(dst, byte(t.within)), t.words)
	case codeContains:
		return append(append(dst, word{marked: t.marked}.flags()), t.value...)
	case codeFact:
		return append(dst, byte(t.what))
	case codeFollowers:
		return binary.AppendUvarint(binary.AppendUvarint(dst, uint64(t.low)), uint64(t.high))
	case codeSample:
		return append(dst, byte(t.low))
	}
	return append(dst, t.value...)
}

func appendWords(dst []byte, words []word) []byte {
	for _, w := range words {
		dst = append(dst, w.flags())
		dst = binary.AppendUvarint(dst, uint64(len(w.form)))
		dst = append(dst, w.form...)
	}
	return dst
}

func (w word) flags() (flags byte) {
	if w.marked {
		flags |= flagMarked
	}
	if w.run {
		flags |= flagRun
	}
	if w.prefix {
		flags |= flagPrefix
	}
	return flags
}

// instruction is one node of a program.
type instruction struct {
	code    code
	negated bool
	body    program
}

// first unpacks the node at the front and gives what follows it.
func (p program) first() (instruction, program) {
	c := code(p[0])
	length, n := p[1:].uvarint()
	start := 1 + n
	return instruction{c &^ codeNegated, c&codeNegated != 0, p[start : start+length]}, p[start+length:]
}

func (p program) uvarint() (value, size int) {
	if p[0] < 0x80 {
		return int(p[0]), 1
	}
	var shift uint
	for i := 0; ; i++ {
		value |= int(p[i]&0x7f) << shift
		if p[i] < 0x80 {
			return value, i + 1
		}
		shift += 7
	}
}

// word unpacks the word at the front of a list of words.
func (p program) word() (w packedWord, rest program) {
	length, n := p[1:].uvarint()
	start := 1 + n
	return packedWord{p[0], string(p[start : start+length])}, p[start+length:]
}

// pattern unpacks the body of a codeRegexp.
func (p program) pattern() (marked bool, ordinal int, pattern string) {
	return p[0]&flagMarked != 0, int(p[1]), string(p[2:])
}

// single unpacks the body of a codeWord.
func (p program) single() packedWord { return packedWord{p[0], string(p[1:])} }

// packedWord is a word of a program.
type packedWord struct {
	flags byte
	form  string
}

func (w packedWord) is(flag byte) bool { return w.flags&flag != 0 }
