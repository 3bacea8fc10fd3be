package upstream

import (
	"math/bits"
	"time"
)

// Histogram counts durations in buckets of powers of two microseconds: bucket i
// holds what took less than 2^i µs and not less than half of it. The last holds
// the rest. It is plain memory of one loop.
type Histogram struct {
	Buckets [28]uint64
	Count   uint64
	Sum     time.Duration
}

// Observe counts one duration.
func (h *Histogram) Observe(d time.Duration) {
	if d < 0 {
		d = 0
	}
	i := bits.Len64(uint64(d / time.Microsecond))
	h.Buckets[min(i, len(h.Buckets)-1)]++
	h.Count++
	h.Sum += d
}

// Add adds another histogram.
func (h *Histogram) Add(o *Histogram) {
	for i := range h.Buckets {
		h.Buckets[i] += o.Buckets[i]
	}
	h.Count += o.Count
	h.Sum += o.Sum
}

// Bound is the upper bound of bucket i; the last has none.
func (h *Histogram) Bound(i int) time.Duration { return time.Microsecond << i }

// Stats are the counters of one loop's connections, or of all when added up.
type Stats struct {
	// Connections by state. One that was given back is Busy until it is as new,
	// and Spare from then on.
	Idle, Busy, Owned, Spare, Dialing int
	// Waiting sessions now, and InFlight requests without an answer.
	Waiting, InFlight int

	Opened, Closed, DialErrors uint64
	// Abandoned replies were swallowed because nobody waited for them any more.
	Abandoned uint64
	// Desyncs are connections dropped because of an answer without a request.
	Desyncs uint64
	// Lost requests had no answer because their connection ended.
	Lost uint64
	// Refused waits ended without a connection.
	Refused uint64

	Seconds Histogram // from sending a request to the end of its reply
	Waits   Histogram // for a connection
}

// Add adds the counters of another loop.
func (s *Stats) Add(o *Stats) {
	s.Idle += o.Idle
	s.Busy += o.Busy
	s.Owned += o.Owned
	s.Spare += o.Spare
	s.Dialing += o.Dialing
	s.Waiting += o.Waiting
	s.InFlight += o.InFlight
	s.Opened += o.Opened
	s.Closed += o.Closed
	s.DialErrors += o.DialErrors
	s.Abandoned += o.Abandoned
	s.Desyncs += o.Desyncs
	s.Lost += o.Lost
	s.Refused += o.Refused
	s.Seconds.Add(&o.Seconds)
	s.Waits.Add(&o.Waits)
}
