package iac

import (
	"strings"

	"github.com/thawdev/thaw/stack"
)

// readIgnores finds the decisions to live with a finding: comments
// "# thaw:ignore RULE reason" in a resource or directly above it, and
// Metadata.Thaw.Ignore of a resource, which JSON needs for want of comments.
func (t *template) readIgnores(data []byte) {
	for _, r := range t.order {
		t.metadataIgnores(r)
	}
	if !strings.Contains(string(data), ignoreWord) {
		return
	}
	lines := strings.Split(string(data), "\n")
	for n, line := range lines {
		rule, reason, ok := parseIgnore(line)
		if !ok {
			continue
		}
		if r := t.resourceAt(lines, n); r != nil {
			r.ignored = append(r.ignored, stack.Ignore{Rule: rule, Reason: reason, Origin: stack.Origin{File: t.report.file, Line: n + 1, Address: r.id}})
		}
	}
}

const ignoreWord = "thaw:ignore"

// parseIgnore reads a comment, which begins the line or follows a space.
func parseIgnore(line string) (rule, reason string, ok bool) {
	before, after, found := strings.Cut(line, "#")
	for found && before != "" && !strings.HasSuffix(before, " ") && !strings.HasSuffix(before, "\t") {
		before, after, found = strings.Cut(after, "#")
	}
	text, is := strings.CutPrefix(strings.TrimSpace(after), ignoreWord)
	rule, reason, _ = strings.Cut(strings.TrimSpace(text), " ")
	return rule, strings.TrimSpace(reason), found && is && rule != ""
}

// resourceAt returns the resource that a comment belongs to: the one that
// begins below it, with only comments between, or the one that it stands in.
func (t *template) resourceAt(lines []string, comment int) *resource {
	next := comment
	for next < len(lines) && strings.HasPrefix(strings.TrimSpace(lines[next]), "#") {
		next++
	}
	var inside *resource
	for _, r := range t.order {
		if r.line == next+1 {
			return r
		}
		if r.line <= comment+1 && (inside == nil || r.line > inside.line) {
			inside = r
		}
	}
	for _, f := range t.root.fields { // a section that begins after the resource ends it
		if inside != nil && f.line > inside.line && f.line <= comment+1 {
			return nil
		}
	}
	return inside
}

func (t *template) metadataIgnores(r *resource) {
	thaw := r.metadata.get("Thaw")
	if thaw == nil {
		return
	}
	path := r.id + ".Metadata.Thaw"
	t.onlyKeys(thaw, path, "Ignore")
	all := thaw.get("Ignore")
	if all == nil {
		return
	}
	items := all.items
	if all.kind == mapping {
		items = []*node{all}
	}
	for _, item := range items {
		t.onlyKeys(item, path+".Ignore", "Rule", "Reason")
		rule := item.get("Rule")
		if rule == nil || rule.text == "" {
			t.report.add(item.position, path+".Ignore", "needs Rule, the id of the rule to ignore")
			continue
		}
		reason := ""
		if n := item.get("Reason"); n != nil {
			reason = n.text
		}
		r.ignored = append(r.ignored, stack.Ignore{Rule: rule.text, Reason: reason, Origin: stack.Origin{File: t.report.file, Line: item.line, Address: r.id}})
	}
}
