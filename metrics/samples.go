package metrics

// samples turns the totals of servers into counts by row, and keeps the peaks.
// The zero value is empty.
type samples struct {
	last                 Sample
	environments         int64 // peak of idle, busy and starting together
	connections          int64 // peak
	opened, rejected     int64
	hits, misses, memory int64
}

// add records the sample in its row.
func (s *samples) add(next Sample, r *row) {
	r.sampled = true
	r.gauges.raise(gauges{
		idle: next.EnvironmentsIdle, busy: next.EnvironmentsBusy, starting: next.EnvironmentsStarting,
		inFlight: next.InFlight, connections: next.Connections, memory: next.MemoryBytes,
	})
	s.environments = max(s.environments, next.EnvironmentsIdle+next.EnvironmentsBusy+next.EnvironmentsStarting)
	s.connections = max(s.connections, next.Connections)
	s.memory = next.MemoryBytes
	for _, c := range []struct {
		before, now int64
		sum, row    *int64
	}{
		{s.last.ConnectionsNew, next.ConnectionsNew, &s.opened, &r.opened},
		{s.last.ConnectionsRejected, next.ConnectionsRejected, &s.rejected, &r.rejected},
		{s.last.Hits, next.Hits, &s.hits, &r.hits},
		{s.last.Misses, next.Misses, &s.misses, &r.misses},
	} {
		rise := c.now - c.before
		if rise < 0 {
			rise = c.now // the server restarted and counts anew
		}
		*c.sum += rise
		*c.row += rise
	}
	s.last = next
}

func (s *samples) result(out *Result) {
	out.Connections = Connections{Peak: s.connections, New: s.opened, Rejected: s.rejected}
	out.Cache.Hits, out.Cache.Misses, out.Cache.MemoryBytes = s.hits, s.misses, s.memory
}
