package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// report is everything that one run measured.
type report struct {
	rounds       int
	host         string
	server       string
	contenders   []*contender
	loads        []load
	throughput   map[load]map[string][]sample
	mallocs      map[string]map[string]float64 // by contender and command
	transactions map[string][]txResult
	open         map[string][]openResult
	memory       map[string]sessionBytes
	rate         float64 // of the open loop
	rateFrom     string
}

func newReport(o options, b *bed) *report {
	return &report{rounds: o.rounds, host: hostLine(), server: b.version, contenders: b.all, loads: loads(o)}
}

// hostLine says on what machine the figures were measured.
func hostLine() string {
	kernel, _ := exec.Command("uname", "-sr").Output()
	model := ""
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if v, ok := strings.CutPrefix(line, "model name"); ok {
				model = strings.Trim(v, " \t:\n")
				break
			}
		}
	}
	return fmt.Sprintf("%d cores (%s), %s, %s", runtime.NumCPU(), model, strings.TrimSpace(string(kernel)), runtime.Version())
}

// chooseRate sets the rate of the open loop: half of what the server answered at
// most with pipeline 1, or what the command line says.
func (r *report) chooseRate(o options, b *bed) error {
	if o.rate > 0 {
		r.rate, r.rateFrom = o.rate, "as asked"
		return nil
	}
	best := 0.0
	for l, by := range r.throughput {
		if l.Command == "GET" && l.Pipeline == 1 {
			best = max(best, spreadOf(column(by[nameDirect], func(s sample) float64 { return s.Rate })).Median)
		}
	}
	if best == 0 {
		var err error
		if best, err = redisBenchmark(o.loadTool, b.serverPort, load{"GET", 50, 1, o.requests}); err != nil {
			return err
		}
	}
	r.rate, r.rateFrom = best/2, "half of the server's highest rate"
	return nil
}

// table is one table of the report: a title, a line about how to read it, a
// header and rows.
type table struct {
	title, note string
	header      []string
	rows        [][]string
}

func (r *report) tables() []table {
	var all []table
	if f := r.figures(); len(f.rows) > 0 {
		all = append(all, f)
	}
	if r.throughput != nil {
		all = append(all, r.detail())
	}
	if r.transactions != nil {
		all = append(all, r.transactionTable())
	}
	if r.open != nil {
		all = append(all, r.openTable())
	}
	if r.memory != nil {
		all = append(all, r.memoryTable())
	}
	return append(all, r.contenderTable())
}

func (r *report) detail() table {
	t := table{
		title:  "CPU a request and rate",
		note:   fmt.Sprintf("middle of %d rounds (least … largest); CPU of the whole process, µs a request", r.rounds),
		header: []string{"load", "through", "proxy CPU µs", "server CPU µs", "requests/s"},
	}
	for _, l := range r.loads {
		for _, c := range r.contenders {
			samples := r.throughput[l][c.name]
			if len(samples) == 0 {
				continue
			}
			proxy := "–"
			if c.proc != nil {
				proxy = spreadText(spreadOf(column(samples, func(s sample) float64 { return s.Proxy })))
			}
			t.rows = append(t.rows, []string{
				l.String(), c.name, proxy,
				spreadText(spreadOf(column(samples, func(s sample) float64 { return s.Server }))),
				fmt.Sprintf("%.0f", spreadOf(column(samples, func(s sample) float64 { return s.Rate })).Median),
			})
		}
	}
	return t
}

func spreadText(s spread) string { return fmt.Sprintf("%.2f (%.2f … %.2f)", s.Median, s.Min, s.Max) }

func (r *report) transactionTable() table {
	t := table{
		title: "Transactions",
		note: fmt.Sprintf("%d MULTI SET GET EXEC a second from %d clients; middle of %d rounds; block: one write, steps: a command at a time",
			txRate, txClients, r.rounds),
		header: []string{"through", "style", "connections opened at the server", "server CPU µs", "× direct", "failed"},
	}
	for _, style := range []string{"block", "steps"} {
		direct := r.txServer(nameDirect, style)
		for _, c := range r.contenders {
			if len(r.transactions[c.name]) == 0 {
				continue
			}
			opened, failed := r.txCounts(c.name, style)
			cpu := r.txServer(c.name, style)
			t.rows = append(t.rows, []string{c.name, style, fmt.Sprint(opened), fmt.Sprintf("%.1f", cpu), fmt.Sprintf("%.2f", cpu/direct), fmt.Sprint(failed)})
		}
	}
	return t
}

func (r *report) txServer(name, style string) float64 {
	var v []float64
	for _, x := range r.transactions[name] {
		if x.Style == style {
			v = append(v, x.Server)
		}
	}
	return spreadOf(v).Median
}

// txCounts are sums over the rounds: one connection too many is one.
func (r *report) txCounts(name, style string) (opened, failed int64) {
	for _, x := range r.transactions[name] {
		if x.Style == style {
			opened, failed = opened+x.Opened, failed+x.Failed
		}
	}
	return opened, failed
}

