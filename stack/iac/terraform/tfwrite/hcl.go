package tfwrite

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// hclWriter writes source; hclwrite aligns it at the end.
type hclWriter struct{ bytes.Buffer }

func renderHCL(d *document) []byte {
	w := &hclWriter{}
	fmt.Fprintf(w, "terraform {\nrequired_providers {\naws = {\nsource = \"hashicorp/aws\"\nversion = \">= 5.0\"\n}\n}\n}\n\nprovider \"aws\" {\nregion = %q\n}\n", d.region)
	for _, v := range d.variables {
		fmt.Fprintf(w, "\nvariable %q {\ntype = %s\n", v.name, v.typ)
		if v.value != nil {
			fmt.Fprintf(w, "default = %s\n", quote(v.value))
		}
		if v.sensitive {
			w.WriteString("sensitive = true\n")
		}
		w.WriteString("}\n")
	}
	for _, r := range d.resources {
		w.resource(r)
	}
	return hclwrite.Format(w.Bytes())
}

func (w *hclWriter) resource(r *resource) {
	w.WriteString("\n")
	for _, c := range r.comments {
		fmt.Fprintf(w, "# %s\n", c)
	}
	fmt.Fprintf(w, "resource %q %q {\n", r.typ, r.name)
	if r.count != "" {
		fmt.Fprintf(w, "count = var.%s ? 1 : 0\n", r.count)
	}
	w.body(r.attrs)
	if len(r.dependsOn) > 0 {
		var names []string
		for _, other := range r.dependsOn {
			names = append(names, other.address())
		}
		fmt.Fprintf(w, "\ndepends_on = [%s]\n", strings.Join(names, ", "))
	}
	w.WriteString("}\n")
}

func (w *hclWriter) body(attrs []attr) {
	for _, a := range attrs {
		if a.value.kind != blocks && a.value.kind != attributeBlocks {
			fmt.Fprintf(w, "%s = %s\n", a.name, source(a.value))
		}
	}
	for _, a := range attrs {
		for _, body := range a.value.bodies {
			fmt.Fprintf(w, "\n%s {\n", a.name)
			w.body(body)
			w.WriteString("}\n")
		}
	}
}

// source spells an expression.
func source(e expr) string {
	switch e.kind {
	case refer:
		return e.target.reference() + "." + e.attribute
	case input:
		return "var." + e.attribute
	case template:
		var b strings.Builder
		for _, p := range e.items {
			if p.kind == constant {
				q := quote(p.value)
				b.WriteString(q[1 : len(q)-1])
				continue
			}
			b.WriteString("${" + source(p) + "}")
		}
		return `"` + b.String() + `"`
	case tuple:
		items := make([]string, len(e.items))
		for i, item := range e.items {
			items[i] = source(item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case mapping:
		var b strings.Builder
		b.WriteString("{\n")
		for _, f := range e.fields {
			fmt.Fprintf(&b, "%s = %s\n", key(f.name), source(f.value))
		}
		return b.String() + "}"
	case encoded:
		return "jsonencode(" + source(e.items[0]) + ")"
	}
	return quote(e.value)
}

// key spells the key of a mapping.
func key(name string) string {
	if hclsyntax.ValidIdentifier(name) {
		return name
	}
	return quote(name)
}

// quote spells a constant; ${ and %{ begin templates in HCL and are doubled.
func quote(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return `""` // constants are strings, numbers and truth values
	}
	s := strings.TrimSpace(b.String())
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(s)
}
