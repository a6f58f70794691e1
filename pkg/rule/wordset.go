package rule

import "riffle/pkg/rule/token"

// wordSet finds the units of a text by their form. Every distinct form is a
// key; units of one form are chained.
type wordSet struct {
	slots []wordSlot // open addressing; its length is a power of two
	epoch uint32     // slots of another epoch are free
	keys  []eventKey // in the order of the text
	// next chains units of one plain form, nextMarked those of one marked form:
	// the index of the next one plus one.
	next, nextMarked []uint32
}

type wordSlot struct {
	hash  uint64
	epoch uint32
	unit  uint32 // the head of the chain, plus one
}

// build fills the set with the units of t.
func (s *wordSet) build(t *token.Text) {
	n := len(t.Units)
	s.reset(n)
	for i := range t.Units {
		u := &t.Units[i]
		if u.RunEnd > 0 {
			s.next[i] = s.add(keyLetter.hash(u.Hash), keyLetter, i)
			continue
		}
		s.next[i] = s.add(u.Hash, keyWord, i)
		if u.Marked != u.Form {
			s.nextMarked[i] = s.add(keyMarked.hash(u.MarkedHash), keyMarked, i)
		}
	}
}

func (s *wordSet) reset(units int) {
	s.epoch++
	if len(s.slots) < max(4*units, 1) || s.epoch == 0 {
		size := 64
		for size < 4*units {
			size *= 2
		}
		s.slots = make([]wordSlot, size)
		s.epoch = 1
	}
	if cap(s.next) < units {
		s.next, s.nextMarked = make([]uint32, 2*units), make([]uint32, 2*units)
	}
	s.next, s.nextMarked = s.next[:units], s.nextMarked[:units]
	s.keys = s.keys[:0]
}

// add puts a unit at the head of its chain and returns what was there.
func (s *wordSet) add(hash uint64, kind keyKind, unit int) uint32 {
	hash = slotHash(hash)
	slot := s.slot(hash)
	if slot.epoch != s.epoch {
		*slot = wordSlot{hash: hash, epoch: s.epoch, unit: uint32(unit) + 1}
		s.keys = append(s.keys, eventKey{hash: hash, kind: kind, unit: uint32(unit)})
		return 0
	}
	before := slot.unit
	slot.unit = uint32(unit) + 1
	return before
}

// slot is where hash is, or the free place where it would be. A set is never
// more than half full.
func (s *wordSet) slot(hash uint64) *wordSlot {
	mask := uint64(len(s.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		slot := &s.slots[i]
		if slot.epoch != s.epoch || slot.hash == hash {
			return slot
		}
	}
}

// find returns the index plus one of a unit with this hash; 0 for none.
func (s *wordSet) find(hash uint64) uint32 {
	hash = slotHash(hash)
	if slot := s.slot(hash); slot.epoch == s.epoch {
		return slot.unit
	}
	return 0
}
