package token

import (
	"sync"
	"unicode"
	"unicode/utf8"
)

// mixed reads a piece of text that is not all ASCII, as long as it holds only
// what can be read rune by rune: letters of alphabets without combining marks,
// letters of runs that normalization leaves alone, common punctuation, emoji.
type mixed struct {
	text *Text
	s    string

	open, run  bool
	start, end int // of what is seen in the open token
	form       int // where its plain form begins in Forms
	marked     []byte
	hasMarks   bool
	lastMark   bool // the last rune was a mark in a run
}

// appendMixed adds the units of s[start:end]. It reports false, with nothing
// added, if there is something in it that has to be read the slow way.
func (t *Text) appendMixed(s string, start, end int) bool {
	units, forms := len(t.Units), len(t.Forms)
	m := mixed{text: t, s: s[:end], marked: t.marked[:0]}
	for i := start; i < end; {
		next := m.step(i)
		if next == 0 {
			t.Units, t.Forms = t.Units[:units], t.Forms[:forms]
			return false
		}
		i = next
	}
	m.flush()
	t.marked = m.marked
	return true
}

// step reads what stands at i and returns where the next begins; 0 if it has to
// be read the slow way.
func (m *mixed) step(i int) int {
	c := m.s[i]
	if c < utf8.RuneSelf {
		return m.ascii(i, c)
	}
	r, size := utf8.DecodeRuneInString(m.s[i:])
	next := i + size
	switch {
	case r < alphabets:
		fold := &alphabet()[r]
		if fold.marked == "" {
			return m.sign(r, i, next)
		}
		m.letter(i, next, fold.plain, fold.marked)
	case isSimpleRun(r):
		return m.runLetter(r, i, next)
	case isEmoji(r):
		return m.emoji(i)
	default:
		return m.sign(r, i, next)
	}
	return next
}

func (m *mixed) ascii(i int, c byte) int {
	switch {
	case isASCIIWord(c):
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		m.openToken(i, false)
		m.text.Forms = append(m.text.Forms, c)
		m.marked = append(m.marked, c)
		m.end = i + 1
	case (c == '.' || c == ',' || c == '\'') && m.open && !m.run:
		return m.inside(i, i+1, c)
	default:
		m.flush()
	}
	return i + 1
}

// inside reads a point or an apostrophe in a token.
func (m *mixed) inside(i, next int, c byte) int {
	if next < len(m.s) && m.s[next] >= utf8.RuneSelf {
		return 0 // who knows what stands behind it
	}
	last := m.s[m.end-1]
	keep := false
	switch {
	case m.end != i || next == len(m.s):
	case c == '\'':
		keep = last|0x20 == 'n' && m.s[next]|0x20 == 't'
		if keep && next+1 < len(m.s) {
			if m.s[next+1] >= utf8.RuneSelf {
				return 0
			}
			keep = !isASCIIWord(m.s[next+1])
		}
	default:
		keep = isASCIIDigit(last) && isASCIIDigit(m.s[next])
	}
	if !keep {
		m.flush()
		return next
	}
	m.text.Forms = append(m.text.Forms, c)
	m.marked = append(m.marked, c)
	m.end = next
	return next
}

// sign reads what is no letter: it ends a token, or is not known here.
func (m *mixed) sign(r rune, i, next int) int {
	switch {
	case r == '\ufe0f' && !m.open:
		return next
	case r == '‘' || r == '’':
		if m.open && !m.run {
			return m.inside(i, next, '\'')
		}
	case !isPlainSign(r) && classOf(r) != classCut:
		return 0
	}
	m.flush()
	return next
}

// isPlainSign knows the commonest of the signs that cut at once.
func isPlainSign(r rune) bool {
	switch {
	case r == '\u00a0', r == '¡', r == '«', r == '»', r == '¿', r == '\u3000', r == '・', r == '…', r == '•':
		return true
	case '‐' <= r && r <= '―', '“' <= r && r <= '‟', '、' <= r && r <= '。', '〈' <= r && r <= '】':
		return true
	}
	return r == '！' || r == '（' || r == '）' || r == '？' || r == '：' || r == '～' || r == '〜'
}

