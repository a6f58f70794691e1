package token

import (
	"math/bits"
	"math/rand/v2"
)

// The secrets of the hash are others in every process, so that nobody can make
// words up that collide.
var hash0, hash1, hash2, hash3 = rand.Uint64(), rand.Uint64(), rand.Uint64(), rand.Uint64()

// Hash is a hash of b in the manner of wyhash, good within this process only.
// What is found by it is compared all the same.
func Hash[T string | []byte](b T) uint64 {
	n := len(b)
	seed := hash0
	for len(b) > 16 {
		seed = mix(load64(b, 0)^hash1, load64(b, 8)^seed)
		b = b[16:]
	}
	if len(b) > 8 {
		return mix(hash1^uint64(n), mix(load64(b, 0)^hash2, load64(b, len(b)-8)^seed))
	}
	return mix(hash1^uint64(n), mix(loadShort(b)^hash2, seed))
}

// hashShort is Hash of the first n bytes of word, which are at most 8.
func hashShort(word uint64, n int) uint64 {
	return mix(hash1^uint64(n), mix(word&(1<<(8*n)-1)^hash2, hash0))
}

// loadShort loads up to 8 bytes.
func loadShort[T string | []byte](b T) uint64 {
	n := len(b)
	switch {
	case n == 8:
		return load64(b, 0)
	case n >= 4:
		return load32(b, 0) | load32(b, n-4)<<(8*(n-4))
	case n > 0:
		return uint64(b[0]) | uint64(b[n>>1])<<(8*(n>>1)) | uint64(b[n-1])<<(8*(n-1))
	}
	return 0
}

// load64 and load32 are written so that the compiler makes one load of them.
func load64[T string | []byte](b T, i int) uint64 {
	_ = b[i+7]
	return uint64(b[i]) | uint64(b[i+1])<<8 | uint64(b[i+2])<<16 | uint64(b[i+3])<<24 |
		uint64(b[i+4])<<32 | uint64(b[i+5])<<40 | uint64(b[i+6])<<48 | uint64(b[i+7])<<56
}

func load32[T string | []byte](b T, i int) uint64 {
	_ = b[i+3]
	return uint64(uint32(b[i]) | uint32(b[i+1])<<8 | uint32(b[i+2])<<16 | uint32(b[i+3])<<24)
}

// Combine makes one hash of a hash and a number, such as a kind or a second
// hash.
func Combine(hash, with uint64) uint64 { return mix(hash^hash3, with^hash2) }

func mix(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
	return high ^ low
}
