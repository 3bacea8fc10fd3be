package tfwrite

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// object is a JSON object.
type object = map[string]any

func renderPlan(d *document) []byte {
	sorted := slices.SortedStableFunc(slices.Values(d.resources), func(a, b *resource) int {
		return cmp.Compare(a.address(), b.address())
	})
	var planned, changes, configured []any
	for _, r := range sorted {
		after := object{}
		unknown := object{}
		sensitive := object{}
		expressions := object{}
		for _, a := range r.attrs {
			if v, ok := known(a.value); ok {
				after[a.name] = v
			}
			if m := mask(a.value, func(e expr) bool { return isUnknown(e) }); m != nil {
				unknown[a.name] = m
			}
			if m := mask(a.value, func(e expr) bool { return e.sensitive }); m != nil {
				sensitive[a.name] = m
			}
			expressions[a.name] = configuration(a.value)
		}
		for _, name := range r.computed {
			unknown[name] = true
		}
		h := head{r.address(), "managed", r.typ, r.name}
		planned = append(planned, plannedResource{h, provider(r), 0, after, sensitive})
		changes = append(changes, resourceChange{h, provider(r), change{[]string{"create"}, nil, after, unknown, false, sensitive}})
		key := strings.TrimPrefix(provider(r), "registry.terraform.io/hashicorp/")
		configured = append(configured, configuredResource{h, key, expressions, 0, addresses(r.dependsOn)})
	}
	values, declared := object{}, object{}
	for _, v := range d.variables {
		values[v.name] = object{"value": v.value}
		declared[v.name] = object{"default": v.value, "sensitive": v.sensitive}
	}
	return encode(plan{
		Format: "1.2", Terraform: "1.11.4", Variables: values,
		Planned: object{"root_module": object{"resources": planned}},
		Changes: changes,
		Configuration: object{
			"provider_config": object{"aws": object{"name": "aws", "full_name": "registry.terraform.io/hashicorp/aws",
				"version_constraint": ">= 5.0.0", "expressions": object{"region": object{"constant_value": d.region}}}},
			"root_module": object{"resources": configured, "variables": declared},
		},
		Timestamp: "2026-01-01T00:00:00Z", Applyable: true, Complete: true,
	})
}

// The types below keep the order in which Terraform writes: readers that look
// at the beginning of a file find the versions there.

type plan struct {
	Format        string `json:"format_version"`
	Terraform     string `json:"terraform_version"`
	Variables     object `json:"variables,omitempty"`
	Planned       object `json:"planned_values"`
	Changes       []any  `json:"resource_changes"`
	Configuration object `json:"configuration"`
	Timestamp     string `json:"timestamp"`
	Applyable     bool   `json:"applyable"`
	Complete      bool   `json:"complete"`
	Errored       bool   `json:"errored"`
}

type head struct {
	Address string `json:"address"`
	Mode    string `json:"mode"`
	Type    string `json:"type"`
	Name    string `json:"name"`
}

type plannedResource struct {
	head
	Provider  string `json:"provider_name"`
	Schema    int    `json:"schema_version"`
	Values    object `json:"values"`
	Sensitive object `json:"sensitive_values"`
}

type resourceChange struct {
	head
	Provider string `json:"provider_name"`
	Change   change `json:"change"`
}

type change struct {
	Actions         []string `json:"actions"`
	Before          any      `json:"before"`
	After           object   `json:"after"`
	Unknown         object   `json:"after_unknown"`
	BeforeSensitive bool     `json:"before_sensitive"`
	AfterSensitive  object   `json:"after_sensitive"`
}

type configuredResource struct {
	head
	Provider    string   `json:"provider_config_key"`
	Expressions object   `json:"expressions"`
	Schema      int      `json:"schema_version"`
	DependsOn   []string `json:"depends_on,omitempty"`
}

func addresses(all []*resource) []string {
	var out []string
	for _, r := range all {
		out = append(out, r.address())
	}
	return out
}

func provider(r *resource) string {
	if r.typ == "terraform_data" {
		return "terraform.io/builtin/terraform"
	}
	return "registry.terraform.io/hashicorp/aws"
}

func encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		panic("tfwrite: " + err.Error()) // only strings, numbers, truth values, maps and lists of them
	}
	return b.Bytes()
}

// isUnknown reports whether an expression as a whole is known only after apply.
func isUnknown(e expr) bool {
	switch e.kind {
	case refer:
		_, ok := stated(e)
		return !ok
	case template, encoded:
		return slices.ContainsFunc(e.items, contains)
	}
	return false
}

