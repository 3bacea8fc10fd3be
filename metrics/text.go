package metrics

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// TextOptions says how a Result is written for people.
type TextOptions struct {
	Color bool // with ANSI escapes
	Width int  // columns; 0 is 100
}

// WriteText writes the result as a summary that fits one screen.
func (r *Result) WriteText(w io.Writer, o TextOptions) {
	if o.Width <= 0 {
		o.Width = 100
	}
	t := &text{w: w, TextOptions: o}
	t.title(r)
	t.invocations(r)
	t.latency(r)
	t.system(r)
	t.overTime(r)
	t.copied(r)
	t.problems(r)
}

// text writes the parts of a summary.
type text struct {
	TextOptions
	w io.Writer
}

const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
)

func (t *text) style(code, s string) string {
	if !t.Color || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (t *text) line(format string, args ...any) { fmt.Fprintf(t.w, format+"\n", args...) }

// labelled writes a row with its label in the left column; what does not fit
// the width continues below.
func (t *text) labelled(label, content string) {
	const indent = 14
	for i, part := range wrap(content, max(40, t.Width-indent-2)) {
		if i > 0 {
			label = ""
		}
		t.line("  %s%s%s", t.style(dim, label), strings.Repeat(" ", max(1, indent-len(label))), part)
	}
}

func (t *text) title(r *Result) {
	name := r.Run.Name
	if r.Run.Function != "" {
		name += " · " + r.Run.Function
	}
	verb := "measured"
	if r.Kind == Predicted {
		verb = "predicted"
	}
	t.line("%s", t.style(bold, name))
	t.line("%s", t.style(dim, fmt.Sprintf("%s in %.1f s · arrivals %s · keys %s · seed %d · %d CPUs",
		verb, r.Run.DurationS, r.Run.Arrivals, r.Run.Keys, r.Run.Seed, r.Machine.CPUs)))
	t.line("")
}

func (t *text) invocations(r *Result) {
	i := r.Invocations
	failed := fmt.Sprintf("failed %s", count(i.Failed))
	if i.Failed > 0 {
		failed = t.style(red, failed)
	}
	throttled := fmt.Sprintf("throttled %s", count(i.Throttled))
	if i.Throttled > 0 {
		throttled = t.style(yellow, throttled)
	}
	t.labelled("invocations", fmt.Sprintf("%s   cold %s (%s)   warm %s   %s   %s",
		t.style(bold, count(i.Total)), count(i.Cold), share(i.Cold, i.Total), count(i.Warm), throttled, failed))
	var answered int64
	for _, n := range r.Sources {
		answered += n
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(r.Sources)) {
		parts = append(parts, fmt.Sprintf("%s %s (%s)", name, count(r.Sources[name]), share(r.Sources[name], answered)))
	}
	if answered > 0 {
		t.labelled("answered by", strings.Join(parts, "   "))
	}
	t.line("")
}

func (t *text) latency(r *Result) {
	t.line("  %s", t.style(dim, fmt.Sprintf("%-12s%9s%10s%10s%10s%10s%10s", "latency, ms", "count", "p50", "p90", "p99", "p99.9", "max")))
	row := func(name string, s Summary) {
		t.line("  %-12s%9s%10s%10s%10s%10s%10s", name, count(s.Count), ms(s.P50), ms(s.P90), ms(s.P99), ms(s.P999), ms(s.Max))
	}
	row("warm", r.Latency.Warm)
	row("cold", r.Latency.Cold)
	row("  its init", r.Latency.Init)
	if r.Latency.Failed.Count > 0 {
		row("failed", r.Latency.Failed)
	}
	if r.Latency.Throttled.Count > 0 {
		row("throttled", r.Latency.Throttled)
	}
	if r.Kind == Measured && r.Latency.Overhead.Count > 0 {
		row("lab's share", r.Latency.Overhead)
	}
	t.line("")
}

func (t *text) system(r *Result) {
	t.labelled("environments", fmt.Sprintf("peak %s   started %s", count(r.Environments.Peak), count(r.Environments.Started)))
	limit := ""
	if r.Connections.Limit > 0 {
		limit = " of " + count(r.Connections.Limit)
	}
	rejected := "rejected " + count(r.Connections.Rejected)
	if r.Connections.Rejected > 0 {
		rejected = t.style(red, rejected)
	}
	t.labelled("connections", fmt.Sprintf("peak %s%s   new %s   %s", count(r.Connections.Peak), limit, count(r.Connections.New), rejected))
	if c := r.Cache; c.Commands > 0 {
		memory := bytesOf(c.MemoryBytes)
		if c.MaxMemoryBytes > 0 {
			memory += " of " + bytesOf(c.MaxMemoryBytes)
		}
		t.labelled("cache", fmt.Sprintf("hits %s (%s)   misses %s   evictions %s   memory %s",
			count(c.Hits), share(c.Hits, c.Hits+c.Misses), count(c.Misses), count(c.Evictions), memory))
	}
	if q := r.Origin.Queries; q > 0 {
		t.labelled("origin", fmt.Sprintf("queries %s   failed %s   at once %s   %s ms injected in each",
			count(q), count(r.Origin.Failed), count(r.Origin.ConnectionsPeak), ms(r.Origin.LatencyInjectedMS)))
	}
	t.line("")
}

func (t *text) overTime(r *Result) {
	l := r.Timeline
	if len(l.TMS) < 2 {
		return
	}
	columns := min(60, t.Width-32)
	environments := make([]float64, len(l.TMS))
	connections := make([]float64, len(l.TMS))
	for i := range l.TMS {
		environments[i] = float64(l.EnvironmentsIdle[i] + l.EnvironmentsBusy[i] + l.EnvironmentsStarting[i])
		connections[i] = float64(l.Connections[i])
	}
	for _, row := range []struct {
		label, format string
		values        []float64
	}{{"requests", "max %.0f/s", l.Rate}, {"environments", "max %.0f", environments}, {"connections", "max %.0f", connections}, {"p99", "max %.1f ms", l.P99MS}} {
		t.line("  %s%s%s  "+row.format, t.style(dim, row.label), strings.Repeat(" ", 14-len(row.label)),
			spark(row.values, columns), slices.Max(row.values))
	}
	t.line("")
}

func (t *text) copied(r *Result) {
	m := r.Mechanisms
	for _, row := range [][2]string{{"cache by", m.Cache}, {"freeze by", m.Freeze}, {"limits by", m.Limits}, {"network", m.Network}} {
		if row[1] == "" {
			row[1] = "not copied"
		}
		t.labelled(row[0], row[1])
	}
	for i, note := range r.Notes {
		label := ""
		if i == 0 {
			label = "not as in AWS"
			if r.Kind == Predicted {
				label = "notes"
			}
		}
		t.labelled(label, t.style(dim, note))
	}
}

func (t *text) problems(r *Result) {
	if len(r.Errors)+len(r.Warnings)+len(r.Expectations) > 0 {
		t.line("")
	}
	for i, e := range r.Errors {
		if i == 5 {
			t.labelled("", fmt.Sprintf("and %d more kinds of error: see --json", len(r.Errors)-i))
			break
		}
		t.labelled(t.once(i, "errors"), fmt.Sprintf("%s %s: %s", t.style(red, count(e.Count)+" ×"), e.Type, firstLine(e.Message)))
	}
	for i, w := range r.Warnings {
		t.labelled(t.once(i, "warnings"), t.style(yellow, w))
	}
	for i, v := range r.Expectations {
		mark, because := t.style(green, "holds"), ""
		if !v.Holds {
			mark = t.style(red, "FAILS")
		}
		if v.Reason != "" {
			because = " (" + v.Reason + ")"
		}
		t.labelled(t.once(i, "expected"), fmt.Sprintf("%s  %s   measured %s%s%s", mark, v.Expression, ms(v.Value), v.Unit, because))
	}
}

func (t *text) once(i int, label string) string {
	if i > 0 {
		return ""
	}
	return label
}

// count writes a number with separators between thousands.
func count(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func share(part, whole int64) string {
	if whole == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(part)/float64(whole))
}

// ms writes a figure with three significant digits, as far as they matter.
func ms(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v < 10:
		return fmt.Sprintf("%.2f", v)
	case v < 100:
		return fmt.Sprintf("%.1f", v)
	}
	return count(int64(v + 0.5))
}

