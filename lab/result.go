package lab

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/thawdev/thaw/metrics"
)

// Lag above which a run does not measure what was asked of it.
const tolerableLag = time.Millisecond

// Result returns what was measured so far. It can be asked during a run and
// after Close.
func (l *Lab) Result() *metrics.Result {
	for _, env := range l.alive() {
		l.recordEnvironment(env, "", 0) // told again, and its end later
	}
	r := l.recorder.Result()
	l.mu.Lock()
	r.Notes = append(r.Notes, l.notes...)
	r.Run.StartedAt = l.beganAt
	l.mu.Unlock()
	r.Machine = machine()
	r.Run.Seed = l.options.Seed
	if len(l.order) == 1 {
		r.Run.Function = l.order[0].stack.ID
	}
	l.describe(r)
	l.cacheFigures(r)
	if l.origin != nil {
		stats := l.origin.Stats()
		r.Origin.Queries = stats.Queries
		r.Origin.Failed = stats.Errors
		r.Origin.ConnectionsPeak = int64(stats.PeakInFlight)
		r.Origin.LatencyInjectedMS = float64(l.origin.Latency().Microseconds()) / 1000
	}
	l.warn(r)
	return r
}

// alive lists the environments that live.
func (l *Lab) alive() []*environment {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Collect(maps.Values(l.environments))
}

// describe says which mechanisms were active and what they cannot copy.
func (l *Lab) describe(r *metrics.Result) {
	m := l.host.Mechanisms()
	r.Mechanisms.Freeze = m.Freeze
	r.Mechanisms.Limits = m.Limits
	r.Mechanisms.Network = l.options.Network.describe()
	r.Notes = append(r.Notes, m.Notes...)
	r.Notes = append(r.Notes, fmt.Sprintf("at most %d cold starts run at once on this machine; the others wait, and the wait is in their latency", cap(l.starts)))
	r.Notes = append(r.Notes, "security groups, route tables and network ACLs of the template are not enforced: every handler reaches the cache over loopback")
	var names []string
	for _, c := range l.caches {
		names = append(names, c.Name())
	}
	r.Mechanisms.Cache = strings.Join(names, ", ")
}

// cacheFigures adds up what the caches counted.
func (l *Lab) cacheFigures(r *metrics.Result) {
	l.sampler.mu.Lock()
	defer l.sampler.mu.Unlock()
	r.Cache, r.Connections.Limit = metrics.Cache{}, 0
	for _, s := range l.sampler.last {
		r.Cache.Hits += s.Hits
		r.Cache.Misses += s.Misses
		r.Cache.Evictions += s.Evictions
		r.Cache.MemoryBytes += s.MemoryBytes
		r.Cache.MaxMemoryBytes += s.MaxMemoryBytes
		r.Cache.BytesIn += s.BytesIn
		r.Cache.BytesOut += s.BytesOut
		r.Cache.Commands += s.Commands
		r.Connections.Limit += int64(s.Limit)
	}
}

// warn lists the reasons to distrust the figures.
func (l *Lab) warn(r *metrics.Result) {
	g := r.Generator
	if lag := time.Duration(g.LagMS.P99 * float64(time.Millisecond)); lag > tolerableLag {
		r.Warnings = append(r.Warnings, fmt.Sprintf(
			"the load generator was late: p99 %.1f ms after the intended time (%d of %d more than 1 ms): this machine cannot drive that rate and run the handlers",
			g.LagMS.P99, g.Late, g.Sent))
	}
	if g.Dropped > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("%d requests were never sent: %d were waiting for an answer already", g.Dropped, maxInFlight))
	}
	l.sampler.mu.Lock()
	defer l.sampler.mu.Unlock()
	for id, n := range l.sampler.failed {
		r.Warnings = append(r.Warnings, fmt.Sprintf("cache %s did not answer %d readings: its figures have gaps", id, n))
	}
}
