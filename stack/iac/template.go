package iac

import (
	"strings"

	"github.com/thawdev/thaw/stack"
)

// template is a parsed template together with what evaluating it needs.
type template struct {
	root    *node
	dir     string // absolute folder of the file
	opts    Options
	report  *problems
	sam     bool // the template names the SAM transform
	globals *node

	parameters map[string]*parameter
	conditions map[string]*condition
	resources  map[string]*resource
	order      []*resource
	database   *stack.Database

	deciding bool            // working out the Conditions section, which cannot name resources
	working  map[string]bool // attributes being looked up, against circles
	work     int             // what evaluation has cost so far; see spend
}

// resource is one entry of the Resources section.
type resource struct {
	id         string
	typ        string
	position   // of the logical id
	properties *node
	metadata   *node
	condition  string // name, or ""
	dependsOn  []string
	ignored    []stack.Ignore
}

// Transforms that need no macro to be understood here: SAM is read directly,
// the others add resources that no part of Thaw looks at.
const (
	samTransform      = "AWS::Serverless-2016-10-31"
	languageTransform = "AWS::LanguageExtensions"
)

func newTemplate(root *node, dir string, opts Options, report *problems) *template {
	t := &template{
		root: root, dir: dir, opts: opts, report: report,
		parameters: map[string]*parameter{},
		conditions: map[string]*condition{},
		resources:  map[string]*resource{},
		working:    map[string]bool{},
	}
	t.readTransforms()
	t.database = t.readDatabase()
	t.readParameters()
	t.readConditions()
	t.readResources()
	t.decideAll()
	return t
}

func (t *template) readTransforms() {
	n := t.root.get("Transform")
	if n == nil {
		return
	}
	all := []*node{n}
	if n.kind == list {
		all = n.items
	}
	for _, item := range all {
		switch {
		case item.kind == scalar && item.text == samTransform:
			t.sam = true
			t.globals = t.root.get("Globals").get("Function")
		case item.kind == scalar && (item.text == languageTransform ||
			strings.HasPrefix(item.text, "AWS::SecretsManager-") || item.text == "AWS::CodeDeployBlueGreen"):
		default:
			name := item.text
			if item.kind != scalar {
				name = "Fn::Transform"
			}
			t.report.add(item.position, "Transform", "%s is not supported, because macros run in AWS; "+
				"give the processed template (aws cloudformation get-template --template-stage Processed)", name)
		}
	}
}

func (t *template) readResources() {
	for _, f := range t.root.get("Resources").fields {
		if strings.HasPrefix(f.key, "Fn::") {
			t.report.add(f.position, "Resources", "%s is not supported; write its resources out, or give the processed template "+
				"(aws cloudformation get-template --template-stage Processed)", f.key)
			continue
		}
		typ := f.value.get("Type")
		if typ == nil || typ.kind != scalar || typ.text == "" {
			t.report.add(f.position, f.key, "the resource has no Type")
			continue
		}
		r := &resource{id: f.key, typ: typ.text, position: f.position,
			properties: f.value.get("Properties"), metadata: f.value.get("Metadata")}
		if c := f.value.get("Condition"); c != nil {
			r.condition = c.text
			if t.conditions[c.text] == nil {
				t.report.add(c.position, f.key, "there is no condition %q%s", c.text, nearest(c.text, t.root.get("Conditions").keys()))
				r.condition = ""
			}
		}
		if n := f.value.get("DependsOn"); n != nil {
			items := []*node{n}
			if n.kind == list {
				items = n.items
			}
			for _, item := range items {
				r.dependsOn = append(r.dependsOn, item.text)
			}
		}
		t.resources[f.key] = r
		t.order = append(t.order, r)
	}
}

// exists tells whether a resource is created, in three values.
func (t *template) exists(r *resource) truth {
	if r.condition == "" {
		return truth{yes, ""}
	}
	return t.condition(r.condition)
}

// names lists what a Ref may name, for suggestions.
func (t *template) names() []string {
	var all []string
	for _, r := range t.order {
		all = append(all, r.id)
	}
	return append(all, t.root.get("Parameters").keys()...)
}

// maxWork bounds evaluation. A node costs one unit and so do every eight bytes
// of text that are read or made; an honest template of 1 MB needs some 300,000.
const (
	maxWork      = 2_000_000
	bytesPerUnit = 8
)

// spend charges the budget and reports whether there is any left.
func (t *template) spend(at position, cost int) bool {
	if t.work > maxWork {
		return false
	}
	t.work += cost
	if t.work > maxWork {
		t.report.add(at, "", "evaluating the template takes too long; it expands into far more than it holds")
		return false
	}
	return true
}

// nearest returns `; did you mean "X"?` for the candidate most like name, or
// "" if none is alike.
func nearest(name string, candidates []string) string {
	best, bestDistance := "", max(2, len(name)/3)+1
	for _, c := range candidates {
		if d := distance(strings.ToLower(name), strings.ToLower(c), bestDistance); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	if best == "" {
		return ""
	}
	return `; did you mean "` + best + `"?`
}

// distance is the number of letters to insert, remove or replace to make b of
// a (Levenshtein), or limit if it is not below limit.
func distance(a, b string, limit int) int {
	const longest = 128 // names are shorter; keeps the table small
	if max(len(a), len(b)) > longest || max(len(a)-len(b), len(b)-len(a)) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return min(row[len(b)], limit)
}
