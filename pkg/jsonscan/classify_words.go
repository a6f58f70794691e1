package jsonscan

// classifyWords says where in 64 bytes of text stand quotes, backslashes and
// brackets.
func classifyWords(p *[64]byte) (quotes, slashes, hits uint64) {
	for i := 0; i < 64; i += 16 {
		w, v := word(p[i:i+8]), word(p[i+8:i+16])
		quotes = quotes>>16 | gather(misses(w, ones*'"'))<<48 | gather(misses(v, ones*'"'))<<56
		slashes = slashes>>16 | gather(misses(w, ones*'\\'))<<48 | gather(misses(v, ones*'\\'))<<56
		hits = hits>>16 | gather(brackets(w))<<48 | gather(brackets(v))<<56
	}
	return ^quotes, ^slashes, hits
}

// brackets marks the bytes of w from [ to _ and from { to DEL: outside of a
// string only { } [ ] of these stand in JSON.
func brackets(w uint64) uint64 { return ((w|ones*0x20)&lows + ones*(0x80-'{')) &^ w }

// gather collects the high bits of the eight bytes of w into one byte, the first
// byte's lowest.
func gather(w uint64) uint64 { return (w & highs) * 0x0002040810204081 >> 56 }
