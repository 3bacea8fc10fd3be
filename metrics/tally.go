package metrics

// maxSources bounds Result.Sources: handlers name their sources themselves.
const maxSources = 50

// tally is what is counted for one function. Series are per function only;
// those of the run are merged from them.
type tally struct {
	invocations                          Invocations
	cold, warm, init                     series
	failed, throttled, service, overhead series
	sources                              map[string]int64
}

func newTally(sources []string) *tally {
	t := &tally{sources: make(map[string]int64, len(sources))}
	for _, name := range sources {
		t.sources[name] = 0
	}
	return t
}

// add counts a finished request.
func (t *tally) add(o *Outcome) {
	t.invocations.Total++
	response := o.Done - o.Intended
	if o.Status == Throttled {
		t.invocations.Throttled++
		t.throttled.record(response)
		return
	}
	if o.Cold {
		t.invocations.Cold++
		t.init.record(o.Init)
	} else {
		t.invocations.Warm++
	}
	if o.Overhead > 0 {
		t.overhead.record(o.Overhead)
	}
	if o.Status != Success {
		t.invocations.Failed++
		t.failed.record(response)
		return
	}
	t.service.record(o.Done - o.Sent)
	if o.Cold {
		t.cold.record(response)
	} else {
		t.warm.record(response)
	}
	if o.Source != "" {
		t.count(o.Source, 1)
	}
}

// count adds to a source; names beyond the bound are counted as "other".
func (t *tally) count(source string, n int64) {
	if _, known := t.sources[source]; !known && len(t.sources) >= maxSources {
		source = "other"
	}
	t.sources[source] += n
}

// merge adds the figures of a function to those of the run.
func (t *tally) merge(from *tally) {
	t.invocations.add(from.invocations)
	t.cold.merge(&from.cold)
	t.warm.merge(&from.warm)
	t.init.merge(&from.init)
	t.failed.merge(&from.failed)
	t.throttled.merge(&from.throttled)
	t.service.merge(&from.service)
	t.overhead.merge(&from.overhead)
	for source, n := range from.sources {
		t.count(source, n)
	}
}

func (t *tally) latency() Latency {
	return Latency{
		Cold:       t.cold.summary(),
		Warm:       t.warm.summary(),
		Init:       t.init.summary(),
		Failed:     t.failed.summary(),
		Throttled:  t.throttled.summary(),
		Service:    t.service.summary(),
		Overhead:   t.overhead.summary(),
		Histograms: Histograms{Cold: t.cold.export(), Warm: t.warm.export()},
	}
}

func (n *Invocations) add(from Invocations) {
	n.Total += from.Total
	n.Cold += from.Cold
	n.Warm += from.Warm
	n.Throttled += from.Throttled
	n.Failed += from.Failed
}
