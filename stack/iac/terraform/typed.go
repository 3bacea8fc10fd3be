package terraform

import (
	"slices"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// typed converts the value of a variable as its type says. The command line
// writes numbers and truth values as text, which compares with neither, and an
// object may leave out what is optional.
func (m *module) typed(v value, typ hclsyntax.Expression) value {
	switch x := typ.(type) {
	case *hclsyntax.ScopeTraversalExpr:
		return primitive(v, x.Traversal.RootName())
	case *hclsyntax.FunctionCallExpr:
		if len(x.Args) == 0 || v.kind != list && v.kind != object {
			return v
		}
		if fields, ok := x.Args[0].(*hclsyntax.ObjectConsExpr); ok && x.Name == "object" {
			return m.typedObject(v, fields)
		}
		if x.Name == "tuple" {
			return v
		}
		v.items = slices.Clone(v.items)
		for i := range v.items {
			v.items[i] = m.typed(v.items[i], x.Args[0])
		}
	}
	return v
}

// primitive converts a known text, number or truth value.
func primitive(v value, name string) value {
	to, ok := map[string]cty.Type{"string": cty.String, "number": cty.Number, "bool": cty.Bool}[name]
	if !ok || v.text != nil || v.kind != str && v.kind != number && v.kind != boolean {
		return v
	}
	out, err := convert.Convert(toCty(v), to)
	if err != nil {
		return v // Terraform will refuse it
	}
	converted := fromCty(out)
	converted.at = v.at
	return converted
}

func (m *module) typedObject(v value, fields *hclsyntax.ObjectConsExpr) value {
	if v.kind != object {
		return v
	}
	v.keys, v.items = slices.Clone(v.keys), slices.Clone(v.items)
	for _, item := range fields.Items {
		key, typ := m.e.eval(item.KeyExpr, scope{m: m}).lit, item.ValueExpr
		f, given := v.field(key)
		if call, ok := typ.(*hclsyntax.FunctionCallExpr); ok && call.Name == "optional" && len(call.Args) > 0 {
			typ = call.Args[0]
			if f.kind == null && len(call.Args) > 1 {
				f = m.e.eval(call.Args[1], scope{m: m})
			}
			given = given || v.why == ""
		}
		if given {
			v.set(key, m.typed(f, typ))
		}
	}
	return v
}
