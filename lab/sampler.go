package lab

import (
	"context"
	"sync"
	"time"

	"github.com/thawdev/thaw/lab/cache"
	"github.com/thawdev/thaw/metrics"
)

// sampler reads the caches and the fleet at an interval and keeps the last
// reading of each cache.
type sampler struct {
	mu         sync.Mutex
	last       map[string]cache.Sample // by the cache's ID
	failed     map[string]int          // readings that the cache did not answer
	peak       int64                   // connections, over all caches
	attributor *cache.Attributor
}

// startSampler samples until Close.
func (l *Lab) startSampler() *sampler {
	s := &sampler{
		last:       map[string]cache.Sample{},
		failed:     map[string]int{},
		attributor: cache.NewAttributor(l.processes),
	}
	l.background(func(ctx context.Context) {
		ticker := time.NewTicker(l.options.SampleInterval)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				l.sample(ctx, s)
			}
		}
	})
	return s
}

// sample takes one reading of everything.
func (l *Lab) sample(ctx context.Context, s *sampler) {
	sum := l.sampleCaches(ctx, s)
	counts := l.Counts()
	zero := l.zero()
	if zero == 0 {
		return // the recorded run has not begun
	}
	sum.At = l.now() - zero
	sum.EnvironmentsIdle = int64(counts.Idle)
	sum.EnvironmentsBusy = int64(counts.Busy)
	sum.EnvironmentsStarting = int64(counts.Starting)
	sum.InFlight = int64(counts.InFlight)
	l.recorder.Sample(sum)
}

// sampleCaches reads every cache and adds them up. A cache that does not answer
// keeps its last totals and has no connections.
func (l *Lab) sampleCaches(ctx context.Context, s *sampler) (sum metrics.Sample) {
	for _, c := range l.caches {
		reading, err := c.Sample(ctx)
		s.mu.Lock()
		if err != nil {
			s.failed[c.stack.ID]++
			reading = s.last[c.stack.ID]
			reading.Connections, reading.Clients = 0, nil
		}
		if err == nil {
			s.attributor.Fill(&reading)
			l.countConnections(reading.Clients)
		}
		reading.Clients = nil // large, and not needed again
		s.last[c.stack.ID] = reading
		s.mu.Unlock()
		sum.Connections += int64(reading.Connections)
		sum.ConnectionsNew += reading.NewTotal
		sum.ConnectionsRejected += reading.RejectedTotal
		sum.Hits += reading.Hits
		sum.Misses += reading.Misses
		sum.MemoryBytes += reading.MemoryBytes
	}
	s.mu.Lock()
	s.peak = max(s.peak, sum.Connections)
	s.mu.Unlock()
	return sum
}

// countConnections keeps the peak of each environment.
func (l *Lab) countConnections(clients []cache.Client) {
	held := map[string]int64{}
	for _, c := range clients {
		if c.Environment != "" {
			held[c.Environment]++
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, env := range l.environments {
		env.connections = max(env.connections, held[env.name])
	}
}
