package jsonscan

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

type flag uint8

const (
	escaped flag = 1 << iota // has a backslash
	wide                     // has bytes from 0x80
)

// String is a JSON string as it stands in the message, between its quotes. It is
// valid for as long as the message is; its zero value is the empty string.
type String struct {
	raw   []byte
	flags flag
}

// Empty reports whether the string has no text.
func (t String) Empty() bool { return len(t.raw) == 0 }

// Is reports whether the text is word.
func (t String) Is(word string) bool {
	if t.flags&escaped == 0 {
		return string(t.raw) == word
	}
	if len(t.raw) > len(`\uXXXX`)*len(word) {
		return false
	}
	var buf [64]byte
	text, ok := t.AppendTo(buf[:0])
	return ok && string(text) == word
}

// AppendTo appends the text to b and reports whether its escapes are those of
// JSON. What is no UTF-8 becomes U+FFFD, byte by byte, and so does each half of
// a surrogate pair without the other, as in encoding/json.
func (t String) AppendTo(b []byte) ([]byte, bool) {
	if t.flags&wide != 0 && !utf8.Valid(t.raw) {
		return appendMended(b, t.raw)
	}
	if t.flags&escaped == 0 {
		return append(b, t.raw...), true
	}
	return appendUnescaped(b, t.raw)
}

// appendUnescaped appends a text with escapes, which is never longer than they
// are. Eight bytes are copied at a time, up to a backslash.
func appendUnescaped(b, raw []byte) ([]byte, bool) {
	const step = 8
	b = slices.Grow(b, len(raw)+step)
	out := b[:len(b)+len(raw)+step]
	to := len(b)
	for from := 0; from < len(raw); {
		if from+step <= len(raw) {
			w := word(raw[from:])
			binary.LittleEndian.PutUint64(out[to:], w)
			slash := w ^ ones*'\\'
			n := bits.TrailingZeros64((slash-ones)&^slash&highs) >> 3
			from, to = from+n, to+n
			if n == step {
				continue
			}
		} else if raw[from] != '\\' {
			out[to] = raw[from]
			from, to = from+1, to+1
			continue
		}
		next, size := unescape(out, to, raw[from:])
		if size == 0 {
			return out[:to], false
		}
		from, to = from+size, next
	}
	return out[:to], true
}

// Unescaped takes a string as Str does, and puts its text into a at once: of text
// that is full of escapes, as HTML is, that costs half of what Str and Text do.
func (s *Scanner) Unescaped(a *Arena) String {
	if s.Peek() != '"' {
		s.other()
		return String{}
	}
	const step = 8
	start := s.pos + 1
	var seen uint64 // all bytes, one over the other
	from, room := len(a.buf), len(s.data)-start+step
	out := slices.Grow(a.buf, room)[:from+room]
	i, to := start, from
	for i < len(s.data) {
		if i+step <= len(s.data) {
			w := word(s.data[i:])
			binary.LittleEndian.PutUint64(out[to:], w)
			stop := special(w)
			if stop == 0 { // as a branch, so that the next step need not wait for the count below
				seen |= w
				i, to = i+step, to+step
				continue
			}
			seen |= before(w, stop)
			n := bits.TrailingZeros64(stop) >> 3
			i, to = i+n, to+n
		}
		switch c := s.data[i]; {
		case c == '"':
			s.pos = i + 1
			if seen&highs != 0 && !utf8.Valid(out[from:to]) {
				return String{raw: bytesOf(a.Text(String{raw: s.data[start:i], flags: escaped | wide}))}
			}
			a.buf = out[:to]
			return String{raw: out[from:to]}
		case c == '\\':
			var size int
			if to, size = unescape(out, to, s.data[i:]); size == 0 {
				s.fail()
				return String{}
			}
			i += size
		case c < ' ':
			s.fail()
			return String{}
		default: // near the end of the message
			seen |= uint64(c)
			out[to] = c
			i, to = i+1, to+1
		}
	}
	s.fail()
	return String{}
}

// unescape writes what the escape that raw begins with stands for to out[to:],
// and gives the place after it; size 0: it is none of JSON's.
func unescape(out []byte, to int, raw []byte) (next, size int) {
	if c := narrow(raw); c > 0 {
		out[to] = c
		return to + 1, len(`\u00XX`)
	}
	r, size := escape(raw)
	return to + utf8.EncodeRune(out[to:], r), size
}