func (m *mixed) openToken(i int, run bool) {
	if m.open && m.run != run {
		m.flush()
	}
	if !m.open {
		m.open, m.run, m.start, m.form = true, run, i, len(m.text.Forms)
		m.marked, m.hasMarks, m.lastMark = m.marked[:0], false, false
	}
}

func (m *mixed) letter(i, next int, plain, marked string) {
	m.openToken(i, false)
	m.text.Forms = append(m.text.Forms, plain...)
	m.marked = append(m.marked, marked...)
	m.hasMarks = m.hasMarks || plain != marked
	m.end = next
}

// isSimpleRun lists letters of runs that folding leaves alone wherever they
// stand, if no mark follows but one of Thai.
func isSimpleRun(r rune) bool {
	switch {
	case 0x3041 <= r && r <= 0x3096, 0x30a1 <= r && r <= 0x30fa, r == 'ー', r == '々',
		0x3400 <= r && r <= 0x4dbf, 0x4e00 <= r && r <= 0x9fff, 0xac00 <= r && r <= 0xd7a3,
		0x0e01 <= r && r <= 0x0e3a && r != 0x0e33, 0x0e40 <= r && r <= 0x0e4e:
		return classOf(r) == classRun
	}
	return false
}

// runLetter reads a letter of a run, which is a unit at once. Of two marks in a
// row normalization might change the order.
func (m *mixed) runLetter(r rune, i, next int) int {
	mark := r < 0x0e80 && unicode.IsMark(r)
	if mark && (!m.open || !m.run || m.lastMark) {
		return 0
	}
	m.openToken(i, true)
	t := m.text
	u := Unit{Form: uint32(len(t.Forms)), Start: uint32(i), End: uint32(next), Mark: mark}
	t.Forms = append(t.Forms, m.s[i:next]...)
	u.FormEnd = uint32(len(t.Forms))
	u.Marked, u.MarkedEnd = u.Form, u.FormEnd
	u.Hash = Hash(t.Forms[u.Form:])
	u.MarkedHash = u.Hash
	u.Joined = int(u.Form) > m.form
	t.Units = append(t.Units, u)
	m.end, m.lastMark = next, mark
	return next
}

func (m *mixed) emoji(i int) int {
	m.flush()
	end := emojiAt(m.s[i:])
	t := m.text
	u := Unit{Form: uint32(len(t.Forms)), Start: uint32(i), End: uint32(i + end)}
	t.Forms = appendEmoji(t.Forms, m.s[i:i+end])
	u.FormEnd = uint32(len(t.Forms))
	u.Marked, u.MarkedEnd = u.Form, u.FormEnd
	u.Hash = Hash(t.Forms[u.Form:])
	u.MarkedHash = u.Hash
	t.Units = append(t.Units, u)
	return i + end
}

// flush ends the open token.
func (m *mixed) flush() {
	if !m.open {
		return
	}
	m.open = false
	t := m.text
	if m.run {
		for i := len(t.Units) - 1; i >= 0 && int(t.Units[i].Form) >= m.form; i-- {
			t.Units[i].RunEnd = uint32(len(t.Forms))
		}
		m.run = false
		return
	}
	u := Unit{Form: uint32(m.form), FormEnd: uint32(len(t.Forms)), Start: uint32(m.start), End: uint32(m.end)}
	u.Hash = Hash(t.Forms[m.form:])
	u.Marked, u.MarkedEnd, u.MarkedHash = u.Form, u.FormEnd, u.Hash
	if m.hasMarks {
		u.Marked = u.FormEnd
		t.Forms = append(t.Forms, m.marked...)
		u.MarkedEnd = uint32(len(t.Forms))
		u.MarkedHash = Hash(m.marked)
	}
	t.Units = append(t.Units, u)
}

// alphabets is the end of the block of scripts whose letters are looked up:
// Latin, Greek, Cyrillic, Armenian, Hebrew and Arabic among others.
const alphabets = 0x700

type foldedRune struct{ plain, marked string }

// alphabet has the folded forms of the letters below alphabets; of what is no
// letter, none.
var alphabet = sync.OnceValue(func() *[alphabets]foldedRune {
	var table [alphabets]foldedRune
	for r := rune(utf8.RuneSelf); r < alphabets; r++ {
		if classOf(r) == classPlain && unicode.IsLetter(r) {
			table[r].plain, table[r].marked = Fold(string(r))
		}
	}
	return &table
})
