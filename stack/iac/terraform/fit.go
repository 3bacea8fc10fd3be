package terraform

import (
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// fit gives the values that an expression refers to the shape that the plan
// shows. A plan does not say which place refers to what: if one thing is
// referred to, each place does; if several are, one place holds them all in
// their order, and of several places none is known.
func fit(open []value, shape value, names string) value {
	all := identities(open)
	if shape.kind == list && len(all) == len(shape.items) && !slices.ContainsFunc(shape.items, isNested) {
		return value{kind: list, items: all}
	}
	return fill(open, all, shape, places(shape) > 1, "an expression that refers to "+names)
}

func fill(open, all []value, shape value, many bool, why string) value {
	out := value{kind: shape.kind}
	switch shape.kind {
	case object:
		for i, key := range shape.keys {
			if leadsToTrue(shape.items[i]) {
				fits := slices.DeleteFunc(slices.Clone(open), func(v value) bool { return !suits(key, v) })
				out.set(key, fill(fits, identities(fits), shape.items[i], many, why))
			}
		}
		return out
	case list:
		for _, item := range shape.items {
			out.items = append(out.items, fill(open, all, item, true, why))
		}
		return out
	}
	switch {
	case len(open) == 1 && (!many || len(all) == 1 && open[0].kind != list):
		return open[0]
	case len(all) == 1:
		return all[0]
	case len(all) > 1 && !many:
		return value{kind: list, items: all}
	}
	return mention(open, why)
}

// suits reports whether an argument can hold what v refers to, judged by the
// kinds of ids that are never mixed up. It tells the groups of a rule from its
// prefix lists, which a plan lists together.
func suits(argument string, v value) bool {
	address, attribute := "", "id"
	if v.kind == resource {
		address = v.inst.address
	} else if p, ok := computedPath(v); ok {
		address, attribute = p.Resource, p.Attribute
	}
	parts := splitAddress(address)
	if len(parts) < 2 || attribute != "id" {
		return true
	}
	holds := ""
	switch parts[len(parts)-2] {
	case "aws_security_group", "aws_default_security_group":
		holds = "security_group"
	case "aws_ec2_managed_prefix_list":
		holds = "prefix_list"
	case "aws_subnet":
		holds = "subnet"
	case "aws_vpc":
		holds = "vpc"
	default:
		return true
	}
	for _, kind := range []string{"security_group", "prefix_list", "subnet", "cidr"} {
		if strings.Contains(argument, kind) {
			return kind == holds
		}
	}
	return true
}

// mention is an unknown text that still says what it may refer to, so that a
// function is known to use a cache though it is not known in which variable.
func mention(open []value, why string) value {
	text := stack.Text{{Unknown: why}}
	for _, v := range open {
		switch {
		case v.kind == resource:
			text = append(text, stack.Part{Resource: v.inst.address})
		case v.kind == str:
			for _, p := range v.text {
				if p.Resource != "" {
					text = append(text, p)
				}
			}
		}
	}
	if len(text) == 1 {
		return unknownValue(why)
	}
	return value{kind: str, text: text}
}

// places counts the places that are not known.
func places(shape value) int {
	if is, _ := shape.isTrue(); is {
		return 1
	}
	n := 0
	for _, item := range shape.items {
		n += places(item)
	}
	return n
}

func isNested(shape value) bool { return shape.kind == list || shape.kind == object }

func leadsToTrue(shape value) bool { return places(shape) > 0 }

// identities flattens values into single resources and references, or returns
// nil if one of them is something else.
func identities(open []value) []value {
	var all []value
	for _, v := range open {
		switch {
		case v.kind == list || v.kind == object:
			if v.why != "" {
				return nil
			}
			inner := identities(v.items)
			if inner == nil && len(v.items) > 0 {
				return nil
			}
			all = append(all, inner...)
		case v.kind == resource, v.kind == str && len(v.text) == 1 && v.text[0].Resource != "":
			all = append(all, v)
		default:
			return nil
		}
	}
	return all
}
