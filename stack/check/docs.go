package check

import (
	"fmt"
	"strings"
)

// Documentation writes docs/checks.md: every rule with its reason, its figures
// and where they come from.
func Documentation() []byte {
	var b strings.Builder
	b.WriteString("# The rules of `thaw check`\n\n<!-- Written by go generate ./stack/check from the rules themselves; do not edit. -->\n\n")
	fmt.Fprintf(&b, "%d rules. An ID never changes its meaning. A rule is silent where the input does not tell; [check.md](check.md) says how to run them, how to disable one, and what is not covered.\n", len(Rules()))
	for _, g := range Groups() {
		fmt.Fprintf(&b, "\n| %s | | |\n|---|---|---|\n", g.Title)
		for _, r := range Rules() {
			if r.group() == g.Letter {
				fmt.Fprintf(&b, "| [%s](#%s) | %s | %s |\n", r.ID, strings.ToLower(r.ID), r.Severity, r.Doc.Title)
			}
		}
	}
	for _, g := range Groups() {
		fmt.Fprintf(&b, "\n## %s\n", g.Title)
		for _, r := range Rules() {
			if r.group() != g.Letter {
				continue
			}
			fmt.Fprintf(&b, "\n### %s\n\n**%s.** %s, `%s`.\n\n%s\n\nFix: %s\n", r.ID, r.Doc.Title, r.Severity, r.Name, r.Doc.Why, r.Doc.Fix)
			if r.Doc.Unseen != "" {
				fmt.Fprintf(&b, "\nNot seen: %s\n", r.Doc.Unseen)
			}
			fmt.Fprintf(&b, "\nSources: %s.\n", strings.Join(r.Doc.Sources, "; "))
		}
	}
	return []byte(b.String())
}