// stated returns the constant that the target of a reference states for the
// attribute. Terraform knows that before apply.
func stated(e expr) (any, bool) {
	for _, a := range e.target.attrs {
		if a.name == e.attribute && a.value.kind == constant {
			return a.value.value, true
		}
	}
	return nil, false
}

// contains reports whether any part of e is unknown.
func contains(e expr) bool {
	return isUnknown(e) || slices.ContainsFunc(e.items, contains) ||
		slices.ContainsFunc(e.fields, func(f attr) bool { return contains(f.value) })
}

// known returns what a plan shows of an expression. Unknown fields are left
// out; unknown items of a list are null, to keep their places.
func known(e expr) (any, bool) {
	if isUnknown(e) {
		return nil, false
	}
	switch e.kind {
	case refer:
		return stated(e)
	case template:
		var b strings.Builder
		for _, item := range e.items {
			v, _ := known(item)
			fmt.Fprint(&b, v)
		}
		return b.String(), true
	case encoded:
		v, _ := known(e.items[0])
		data, err := json.Marshal(v)
		return string(data), err == nil
	case tuple:
		items := []any{}
		for _, item := range e.items {
			v, _ := known(item)
			items = append(items, v)
		}
		return items, true
	case mapping:
		out := knownFields(e.fields)
		for k, v := range out { // of one type, and that is text
			if n, ok := v.(int); ok {
				out[k] = strconv.Itoa(n)
			}
		}
		return out, true
	case blocks, attributeBlocks:
		items := []any{}
		for _, body := range e.bodies {
			items = append(items, knownFields(body))
		}
		return items, true
	}
	return e.value, true
}

func knownFields(fields []attr) object {
	out := object{}
	for _, f := range fields {
		if v, ok := known(f.value); ok {
			out[f.name] = v
		}
	}
	return out
}

// mask marks the places of an expression for which is holds, in the form of
// after_unknown: true, or lists and objects that lead to a true. It returns nil
// for none.
func mask(e expr, is func(expr) bool) any {
	if is(e) {
		return true
	}
	switch e.kind {
	case tuple:
		items, any := []any{}, false
		for _, item := range e.items {
			m := mask(item, is)
			any = any || m != nil
			if m == nil {
				m = false
			}
			items = append(items, m)
		}
		if any {
			return items
		}
		return nil
	case mapping:
		if m := maskFields(e.fields, is); len(m) > 0 {
			return m
		}
	case blocks, attributeBlocks:
		items := []any{}
		for _, body := range e.bodies {
			items = append(items, maskFields(body, is))
		}
		return items
	case template, encoded:
		if slices.ContainsFunc(e.items, func(i expr) bool { return mask(i, is) != nil }) {
			return true
		}
	}
	return nil
}

func maskFields(fields []attr, is func(expr) bool) object {
	out := object{}
	for _, f := range fields {
		if m := mask(f.value, is); m != nil {
			out[f.name] = m
		}
	}
	return out
}

// configuration writes an expression as a plan describes the source: its value
// if it is constant, else what it refers to.
func configuration(e expr) any {
	if e.kind == blocks {
		items := []any{}
		for _, body := range e.bodies {
			fields := object{}
			for _, f := range body {
				fields[f.name] = configuration(f.value)
			}
			items = append(items, fields)
		}
		return items
	}
	if refs := references(e, nil); len(refs) > 0 {
		return object{"references": refs}
	}
	if e.kind == encoded {
		return object{} // a call is not constant, and it refers to nothing
	}
	v, _ := known(e)
	return object{"constant_value": v}
}

// references lists what an expression refers to, each with its prefixes:
// cache.endpoint[0].address, cache.endpoint[0], cache.endpoint, cache.
func references(e expr, refs []string) []string {
	add := func(s string) {
		if !slices.Contains(refs, s) {
			refs = append(refs, s)
		}
	}
	switch e.kind {
	case refer:
		path := e.target.address() + "." + e.attribute
		for path != e.target.address() {
			add(path)
			path = path[:strings.LastIndexAny(path, ".[")]
		}
		add(path)
	case input:
		add("var." + e.attribute)
	}
	for _, item := range e.items {
		refs = references(item, refs)
	}
	for _, f := range e.fields {
		refs = references(f.value, refs)
	}
	for _, body := range e.bodies {
		for _, f := range body {
			refs = references(f.value, refs)
		}
	}
	return refs
}
