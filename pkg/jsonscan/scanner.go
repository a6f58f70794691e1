package jsonscan

import (
	"math"
	"math/bits"
)

// MaxDepth bounds how deep values that are left behind may be nested; deeper
// text counts as no JSON.
const MaxDepth = 512

// Scanner walks one JSON text. It is used by one goroutine at a time; its zero
// value scans an empty text.
type Scanner struct {
	data     []byte
	pos      int
	bad      bool
	mismatch bool
}

// New makes a scanner of data, which it does not change. What the scanner hands
// out points into data.
func New(data []byte) Scanner { return Scanner{data: data} }

// Bad reports that the text is no JSON.
func (s *Scanner) Bad() bool { return s.bad }

// Mismatch reports that a value had another type than the one asked for.
func (s *Scanner) Mismatch() bool { return s.mismatch }

// Wrong makes the scanner report a mismatch: a value is impossible for a reason
// that only its reader knows.
func (s *Scanner) Wrong() { s.mismatch = true }

// Adopt takes over the faults of another scanner, which read a value that this
// one left behind.
func (s *Scanner) Adopt(other *Scanner) {
	s.mismatch = s.mismatch || other.mismatch
	if other.bad {
		s.fail()
	}
}

// End reports whether nothing but white space is left and no fault of syntax
// was found.
func (s *Scanner) End() bool {
	s.blank()
	if s.pos < len(s.data) {
		s.fail()
	}
	return !s.bad
}

// Peek gives the first byte of the next value: one of {["tfn-0123456789 in
// JSON, 0 at the end.
func (s *Scanner) Peek() byte {
	if s.pos < len(s.data) && s.data[s.pos] > ' ' {
		return s.data[s.pos]
	}
	s.blank()
	if s.pos == len(s.data) {
		return 0
	}
	return s.data[s.pos]
}

// fail notes a fault of syntax and moves to the end, where every other call
// stops.
func (s *Scanner) fail() {
	s.bad = true
	s.pos = len(s.data)
}

func (s *Scanner) blank() {
	for s.pos < len(s.data) && isBlank(s.data[s.pos]) {
		s.pos++
	}
}

func isBlank(c byte) bool { return c <= ' ' && (c == ' ' || c == '\n' || c == '\r' || c == '\t') }

// Object enters an object and reports whether it has a field, so that its
// fields are walked by
//
//	for more := s.Object(); more; more = s.NextField() {
//		switch string(s.Key()) { ... default: s.Skip() }
//	}
//
// null is an object without fields; any other value is left behind as a
// mismatch.
func (s *Scanner) Object() bool { return s.enter('{', '}') }

// Array enters an array as Object enters an object; NextElement goes on.
func (s *Scanner) Array() bool { return s.enter('[', ']') }

func (s *Scanner) enter(opening, closing byte) bool {
	if s.Peek() != opening {
		s.other()
		return false
	}
	s.pos++
	if s.Peek() == closing {
		s.pos++
		return false
	}
	return !s.bad
}

// other leaves a value behind that is not of the type asked for.
func (s *Scanner) other() {
	if s.Peek() != 'n' {
		s.mismatch = true
	}
	s.Skip()
}

// NextField moves to the next field of an object, or out of it at its end.
func (s *Scanner) NextField() bool { return s.next('}') }

// NextElement moves to the next element of an array, or out of it at its end.
func (s *Scanner) NextElement() bool { return s.next(']') }

func (s *Scanner) next(closing byte) bool {
	switch s.Peek() {
	case ',':
		s.pos++
		return true
	case closing:
		s.pos++
	default:
		s.fail()
	}
	return false
}

// Key takes the name of a field and moves to its value. The name is valid until
// the message changes.
func (s *Scanner) Key() []byte {
	if s.Peek() != '"' {
		s.fail()
		return nil
	}
	key := s.text()
	if s.Peek() != ':' {
		s.fail()
		return nil
	}
	s.pos++
	if !key.mended() {
		return key.raw
	}
	name, ok := key.AppendTo(nil) // no network writes such names
	if !ok {
		s.fail()
	}
	return name
}

// Str takes a string. null gives the empty one; any other value is left behind
// as a mismatch.
func (s *Scanner) Str() String {
	if s.Peek() != '"' {
		s.other()
		return String{}
	}
	return s.text()
}

// Bool takes a truth value; null is false.
func (s *Scanner) Bool() bool {
	switch s.Peek() {
	case 't':
		s.literal("true")
		return !s.bad
	case 'f':
		s.literal("false")
	default:
		s.other()
	}
	return false
}

