package iac

import (
	"strconv"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// join works out Fn::Join. Items that are not known become parts of the text.
func (t *template) join(n, arg *node) value {
	args := t.arguments("Fn::Join", arg, 2, 2)
	if args == nil {
		return unknownValue("a call that is not valid")
	}
	delimiter, ok := t.eval(args[0]).known()
	if !ok {
		return t.misuse(n, "Fn::Join: the delimiter must be a literal string")
	}
	items := t.eval(args[1])
	if items.kind == unknown || items.kind == text {
		// A list that is not known has an unknown number of items.
		return unknownValue(items.orReason("Fn::Join of " + t.show(items)))
	}
	if items.kind != sequence {
		return t.misuse(n, "Fn::Join: the second argument must be a list")
	}
	var parts []stack.Text
	cost := 0
	for i, item := range items.items {
		part, ok := item.asText()
		if !ok {
			return t.misuse(n, "Fn::Join: item %d is a list or a mapping", i)
		}
		if i > 0 {
			parts = append(parts, stack.Literal(delimiter))
		}
		parts = append(parts, part)
		cost += len(delimiter) + length(part)
	}
	if !t.spend(n.position, cost/bytesPerUnit) {
		return unknownValue("the template is too large to evaluate")
	}
	return value{kind: text, text: concat(parts...)}
}

// orReason returns what v depends on, or fallback for what is known.
func (v value) orReason(fallback string) string {
	if why := v.reason(); why != "" {
		return why
	}
	return fallback
}

// selectItem works out Fn::Select.
func (t *template) selectItem(n, arg *node) value {
	args := t.arguments("Fn::Select", arg, 2, 2)
	if args == nil {
		return unknownValue("a call that is not valid")
	}
	at, items := t.eval(args[0]), t.eval(args[1])
	index, ok := at.known()
	if !ok {
		return unknownValue("Fn::Select by " + at.orReason("a list"))
	}
	i, err := strconv.Atoi(index)
	if err != nil || i < 0 {
		return t.misuse(n, "Fn::Select: the index %q is not a number from 0 up", index)
	}
	switch {
	case items.kind == sequence && i < len(items.items):
		return items.items[i]
	case items.kind == sequence:
		return t.misuse(n, "Fn::Select: index %d is out of range; the list has %d items", i, len(items.items))
	case items.reason() != "":
		return unknownValue("item " + index + " of " + items.reason())
	}
	return t.misuse(n, "Fn::Select: the second argument must be a list")
}

// split works out Fn::Split of a text that is known in full.
func (t *template) split(n, arg *node) value {
	args := t.arguments("Fn::Split", arg, 2, 2)
	if args == nil {
		return unknownValue("a call that is not valid")
	}
	delimiter, ok := t.eval(args[0]).known()
	if !ok || delimiter == "" {
		return t.misuse(n, "Fn::Split: the delimiter must be a literal string that is not empty")
	}
	v := t.eval(args[1])
	s, ok := v.known()
	if !ok {
		return unknownValue("Fn::Split of " + v.orReason("a list or mapping"))
	}
	if !t.spend(n.position, len(s)/bytesPerUnit+strings.Count(s, delimiter)) {
		return unknownValue("the template is too large to evaluate")
	}
	out := value{kind: sequence}
	for piece := range strings.SplitSeq(s, delimiter) {
		item := derived(v.text, piece)
		item.at = n.position
		out.items = append(out.items, item)
	}
	return out
}

// findInMap works out Fn::FindInMap, with the DefaultValue of language
// extensions.
func (t *template) findInMap(n, arg *node) value {
	args := t.arguments("Fn::FindInMap", arg, 3, 4)
	if args == nil {
		return unknownValue("a call that is not valid")
	}
	where := t.root.get("Mappings")
	path := "Mappings"
	for _, a := range args[:3] {
		v := t.eval(a)
		key, ok := v.known()
		if !ok {
			return unknownValue("Fn::FindInMap by " + v.orReason("a list"))
		}
		next := where.get(key)
		if next == nil {
			if len(args) == 4 && args[3].get("DefaultValue") != nil {
				return t.eval(args[3].get("DefaultValue"))
			}
			return t.misuse(n, "Fn::FindInMap: %s has no key %q%s", path, key, nearest(key, where.keys()))
		}
		where, path = next, path+"."+key
	}
	return t.eval(where)
}

// choose works out Fn::If. Under a condition that is not decided, the result
// is unknown unless both branches agree.
func (t *template) choose(n, arg *node) value {
	args := t.arguments("Fn::If", arg, 3, 3)
	if args == nil {
		return unknownValue("a call that is not valid")
	}
	name := args[0].text
	if t.conditions[name] == nil {
		return t.misuse(n, "Fn::If: there is no condition %q%s", name, nearest(name, t.root.get("Conditions").keys()))
	}
	switch c := t.condition(name); c.verdict {
	case yes:
		return t.eval(args[1])
	case no:
		return t.eval(args[2])
	default:
		then, otherwise := t.eval(args[1]), t.eval(args[2])
		a, okA := then.known()
		b, okB := otherwise.known()
		if okA && okB && a == b {
			return then
		}
		v := unknownValue(c.why)
		v.either = []value{then, otherwise}
		return v
	}
}
