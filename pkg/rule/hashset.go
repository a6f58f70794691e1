package rule

// hashSet is a set of hashes that is emptied at once and used again.
type hashSet struct {
	slots []hashSlot // open addressing; its length is a power of two
	epoch uint32     // slots of another epoch are free
	used  int
}

type hashSlot struct {
	hash  uint64
	epoch uint32
}

func (s *hashSet) clear() {
	s.used = 0
	if s.epoch++; s.epoch == 0 {
		clear(s.slots)
		s.epoch = 1
	}
}

// add puts hash into the set and reports whether it is new there.
func (s *hashSet) add(hash uint64) bool {
	if 2*s.used >= len(s.slots) {
		s.grow()
	}
	slot := s.slot(hash)
	if slot.epoch == s.epoch {
		return false
	}
	*slot = hashSlot{hash, s.epoch}
	s.used++
	return true
}

func (s *hashSet) slot(hash uint64) *hashSlot {
	mask := len(s.slots) - 1
	for i := int(hash) & mask; ; i = (i + 1) & mask {
		slot := &s.slots[i]
		if slot.epoch != s.epoch || slot.hash == hash {
			return slot
		}
	}
}

func (s *hashSet) grow() {
	old := s.slots
	s.slots = make([]hashSlot, max(16, 2*len(old)))
	if s.epoch == 0 {
		s.epoch = 1
	}
	for _, slot := range old {
		if slot.epoch == s.epoch {
			*s.slot(slot.hash) = slot
		}
	}
}
