package thaw

import (
	"sync/atomic"
	"time"

	"github.com/thawdev/thaw/guard"
)

// Latency sums up one stage.
type Latency struct {
	Count uint64
	Sum   time.Duration
	Max   time.Duration // since the client was opened
}

// Stats is a snapshot of a client's counters since it was opened.
type Stats struct {
	// Answers of Fetch, FetchMany and Get by source; an answer that is an error
	// counts as none.
	Answers map[string]uint64
	// Stages by name: how often each ended, and how long it took.
	Stages map[Stage]Latency

	Guarded      uint64 // calls that did not ask the server: see ErrGuarded
	Timeouts     uint64
	Broken       uint64 // calls that ended with a broken connection
	Retries      uint64
	Dials        uint64 // sockets opened, failed attempts too
	Failed       uint64 // attempts to connect that failed at any stage
	Proofs       uint64 // PINGs after a gap
	Replaced     uint64 // connections given up: silent after a gap, READONLY, too old
	ReaderFailed uint64 // reads that the reader did not answer and the primary was asked for

	StoresRefused uint64 // the key was written, invalidated or leased by another meanwhile
	StoresFailed  uint64
	LeasesGranted uint64
	LeasesWaited  uint64 // misses that waited for another environment's load

	Breaker guard.State
	Cold    bool // no call has been answered by a connection yet
}

// counters are the live form of Stats.
type counters struct {
	answers [len(sourceNames)]atomic.Uint64
	stages  [len(stageOrder)]stageCounter

	guarded, timeouts, broken, retries        atomic.Uint64
	dials, dialsFailed, proofs, replaced      atomic.Uint64
	readerFailed                              atomic.Uint64
	refused, storesFailed, leases, leaseWaits atomic.Uint64
	answered                                  atomic.Bool
}

var stageOrder = [...]Stage{StageCommand, StageLoad, StageDNS, StageTCP, StageTLS, StageAuth, StagePing, StageCluster}

type stageCounter struct{ count, sum, max atomic.Uint64 }

func (s *stageCounter) add(d time.Duration) {
	n := uint64(max(d, 0))
	s.count.Add(1)
	s.sum.Add(n)
	for {
		old := s.max.Load()
		if n <= old || s.max.CompareAndSwap(old, n) {
			return
		}
	}
}

func (c *counters) stage(s Stage) *stageCounter {
	for i, name := range stageOrder {
		if name == s {
			return &c.stages[i]
		}
	}
	return &c.stages[0]
}

// Stats returns a snapshot. The fields are read one after another, so sums may be
// a call apart.
func (c *Client) Stats() Stats {
	n := &c.stats
	s := Stats{
		Answers: map[string]uint64{}, Stages: map[Stage]Latency{},
		Guarded: n.guarded.Load(), Timeouts: n.timeouts.Load(), Broken: n.broken.Load(), Retries: n.retries.Load(),
		Dials: n.dials.Load(), Failed: n.dialsFailed.Load(), Proofs: n.proofs.Load(), Replaced: n.replaced.Load(), ReaderFailed: n.readerFailed.Load(),
		StoresRefused: n.refused.Load(), StoresFailed: n.storesFailed.Load(),
		LeasesGranted: n.leases.Load(), LeasesWaited: n.leaseWaits.Load(),
		Breaker: c.breaker.State(time.Now()), Cold: !n.answered.Load(),
	}
	for i := range n.answers {
		s.Answers[Source(i).String()] = n.answers[i].Load()
	}
	for i := range n.stages {
		st := &n.stages[i]
		s.Stages[stageOrder[i]] = Latency{Count: st.count.Load(), Sum: time.Duration(st.sum.Load()), Max: time.Duration(st.max.Load())}
	}
	return s
}
