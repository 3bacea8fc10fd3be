package check

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack/reach"
)

// TextOptions say how a report is laid out. The zero value is plain text, 100
// columns wide.
type TextOptions struct {
	Color bool
	Width int // columns; 0 is 100
}

// The colours of a terminal.
const (
	red    = "\x1b[31m"
	yellow = "\x1b[33m"
	green  = "\x1b[32m"
	blue   = "\x1b[34m"
	faint  = "\x1b[2m"
	bold   = "\x1b[1m"
	reset  = "\x1b[0m"
)

// printer writes text in columns.
type printer struct {
	w     io.Writer
	color bool
	width int
	err   error
}

func newPrinter(w io.Writer, opts TextOptions) *printer {
	if opts.Width <= 0 {
		opts.Width = 100
	}
	return &printer{w: w, color: opts.Color, width: min(max(opts.Width, 60), 120)}
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

// paint colours a text on a terminal.
func (p *printer) paint(color, s string) string {
	if !p.color || s == "" {
		return s
	}
	return color + s + reset
}

// wrap writes a text with a first indentation and one for the lines after it.
func (p *printer) wrap(first, rest, text string) {
	column, line := visible(first), first
	for word := range strings.FieldsSeq(text) {
		if column+1+visible(word) > p.width && strings.TrimSpace(line) != strings.TrimSpace(first) {
			p.line("%s", strings.TrimRight(line, " "))
			line, column = rest, visible(rest)
		}
		if line != first && line != rest {
			line += " "
			column++
		}
		line += word
		column += visible(word)
	}
	p.line("%s", strings.TrimRight(line, " "))
}

// visible counts the columns of a text, without colours.
func visible(s string) int {
	n, escape := 0, false
	for _, r := range s {
		switch {
		case r == '\x1b':
			escape = true
		case escape:
			escape = r != 'm'
		default:
			n++
		}
	}
	return n
}

func severityColor(s Severity) string {
	switch s {
	case Error:
		return red
	case Warning:
		return yellow
	}
	return blue
}

func verdictColor(v reach.Verdict) string {
	switch v {
	case reach.Open:
		return green
	case reach.Closed:
		return red
	}
	return yellow
}

// WriteText writes the report for people: what it amounts to, the paths, the
// findings.
func (r *Report) WriteText(w io.Writer, opts TextOptions) error {
	p := newPrinter(w, opts)
	p.line("%s", p.paint(bold, r.headline()))
	p.wrap("", "", strings.Join(r.counts(), " · "))
	if len(r.Paths) > 0 {
		p.line("")
		r.writePaths(p)
	}
	for _, f := range r.Findings {
		p.line("")
		writeFinding(p, f)
	}
	for _, gap := range r.Gaps {
		p.line("")
		p.wrap(p.paint(yellow, "not read ")+" ", "          ", gap.What+": "+gap.Why+".")
	}
	if len(r.Findings) > 0 {
		p.line("")
		p.wrap("", "", "thaw check --explain FUNCTION CACHE shows a path hop by hop; --fix FILE writes the fixes; docs/checks.md explains each rule.")
	}
	return p.err
}

// headline is the report in one sentence.
func (r *Report) headline() string {
	switch {
	case r.Summary.Functions == 0 || r.Summary.Caches == 0:
		return fmt.Sprintf("%s has %s and %s: there is no path to check.", r.Name, plural(r.Summary.Functions, "function", "functions"), plural(r.Summary.Caches, "cache", "caches"))
	case len(r.Paths) == 0:
		return fmt.Sprintf("%s: no function uses a cache, as far as this input shows.", r.Name)
	case r.Summary.Closed > 0:
		return fmt.Sprintf("%s: %s of %d closed.", r.Name, plural(r.Summary.Closed, "path", "paths"), len(r.Paths))
	case r.Summary.Unknown > 0:
		return fmt.Sprintf("%s: %s of %d cannot be proven.", r.Name, plural(r.Summary.Unknown, "path", "paths"), len(r.Paths))
	}
	return fmt.Sprintf("%s: every path is open, from every subnet and back.", r.Name)
}

// counts are the parts of the second line.
func (r *Report) counts() []string {
	s := r.Summary
	out := []string{plural(s.Functions, "function", "functions"), plural(s.Caches, "cache", "caches"),
		plural(s.Errors, "error", "errors"), plural(s.Warnings, "warning", "warnings"), plural(s.Infos, "note", "notes")}
	if s.Ignored > 0 {
		out = append(out, plural(s.Ignored, "finding ignored by a comment", "findings ignored by comments"))
	}
	if s.Disabled > 0 {
		out = append(out, plural(s.Disabled, "rule disabled", "rules disabled"))
	}
	if s.Unread > 0 {
		out = append(out, plural(s.Unread, "resource not looked at", "resources not looked at"))
	}
	return out
}

// mostPaths is how many paths the text lists; more are summed up.
const mostPaths = 40

func (r *Report) writePaths(p *printer) {
	from, to := 4, 2
	paths := slices.Clone(r.Paths)
	slices.SortStableFunc(paths, func(a, b Path) int { return worst(a.Verdict) - worst(b.Verdict) })
	shown := paths[:min(len(paths), mostPaths)]
	for _, path := range shown {
		from, to = max(from, min(len(path.From), 40)), max(to, min(len(path.To)+len(":65535"), 44))
	}
	for _, path := range shown {
		verdict := path.Verdict.String()
		why := ""
		if path.Verdict != reach.Open {
			why = path.Deciding().Reason
			if why == "" {
				why = path.Evidence
			}
		}
		lead := fmt.Sprintf("  %s %-*s → %-*s  ", p.paint(verdictColor(path.Verdict), fmt.Sprintf("%-7s", verdict)), from, path.From, to, path.To+":"+portLabel(path))
		if why == "" {
			p.line("%s", strings.TrimRight(lead, " "))
			continue
		}
		if visible(lead)+len(why) <= p.width {
			p.line("%s%s", lead, why)
			continue
		}
		p.line("%s", strings.TrimRight(lead, " "))
		p.wrap("          ", "          ", why)
	}
	if more := len(paths) - len(shown); more > 0 {
		p.line("  and %s more; --json lists them all", plural(more, "path", "paths"))
	}
}

// worst orders verdicts: closed, unknown, open.
func worst(v reach.Verdict) int {
	switch v {
	case reach.Closed:
		return 0
	case reach.Open:
		return 2
	}
	return 1
}

func portLabel(p Path) string {
	if n, ok := p.Port.Get(); ok {
		return itoa(n)
	}
	return "?"
}

func writeFinding(p *printer, f Finding) {
	p.wrap(p.paint(severityColor(f.Severity), fmt.Sprintf("%-7s", f.Severity))+"  "+p.paint(bold, f.ID)+"  ", "         ", f.Message)
	if place := f.Place(); place != "" {
		p.line("         %s", p.paint(faint, place))
	}
	p.wrap("         why: ", "         ", f.Why)
	if f.Fix == "" {
		return
	}
	if words := strings.ReplaceAll(f.Fix, "\n# ", " "); strings.HasPrefix(words, "# ") && !strings.Contains(words, "\n") {
		p.wrap("         fix: ", "         ", strings.TrimPrefix(words, "# "))
		return
	}
	p.line("         fix:")
	for line := range strings.SplitSeq(f.Fix, "\n") {
		p.line("         %s", strings.TrimRight("  "+line, " "))
	}
}

// Place says where the finding is: file and line, else the resource.
func (f Finding) Place() string {
	where := f.Resource
	if f.Address != "" {
		where = f.Address
	}
	switch {
	case f.File == "":
		return where
	case f.Line == 0:
		return f.File + " (" + where + ")"
	}
	return fmt.Sprintf("%s:%d (%s)", f.File, f.Line, where)
}
