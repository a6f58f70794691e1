package token

import (
	"encoding/binary"
	"math/bits"
)

// Constants of wyhash: odd, with as many ones as zeros in every byte.
const (
	hash0 = 0xa0761d6478bd642f
	hash1 = 0xe7037ed1a0b428db
	hash2 = 0x8ebc6af09c88c6e3
	hash3 = 0x589965cc75374cc3
)

// Hash is a hash of b in the manner of wyhash, the same in every process. It
// stands up to no one who looks for collisions: what is found by it is compared.
func Hash(b []byte) uint64 {
	n := len(b)
	seed := uint64(hash0)
	for len(b) > 16 {
		seed = mix(binary.LittleEndian.Uint64(b)^hash1, binary.LittleEndian.Uint64(b[8:])^seed)
		b = b[16:]
	}
	var low, high uint64
	switch m := len(b); {
	case m >= 8:
		low, high = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[m-8:])
	case m >= 4:
		low, high = uint64(binary.LittleEndian.Uint32(b)), uint64(binary.LittleEndian.Uint32(b[m-4:]))
	case m > 0:
		low = uint64(b[0])<<16 | uint64(b[m>>1])<<8 | uint64(b[m-1])
	}
	return mix(hash1^uint64(n), mix(low^hash2, high^seed))
}

// Combine makes one hash of a hash and a number, such as a kind or a second
// hash.
func Combine(hash, with uint64) uint64 { return mix(hash^hash3, with^hash2) }

func mix(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
	return high ^ low
}
