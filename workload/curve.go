package workload

import (
	"math"
	"time"
)

// A curve is a rate over time, as its integral and the inverse of that.
//
//	mass(t) = ∫₀ᵗ rate      requests due in the first t seconds
//	at(x)   = mass⁻¹(x)     when request x is due, in seconds; +Inf: never
type curve interface {
	mass(t float64) float64
	at(x float64) float64
}

// curve returns the curve of a valid Spec that is no trace.
func (s Spec) curve(duration time.Duration) curve {
	switch s.Shape {
	case Ramp:
		over := s.Over
		if over == 0 {
			over = duration
		}
		return ramp{from: s.Rate, to: s.Peak, over: over.Seconds()}
	case Burst:
		return burst{base: s.Rate, peak: s.Peak, period: s.Period.Seconds(), calm: (s.Period - s.Burst).Seconds()}
	case Sine:
		return sine{mean: (s.Rate + s.Peak) / 2, swing: (s.Peak - s.Rate) / 2, period: s.Period.Seconds()}
	default:
		return constant(s.Rate)
	}
}

// constant is a rate per second.
type constant float64

func (r constant) mass(t float64) float64 { return float64(r) * t }
func (r constant) at(x float64) float64   { return x / float64(r) }

// ramp goes from one rate to another in over seconds, then stays.
type ramp struct{ from, to, over float64 }

func (r ramp) mass(t float64) float64 {
	in := min(t, r.over)
	return r.from*in + (r.to-r.from)*in*in/(2*r.over) + r.to*(t-in)
}

// at solves from·t + (to−from)·t²/(2·over) = x. Of the two forms of the root
// this one neither divides by zero when from = to nor cancels when they are close.
func (r ramp) at(x float64) float64 {
	whole := r.mass(r.over)
	if x > whole {
		return r.over + (x-whole)/r.to // +Inf when the ramp ends at 0
	}
	if x == 0 {
		return 0
	}
	root := math.Sqrt(max(0, r.from*r.from+2*x*(r.to-r.from)/r.over))
	return min(r.over, 2*x/(r.from+root))
}

// burst is calm seconds at base, then at peak until the period ends.
type burst struct{ base, peak, period, calm float64 }

func (b burst) mass(t float64) float64 {
	periods, rest := math.Floor(t/b.period), math.Mod(t, b.period)
	in := min(rest, b.calm)
	return periods*b.periodMass() + b.base*in + b.peak*(rest-in)
}

func (b burst) periodMass() float64 { return b.base*b.calm + b.peak*(b.period-b.calm) }

func (b burst) at(x float64) float64 {
	whole := b.periodMass()
	periods, rest := math.Floor(x/whole), math.Mod(x, whole)
	if quiet := b.base * b.calm; rest >= quiet {
		return periods*b.period + b.calm + (rest-quiet)/b.peak
	}
	return periods*b.period + rest/b.base
}

// sine has the rate mean − swing·cos(2πt/period).
type sine struct{ mean, swing, period float64 }

func (s sine) mass(t float64) float64 {
	_, rest := math.Modf(t / s.period) // keeps the argument of Sin small and exact
	return s.mean*t - s.swing*s.period/(2*math.Pi)*math.Sin(2*math.Pi*rest)
}

// at finds the root by Newton's method inside a bracket that shrinks with
// every step; where the rate is near 0 and Newton overshoots, it halves.
func (s sine) at(x float64) float64 {
	whole := s.mean * s.period
	periods, rest := math.Floor(x/whole), math.Mod(x, whole)
	low, high := 0.0, s.period
	t := rest / s.mean
	for range 64 { // halving alone needs 53
		sin, cos := math.Sincos(2 * math.Pi * t / s.period)
		miss := s.mean*t - s.swing*s.period/(2*math.Pi)*sin - rest
		if miss > 0 {
			high = t
		} else {
			low = t
		}
		step := miss / (s.mean - s.swing*cos)
		if math.Abs(step) < 1e-10 { // a tenth of a nanosecond
			break
		}
		if t -= step; !(t > low && t < high) {
			t = (low + high) / 2
		}
	}
	return periods*s.period + t
}
