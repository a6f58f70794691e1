package rule

import (
	"math/bits"
	"sync/atomic"
)

const (
	bitsOfKey = 16 // of the filter for each key it was made for
	minFilter = 1 << 10
	// maxRefill is how many keys may be filtered anew while one rule is put,
	// so that this takes well under a millisecond. Loading has no such bound;
	// what was put one by one waits for Upkeep.
	maxRefill = 20_000
)

// keyFilter tells most keys under which nothing is filed from those under which
// something is, by one look into memory that is small. It is shared by all
// snapshots since it was made: bits are only ever added, and one too many does
// no harm.
type keyFilter struct {
	words []atomic.Uint64 // their number is a power of two
	shift int
	keys  int // that it was made for
}

func newKeyFilter(keys int) *keyFilter {
	n := max(minFilter, keys*bitsOfKey) / 64
	n = 1 << bits.Len(uint(n-1))
	return &keyFilter{words: make([]atomic.Uint64, n), shift: 64 - bits.TrailingZeros(uint(n)), keys: n * 64 / bitsOfKey}
}

// mask has the two bits of a key in its word.
func mask(hash uint64) uint64 { return 1<<(hash>>1&63) | 1<<(hash>>7&63) }

func (f *keyFilter) has(hash uint64) bool {
	m := mask(hash)
	return f.words[hash>>f.shift].Load()&m == m
}

func (f *keyFilter) add(hash uint64) { f.words[hash>>f.shift].Or(mask(hash)) }

// refill makes the filter anew if it has become too small for the table, unless
// that would take long and bounded asks for haste: a filter that is too full
// lets too much through, and is right all the same.
func (s *snapshot) refill(bounded bool) {
	n := s.table.count
	if n <= s.filter.keys || bounded && n > maxRefill {
		return
	}
	s.filter = newKeyFilter(2 * n)
	s.table.each(func(slot *slot) bool {
		s.filter.add(slot.hash)
		return true
	})
}

// growFilter makes the filter anew if it has become too small, while the index
// may change.
func (x *Index) growFilter() {
	x.mu.Lock()
	s := x.current.Load()
	if s.table.count <= s.filter.keys {
		x.mu.Unlock()
		return
	}
	grown := newKeyFilter(2 * s.table.count)
	x.growing = grown
	x.mu.Unlock()
	s.table.each(func(slot *slot) bool {
		grown.add(slot.hash)
		return true
	})
	x.mu.Lock()
	defer x.mu.Unlock()
	x.growing = nil
	next := *x.current.Load()
	if grown.keys > next.filter.keys {
		next.filter = grown
		x.current.Store(&next)
	}
}

// innerFilter tells keys under which nothing is filed below another key from
// those under which something may be. Bits are only ever added. It never grows:
// rules are filed under their rarest keys, so below those are common ones, of
// which there are few that differ.
type innerFilter [1 << innerBits / 64]atomic.Uint64

const innerBits = 18

func (f *innerFilter) has(hash uint64) bool {
	i := slotHash(hash) >> (64 - innerBits)
	return f[i/64].Load()>>(i%64)&1 != 0
}

// add must come before what is filed is published.
func (f *innerFilter) add(hash uint64) {
	i := slotHash(hash) >> (64 - innerBits)
	if bit := uint64(1) << (i % 64); f[i/64].Load()&bit == 0 {
		f[i/64].Or(bit)
	}
}
