package check

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/thawdev/thaw/stack"
	"github.com/thawdev/thaw/stack/reach"
)

// Difference says what changed between two stacks: what reaches a cache now and
// did not, and the reverse; and which findings came and went.
type Difference struct {
	Old, New string `json:"-"`
	reach.Difference
	NewFindings  []Finding `json:"new_findings"`
	GoneFindings []Finding `json:"gone_findings"`
}

// Diff checks two stacks and compares them by the IDs of their resources.
func Diff(before, after *stack.Stack, opts Options) (*Difference, error) {
	a, err := Run(before, opts)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", before.Name, err)
	}
	b, err := Run(after, opts)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", after.Name, err)
	}
	d := &Difference{Old: before.Name, New: after.Name, Difference: reach.Diff(before, after), NewFindings: []Finding{}, GoneFindings: []Finding{}}
	key := func(f Finding) string { return f.fingerprint() }
	d.NewFindings = append(d.NewFindings, missingFrom(b.Findings, a.Findings, key)...)
	d.GoneFindings = append(d.GoneFindings, missingFrom(a.Findings, b.Findings, key)...)
	return d, nil
}

// missingFrom lists what is in all and not in others.
func missingFrom(all, others []Finding, key func(Finding) string) []Finding {
	seen := map[string]bool{}
	for _, f := range others {
		seen[key(f)] = true
	}
	var out []Finding
	for _, f := range all {
		if !seen[key(f)] {
			out = append(out, f)
		}
	}
	return out
}

// Changed reports whether anything is reachable that was not, or the reverse.
func (d *Difference) Changed() bool { return len(d.Opened)+len(d.Closed)+len(d.Unknown) > 0 }

// Fails reports whether a finding of that severity or worse is new.
func (d *Difference) Fails(at Severity) bool {
	for _, f := range d.NewFindings {
		if f.Severity.AtLeast(at) {
			return true
		}
	}
	return false
}

// Encode writes the difference as one JSON document.
func (d *Difference) Encode(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(d)
}

// WriteText writes the difference for people.
func (d *Difference) WriteText(w io.Writer, opts TextOptions) error {
	p := newPrinter(w, opts)
	if !d.Changed() {
		p.line("%s", p.paint(bold, "What reaches the caches is the same in both."))
	}
	for _, part := range []struct {
		title, color string
		edges        []reach.Edge
	}{
		{"Became reachable", yellow, d.Opened}, {"No longer reachable", red, d.Closed}, {"No longer known", yellow, d.Unknown},
	} {
		if len(part.edges) == 0 {
			continue
		}
		p.line("%s", p.paint(bold, part.title))
		for _, e := range part.edges {
			port := "?"
			if n, ok := e.Port.Get(); ok {
				port = itoa(n)
			}
			lead := fmt.Sprintf("  %s → %s:%s  %s, was %s  ", p.paint(part.color, string(e.Kind)+" "+e.From), e.To, port, e.New, e.Old)
			p.wrap(lead, "      ", e.Reason)
		}
	}
	for _, part := range []struct {
		title    string
		findings []Finding
	}{{"New findings", d.NewFindings}, {"Findings that are gone", d.GoneFindings}} {
		if len(part.findings) == 0 {
			continue
		}
		p.line("")
		p.line("%s", p.paint(bold, part.title))
		for _, f := range part.findings {
			p.wrap("  "+p.paint(severityColor(f.Severity), fmt.Sprintf("%-7s", f.Severity))+"  "+f.ID+"  ", "           ", f.Message)
		}
	}
	return p.err
}
