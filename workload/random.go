package workload

import "math/rand/v2"

// The random streams of a run. A number is never reused for another purpose:
// recorded runs must stay repeatable.
const (
	arrivalStream uint64 = 1
	keyStream     uint64 = 2
	eventStream   uint64 = 3
)

// newStream returns the random stream id of the seed.
func newStream(seed, id uint64) *rand.Rand {
	// PCG runs along one cycle; seeds that differ in one bit would begin at
	// related places of it. Mixing both words puts them far apart.
	high := mix(seed + id*0x9e3779b97f4a7c15)
	return rand.New(rand.NewPCG(high, mix(high^id)))
}

// mix is the output function of SplitMix64 (Steele, Lea, Flood 2014): a
// bijection that changes half of the bits when one bit of x changes.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
