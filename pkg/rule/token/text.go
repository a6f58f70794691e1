package token

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode"
	"unicode/utf8"
)

// Text holds the tokens of one or more texts in a form that is quick to make
// and to compare. Its memory is used again after Reset.
type Text struct {
	Forms []byte // of all units, one after another
	Units []Unit

	isWord []uint64 // of the stretch that is being read
	marked []byte   // the form with marks of the token that is being read
}

// Unit is one token, or one letter of a run.
type Unit struct {
	// Hash and MarkedHash are those of the forms; the same where the forms are.
	Hash, MarkedHash uint64
	// The forms as bytes of Forms.
	Form, FormEnd     uint32
	Marked, MarkedEnd uint32
	// RunEnd is where the forms of the letters of this run end; 0 of what is no
	// letter of a run.
	RunEnd uint32
	// Start and End are bytes of the text as it was given.
	Start, End uint32
	Joined     bool // nothing stands between it and the unit before
	Mark       bool // a mark in a run, which is no letter of its own
}

// Reset forgets all texts.
func (t *Text) Reset() { t.Forms, t.Units = t.Forms[:0], t.Units[:0] }

// Plain is the form of u without marks.
func (t *Text) Plain(u *Unit) []byte { return t.Forms[u.Form:u.FormEnd] }

// WithMarks is the form of u with marks.
func (t *Text) WithMarks(u *Unit) []byte { return t.Forms[u.Marked:u.MarkedEnd] }

// Append adds the units of s, which is shorter than 4 GB. It agrees with Cut.
//
// Posts are mostly ASCII, which is read eight bytes at a time. A piece between
// ASCII spaces that holds anything else goes the slow way; no token spans such
// a space, and none is cut differently for what stands on its other side.
func (t *Text) Append(s string) {
	for i := 0; i < len(s); {
		other := otherThanASCII(s, i)
		start := other
		for start > i && other < len(s) && !isASCIISpace(s[start-1]) {
			start--
		}
		t.appendASCII(s, i, start)
		if other == len(s) {
			return
		}
		i = t.appendSlow(s, start)
	}
}

// otherThanASCII is where the first byte at or after i stands that is not
// ASCII; len(s) if there is none.
func otherThanASCII(s string, i int) int {
	for ; i+8 <= len(s); i += 8 {
		if high := load64(s, i) & highBits; high != 0 {
			return i + bits.TrailingZeros64(high)/8
		}
	}
	for ; i < len(s) && s[i] < utf8.RuneSelf; i++ {
	}
	return i
}

// Bytes of a word that is eight characters.
const (
	ones     = 0x0101010101010101
	highBits = 0x80 * ones
)

// appendASCII adds the units of s[start:end], which is ASCII. Its folded form
// is all of it in small letters.
func (t *Text) appendASCII(s string, start, end int) {
	base := len(t.Forms) - start // of a byte's place in Forms
	t.lower(s, start, end)
	for i := t.nextWord(0); i < end-start; {
		stop := t.wordEnd(i)
		for stop < end-start && keptInside(s[:end], start+stop, start+i) {
			stop = t.wordEnd(stop + 1)
		}
		t.appendWord(base, start+i, start+stop)
		i = t.nextWord(stop)
	}
}

func (t *Text) appendWord(base, start, end int) {
	form := base + start
	var hash uint64
	if n := end - start; n <= 8 {
		hash = hashShort(load64(t.Forms[:form+8], form), n)
	} else {
		hash = Hash(t.Forms[form : base+end])
	}
	t.Units = append(t.Units, Unit{
		Hash: hash, MarkedHash: hash,
		Form: uint32(form), FormEnd: uint32(base + end),
		Marked: uint32(form), MarkedEnd: uint32(base + end),
		Start: uint32(start), End: uint32(end),
	})
}

// lower appends s[start:end] in small letters to Forms, which then has room for
// eight bytes more, and sets a bit of t.isWord for each byte that is a letter
// or digit.
func (t *Text) lower(s string, start, end int) {
	size := end - start
	form := len(t.Forms)
	t.Forms = slices.Grow(t.Forms, size+8)[:form+size]
	t.isWord = t.isWord[:0]
	for i := 0; i < size; i += 64 {
		var mask uint64
		for j := i; j < min(i+64, size); j += 8 {
			var word uint64
			if start+j+8 <= end {
				word = load64(s, start+j)
			} else {
				word = loadShort(s[start+j : end])
			}
			small, isWord := lowerWord(word)
			binary.LittleEndian.PutUint64(t.Forms[form+j:form+j+8], small)
			mask |= isWord << (j - i)
		}
		t.isWord = append(t.isWord, mask)
	}
	t.isWord = append(t.isWord, 0)
}

