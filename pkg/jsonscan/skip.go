package jsonscan

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// Words of eight bytes are searched at once by arithmetic on all of them. The
// high bit of a byte in a result marks a hit.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
	lows  = 0x7f7f7f7f7f7f7f7f
)

// misses marks the bytes of w that differ from the one that pattern repeats; the
// bits below the marks mean nothing.
func misses(w, pattern uint64) uint64 {
	x := w ^ pattern
	return (x&lows + lows) | x
}

// special marks a quote, a backslash or a control character in w. Above the first
// mark there may be false ones.
func special(w uint64) uint64 {
	quote := w ^ ones*'"'
	slash := w ^ ones*'\\'
	return ((quote-ones)&^quote | (slash-ones)&^slash | (w-ones*' ')&^w) & highs
}

// before keeps of w what stands before the first mark.
func before(w, marks uint64) uint64 { return w & (marks&-marks - 1) }

func word(data []byte) uint64 { return binary.LittleEndian.Uint64(data) }

// walk is what is known between two blocks of 64 bytes.
type walk struct {
	escapes  uint64 // 1: the first byte of the next block is escaped
	inString uint64 // all ones: the next block begins in a string
}

// outside gives the brackets of a block that stand in no string.
func (s *walk) outside(p *[64]byte) uint64 {
	quotes, slashes, hits := classify(p)
	if slashes|s.escapes != 0 {
		quotes &^= s.escaped(slashes)
	}
	inside := prefixXor(quotes) ^ s.inString
	s.inString = uint64(int64(inside) >> 63)
	return hits &^ inside
}

// prefixXor sets each bit to the parity of the bits up to it: from the quotes,
// what lies in a string.
func prefixXor(x uint64) uint64 {
	x ^= x << 1
	x ^= x << 2
	x ^= x << 4
	x ^= x << 8
	x ^= x << 16
	return x ^ x<<32
}

// escaped gives the bytes that a backslash stands before, where that one is not
// escaped itself: every second one of a run of backslashes and the byte after a
// run of odd length. Adding a run to its start carries into the byte after it,
// for runs that start at an odd place and at an even one apart.
func (s *walk) escaped(slashes uint64) uint64 {
	const even = 0x5555555555555555
	slashes &^= s.escapes
	follows := slashes<<1 | s.escapes
	oddStarts := slashes &^ even &^ follows
	sequences, carry := bits.Add64(oddStarts, slashes, 0)
	s.escapes = carry
	return (even ^ sequences<<1) & follows
}

// shortEnd gives the end of the object or array that begins at i if it is empty
// or holds a few numbers, as in "urls":[] and "indices":[12,35]; else 0.
func shortEnd(data []byte, i int, closing byte) int {
	const short = 16
	for j := i + 1; j < len(data) && j < i+short; j++ {
		switch c := data[j]; {
		case c == closing:
			return j + 1
		case c > '9' || c < ',':
			return 0
		}
	}
	return 0
}

// containerEnd gives the end of the object or array that begins at i, or, where
// depth is 1, of the one that i lies in; -1 when there is none.
func containerEnd(data []byte, i, depth int) int {
	var state walk
	for ; i+64 <= len(data); i += 64 {
		at, end := level((*[64]byte)(data[i:]), &state, depth)
		if end != 0 {
			return position(i, end)
		}
		depth = at
	}
	var tail [64]byte
	copy(tail[:], data[i:])
	_, end := level(&tail, &state, depth)
	return position(i, end)
}

// position turns what level found in the block at i into a place in the text.
func position(i, end int) int {
	if end <= 0 {
		return -1
	}
	return i + end
}

// level follows the brackets of a block from depth on. end is 0, or where in the
// block the outermost one closes, or -1 where the text is no JSON.
func level(p *[64]byte, state *walk, depth int) (at, end int) {
	for m := state.outside(p); m != 0; m &= m - 1 {
		i := bits.TrailingZeros64(m)
		switch p[i] {
		case '{', '[':
			if depth++; depth > MaxDepth {
				return 0, -1
			}
		case '}', ']':
			if depth--; depth <= 0 {
				return 0, i + 1
			}
		default:
			return 0, -1
		}
	}
	return depth, 0
}

// stringEnd gives the place after the quote that closes the string whose text
// begins at start; -1 when there is none. A quote is one of the text where an odd
// number of backslashes stands before it.
func stringEnd(data []byte, start int) int {
	for i := start; ; i++ {
		next := bytes.IndexByte(data[i:], '"')
		if next < 0 {
			return -1
		}
		i += next
		slashes := 0
		for i-slashes > start && data[i-slashes-1] == '\\' {
			slashes++
		}
		if slashes&1 == 0 {
			return i + 1
		}
	}
}
