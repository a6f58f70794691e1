package rule

import (
	"math/bits"
	"slices"
	"unsafe"
)

const (
	pageBits  = 6
	pageSize  = 1 << pageBits
	leafMin   = 4  // slots of the smallest leaf
	leafSplit = 48 // keys of the largest; with one more it becomes a page
)

// table finds what is filed under the hash of a key. It is a tree of pages of
// 64 cells, by the highest bits of the hash; a cell holds a page or, as a leaf,
// a small hash table by the lowest bits.
//
// What is published is never changed: a change copies the leaf and the pages
// above it, so that readers need no locks. Pages and leaves are small because a
// rule may have hundreds of keys, and because the collector's work, which falls
// to whoever allocates, is what a change waits for longest.
// Within one edit nothing is copied twice.
type table struct {
	root  cell
	count int
}

type page [pageSize]cell

// cell has the size of two words, and leads to slots without a step between:
// a page of cells that are slices would be more than twice as large.
type cell struct {
	at   unsafe.Pointer // to a page, or to the first slot of a leaf; nil of an empty leaf
	edit uint32         // that made it, and may change it in place
	used uint16         // slots of a leaf
	bits uint8          // a leaf has 1 << bits slots

	isPage bool
}

func (c *cell) page() *page { return (*page)(c.at) }

// slots are those of a leaf.
func (c *cell) slots() []slot {
	if c.at == nil {
		return nil
	}
	return unsafe.Slice((*slot)(c.at), 1<<c.bits)
}

func newLeaf(slots []slot, used uint16, edit uint32) cell {
	return cell{at: unsafe.Pointer(unsafe.SliceData(slots)), edit: edit, used: used, bits: uint8(bits.TrailingZeros(uint(len(slots))))}
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
	for high := hash; c.isPage; high <<= pageBits {
		c = &c.page()[high>>(64-pageBits)]
	}
	return c
}

func (c *cell) find(hash uint64) *slot {
	if c.at == nil {
		return nil
	}
	if s := c.place(slotHash(hash)); s.hash != 0 {
		return s
	}
	return nil
}

// place is where hash is, or the free slot where it would be.
func (c *cell) place(hash uint64) *slot {
	slots := c.slots()
	mask := len(slots) - 1
	for i := int(hash>>1) & mask; ; i = (i + 1) & mask {
		if s := &slots[i]; s.hash == hash || s.hash == 0 {
			return s
		}
	}
}

// peek is the hash that is found first when looking for a key. Asking for the
// peeks of many keys before looking for any lets the processor fetch what it
// has not in its caches at the same time.
func (c *cell) peek(hash uint64) uint64 {
	if c.at == nil {
		return 0
	}
	slots := c.slots()
	return slots[int(slotHash(hash)>>1)&(len(slots)-1)].hash
}

// change returns the slot of a key for writing within an edit; a free one is
// taken for it. Whoever leaves it empty must call drop.
func (t *table) change(hash uint64, edit uint32) *slot {
	hash = slotHash(hash)
	c, depth := t.leaf(hash, edit)
	if c.find(hash) != nil {
		c.own(edit)
		return c.place(hash)
	}
	t.count++
	if c.used >= leafSplit {
		c.split(edit, depth)
		c, _ = t.leaf(hash, edit)
	}
	c.grow(edit)
	c.used++
	s := c.place(hash)
	s.hash = hash
	return s
}

// leaf goes down to the leaf of a key; pages on the way become those of edit.
func (t *table) leaf(hash uint64, edit uint32) (c *cell, depth uint) {
	c = &t.root
	for ; c.isPage; depth++ {
		if c.edit != edit {
			copied := *c.page()
			c.at, c.edit = unsafe.Pointer(&copied), edit
		}
		c = &c.page()[cellAt(hash, depth)]
	}
	return c, depth
}

// cellAt is which cell of a page leads to a key.
func cellAt(hash uint64, depth uint) uint64 { return hash << (depth * pageBits) >> (64 - pageBits) }

// own makes a leaf that of edit.
func (c *cell) own(edit uint32) {
	if c.edit != edit {
		*c = newLeaf(slices.Clone(c.slots()), c.used, edit)
	}
}

// grow makes room in a leaf for one key more, at most three quarters full.
func (c *cell) grow(edit uint32) {
	switch size := len(c.slots()); {
	case size == 0:
		*c = newLeaf(make([]slot, leafMin), 0, edit)
	case int(c.used+1)*4 > size*3:
		*c = c.without(0, 2*size, edit)
	default:
		c.own(edit)
	}
}

// without is a leaf of some number of slots that has all keys but one; of 0, all.
func (c *cell) without(hash uint64, size int, edit uint32) cell {
	made := newLeaf(make([]slot, size), 0, edit)
	for _, s := range c.slots() {
		if s.hash != 0 && s.hash != hash {
			*made.place(s.hash) = s
			made.used++
		}
	}
	return made
}

// split makes a page of a leaf.
func (c *cell) split(edit uint32, depth uint) {
	var counts [pageSize]uint16
	old := c.slots()
	for i := range old {
		if old[i].hash != 0 {
			counts[cellAt(old[i].hash, depth)]++
		}
	}
	p := new(page)
	for i, n := range counts {
		if n > 0 {
			p[i] = newLeaf(make([]slot, leafSize(n)), n, edit)
		}
	}
	for i := range old {
		if hash := old[i].hash; hash != 0 {
			*p[cellAt(hash, depth)].place(hash) = old[i]
		}
	}
	*c = cell{at: unsafe.Pointer(p), edit: edit, isPage: true}
}

// leafSize is how many slots hold n keys and are at most three quarters full.
func leafSize(n uint16) int {
	return max(leafMin, 1<<bits.Len16(n*4/3))
}

// drop takes out a key whose slot is empty.
func (t *table) drop(hash uint64, edit uint32) {
	hash = slotHash(hash)
	c, _ := t.leaf(hash, edit)
	if c.find(hash) == nil {
		return
	}
	t.count--
	left, size := c.used-1, 1<<c.bits
	if left == 0 {
		*c = cell{}
		return
	}
	if int(left)*4 < size {
		size = leafSize(left)
	}
	*c = c.without(hash, size, edit)
}

// each visits all slots until visit returns false.
func (t *table) each(visit func(*slot) bool) { t.root.each(visit) }

func (c *cell) each(visit func(*slot) bool) bool {
	if c.isPage {
		cells := c.page()
		for i := range cells {
			if !cells[i].each(visit) {
				return false
			}
		}
		return true
	}
	slots := c.slots()
	for i := range slots {
		if slots[i].hash != 0 && !visit(&slots[i]) {
			return false
		}
	}
	return true
}