func bytesOf(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	v, unit := float64(n), 0
	for v >= 1024 && unit < len(units)-1 {
		v /= 1024
		unit++
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.3g %s", v, units[unit])
}

// spark draws values as a row of bars, each the largest of its columns' share,
// from zero.
func spark(values []float64, columns int) string {
	bars := []rune("▁▂▃▄▅▆▇█")
	columns = max(1, min(columns, len(values)))
	top := slices.Max(values)
	out := make([]rune, columns)
	for i := range out {
		from, to := i*len(values)/columns, (i+1)*len(values)/columns
		v := slices.Max(values[from:max(to, from+1)])
		switch {
		case v <= 0 || top <= 0:
			out[i] = ' '
		default:
			out[i] = bars[min(len(bars)-1, int(v/top*float64(len(bars))))]
		}
	}
	return string(out)
}

func firstLine(s string) string {
	first, _, _ := strings.Cut(s, "\n")
	return first
}

// wrap breaks s between words into lines of at most width columns. Escapes of
// style count as columns: a line may come out shorter, never longer.
func wrap(s string, width int) []string {
	if len([]rune(s)) <= width {
		return []string{s}
	}
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(s) {
		switch {
		case line == "":
			line = word
		case len([]rune(line))+1+len([]rune(word)) > width:
			lines = append(lines, line)
			line = word
		default:
			line += " " + word
		}
	}
	return append(lines, line)
}
