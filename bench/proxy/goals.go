package main

import "fmt"

// goal is one figure to reach, with what this run measured.
type goal struct {
	What     string  `json:"what"`
	Measured float64 `json:"measured"`
	AtMost   float64 `json:"at_most"`
	Unit     string  `json:"unit"`
	Unsure   string  `json:"unsure,omitempty"` // why the figure says nothing
}

func figure(what string, measured, atMost float64, unit string) goal {
	return goal{What: what, Measured: measured, AtMost: atMost, Unit: unit}
}

func (g goal) reached() bool { return g.Unsure == "" && g.Measured <= g.AtMost }

func (g goal) verdict() string {
	switch {
	case g.Unsure != "":
		return "NOT SURE: " + g.Unsure
	case g.reached():
		return "reached"
	}
	return "NOT REACHED"
}

// ratioGoals are the figures that compare CPU: of the proxy with a peer's, or
// of the server behind the proxy with the server alone.
var ratioGoals = []struct {
	clients, pipeline int
	against           string
	server            bool
	atMost            float64
}{
	{50, 1, nameTwemproxy, false, 0.75},
	{50, 1, nameEnvoyOne, false, 0.5},
	{50, 1, nameEnvoy, false, 0.5},
	{500, 1, nameTwemproxy, false, 0.8},
	{50, 16, nameTwemproxy, false, 0.5},
	{50, 1, nameDirect, true, 0.4},
	{500, 1, nameDirect, true, 0.4},
}

// The other figures: an idle session's bytes, the added milliseconds, the
// transactions' share of server CPU, and allocations. The runtime makes some of
// its own, so less than one in a hundred requests is none.
const (
	plainSessionBytes = 1536
	tlsSessionBytes   = 20 << 10
	addedP99Millis    = 0.3
	txServerRatio     = 1.2
	noAllocations     = 0.01
)

// goals are all figures that this run can speak about, for the proxy with its
// default number of loops and with one: twemproxy has one thread.
func (r *report) goals() []goal {
	var all []goal
	for _, name := range []string{nameThaw, nameThawOne} {
		all = append(all, r.cpuGoals(name)...)
		all = append(all, r.otherGoals(name)...)
	}
	if v, ok := r.memory[nameThawTLS]; ok {
		all = append(all, figure(nameThaw+": idle TLS session", max(v.Growth, v.FromFirst), tlsSessionBytes, "bytes"))
	}
	return all
}

func (r *report) cpuGoals(name string) []goal {
	var all []goal
	for _, command := range []string{"GET", "SET"} {
		for _, x := range ratioGoals {
			mine, ok := r.cpu(name, command, x.clients, x.pipeline, x.server)
			theirs, ok2 := r.cpu(x.against, command, x.clients, x.pipeline, x.server)
			if !ok || !ok2 {
				continue
			}
			what := "CPU"
			if x.server {
				what = "server CPU"
			}
			all = append(all, goal{
				What:     fmt.Sprintf("%s: %s, %s, %d clients, pipeline %d", name, what, command, x.clients, x.pipeline),
				Measured: mine / theirs, AtMost: x.atMost, Unit: "× " + x.against,
			})
		}
		if m, ok := r.mallocs[name][command]; ok {
			all = append(all, figure(fmt.Sprintf("%s: allocations, %s, 50 clients, pipeline 1", name, command), m, noAllocations, "a request"))
		}
	}
	return all
}

func (r *report) cpu(name, command string, clients, pipeline int, server bool) (float64, bool) {
	return r.median(name, command, clients, pipeline, func(s sample) float64 {
		if server {
			return s.Server
		}
		return s.Proxy
	})
}

func (r *report) median(name, command string, clients, pipeline int, f func(sample) float64) (float64, bool) {
	for _, l := range r.loads {
		if samples := r.throughput[l][name]; l.Command == command && l.Clients == clients && l.Pipeline == pipeline && len(samples) > 0 {
			return spreadOf(column(samples, f)).Median, true
		}
	}
	return 0, false
}

func (r *report) otherGoals(name string) []goal {
	var all []goal
	if len(r.transactions[name]) > 0 {
		for _, style := range []string{"block", "steps"} {
			opened, failed := r.txCounts(name, style)
			all = append(all, figure(fmt.Sprintf("%s: transactions (%s), connections opened", name, style), float64(opened), 0, "connections"),
				figure(fmt.Sprintf("%s: transactions (%s), failed", name, style), float64(failed), 0, "transactions"))
			if direct := r.txServer(nameDirect, style); direct > 0 {
				all = append(all, figure(fmt.Sprintf("%s: transactions (%s), server CPU", name, style), r.txServer(name, style)/direct, txServerRatio, "× direct"))
			}
		}
	}
	if len(r.open[name]) > 0 && len(r.open[nameDirect]) > 0 {
		all = append(all, r.latencyGoal(name))
	}
	if v, ok := r.memory[name]; ok {
		all = append(all, figure(name+": idle plain session", max(v.Growth, v.FromFirst), plainSessionBytes, "bytes"))
	}
	return all
}

// latencyGoal says nothing when the generator itself was late by as much as
// the proxy may add: then the machine was too busy to measure it.
func (r *report) latencyGoal(name string) goal {
	g := goal{What: name + ": p99 in an open loop, added", Measured: (r.p99(name) - r.p99(nameDirect)) / 1e6, AtMost: addedP99Millis, Unit: "ms"}
	for _, n := range []string{name, nameDirect} {
		if late := openMiddle(r.open[n], func(o openResult) float64 { return float64(o.LagP99) }) / 1e6; late > addedP99Millis {
			g.Unsure = fmt.Sprintf("requests were sent %.1f ms late (p99)", late)
		}
	}
	return g
}

func (r *report) reached() bool {
	for _, g := range r.goals() {
		if !g.reached() {
			return false
		}
	}
	return true
}

// figures is the table of the goals.
func (r *report) figures() table {
	t := table{title: "Figures to reach", note: "of whole-process CPU a request, unless it says otherwise", header: []string{"what", "measured", "at most", "unit", ""}}
	for _, g := range r.goals() {
		t.rows = append(t.rows, []string{g.What, fmt.Sprintf("%.3g", g.Measured), fmt.Sprintf("%g", g.AtMost), g.Unit, g.verdict()})
	}
	return t
}
