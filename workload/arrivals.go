package workload

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Arrivals is a schedule of intended send times, fixed before the run.
type Arrivals interface {
	// Next returns the next offset since the start of the run. Offsets never
	// decrease. ok is false when the schedule is over, and stays false.
	Next() (offset time.Duration, ok bool)
}

// Shape names a rate over time.
type Shape string

// The shapes. Spec says what their parameters are.
const (
	Constant Shape = "constant"
	Ramp     Shape = "ramp"
	Burst    Shape = "burst"
	Sine     Shape = "sine"
	Trace    Shape = "trace"
)

// Limits of a Spec. Beyond them a float64 no longer counts single requests or
// single nanoseconds.
const (
	minRate   = 1e-6 // per second
	maxRate   = 1e7  // per second
	minPeriod = time.Millisecond
	maxOffset = 366 * 24 * time.Hour
)

// Spec describes an arrival process as plain data. With Poisson false the
// n-th request (from 0) comes exactly when the integral of the rate reaches n.
//
//	shape     rate at t
//	constant  Rate
//	ramp      from Rate to Peak in a straight line over Over, then Peak
//	burst     Rate; Peak during the last Burst of each Period, so that a run
//	          begins calm and every full period holds one whole burst
//	sine      Rate (lowest, at t = 0) … Peak (highest, at t = Period/2)
//	trace     from the file
type Spec struct {
	Shape  Shape         `json:"shape"`
	Rate   float64       `json:"rate_per_s"`
	Peak   float64       `json:"peak_per_s"`
	Period time.Duration `json:"period_ns"`
	Burst  time.Duration `json:"burst_ns"`
	Over   time.Duration `json:"over_ns"` // of a ramp; 0: the whole run
	// Poisson makes the arrivals independent of each other, at the same rate:
	// gaps are exponential, as with many callers who do not know each other.
	Poisson bool `json:"poisson"`
	// File is a trace: lines of "seconds" or of "minute,count". See ParseArrivals.
	File string `json:"file,omitempty"`
	// Even spreads a minute's count at equal gaps; otherwise at random, as a
	// Poisson process with that count in the minute.
	Even bool `json:"even,omitempty"`
}

// Arrivals returns the schedule of a run of the duration; 0 means endless, or
// until the end of the trace. A trace is read once in full to check it, then
// streamed: the schedule is then also an io.Closer, and has an Err method that
// tells why it ended early.
func (s Spec) Arrivals(duration time.Duration, seed uint64) (Arrivals, error) {
	if err := s.validate(); err != nil {
		return nil, fmt.Errorf("workload: arrivals: %w", err)
	}
	if duration < 0 || duration > maxOffset {
		return nil, fmt.Errorf("workload: duration %v is outside 0 … %v", duration, maxOffset)
	}
	random := newStream(seed, arrivalStream)
	if s.Shape == Trace {
		return openTrace(s.File, s.Even, duration, random)
	}
	if s.Shape == Ramp && s.Over == 0 && duration == 0 {
		return nil, errors.New("workload: a ramp needs the duration of the run, or over=, such as ramp:0/s..500/s,over=1m")
	}
	sched := &curveArrivals{curve: s.curve(duration), limit: maxOffset, total: math.Inf(1)}
	if duration > 0 {
		sched.limit = duration
		sched.total = sched.curve.mass(duration.Seconds())
	}
	if s.Poisson {
		sched.random = random
		sched.next = random.ExpFloat64()
	} else {
		// n < total must be exact for products such as 0.1/s × 30 s, which
		// rounding may put a hair above or below the integer.
		sched.total -= 1e-9 + 1e-12*sched.total
	}
	return sched, nil
}

// PeakRate returns the highest rate in requests per second; 0 for a trace,
// which only its file knows, and for an invalid Spec.
func (s Spec) PeakRate() float64 {
	if s.validate() != nil {
		return 0
	}
	return max(s.Rate, s.Peak)
}

// Expected returns the integral of the rate over the duration: how many
// requests the schedule has, on average with Poisson. 0 as for PeakRate.
func (s Spec) Expected(duration time.Duration) float64 {
	if s.validate() != nil || s.Shape == Trace || duration <= 0 {
		return 0
	}
	return s.curve(duration).mass(duration.Seconds())
}

// validate reports the first field that makes no sense.
func (s Spec) validate() error {
	switch s.Shape {
	case Constant:
		return checkRate("the rate", s.Rate, false)
	case Ramp:
		if s.Rate == 0 && s.Peak == 0 {
			return errors.New("a ramp needs a rate above 0 at one end")
		}
		if s.Over != 0 && (s.Over < minPeriod || s.Over > maxOffset) {
			return fmt.Errorf("over=%v is outside %v … %v", s.Over, minPeriod, maxOffset)
		}
		return errors.Join(checkRate("the first rate", s.Rate, true), checkRate("the last rate", s.Peak, true))
	case Burst, Sine:
		if s.Period < minPeriod || s.Period > maxOffset {
			return fmt.Errorf("the period %v is outside %v … %v", s.Period, minPeriod, maxOffset)
		}
		if s.Peak < s.Rate {
			return fmt.Errorf("the peak %g/s is below the lowest rate %g/s", s.Peak, s.Rate)
		}
		if s.Shape == Burst && (s.Burst <= 0 || s.Burst >= s.Period) {
			return fmt.Errorf("a burst for=%v does not fit into every=%v", s.Burst, s.Period)
		}
		return errors.Join(checkRate("the lowest rate", s.Rate, true), checkRate("the peak", s.Peak, false))
	case Trace:
		if s.File == "" {
			return errors.New("a trace needs a file")
		}
		return nil
	}
	return fmt.Errorf("unknown shape %q", s.Shape)
}

func checkRate(what string, rate float64, zero bool) error {
	if zero && rate == 0 || rate >= minRate && rate <= maxRate {
		return nil
	}
	return fmt.Errorf("%s %g/s is outside %g/s … %.0f/s", what, rate, minRate, maxRate)
}

// curveArrivals turns a rate curve into arrivals.
type curveArrivals struct {
	curve  curve
	random interface{ ExpFloat64() float64 } // nil: no randomness
	next   float64                           // requests due so far: the argument of curve.at
	total  float64                           // the schedule ends when next reaches it
	limit  time.Duration                     // all offsets are below it
	last   time.Duration
}

func (s *curveArrivals) Next() (time.Duration, bool) {
	if s.next >= s.total {
		return 0, false
	}
	// A unit-rate process seen through the inverse of the integral of the rate
	// is a process of that rate: equal steps give exact counts, exponential
	// steps give Poisson arrivals.
	seconds := s.curve.at(s.next)
	if !(seconds <= maxOffset.Seconds()) {
		s.total = 0
		return 0, false
	}
	// Rounding must neither turn time back nor reach the end.
	offset := time.Duration(math.Round(seconds * 1e9))
	s.last = max(s.last, min(offset, s.limit-1))
	if s.random == nil {
		s.next++
	} else {
		s.next += s.random.ExpFloat64()
	}
	return s.last, true
}
