package terraform

import (
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// fitting gives the values that an expression refers to the shape that the plan
// shows. A plan does not say which place refers to what:
//
//   - One thing that is referred to is in each place, or the place would be known.
//   - A list of as many places as there are things holds them all: no API takes an
//     id twice, and nobody writes one twice. If an index or a condition takes part,
//     it may come out twice all the same, so that is left open.
//   - Any other place holds one or some of them, and it is not known which.
type fitting struct {
	m      *module // where the expression stands
	open   []value // what is referred to and not known before apply
	names  string  // of all references, for people
	keyed  bool    // count.index or each.key is one of them
	chosen bool    // something known is one of them, which may choose
	either bool    // it may choose between several references
	beside bool    // something known is one of them that may be an item of the list
	within string  // the argument inside a block or an object that is filled, or ""
}

// take adds what is referred to. If it is a guess, what chose there may choose
// here too.
func (f *fitting) take(v value) {
	f.open = append(f.open, v)
	if g := v.guess; g != nil {
		f.chosen, f.either = f.chosen || g.chosen, f.either || g.either
	}
}

func (f fitting) guess() *guess {
	return &guess{why: f.why(), chosen: f.chosen || f.keyed, either: f.either}
}

func (f fitting) why() string {
	return "an expression that refers to " + f.names + ", of which a plan does not say more; " + f.m.advice()
}

func (f fitting) fit(shape value) value {
	all := identities(f.open)
	if shape.kind == list && len(all) == len(shape.items) && places(shape) == len(all) && !f.keyed && !f.chosen && !slices.ContainsFunc(shape.items, isNested) {
		out := value{kind: list, guess: f.guess()} // the order is not known
		for _, v := range all {
			out.items = append(out.items, f.single(v, false))
		}
		return out
	}
	return f.fill(shape, places(shape) > 1, false)
}

// fill fills each place of a shape; many says that there are several, item that
// this one is an item of a list.
func (f fitting) fill(shape value, many, item bool) value {
	out := value{kind: shape.kind}
	switch shape.kind {
	case object:
		for i, key := range shape.keys {
			if leadsToTrue(shape.items[i]) {
				out.set(key, f.suiting(key).fill(shape.items[i], many, item))
			}
		}
		return out
	case list:
		for _, x := range shape.items {
			out.items = append(out.items, f.fill(x, many, true))
		}
		return out
	}
	all := identities(f.open)
	switch {
	case len(all) == 1:
		return f.single(all[0], !item)
	case len(all) == 0 || many || item || f.keyed:
		return f.mention(all)
	}
	g := f.guess()
	g.some, g.whole, g.known = true, true, f.beside
	return value{kind: list, items: all, guess: g}
}

// suiting leaves out what an argument cannot hold.
func (f fitting) suiting(argument string) fitting {
	f.within += "." + argument
	f.open = slices.DeleteFunc(slices.Clone(f.open), func(v value) bool { return !suits(argument, v) })
	return f
}

// single is the one thing that a place mentions.
func (f fitting) single(v value, whole bool) value {
	v.guess = f.guess()
	v.guess.whole, v.guess.known = whole, whole && f.beside
	return v
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
// function is known to use a cache though it is not known in which variable. The
// instances of a block share it, for there may be thousands of both.
func (f fitting) mention(all []value) value {
	if strings.Contains(f.names, "each.value") {
		return f.mentioned(all)
	}
	return f.m.once("mention "+f.names+f.within, func() value { return f.mentioned(all) })
}

func (f fitting) mentioned(all []value) value {
	text := mentionOf(f.why(), f.open...)
	if len(text) == 1 {
		return unknownValue(f.why())
	}
	g := f.guess()
	if of := f.open[0].guess; f.keyed && !f.chosen && len(f.open) == 1 && (of == nil || !of.some) {
		g.each = all
	}
	return value{kind: str, text: text, guess: g}
}

// mentionOf returns an unknown text that mentions what values refer to.
func mentionOf(why string, all ...value) stack.Text {
	text := stack.Text{{Unknown: why}}
	seen := map[stack.Part]bool{}
	for _, v := range flat(all) {
		parts := v.text
		if v.kind == resource {
			parts = stack.Text{{Resource: v.inst.address}}
		}
		for _, p := range parts {
			if p.Resource != "" && !seen[p] {
				seen[p] = true
				text = append(text, p)
			}
		}
	}
	return text
}

// flat returns the values that lists and objects hold; of one that may hold more,
// also that this is unknown.
func flat(all []value) []value {
	var out []value
	for _, v := range all {
		if v.kind == list || v.kind == object {
			out = append(out, flat(v.items)...)
			if v.why != "" {
				out = append(out, unknownValue(v.why))
			}
			continue
		}
		out = append(out, v)
	}
	return out
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

// identities flattens values into single resources and references, each of them
// once, or returns nil if one of them is something else.
func identities(open []value) []value {
	var all []value
	seen := map[stack.Part]bool{}
	for _, v := range flat(open) {
		var p stack.Part
		switch {
		case v.kind == resource:
			p.Resource = v.inst.address
		case v.kind == str && len(v.text) == 1 && v.text[0].Resource != "":
			p = v.text[0]
		default:
			return nil
		}
		if !seen[p] {
			seen[p] = true
			all = append(all, v)
		}
	}
	return all
}
