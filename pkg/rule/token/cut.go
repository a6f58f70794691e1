package token

import (
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/words"
)

// Token is one token of a text, or a whole run of letters of a script that is
// written without spaces.
type Token struct {
	Plain  string // folded, without marks
	Marked string // folded, with marks
	// Start and End are bytes of the text as it was given.
	Start, End int
	// Run says that a term matches it as a substring, letter by letter.
	Run bool
}

// Cut appends the tokens of s to tokens.
func Cut(tokens []Token, s string) []Token {
	c := cutter{text: s, tokens: tokens}
	boundaries := words.FromString(s)
	bound := 0
	for i := 0; i < len(s); {
		for bound <= i {
			if bound == i {
				c.boundary()
			}
			boundaries.Next()
			bound = boundaries.End()
		}
		i = c.step(i)
	}
	c.flush()
	return c.tokens
}

// cutter holds the token that is being read.
type cutter struct {
	text   string
	tokens []Token

	open       bool
	run        bool
	start, end int  // of what is seen in the open token
	last       rune // the last that is seen in it
}

// step reads what stands at i and returns where the next begins.
func (c *cutter) step(i int) int {
	if end := emojiAt(c.text[i:]); end > 0 {
		c.flush()
		c.emoji(i, i+end)
		return i + end
	}
	r, size := utf8.DecodeRuneInString(c.text[i:])
	next := i + size
	switch classOf(r) {
	case classPlain:
		c.letter(r, i, next, false)
	case classRun:
		c.letter(r, i, next, true)
	case classMark:
		c.letter(r, i, next, c.open && c.run)
	case classPoint:
		c.keepOrCut(r, i, next, c.isPoint(next))
	case classApostrophe:
		c.keepOrCut(r, i, next, c.isContraction(next))
	case classDropped:
	default:
		c.flush()
	}
	return next
}

// letter adds r to the open token, or opens one.
func (c *cutter) letter(r rune, i, next int, run bool) {
	if c.open && c.run != run {
		c.flush()
	}
	if !c.open {
		c.open, c.run, c.start = true, run, i
	}
	c.end, c.last = next, r
}

func (c *cutter) keepOrCut(r rune, i, next int, keep bool) {
	if keep {
		c.letter(r, i, next, false)
		return
	}
	c.flush()
}

// isPoint reports whether a point that ends at next stands between digits.
func (c *cutter) isPoint(next int) bool {
	if !c.open || c.run || !isDigit(c.last) {
		return false
	}
	r, _ := seenRune(c.text[next:])
	return isDigit(r)
}

// isContraction reports whether an apostrophe that ends at next is that of n't
// at the end of a word.
func (c *cutter) isContraction(next int) bool {
	if !c.open || c.run || !foldsTo(c.last, 'n') {
		return false
	}
	r, size := seenRune(c.text[next:])
	if !foldsTo(r, 't') {
		return false
	}
	r, size2 := seenRune(c.text[next+size:])
	if size2 == 0 {
		return true
	}
	after := classOf(r)
	return after != classPlain && after != classMark
}

// seenRune returns the first rune of s that folding does not drop and where it
// ends; 0 at the end.
func seenRune(s string) (rune, int) {
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		i += size
		if !isDropped(r) {
			return r, i
		}
	}
	return 0, 0
}

// boundary ends a word of UAX #29; runs go over it.
func (c *cutter) boundary() {
	if !c.run {
		c.flush()
	}
}

func (c *cutter) flush() {
	if !c.open {
		return
	}
	c.open = false
	plain, marked := Fold(c.text[c.start:c.end])
	if c.run {
		plain = marked // no letter of a run loses marks
	}
	if plain != "" {
		c.tokens = append(c.tokens, Token{Plain: plain, Marked: marked, Start: c.start, End: c.end, Run: c.run})
	}
	c.run = false
}

// emoji appends a token that is compared as it is, but for variation selectors.
func (c *cutter) emoji(start, end int) {
	form := string(appendEmoji(nil, c.text[start:end]))
	c.tokens = append(c.tokens, Token{Plain: form, Marked: form, Start: start, End: end})
}
