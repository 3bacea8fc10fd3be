package dash

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/thawdev/thaw/metrics"
)

// Comparison lays run B over run A.
type Comparison struct {
	Title    string  `json:"title"`
	Sentence string  `json:"sentence"` // the outcome in plain words
	Rows     []Ratio `json:"rows"`
	// Differences say what was not alike in the making of the runs, as
	// sentences: a ratio may come from that.
	Differences []string `json:"differences"`
	Method      string   `json:"method"` // how the intervals were found, and what they leave out

	a, b *metrics.Result
}

// Ratio is one figure of both runs. Ratio, Low and High are 0 when there is
// none.
type Ratio struct {
	Name    string  `json:"name"`
	Unit    string  `json:"unit"` // ms, % or "" for a count
	A       float64 `json:"a"`
	B       float64 `json:"b"`
	Ratio   float64 `json:"ratio"` // B / A
	Low     float64 `json:"low"`   // of the 95 % interval of Ratio
	High    float64 `json:"high"`
	Verdict string  `json:"verdict"` // Larger, Within or ""
	Reason  string  `json:"reason"`  // why there is no verdict
}

// The verdicts of a Ratio.
const (
	Larger = "larger than the noise"
	Within = "within the noise"
)

const method = "95 % intervals. Percentiles: bootstrap with 2,000 resamples and a fixed seed; the invocations of each run are drawn again from its histogram, and 20 segments of both runs are drawn again in pairs, for invocations that follow each other are not independent; the wider interval counts. Counts: Poisson, per invocation. A difference is larger than the noise when its interval does not hold 1; of twenty figures that did not change, about one will look so by chance. What changes between two runs but not within one, such as a busy machine, is in no interval: repeat each run to see it."

// Compare lays two results side by side. A ratio is B's figure over A's, and a
// verdict says whether it is larger than chance within the runs explains.
func Compare(a, b *metrics.Result) Comparison {
	c := Comparison{a: a, b: b, Method: method, Differences: differences(a, b)}
	c.Title = fmt.Sprintf("%s against %s", titleOf(Page{Result: a}), titleOf(Page{Result: b}))
	if a.Run.Name == b.Run.Name {
		c.Title = titleOf(Page{Result: a}) + ": two runs"
	}
	c.latencies()
	c.counts()
	c.peaks()
	c.Sentence = c.sentence()
	return c
}

// latencies compares percentiles of the series that have a histogram.
func (c *Comparison) latencies() {
	n := noise{drift: drift(&c.a.Timeline, &c.b.Timeline)}
	for _, s := range []struct {
		name   string
		a, b   metrics.Summary
		ha, hb metrics.Buckets
	}{
		{"warm", c.a.Latency.Warm, c.b.Latency.Warm, c.a.Latency.Histograms.Warm, c.b.Latency.Histograms.Warm},
		{"cold", c.a.Latency.Cold, c.b.Latency.Cold, c.a.Latency.Histograms.Cold, c.b.Latency.Histograms.Cold},
	} {
		if s.a.Count == 0 && s.b.Count == 0 {
			continue
		}
		for _, q := range []struct {
			name string
			at   float64
			of   func(metrics.Summary) float64
		}{
			{"p50", 0.50, func(s metrics.Summary) float64 { return s.P50 }},
			{"p90", 0.90, func(s metrics.Summary) float64 { return s.P90 }},
			{"p99", 0.99, func(s metrics.Summary) float64 { return s.P99 }},
		} {
			r := ratio(s.name+" "+q.name, "ms", q.of(s.a), q.of(s.b))
			low, high, reason := n.percentile(s.ha, s.hb, q.at, s.name == "warm")
			if reason == "" && r.Ratio == 0 {
				reason = "one of the figures is zero"
			}
			c.Rows = append(c.Rows, r.judge(r.Ratio*low, r.Ratio*high, reason))
		}
	}
}

// counts compares what happened per invocation, as shares.
func (c *Comparison) counts() {
	a, b := c.a, c.b
	of := func(name string, x, y int64) { c.perInvocation(name, "%", x, y) }
	of("cold starts", a.Invocations.Cold, b.Invocations.Cold)
	of("failed", a.Invocations.Failed, b.Invocations.Failed)
	of("throttled", a.Invocations.Throttled, b.Invocations.Throttled)
	names := maps.Clone(a.Sources)
	maps.Copy(names, b.Sources)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		of("answered by "+name, a.Sources[name], b.Sources[name])
	}
	c.perInvocation("environments started", "", a.Environments.Started, b.Environments.Started)
	c.perInvocation("connections opened", "", a.Connections.New, b.Connections.New)
	c.perInvocation("connections refused", "", a.Connections.Rejected, b.Connections.Rejected)
	c.perInvocation("cache misses", "", a.Cache.Misses, b.Cache.Misses)
	c.perInvocation("origin queries", "", a.Origin.Queries, b.Origin.Queries)
}

