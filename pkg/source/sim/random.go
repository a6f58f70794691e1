package sim

import "math"

// rng is splitmix64: small, fast, and seeded by any number, which lets every
// event have a generator of its own and so depend on its number alone.
type rng uint64

// newRNG makes the generator of one purpose of one number under a seed.
func newRNG(seed, number, purpose uint64) rng {
	return rng(mix(mix(seed+0x9e3779b97f4a7c15*purpose) ^ number*0xd1342543de82ef95))
}

func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func (r *rng) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	return mix(uint64(*r))
}

// below draws from 0 to n-1; n is small, so that its bias is none.
func (r *rng) below(n int) int { return int(r.next() >> 32 * uint64(n) >> 32) }

// chance is true in percent of the cases.
func (r *rng) chance(percent int) bool { return r.below(100) < percent }

// unit draws from [0, 1).
func (r *rng) unit() float64 { return float64(r.next()>>11) / (1 << 53) }

// rank draws a rank below n of which the first are frequent, by Zipf's law with
// its head flattened: the first has 1 in head*ln(n/head).
func (r *rng) rank(n, head float64) int {
	return int(head*math.Exp(r.unit()*math.Log((n+head)/head)) - head)
}

// choice draws indices by weight, by one look into a table.
type choice []uint16

const choiceSize = 512

func newChoice(weights []int) choice {
	total := 0
	for _, w := range weights {
		total += w
	}
	c := make(choice, 0, choiceSize)
	sum := 0
	for i, w := range weights {
		sum += w
		for len(c) < sum*choiceSize/max(total, 1) {
			c = append(c, uint16(i))
		}
	}
	return c
}

func (c choice) draw(r *rng) int { return int(c[r.next()%choiceSize]) }