// Int takes a whole number and reports whether there was one: null is none, and
// a fraction, an exponent or a number beyond int64 is a mismatch.
func (s *Scanner) Int() (int64, bool) {
	c := s.Peek()
	if c != '-' && (c < '0' || c > '9') {
		s.other()
		return 0, false
	}
	n, whole := wholeNumber(s.Raw())
	if !whole && !s.bad {
		s.mismatch = true
	}
	return n, whole
}

// wholeNumber reads a JSON number without fraction and exponent.
func wholeNumber(digits []byte) (n int64, whole bool) {
	negative := len(digits) > 0 && digits[0] == '-'
	if negative {
		digits = digits[1:]
	}
	if len(digits) == 0 || len(digits) > 19 {
		return 0, false
	}
	var u uint64
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		u = u*10 + uint64(c-'0')
	}
	switch {
	case !negative && u <= math.MaxInt64:
		return int64(u), true
	case negative && u <= math.MaxInt64+1:
		return -int64(u), true
	}
	return 0, false
}

// Raw leaves a value behind and gives its text, without the white space around
// it; nil after a fault.
func (s *Scanner) Raw() []byte {
	s.Peek()
	start := s.pos
	s.Skip()
	if s.bad {
		return nil
	}
	return s.data[start:s.pos]
}

// Skip leaves a value behind.
func (s *Scanner) Skip() {
	switch c := s.Peek(); c {
	case '"':
		s.pos = stringEnd(s.data, s.pos+1)
	case '{', '[':
		if end := shortEnd(s.data, s.pos, c+2); end > 0 {
			s.pos = end
			return
		}
		s.pos = containerEnd(s.data, s.pos, 0)
	case 't':
		s.literal("true")
	case 'f':
		s.literal("false")
	case 'n':
		s.literal("null")
	default:
		s.number()
		return
	}
	if s.pos < 0 {
		s.fail()
	}
}

// SkipRest leaves behind what follows in the object that was entered last, up to
// its end. It is called after a value.
func (s *Scanner) SkipRest() {
	if s.bad {
		return
	}
	if s.pos = containerEnd(s.data, s.pos, 1); s.pos < 0 {
		s.fail()
	}
}

func (s *Scanner) literal(word string) {
	if len(s.data)-s.pos < len(word) || string(s.data[s.pos:s.pos+len(word)]) != word {
		s.fail()
		return
	}
	s.pos += len(word)
}

// number leaves a number behind: -? (0|[1-9][0-9]*) (.[0-9]+)? ([eE][+-]?[0-9]+)?
func (s *Scanner) number() {
	i := s.pos
	if i < len(s.data) && s.data[i] == '-' {
		i++
	}
	switch {
	case i < len(s.data) && s.data[i] == '0':
		i++
	default:
		i = s.digits(i)
	}
	if i > 0 && i < len(s.data) && s.data[i] == '.' {
		i = s.digits(i + 1)
	}
	if i > 0 && i < len(s.data) && s.data[i]|0x20 == 'e' {
		i++
		if i < len(s.data) && (s.data[i] == '+' || s.data[i] == '-') {
			i++
		}
		i = s.digits(i)
	}
	if i < 0 {
		s.fail()
		return
	}
	s.pos = i
}

// digits gives the end of the one or more digits at i, -1 when there are none.
func (s *Scanner) digits(i int) int {
	start := i
	for i < len(s.data) && s.data[i]-'0' <= 9 {
		i++
	}
	if i == start {
		return -1
	}
	return i
}

// text takes the string at whose quote the scanner stands.
func (s *Scanner) text() String {
	start := s.pos + 1
	var flags flag
	var seen uint64 // all bytes, one over the other
	i := start
	for {
		for i+8 <= len(s.data) {
			w := word(s.data[i:])
			stop := special(w)
			if stop == 0 {
				seen |= w
				i += 8
				continue
			}
			seen |= before(w, stop)
			i += bits.TrailingZeros64(stop) >> 3
			break
		}
		for i < len(s.data) && plain(s.data[i]) {
			seen |= uint64(s.data[i])
			i++
		}
		if i >= len(s.data) {
			s.fail()
			return String{}
		}
		switch c := s.data[i]; {
		case c == '"':
			if seen&highs != 0 {
				flags |= wide
			}
			s.pos = i + 1
			return String{raw: s.data[start:i], flags: flags}
		case c == '\\':
			flags |= escaped
			i += 2
		default: // a control character
			s.fail()
			return String{}
		}
	}
}

func plain(c byte) bool { return c >= ' ' && c != '"' && c != '\\' }
