package rule

import "math/bits"

const (
	pageBits  = 7
	pageSize  = 1 << pageBits
	leafMin   = 4   // slots of the smallest leaf
	leafSplit = 256 // keys of the largest; with one more it becomes a page
)

// table finds what is filed under the hash of a key. It is a tree of pages of
// 128 cells, by the highest bits of the hash; a cell holds a page or, as a leaf,
// a small hash table by the lowest bits.
//
// What is published is never changed: a change copies the leaf and the pages
// above it, fourteen kilobytes for a key among a million, so that readers need no
// locks. Pages and leaves are small because a rule may have hundreds of keys.
// Within one edit nothing is copied twice.
type table struct {
	root  cell
	count int
}

type page struct{ cells [pageSize]cell }

type cell struct {
	page  *page  // nil of a leaf
	slots []slot // of a leaf; its length is a power of two
	used  int32
	edit  uint32 // the edit that made page or slots, and may change it in place
}

// slot is one key with what is filed under it: a single rule or a node.
type slot struct {
	hash   uint64 // 0 of a free one
	second uint64 // of a single rule: the hash of another word it needs, or 0
	rule   *Filed
	node   *treeNode
}

// slotHash keeps 0 for free slots.
func slotHash(hash uint64) uint64 { return hash | 1 }

// find returns the slot of a key, nil if there is none. It must not be changed.
func (t *table) find(hash uint64) *slot { return t.leafOf(hash).find(hash) }

// leafOf is the leaf that holds a key if the table does.
func (t *table) leafOf(hash uint64) *cell {
	c := &t.root
	for high := hash; c.page != nil; high <<= pageBits {
		c = &c.page.cells[high>>(64-pageBits)]
	}
	return c
}

func (c *cell) find(hash uint64) *slot {
	if len(c.slots) == 0 {
		return nil
	}
	hash = slotHash(hash)
	mask := len(c.slots) - 1
	for i := int(hash>>1) & mask; ; i = (i + 1) & mask {
		s := &c.slots[i]
		if s.hash == hash {
			return s
		}
		if s.hash == 0 {
			return nil
		}
	}
}

// peek is the hash that is found first when looking for a key. Asking for the
// peeks of many keys before looking for any lets the processor fetch what it
// has not in its caches at the same time.
func (c *cell) peek(hash uint64) uint64 {
	if len(c.slots) == 0 {
		return 0
	}
	return c.slots[int(slotHash(hash)>>1)&(len(c.slots)-1)].hash
}

// change returns the slot of a key for writing within an edit; a free one is
// taken for it. Whoever leaves it empty must call drop.
func (t *table) change(hash uint64, edit uint32) *slot {
	hash = slotHash(hash)
	c, depth := t.leaf(hash, edit)
	if s := c.slotOf(hash); s != nil && s.hash == hash {
		c.own(edit)
		return c.slotOf(hash)
	}
	t.count++
	if c.used >= leafSplit {
		c.split(edit, depth)
		c, _ = t.leaf(hash, edit)
	}
	c.grow(edit)
	c.used++
	s := c.slotOf(hash)
	s.hash = hash
	return s
}

// leaf goes down to the cell of a key; pages on the way become those of edit.
func (t *table) leaf(hash uint64, edit uint32) (leaf *cell, depth uint) {
	c := &t.root
	for c.page != nil {
		if c.edit != edit {
			copied := *c.page
			c.page, c.edit = &copied, edit
		}
		c = &c.page.cells[hash<<(depth*pageBits)>>(64-pageBits)]
		depth++
	}
	return c, depth
}

// slotOf is where hash is, or the free slot where it would be; nil of a leaf
// without slots.
func (c *cell) slotOf(hash uint64) *slot {
	if len(c.slots) == 0 {
		return nil
	}
	mask := len(c.slots) - 1
	for i := int(hash>>1) & mask; ; i = (i + 1) & mask {
		if s := &c.slots[i]; s.hash == hash || s.hash == 0 {
			return s
		}
	}
}

// own makes the slots of a leaf those of edit.
func (c *cell) own(edit uint32) {
	if c.edit != edit {
		c.slots = append([]slot(nil), c.slots...)
		c.edit = edit
	}
}

// grow makes room for one key more, at most three quarters full.
func (c *cell) grow(edit uint32) {
	if need := int(c.used) + 1; need*4 > len(c.slots)*3 {
		c.rehash(max(leafMin, 2*len(c.slots)), edit)
		return
	}
	c.own(edit)
}

func (c *cell) rehash(size int, edit uint32) {
	old := c.slots
	c.slots, c.edit = make([]slot, size), edit
	for i := range old {
		if old[i].hash != 0 {
			*c.slotOf(old[i].hash) = old[i]
		}
	}
}

// split makes a page of a leaf.
func (c *cell) split(edit uint32, depth uint) {
	old := c.slots
	*c = cell{page: new(page), edit: edit}
	var counts [pageSize]int32
	index := func(hash uint64) uint64 { return hash << (depth * pageBits) >> (64 - pageBits) }
	for i := range old {
		if old[i].hash != 0 {
			counts[index(old[i].hash)]++
		}
	}
	for i := range c.page.cells {
		if n := counts[i]; n > 0 {
			c.page.cells[i] = cell{slots: make([]slot, leafSize(n)), used: n, edit: edit}
		}
	}
	for i := range old {
		if hash := old[i].hash; hash != 0 {
			*c.page.cells[index(hash)].slotOf(hash) = old[i]
		}
	}
}

// leafSize is how many slots hold n keys and are at most three quarters full.
func leafSize(n int32) int {
	return max(leafMin, 1<<bits.Len32(uint32(n)*4/3))
}

// drop takes out a key whose slot is empty.
func (t *table) drop(hash uint64, edit uint32) {
	hash = slotHash(hash)
	c, _ := t.leaf(hash, edit)
	if s := c.slotOf(hash); s == nil || s.hash != hash {
		return
	}
	t.count--
	c.used--
	old := c.slots
	c.slots, c.edit = nil, edit
	if c.used == 0 {
		return
	}
	size := len(old)
	if int(c.used)*4 < size {
		size = leafSize(c.used)
	}
	c.slots = make([]slot, size)
	for i := range old {
		if h := old[i].hash; h != 0 && h != hash {
			*c.slotOf(h) = old[i]
		}
	}
}

// each visits all slots until visit returns false.
func (t *table) each(visit func(*slot) bool) { t.root.each(visit) }

func (c *cell) each(visit func(*slot) bool) bool {
	if c.page != nil {
		for i := range c.page.cells {
			if !c.page.cells[i].each(visit) {
				return false
			}
		}
		return true
	}
	for i := range c.slots {
		if c.slots[i].hash != 0 && !visit(&c.slots[i]) {
			return false
		}
	}
	return true
}
