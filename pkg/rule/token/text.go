package token

import (
	"unicode"
	"unicode/utf8"
)

// Text holds the tokens of one or more texts in a form that is quick to make
// and to compare. Its memory is used again after Reset.
type Text struct {
	Forms []byte // of all units, one after another
	Units []Unit
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
// Posts are mostly ASCII, for which one pass is enough. A piece between ASCII
// spaces that holds anything else goes the slow way; no token spans such a
// space, and none is cut differently for what stands on its other side.
func (t *Text) Append(s string) {
	for i := 0; i < len(s); {
		for i < len(s) && isASCIISpace(s[i]) {
			i++
		}
		i = t.appendPiece(s, i)
	}
}

// appendPiece adds the units of what stands from start to the next ASCII space
// and returns where that is.
func (t *Text) appendPiece(s string, start int) int {
	units, forms := len(t.Units), len(t.Forms)
	for i := start; i < len(s); {
		c := s[i]
		switch {
		case wordByte[c] != 0:
			i = t.appendASCII(s, i)
		case c >= utf8.RuneSelf:
			t.Units, t.Forms = t.Units[:units], t.Forms[:forms]
			return t.appendSlow(s, start)
		case isASCIISpace(c):
			return i
		default:
			i++
		}
	}
	return len(s)
}

// appendASCII reads a token from start on, as far as it is ASCII, and returns
// where it ends.
func (t *Text) appendASCII(s string, start int) int {
	forms := t.Forms
	form := len(forms)
	i := start
	for ; i < len(s); i++ {
		c := wordByte[s[i]]
		if c == 0 {
			if !keptInside(s, i, start) {
				break
			}
			c = s[i]
		}
		forms = append(forms, c)
	}
	t.Forms = forms
	hash := Hash(forms[form:])
	t.Units = append(t.Units, Unit{
		Hash: hash, MarkedHash: hash,
		Form: uint32(form), FormEnd: uint32(len(forms)),
		Marked: uint32(form), MarkedEnd: uint32(len(forms)),
		Start: uint32(start), End: uint32(i),
	})
	return i
}

// keptInside reports whether the byte at i, in a token that begins at start, is
// a point between digits or the apostrophe of n't. It need not be right before
// anything but ASCII, since that goes the slow way.
func keptInside(s string, i, start int) bool {
	if i == start || i+1 >= len(s) {
		return false
	}
	switch s[i] {
	case '.', ',':
		return isASCIIDigit(s[i-1]) && isASCIIDigit(s[i+1])
	case '\'':
		return s[i-1]|0x20 == 'n' && s[i+1]|0x20 == 't' && (i+2 == len(s) || wordByte[s[i+2]] == 0)
	}
	return false
}

func isASCIIDigit(c byte) bool { return '0' <= c && c <= '9' }

// wordByte folds the bytes that words are made of; 0 for all others.
var wordByte = makeWordByte()

func makeWordByte() (t [256]byte) {
	for c := range t {
		switch {
		case c >= utf8.RuneSelf || !isASCIIWord(byte(c)):
		case 'A' <= c && c <= 'Z':
			t[c] = byte(c) | 0x20
		default:
			t[c] = byte(c)
		}
	}
	return t
}

// appendSlow adds the units of the piece that begins at start and holds more
// than ASCII.
func (t *Text) appendSlow(s string, start int) int {
	end := start
	for end < len(s) && !isASCIISpace(s[end]) {
		end++
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
