package origin

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// delay is the latency of the database:
//
//	latency × (1 + jitter × u), u evenly from [−1, 1)
type delay struct {
	mu      sync.Mutex
	latency time.Duration
	jitter  float64
	random  *rand.Rand
}

func newRandom(seed int64) *rand.Rand {
	return rand.New(rand.NewPCG(uint64(seed), 0))
}

func (d *delay) set(latency time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.latency = latency
}

func (d *delay) next() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.jitter == 0 {
		return d.latency
	}
	return time.Duration(float64(d.latency) * (1 + d.jitter*(2*d.random.Float64()-1)))
}

// wait blocks until deadline or until ctx ends.
func wait(ctx context.Context, deadline time.Time) {
	left := time.Until(deadline)
	if left <= 0 {
		return
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// stated is the latency without jitter.
func (d *delay) stated() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.latency
}
