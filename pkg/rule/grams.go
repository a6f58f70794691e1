package rule

const (
	gramFilterBits = 17
	gramShift      = 64 - gramFilterBits
)

// gramFilter tells most grams under which no rule is filed from those under
// which one is, in memory that fits into a processor's cache: a post has a gram
// at every byte.
type gramFilter [1 << gramFilterBits / 64]uint64

func (g *gramFilter) has(hash uint64) bool {
	i := hash >> gramShift
	return g[i/64]>>(i%64)&1 != 0
}

func (g *gramFilter) set(hash uint64, value bool) {
	i := hash >> gramShift
	g[i/64] &^= 1 << (i % 64)
	if value {
		g[i/64] |= 1 << (i % 64)
	}
}

func (g *gramFilter) clone() *gramFilter {
	if g == nil {
		return new(gramFilter)
	}
	copied := *g
	return &copied
}

// gramCounts counts the rules behind each bit of the filter.
type gramCounts []int32

// add reports whether the bit changes.
func (c *gramCounts) add(hash uint64, n int32) bool {
	if *c == nil {
		*c = make(gramCounts, 1<<gramFilterBits)
	}
	count := &(*c)[hash>>gramShift]
	before := *count > 0
	*count += n
	return (*count > 0) != before
}
