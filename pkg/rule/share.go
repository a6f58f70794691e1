package rule

// share says where in 0 to 99 an event's key falls: sample:N takes those below
// N. It is FNV-1a of the key, 64 bits, its upper half folded into the lower,
// spread by the golden ratio, and of that the upper 32 bits scaled. It is
// documented in docs/rules.md and must not change.
func share(key string) int {
	h := uint64(14695981039346656037)
	for i := 0; i < len(key); i++ {
		h = (h ^ uint64(key[i])) * 1099511628211
	}
	h = (h ^ h>>32) * 0x9e3779b97f4a7c15
	return int(h >> 32 * 100 >> 32)
}
