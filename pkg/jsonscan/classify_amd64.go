package jsonscan

// classify is classifyWords by instructions that compare 16 bytes at once, which
// every such processor has: a quarter of the time, and most of a message is skipped.
//
//go:noescape
func classify(p *[64]byte) (quotes, slashes, hits uint64)
