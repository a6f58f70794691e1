package rule

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
)

// minBlockSize is how many rules a block holds at most in a list of few.
const minBlockSize = 64

// list is a set of rules by ascending user, then id, in blocks. A change makes
// a new list that shares all blocks but one.
type list struct {
	blocks [][]*Filed
	count  int
}

// blockSize is how many rules a block holds at most. A change copies a block and
// the list of blocks, so the root of how many rules there are makes for the least.
func (l list) blockSize() int {
	return max(minBlockSize, 1<<(bits.Len(uint(l.count))/2+1))
}

// compare orders rules by user, then id.
func (f *Filed) compare(g *Filed) int {
	return cmp.Or(cmp.Compare(f.User, g.User), cmp.Compare(f.ID, g.ID))
}

// find is where f is, or would be.
func (l list) find(f *Filed) (block, at int, found bool) {
	block, found = slices.BinarySearchFunc(l.blocks, f, func(b []*Filed, f *Filed) int { return b[0].compare(f) })
	if found {
		return block, 0, true
	}
	block = max(block-1, 0)
	if len(l.blocks) > 0 {
		at, found = slices.BinarySearchFunc(l.blocks[block], f, (*Filed).compare)
	}
	return block, at, found
}

// with gives the list that also holds f.
func (l list) with(f *Filed) list {
	if l.count == 0 {
		return list{[][]*Filed{{f}}, 1}
	}
	block, at, found := l.find(f)
	if found {
		return l
	}
	b := insert(l.blocks[block], at, f)
	if len(b) <= l.blockSize() {
		return list{replace(l.blocks, block, b), l.count + 1}
	}
	half := len(b) / 2
	return list{replace(l.blocks, block, b[:half:half], slices.Clone(b[half:])), l.count + 1}
}

// without gives the list that does not hold f.
func (l list) without(f *Filed) list {
	block, at, found := l.find(f)
	if !found {
		return l
	}
	old := l.blocks[block]
	if len(old) == 1 {
		return list{replace(l.blocks, block), l.count - 1}
	}
	b := make([]*Filed, 0, len(old)-1)
	b = append(append(b, old[:at]...), old[at+1:]...)
	return list{replace(l.blocks, block, b), l.count - 1}
}

func insert(b []*Filed, at int, f *Filed) []*Filed {
	longer := make([]*Filed, 0, len(b)+1)
	return append(append(append(longer, b[:at]...), f), b[at:]...)
}

func replace(blocks [][]*Filed, at int, with ...[]*Filed) [][]*Filed {
	changed := make([][]*Filed, 0, len(blocks)+1)
	return append(append(append(changed, blocks[:at]...), with...), blocks[at+1:]...)
}

// appendOf appends the rules of the users in only, which are ascending, or all
// if only is nil.
func (l list) appendOf(only []int64, rules []*Filed) []*Filed {
	switch {
	case only == nil:
		for _, b := range l.blocks {
			rules = append(rules, b...)
		}
	case l.count > 4*len(only):
		for _, user := range only {
			rules = l.appendOfUser(user, rules)
		}
	default:
		for _, b := range l.blocks {
			for _, f := range b {
				if isAmong(f.User, only) {
					rules = append(rules, f)
				}
			}
		}
	}
	return rules
}

// isAmong reports whether user is one of only, which are ascending; nil is
// everyone.
func isAmong(user int64, only []int64) bool {
	if only == nil {
		return true
	}
	_, found := slices.BinarySearch(only, user)
	return found
}

// appendOfUser appends the rules of one user.
func (l list) appendOfUser(user int64, rules []*Filed) []*Filed {
	block, at, _ := l.find(&Filed{User: user, ID: math.MinInt64})
	for ; block < len(l.blocks); block, at = block+1, 0 {
		for _, f := range l.blocks[block][at:] {
			if f.User > user {
				return rules
			}
			rules = append(rules, f)
		}
	}
	return rules
}