// lowerWord gives eight ASCII characters in small letters, and a bit for each
// that is a letter or digit.
func lowerWord(word uint64) (small, isWord uint64) {
	upper := between(word, 'A', 'Z')
	small = word | upper>>2
	found := (between(small, 'a', 'z') | between(word, '0', '9')) >> 7
	return small, found * 0x0102040810204080 >> 56
}

// between sets the highest bit of each byte of word that is in a range. Bytes
// and bounds are below 0x80, so no sum carries over.
func between(word uint64, low, high byte) uint64 {
	return (word + uint64(0x80-low)*ones) &^ (word + uint64(0x7f-high)*ones) & highBits
}

// nextWord is the first letter or digit at or after i, or beyond the end.
func (t *Text) nextWord(i int) int {
	for block := i / 64; block < len(t.isWord); block, i = block+1, 0 {
		if mask := t.isWord[block] >> (i % 64) << (i % 64); mask != 0 {
			return block*64 + bits.TrailingZeros64(mask)
		}
	}
	return len(t.isWord) * 64
}

// wordEnd is the first byte at or after i that is no letter or digit.
func (t *Text) wordEnd(i int) int {
	for block := i / 64; block < len(t.isWord); block, i = block+1, 0 {
		if mask := ^t.isWord[block] >> (i % 64) << (i % 64); mask != 0 {
			return block*64 + bits.TrailingZeros64(mask)
		}
	}
	return len(t.isWord) * 64
}

// keptInside reports whether the byte at i, in a token that begins at start, is
// a point between digits or the apostrophe of n't.
func keptInside(s string, i, start int) bool {
	if i == start || i+1 >= len(s) {
		return false
	}
	switch s[i] {
	case '.', ',':
		return isASCIIDigit(s[i-1]) && isASCIIDigit(s[i+1])
	case '\'':
		return s[i-1]|0x20 == 'n' && s[i+1]|0x20 == 't' && (i+2 == len(s) || !isASCIIWord(s[i+2]))
	}
	return false
}

func isASCIIDigit(c byte) bool { return '0' <= c && c <= '9' }

// appendSlow adds the units of the piece that begins at start and holds more
// than ASCII, and returns where it ends.
func (t *Text) appendSlow(s string, start int) int {
	end := start
	for end < len(s) && !isASCIISpace(s[end]) {
		end++
	}
	if t.appendMixed(s, start, end) {
		return end
	}
	for _, token := range Cut(nil, s[start:end]) {
		token.Start += start
		token.End += start
		if token.Run {
			t.appendRun(s, token)
			continue
		}
		t.appendToken(token)
	}
	return end
}

func (t *Text) appendToken(token Token) {
	u := Unit{Start: uint32(token.Start), End: uint32(token.End)}
	u.Form, u.FormEnd, u.Hash = t.appendForm(token.Plain)
	u.Marked, u.MarkedEnd, u.MarkedHash = u.Form, u.FormEnd, u.Hash
	if token.Marked != token.Plain {
		u.Marked, u.MarkedEnd, u.MarkedHash = t.appendForm(token.Marked)
	}
	t.Units = append(t.Units, u)
}

func (t *Text) appendForm(form string) (start, end uint32, hash uint64) {
	start = uint32(len(t.Forms))
	t.Forms = append(t.Forms, form...)
	return start, uint32(len(t.Forms)), Hash(t.Forms[start:])
}

// appendRun adds the letters of a run one by one.
func (t *Text) appendRun(s string, run Token) {
	first := len(t.Units)
	spans := letterSpans(s, run)
	for i, r := range []rune(run.Plain) {
		form := uint32(len(t.Forms))
		t.Forms = utf8.AppendRune(t.Forms, r)
		u := Unit{Form: form, FormEnd: uint32(len(t.Forms)), Joined: i > 0, Mark: unicode.IsMark(r)}
		u.Marked, u.MarkedEnd = u.Form, u.FormEnd
		u.Hash = Hash(t.Forms[form:])
		u.MarkedHash = u.Hash
		u.Start, u.End = uint32(spans[i].start), uint32(spans[i].end)
		t.Units = append(t.Units, u)
	}
	for i := first; i < len(t.Units); i++ {
		t.Units[i].RunEnd = uint32(len(t.Forms))
	}
}
