package terraform

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/thawdev/thaw/stack"
)

// function works out a call. Functions on lists and objects are worked out here
// because their arguments may be known in part; those on plain values are
// Terraform's own library, see library.
func (e *engine) function(x *hclsyntax.FunctionCallExpr, sc scope) value {
	switch x.Name {
	case "try", "can":
		return e.try(x, sc)
	}
	var args []value
	for i, a := range x.Args {
		v := e.eval(a, sc)
		if x.ExpandFinal && i == len(x.Args)-1 {
			if v.kind != list {
				return unknownValue(orElse(v.reason(), "the arguments of "+x.Name))
			}
			args = append(args, v.items...)
			continue
		}
		args = append(args, v)
	}
	work := 1
	for _, a := range args {
		work += len(a.items) + len(a.lit)/8
	}
	if !e.spend(work) {
		return unknownValue("the configuration is too large to evaluate; give the plan")
	}
	if v, ok := e.structural(x.Name, args); ok {
		return v
	}
	return library(x.Name, args)
}

// try returns its first argument that Terraform would not refuse.
func (e *engine) try(x *hclsyntax.FunctionCallExpr, sc scope) value {
	for _, a := range x.Args {
		v := e.eval(a, sc)
		if x.Name == "can" {
			if v.kind == unknown && !v.failed {
				return v
			}
			return truth(!v.failed)
		}
		if !v.failed {
			return v
		}
	}
	return failure("no argument of try can be evaluated")
}

// structural works out the functions that look at the shape of their arguments
// more than at their values. ok is false for a name that is not one of them.
func (e *engine) structural(name string, args []value) (v value, ok bool) {
	one := value{}
	if len(args) > 0 {
		one = args[0]
	}
	switch name {
	case "concat":
		return e.concat(args), true
	case "flatten":
		return flatten(args), true
	case "tolist":
		return asList(one), true
	case "toset", "distinct", "setunion":
		return e.distinct(args, name != "distinct"), true
	case "compact":
		return filter(one, func(item value) bool { s, ok := item.scalar(); return item.kind != null && (!ok || s != "") }), true
	case "tomap", "tonumber", "tobool", "nonsensitive", "ephemeralasnull", "provider::terraform::decode_tfvars":
		return one, true
	case "tostring":
		if t, ok := one.asText(); ok && one.kind != null {
			return textValue(t), true
		}
		return one, true
	case "sensitive":
		return one.secret(), true
	case "length":
		return length(one), true
	case "merge":
		return e.merge(args), true
	case "keys", "values":
		return fields(name, one), true
	case "lookup":
		return lookup(args), true
	case "element", "one":
		return e.pick(name, args), true
	case "coalesce", "coalescelist":
		return coalesce(args), true
	case "zipmap":
		return zipmap(args), true
	case "range":
		return numbers(args), true
	case "slice":
		if len(args) == 3 {
			return sliceOf(one, args[1], args[2]), true
		}
	case "reverse":
		if one.kind == list && one.why == "" {
			items := slices.Clone(one.items)
			slices.Reverse(items)
			return value{kind: list, items: items}, true
		}
	case "contains":
		return contains(args), true
	case "join":
		if len(args) == 2 {
			sep, known := one.scalar()
			if !known {
				return unknownValue(orElse(one.reason(), "join")), true
			}
			return e.joined(args[1], sep), true
		}
	case "format":
		return e.format(args), true
	case "jsonencode":
		return e.encode(one), true
	case "cidrsubnet", "cidrsubnets", "cidrhost", "cidrnetmask":
		return cidrFunction(name, args), true
	}
	return value{}, false
}

func (e *engine) joined(v value, separator string) value {
	if v.kind != list || v.why != "" {
		return unknownValue(orElse(v.reason(), orElse(v.why, "what join joins")))
	}
	var texts []stack.Text
	for i, item := range v.items {
		if i > 0 {
			texts = append(texts, stack.Literal(separator))
		}
		t, ok := item.asText()
		if !ok {
			return unknownValue("join of lists or objects")
		}
		texts = append(texts, t)
		if !e.spend(1 + size(t)/8) {
			return unknownValue("the configuration is too large to evaluate; give the plan")
		}
	}
	return textValue(concat(texts...))
}

// format works out format with texts that may be known in part. It takes %s,
// %d, %v and %%; a call with other verbs and known arguments is the library's.
func (e *engine) format(args []value) value {
	if len(args) == 0 {
		return failure("format needs a format")
	}
	all := true
	for _, a := range args {
		all = all && a.literalOnly()
	}
	pattern, ok := args[0].scalar()
	if all || !ok {
		return library("format", args)
	}
	var texts []stack.Text
	next := 1
	for {
		before, after, found := strings.Cut(pattern, "%")
		texts = append(texts, stack.Literal(before))
		if !found {
			return textValue(concat(texts...))
		}
		if after == "" || !strings.Contains("sdv%", after[:1]) || after[0] != '%' && next >= len(args) {
			return unknownValue("a format that is not supported")
		}
		t := stack.Literal("%")
		if after[0] != '%' {
			if t, ok = args[next].asText(); !ok {
				return unknownValue("format of a list or an object")
			}
			next++
		}
		texts = append(texts, t)
		pattern = after[1:]
	}
}