// perInvocation adds a count, shown as it is or as a share of the invocations;
// the ratio is always of the counts per invocation, so that a longer run is not
// taken for a worse one.
func (c *Comparison) perInvocation(name, unit string, x, y int64) {
	if x == 0 && y == 0 {
		return
	}
	n, m := c.a.Invocations.Total, c.b.Invocations.Total
	r := Ratio{Name: name, Unit: unit, A: float64(x), B: float64(y)}
	if unit == "%" && n > 0 && m > 0 {
		r.A, r.B = 100*r.A/float64(n), 100*r.B/float64(m)
	}
	if n == 0 || m == 0 {
		r.Reason = "a run has no invocations"
		c.Rows = append(c.Rows, r)
		return
	}
	if x > 0 {
		r.Ratio = float64(y) / float64(m) * float64(n) / float64(x)
	}
	low, high := poisson(x, n, y, m)
	c.Rows = append(c.Rows, r.judge(low, high, ""))
}

// peaks compares largest values. A run has one of each, so chance is unknown.
func (c *Comparison) peaks() {
	const reason = "not judged: a run has only one peak"
	for _, p := range []Ratio{
		ratio("environments, peak", "", float64(c.a.Environments.Peak), float64(c.b.Environments.Peak)),
		ratio("connections, peak", "", float64(c.a.Connections.Peak), float64(c.b.Connections.Peak)),
	} {
		if p.A == 0 && p.B == 0 {
			continue
		}
		c.Rows = append(c.Rows, p.judge(0, 0, reason))
	}
}

func ratio(name, unit string, a, b float64) Ratio {
	r := Ratio{Name: name, Unit: unit, A: a, B: b}
	if a > 0 && b > 0 {
		r.Ratio = b / a
	}
	return r
}

// judge adds the interval and the verdict, or the reason for having none.
func (r Ratio) judge(low, high float64, reason string) Ratio {
	if reason != "" {
		r.Reason = reason
		return r
	}
	r.Low, r.High, r.Verdict = low, high, Within
	if low > 1 || high < 1 {
		r.Verdict = Larger
	}
	return r
}

// sentence names what differs most: the first latency and the number of
// figures beyond the noise.
func (c *Comparison) sentence() string {
	judged, beyond := 0, 0
	lead := ""
	for _, r := range c.Rows {
		if r.Verdict == "" {
			continue
		}
		judged++
		if r.Verdict == Larger {
			beyond++
		}
		if lead == "" && r.Unit == "ms" {
			lead = fmt.Sprintf("The %s of B is %s times that of A, %s. ", r.Name, figure(r.Ratio), r.Verdict)
		}
	}
	if judged == 0 {
		return "Nothing in these runs could be judged."
	}
	return fmt.Sprintf("%s%d of %d figures differ by more than the noise.", lead, beyond, judged)
}

// differences lists what was asked of the runs and is not the same.
func differences(a, b *metrics.Result) []string {
	var out []string
	for _, d := range []struct{ what, a, b string }{
		{"kind", string(a.Kind), string(b.Kind)},
		{"function", a.Run.Function, b.Run.Function},
		{"arrivals", a.Run.Arrivals, b.Run.Arrivals},
		{"keys", a.Run.Keys, b.Run.Keys},
		{"seed", fmt.Sprint(a.Run.Seed), fmt.Sprint(b.Run.Seed)},
		{"version of thaw", a.Run.ThawVersion, b.Run.ThawVersion},
		{"machine", machine(a.Machine), machine(b.Machine)},
		{"cache", a.Mechanisms.Cache, b.Mechanisms.Cache},
		{"freezing", a.Mechanisms.Freeze, b.Mechanisms.Freeze},
		{"limits", a.Mechanisms.Limits, b.Mechanisms.Limits},
		{"network", a.Mechanisms.Network, b.Mechanisms.Network},
	} {
		if d.a != d.b {
			out = append(out, fmt.Sprintf("%s: A %s, B %s", d.what, orNone(d.a), orNone(d.b)))
		}
	}
	for _, r := range []struct {
		name string
		of   *metrics.Result
	}{{"A", a}, {"B", b}} {
		for _, w := range r.of.Warnings {
			out = append(out, "warning of "+r.name+": "+w)
		}
	}
	return append([]string{}, out...)
}

func machine(m metrics.Machine) string {
	return fmt.Sprintf("%s/%s with %d CPUs, kernel %s", m.OS, m.Arch, m.CPUs, orNone(m.Kernel))
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// WriteHTML writes the comparison as a page of its own, as WriteHTML does, with
// both runs below.
func (c Comparison) WriteHTML(w io.Writer) error {
	return writePage(w, &document{Title: c.Title, Comparison: &c}, []Page{
		{Title: "A: " + titleOf(Page{Result: c.a}), Result: c.a},
		{Title: "B: " + titleOf(Page{Result: c.b}), Result: c.b},
	})
}
