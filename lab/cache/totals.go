package cache

// counters are the server's totals, which begin at 0 with each of its runs.
type counters struct {
	accepted, rejected, in, out, hits, misses, evictions, commands int64
}

func (a counters) plus(b counters) counters {
	return counters{
		a.accepted + b.accepted, a.rejected + b.rejected, a.in + b.in, a.out + b.out,
		a.hits + b.hits, a.misses + b.misses, a.evictions + b.evictions, a.commands + b.commands,
	}
}

func (a counters) minus(b counters) counters {
	return counters{
		a.accepted - b.accepted, a.rejected - b.rejected, a.in - b.in, a.out - b.out,
		a.hits - b.hits, a.misses - b.misses, a.evictions - b.evictions, a.commands - b.commands,
	}
}

func (a counters) fill(s *Sample) {
	s.NewTotal, s.RejectedTotal = a.accepted, a.rejected
	s.BytesIn, s.BytesOut = a.in, a.out
	s.Hits, s.Misses = a.hits, a.misses
	s.Evictions, s.Commands = a.evictions, a.commands
}

// totals turns the counters of the server's runs into totals since the first
// reading:
//
//	total = Σ over ended runs (last − base) + (now − base)
//
// base is the first reading in the first run, which may have begun long before
// the lab, and 0 in later runs. prior is what earlier connections of the lab
// added in the present run.
type totals struct {
	run               string
	base, last, ended counters
	prior             own
}

// at takes a reading of run. mine is what the lab's present connection added to
// it.
func (t *totals) at(run string, now counters, mine own) counters {
	fresh := t.run != "" && run != t.run
	if fresh {
		t.prior = own{}
	}
	lab := t.prior.plus(mine)
	now = now.minus(counters{accepted: lab.conns, in: lab.sent, out: lab.received, commands: lab.commands})
	switch {
	case t.run == "":
		t.base = now
	case fresh:
		t.ended = t.ended.plus(t.last.minus(t.base))
		t.base = counters{}
	}
	t.run, t.last = run, now
	return t.ended.plus(now.minus(t.base))
}

// left takes over what a connection of the lab added before it was closed.
func (t *totals) left(mine own) { t.prior = t.prior.plus(mine) }
