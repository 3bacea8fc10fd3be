package guard

import "time"

// FullJitter returns how long to wait before attempt number n, counted from 0:
//
//	wait = u · min(limit, base · 2ⁿ)
//
// u is a uniform draw from [0, 1) that the caller makes. Spreading over the whole
// interval, and not over its second half, is what keeps a thousand environments
// that lost one node from returning together (Exponential Backoff And Jitter, AWS
// Architecture Blog, 2015).
func FullJitter(base, limit time.Duration, n int, u float64) time.Duration {
	if base <= 0 {
		return 0
	}
	top := base
	for ; n > 0 && top < limit; n-- {
		if top > limit/2 {
			top = limit
			break
		}
		top *= 2
	}
	return time.Duration(u * float64(min(top, limit)))
}

// random is splitmix64: eight bytes of state, good enough to spread waits, and
// the same on every machine for one seed.
type random uint64

// float returns a uniform draw from [0, 1).
func (r *random) float() float64 {
	*r += 0x9e3779b97f4a7c15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return float64((z^z>>31)>>11) / (1 << 53)
}
