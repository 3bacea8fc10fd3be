package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// report is one server's suite in one variant against all targets.
type report struct {
	src      *source
	variant  string
	targets  []string // "direct" first
	order    []string // of units
	outcomes []outcome
	verdicts map[string][]verdict // by unit
	left     []string             // units for which there was no time
	took     time.Duration
}

func newReport(src *source, variant string, targets, units []string) *report {
	return &report{src: src, variant: variant, targets: targets, order: units, verdicts: map[string][]verdict{}}
}

func (r *report) title() string { return r.src.label + ", " + r.variant }

func (r *report) add(outcomes []outcome, verdicts []verdict) {
	r.outcomes = append(r.outcomes, outcomes...)
	r.verdicts[outcomes[0].Unit] = verdicts
}

func (r *report) sort() {
	at := map[string]int{}
	for i, u := range r.order {
		at[u] = i
	}
	slices.SortStableFunc(r.outcomes, func(a, b outcome) int { return at[a.Unit] - at[b.Unit] })
}

// progress prints one line a unit while the run goes on.
func (r *report) progress(w io.Writer, outcomes []outcome, verdicts []verdict) {
	direct := outcomes[0]
	fmt.Fprintf(w, "%-8s %-6s %-34s direct %d in %.1fs", r.src.name, r.variant, direct.Unit, passes(direct), direct.Took.Seconds())
	for i, v := range verdicts {
		fmt.Fprintf(w, "  %s %d/%d", v.target, v.good, v.direct)
		if v.listed > 0 {
			fmt.Fprintf(w, " (%d listed)", v.listed)
		}
		fmt.Fprintf(w, " in %.1fs", outcomes[i+1].Took.Seconds())
		if !v.asListed() {
			fmt.Fprint(w, " UNEXPECTED")
		}
	}
	fmt.Fprintln(w)
}

func passes(o outcome) int {
	n := 0
	for _, r := range o.Results {
		if r.Status == passed {
			n++
		}
	}
	return n
}

// rows are the table: a row for each unit with tests that pass directly, and
// the sums.
func (r *report) rows() (rows [][]string, total []string) {
	sums := make([]int, len(r.targets))
	for _, o := range r.outcomes {
		if o.Target != "direct" || passes(o) == 0 {
			continue
		}
		row := []string{o.Unit, fmt.Sprint(passes(o))}
		sums[0] += passes(o)
		for i, v := range r.verdicts[o.Unit] {
			row = append(row, fmt.Sprint(v.good))
			sums[i+1] += v.good
		}
		rows = append(rows, row)
	}
	total = []string{"all", fmt.Sprint(sums[0])}
	for _, n := range sums[1:] {
		total = append(total, fmt.Sprintf("%d (%.1f %%)", n, 100*float64(n)/float64(max(1, sums[0]))))
	}
	return rows, total
}

// print writes the table and everything unexpected; it returns whether all was
// as listed.
func (r *report) print(w io.Writer) bool {
	fmt.Fprintf(w, "\n%s: tests that pass directly, and through each target (%s)\n\n", r.title(), r.took.Round(time.Second))
	rows, total := r.rows()
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "unit\t"+strings.Join(r.targets, "\t")+"\t")
	for _, row := range append(rows, total) {
		fmt.Fprintln(tw, strings.Join(row, "\t")+"\t")
	}
	tw.Flush()
	good := len(r.left) == 0
	if !good {
		fmt.Fprintf(w, "\nNo time left for: %s\n", strings.Join(r.left, ", "))
	}
	for _, u := range r.order {
		for _, v := range r.verdicts[u] {
			good = r.explain(w, v) && good
		}
	}
	if good {
		fmt.Fprintf(w, "\n%s: as listed.\n", r.title())
	}
	return good
}

// explain prints what is not as listed. The lines of unlisted failures can be
// put into the list as they are, once a reason is written.
func (r *report) explain(w io.Writer, v verdict) bool {
	if v.problem != "" {
		fmt.Fprintf(w, "\n%s through %s: %s\n", v.unit, v.target, v.problem)
	}
	for _, e := range v.stale {
		fmt.Fprintf(w, "\n%s, line %d: no test of this name passes directly now: %s: %s\n", listFile(v.target), e.line, e.unit, e.test)
	}
	for _, e := range v.surprising {
		fmt.Fprintf(w, "\nLISTED BUT PASSES through %s (line %d): %s: %s\n", v.target, e.line, e.unit, e.test)
	}
	for _, f := range v.unlisted {
		fmt.Fprintf(w, "\nFAILS UNLISTED through %s:\n%s\t%s\t%s\t%s\n", v.target, r.scope(), f.unit, f.test, "why?")
		for line := range strings.Lines(f.detail) {
			fmt.Fprintf(w, "    | %s\n", strings.TrimRight(line, "\n"))
		}
	}
	return v.asListed()
}

func listFile(target string) string { return "expected-failures-" + target + ".txt" }

func (r *report) scope() string {
	if r.variant == "plain" {
		return r.src.name
	}
	return r.src.name + "+" + r.variant
}

// markdown is the report's part of docs/proxy-compatibility.md.
func (r *report) markdown() string {
	var b strings.Builder
	rows, total := r.rows()
	fmt.Fprintf(&b, "| unit | %s |\n|---|%s\n", strings.Join(r.targets, " | "), strings.Repeat("---:|", len(r.targets)))
	for _, row := range rows {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
	}
	fmt.Fprintf(&b, "| **%s** |\n", strings.Join(total, "** | **"))
	return b.String()
}

// writeFiles writes what --json and --md asked for.
func writeFiles(o options, reports []*report) error {
	if o.json != "" {
		type entry struct {
			Server   string    `json:"server"`
			Variant  string    `json:"variant"`
			Outcomes []outcome `json:"outcomes"`
		}
		var all []entry
		for _, r := range reports {
			all = append(all, entry{r.src.label, r.variant, r.outcomes})
		}
		text, err := json.MarshalIndent(all, "", " ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(o.json, append(text, '\n'), 0o644); err != nil {
			return fmt.Errorf("suite: %w", err)
		}
	}
	if o.md == "" {
		return nil
	}
	page, err := os.ReadFile(o.md)
	if err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("suite: %w", err)
	}
	text := string(page)
	for _, r := range reports {
		text = replaceSection(text, r)
	}
	return os.WriteFile(o.md, []byte(text), 0o644)
}

// replaceSection puts a table between the page's markers for this server and
// variant, or at the end if there are none. The rest of the page is by hand.
func replaceSection(page string, r *report) string {
	name := r.src.name + " " + r.variant
	begin, end := "<!-- suite: "+name+" -->\n", "<!-- end of suite: "+name+" -->\n"
	section := begin + "\n" + r.markdown() + "\n" + end
	before, rest, ok := strings.Cut(page, begin)
	if ok {
		if _, after, ok := strings.Cut(rest, end); ok {
			return before + section + after
		}
	}
	return page + "\n### " + r.title() + "\n\n" + section
}