func (r *report) openTable() table {
	t := table{
		title:  "Latency in an open loop",
		note:   fmt.Sprintf("GET at %.0f a second (%s), Poisson arrivals, %d clients, from the intended send time; middle of %d rounds", r.rate, r.rateFrom, openClients, r.rounds),
		header: []string{"through", "requests/s", "p50 ms", "p99 ms", "p99 − direct ms", "p99.9 ms", "generator late, p99 ms"},
	}
	direct := r.p99(nameDirect)
	for _, c := range r.contenders {
		x := r.open[c.name]
		if len(x) == 0 {
			continue
		}
		t.rows = append(t.rows, []string{
			c.name, fmt.Sprintf("%.0f", openMiddle(x, func(o openResult) float64 { return o.Rate })),
			millis(openMiddle(x, func(o openResult) float64 { return float64(o.P50) })), millis(r.p99(c.name)), millis(r.p99(c.name) - direct),
			millis(openMiddle(x, func(o openResult) float64 { return float64(o.P999) })), millis(openMiddle(x, func(o openResult) float64 { return float64(o.LagP99) })),
		})
	}
	return t
}

func (r *report) p99(name string) float64 {
	return openMiddle(r.open[name], func(o openResult) float64 { return float64(o.P99) })
}

func openMiddle(all []openResult, f func(openResult) float64) float64 {
	var v []float64
	for _, x := range all {
		v = append(v, f(x))
	}
	return spreadOf(v).Median
}

func millis(ns float64) string { return fmt.Sprintf("%.3f", ns/float64(time.Millisecond)) }

func (r *report) memoryTable() table {
	t := table{
		title: "Memory of an idle session",
		note: fmt.Sprintf("growth of resident memory, each session after one GET; from %d to %d open sessions, and from none to %d",
			sessionsBefore, sessionsAfter, sessionsAfter),
		header: []string{"process", "bytes a session", "from the first on"},
	}
	row := func(name string) {
		if v, ok := r.memory[name]; ok {
			t.rows = append(t.rows, []string{name, fmt.Sprintf("%.0f", v.Growth), fmt.Sprintf("%.0f", v.FromFirst)})
		}
	}
	for _, c := range r.contenders {
		row(c.name)
	}
	row(nameThawTLS)
	return t
}

func (r *report) contenderTable() table {
	t := table{title: "What was measured", note: r.host + "; server: " + r.server, header: []string{"name", "threads", "version"}}
	for _, c := range r.contenders {
		version := c.version
		if c.missing != "" {
			version = "left out: " + c.missing
		}
		t.rows = append(t.rows, []string{c.name, c.note, version})
	}
	return t
}

// write prints the tables, and writes the files that were asked for.
func (r *report) write(o options, stdout io.Writer) error {
	if o.md != "" {
		var b strings.Builder
		for _, t := range r.tables() {
			t.markdown(&b)
		}
		if err := os.WriteFile(o.md, []byte(b.String()), 0o644); err != nil {
			return fmt.Errorf("bench: %w", err)
		}
	}
	if o.json != "" {
		text, err := json.MarshalIndent(r.document(), "", " ")
		if err != nil {
			return err
		}
		if o.json == "-" {
			_, err = stdout.Write(append(text, '\n'))
			return err
		}
		if err := os.WriteFile(o.json, append(text, '\n'), 0o644); err != nil {
			return fmt.Errorf("bench: %w", err)
		}
	}
	for _, t := range r.tables() {
		t.print(stdout)
	}
	return nil
}

// document is the report as JSON.
func (r *report) document() any {
	type loadSamples struct {
		load
		Samples map[string][]sample `json:"samples"`
	}
	var throughput []loadSamples
	for _, l := range r.loads {
		if r.throughput[l] != nil {
			throughput = append(throughput, loadSamples{l, r.throughput[l]})
		}
	}
	return map[string]any{
		"host": r.host, "server": r.server, "rounds": r.rounds, "figures": r.goals(), "throughput": throughput, "allocations": r.mallocs,
		"transactions": r.transactions, "open_loop": r.open, "idle_session_bytes": r.memory,
	}
}

func (t table) print(w io.Writer) {
	width := make([]int, len(t.header))
	for _, row := range append([][]string{t.header}, t.rows...) {
		for i, cell := range row {
			width[i] = max(width[i], len([]rune(cell)))
		}
	}
	fmt.Fprintf(w, "\n%s\n%s\n\n", t.title, t.note)
	for _, row := range append([][]string{t.header}, t.rows...) {
		var b strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", width[i]-len([]rune(cell)))
			if i < t.textColumns() {
				b.WriteString(cell + pad + "  ")
			} else {
				b.WriteString(pad + cell + "  ")
			}
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
}

// textColumns is the number of leading columns that hold words.
func (t table) textColumns() int {
	for i := range t.header {
		if slices.ContainsFunc(t.rows, func(row []string) bool { return row[i] != "" && row[i][0] >= '0' && row[i][0] <= '9' }) {
			return max(1, i)
		}
	}
	return len(t.header)
}

func (t table) markdown(w io.Writer) {
	fmt.Fprintf(w, "### %s\n\n%s\n\n| %s |\n|%s\n", t.title, t.note, strings.Join(t.header, " | "), strings.Repeat("---|", len(t.header)))
	for _, row := range t.rows {
		fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
	}
	fmt.Fprintln(w)
}
