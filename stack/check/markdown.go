package check

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/thawdev/thaw/stack"
	"github.com/thawdev/thaw/stack/reach"
)

// WriteMarkdown writes the report for a comment at a pull request.
func (r *Report) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	mark := "✅"
	switch {
	case r.Summary.Errors > 0:
		mark = "❌"
	case r.Summary.Warnings > 0:
		mark = "⚠️"
	}
	fmt.Fprintf(&b, "### %s thaw check: %s\n\n%s\n", mark, escapeMarkdown(r.headline()), strings.Join(r.counts(), " · "))
	if len(r.Paths) > 0 {
		b.WriteString("\n| function | cache | port | path | decided by |\n|---|---|---|---|---|\n")
		for _, p := range r.Paths[:min(len(r.Paths), mostPaths)] {
			f := p.Deciding()
			why := ""
			if p.Verdict != reach.Open {
				why = f.Reason
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", code(p.From), code(p.To), portLabel(p), verdictMark(p.Verdict), cell(why))
		}
	}
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "\n<details><summary>%s <b>%s</b> %s</summary>\n\n", severityMark(f.Severity), f.ID, escapeHTML(f.Message))
		fmt.Fprintf(&b, "%s\n\n%s\n", code(f.Place()), escapeMarkdown(f.Why))
		if f.Fix != "" {
			fence := strings.Repeat("`", max(3, longestRun(f.Fix, '`')+1))
			fmt.Fprintf(&b, "\n%s%s\n%s\n%s\n", fence, fenceLanguage(r.Dialect, f.File), f.Fix, fence)
		}
		b.WriteString("\n</details>\n")
	}
	for _, g := range r.Gaps {
		fmt.Fprintf(&b, "\n> Not read: %s: %s\n", escapeMarkdown(g.What), escapeMarkdown(g.Why))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func verdictMark(v reach.Verdict) string {
	switch v {
	case reach.Open:
		return "✅ open"
	case reach.Closed:
		return "❌ closed"
	}
	return "❔ unknown"
}

func severityMark(s Severity) string {
	switch s {
	case Error:
		return "❌"
	case Warning:
		return "⚠️"
	}
	return "ℹ️"
}

func fenceLanguage(d stack.Dialect, file string) string {
	switch {
	case d == stack.Terraform:
		return "hcl"
	case d == stack.Live:
		return "sh"
	case strings.HasSuffix(file, ".json"):
		return "json"
	}
	return "yaml"
}

// code writes a text as inline code.
func code(s string) string {
	s = strings.NewReplacer("|", "\\|", "\n", " ").Replace(s)
	fence := strings.Repeat("`", longestRun(s, '`')+1)
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		s = " " + s + " "
	}
	return fence + cmp.Or(s, " ") + fence
}

// cell writes a sentence into a table.
func cell(s string) string { return strings.ReplaceAll(escapeMarkdown(s), "|", "\\|") }

func escapeMarkdown(s string) string {
	return strings.NewReplacer("\\", "\\\\", "*", "\\*", "_", "\\_", "`", "\\`", "[", "\\[", "]", "\\]", "<", "&lt;", ">", "&gt;", "\n", " ").Replace(s)
}

func escapeHTML(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "\n", " ").Replace(s)
}

// longestRun returns the length of the longest run of a byte.
func longestRun(s string, b byte) int {
	longest, n := 0, 0
	for i := range len(s) {
		if s[i] != b {
			n = 0
			continue
		}
		n++
		longest = max(longest, n)
	}
	return longest
}