// narrow reads an escape such as \u003c, by which many write the < of HTML; 0: it
// is another.
func narrow(raw []byte) byte {
	if len(raw) < len(`\u00XX`) || raw[1] != 'u' || raw[2] != '0' || raw[3] != '0' {
		return 0
	}
	high, low := hexValues[raw[4]], hexValues[raw[5]]
	if high > 7 || low > 15 {
		return 0
	}
	return high<<4 | low
}

// appendMended appends a text that is no UTF-8.
func appendMended(b, raw []byte) ([]byte, bool) {
	for len(raw) > 0 {
		r, size := rune(0), 0
		if raw[0] == '\\' {
			r, size = escape(raw)
		} else {
			r, size = utf8.DecodeRune(raw)
		}
		if size == 0 {
			return b, false
		}
		b, raw = utf8.AppendRune(b, r), raw[size:]
	}
	return b, true
}

// mended reports whether the text differs from the bytes in the message.
func (t String) mended() bool {
	return t.flags&escaped != 0 || t.flags&wide != 0 && !utf8.Valid(t.raw)
}

// escape reads the escape that raw begins with; size 0 means that it is none of
// JSON's.
func escape(raw []byte) (r rune, size int) {
	if len(raw) < 2 {
		return 0, 0
	}
	switch c := raw[1]; c {
	case '"', '\\', '/':
		return rune(c), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		return unicodeEscape(raw)
	}
	return 0, 0
}

// unicodeEscape reads \uXXXX, and two of them where they are a surrogate pair.
func unicodeEscape(raw []byte) (rune, int) {
	r := hex4(raw)
	if r < 0 {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if len(raw) >= 12 && raw[6] == '\\' && raw[7] == 'u' {
		if pair := utf16.DecodeRune(r, hex4(raw[6:])); pair != utf8.RuneError {
			return pair, 12
		}
	}
	return utf8.RuneError, 6
}

// hex4 reads the digits of \uXXXX; -1 means that they are none.
func hex4(raw []byte) rune {
	if len(raw) < 6 {
		return -1
	}
	a, b, c, d := hexValues[raw[2]], hexValues[raw[3]], hexValues[raw[4]], hexValues[raw[5]]
	if (a | b | c | d) > 15 {
		return -1
	}
	return rune(a)<<12 | rune(b)<<8 | rune(c)<<4 | rune(d)
}

// hexValues gives a hexadecimal digit's value, 255 for what is none.
var hexValues = func() (values [256]uint8) {
	for i := range values {
		switch c := uint8(i); {
		case c >= '0' && c <= '9':
			values[i] = c - '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			values[i] = c | 0x20 - 'a' + 10
		default:
			values[i] = 255
		}
	}
	return values
}()

// Arena is where the texts of one message are put together. What it hands out is
// valid until Reset, or for as long as the message is where that is shorter.
type Arena struct {
	buf []byte
	bad bool
}

// Reset gives all texts back.
func (a *Arena) Reset() { a.buf, a.bad = a.buf[:0], false }

// Bad reports that a text had escapes that are not JSON's.
func (a *Arena) Bad() bool { return a.bad }

// Text gives t's text. It points into the message where nothing is to be
// unescaped.
func (a *Arena) Text(t String) string {
	if !t.mended() {
		return view(t.raw)
	}
	start := len(a.buf)
	buf, ok := t.AppendTo(a.buf)
	a.buf = buf
	if !ok {
		a.bad = true
		return ""
	}
	return view(a.buf[start:])
}

// Join gives its parts as one text.
func (a *Arena) Join(parts ...string) string {
	start := len(a.buf)
	for _, part := range parts {
		a.buf = append(a.buf, part...)
	}
	return view(a.buf[start:])
}

// Keep gives a copy of b as a text.
func (a *Arena) Keep(b []byte) string {
	start := len(a.buf)
	a.buf = append(a.buf, b...)
	return view(a.buf[start:])
}

// view is b as a string without a copy: b does not change for as long as the
// string is in use.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// bytesOf is the reverse of view; the result is not to be changed.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
