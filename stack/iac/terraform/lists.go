package terraform

import (
	"slices"
	"strconv"
	"strings"
)

// asList turns an object into its values, as a conversion to a list or set of
// resources does not exist but appears after toset of a splat.
func asList(v value) value {
	switch v.kind {
	case list, unknown:
		return v
	case null:
		return v
	}
	return failure("not a list")
}

func (e *engine) concat(args []value) value {
	out := value{kind: list}
	for _, a := range args {
		switch a.kind {
		case list:
			out.items = append(out.items, a.items...)
			out.why = orElse(out.why, a.why)
		case unknown:
			out.items = append(out.items, a)
			out.why = orElse(out.why, a.why)
		}
		if !e.spend(len(out.items) / 8) {
			return unknownValue("the configuration is too large to evaluate; give the plan")
		}
	}
	return out
}

func flatten(args []value) value {
	out := value{kind: list}
	for _, a := range args {
		if a.kind != list {
			out.items = append(out.items, a)
			if a.kind == unknown {
				out.why = a.why
			}
			continue
		}
		inner := flatten(a.items)
		out.items = append(out.items, inner.items...)
		out.why = orElse(out.why, orElse(a.why, inner.why))
	}
	return out
}

// distinct drops items that are there already. An unknown item may be equal to
// another; it is kept.
func (e *engine) distinct(args []value, sorted bool) value {
	all := e.concat(args)
	if len(args) == 1 && args[0].kind != list {
		return args[0]
	}
	seen := map[string]bool{}
	out := value{kind: list, why: all.why}
	for _, item := range all.items {
		if s, ok := item.scalar(); ok {
			if seen[s] {
				continue
			}
			seen[s] = true
		}
		out.items = append(out.items, item)
	}
	if sorted && out.literalOnly() {
		slices.SortStableFunc(out.items, func(a, b value) int { return strings.Compare(a.lit, b.lit) })
	}
	return out
}

func filter(v value, keep func(value) bool) value {
	if v.kind != list {
		return v
	}
	out := value{kind: list, why: v.why}
	for _, item := range v.items {
		if keep(item) {
			out.items = append(out.items, item)
		}
	}
	return out
}

func length(v value) value {
	switch {
	case v.kind == unknown:
		return v
	case v.why != "":
		return unknownValue(v.why)
	case v.kind == list || v.kind == object:
		return numberValue(float64(len(v.items)))
	}
	if s, ok := v.scalar(); ok {
		return numberValue(float64(len([]rune(s))))
	}
	if v.kind == str {
		return unknownValue(v.reason())
	}
	return failure("length of what has none")
}

// merge works out merge. What is not known may replace any field that stands
// before it, of which only what it mentions is kept.
func (e *engine) merge(args []value) value {
	out := value{kind: object}
	for _, a := range args {
		if why := a.why; why != "" && (a.kind == unknown || a.kind == object) {
			for i, item := range out.items {
				out.items[i] = value{kind: unknown, why: why, text: mentionOf(why, item), at: item.at}
			}
			out.why = why
		}
		if a.kind == object {
			for i, k := range a.keys {
				out.set(k, a.items[i])
			}
			if !e.spend(len(out.keys) * len(a.keys) / 8) {
				return unknownValue("the configuration is too large to evaluate; give the plan")
			}
		}
	}
	return out
}

func fields(name string, v value) value {
	if v.kind != object {
		if v.kind == unknown {
			return v
		}
		if v.kind == list && v.why != "" && name == "values" {
			return v // instances of an unknown number
		}
		return failure(name + " of what is not an object")
	}
	v = sorted(v)
	out := value{kind: list, why: v.why, items: v.items}
	if name == "keys" {
		out.items = nil
		for _, k := range v.keys {
			out.items = append(out.items, literal(k))
		}
	}
	return out
}

func lookup(args []value) value {
	if len(args) < 2 {
		return failure("lookup takes an object and a key")
	}
	k, known := args[1].scalar()
	if isSecret(args[1].text) { // it must not appear in a reason
		return unknownValue("an item that a sensitive value chooses")
	}
	if args[0].kind == unknown || !known {
		return unknownValue(orElse(args[0].reason(), orElse(args[1].reason(), "lookup")))
	}
	if f, ok := args[0].field(k); ok {
		return f
	}
	if args[0].why != "" {
		return unknownValue(args[0].why)
	}
	if len(args) > 2 {
		return args[2]
	}
	return failure("there is no " + k)
}

// pick works out element, which counts around the end, and one.
func (e *engine) pick(name string, args []value) value {
	if len(args) == 0 {
		return failure(name + " needs a list")
	}
	v := args[0]
	if p, ok := computedPath(v); ok && name == "one" {
		return reference(p.Resource, p.Attribute+"[0]")
	}
	switch {
	case v.kind == unknown:
		return v
	case v.why != "" && len(v.items) == 1:
		return v.items[0]
	case v.why != "":
		return unknownValue(v.why)
	case v.kind != list:
		return failure(name + " of what is not a list")
	case name == "one" && len(v.items) == 0:
		return value{}
	case name == "one" && len(v.items) == 1:
		return v.items[0]
	case name == "one" || len(v.items) == 0 || len(args) < 2:
		return failure(name + " of a list that does not fit")
	}
	n, err := strconv.Atoi(args[1].lit)
	if err != nil {
		return unknownValue(orElse(args[1].reason(), "an index"))
	}
	return v.items[((n%len(v.items))+len(v.items))%len(v.items)]
}

// coalesce returns the first argument that is neither null nor empty.
func coalesce(args []value) value {
	for _, a := range args {
		s, plain := a.scalar()
		empty := a.kind == null || plain && s == "" || a.kind == list && len(a.items) == 0 && a.why == ""
		if !empty {
			return a
		}
	}
	return failure("coalesce has nothing left")
}

func zipmap(args []value) value {
	if len(args) != 2 || args[0].kind != list || args[1].kind != list || len(args[0].items) != len(args[1].items) {
		return unknownValue("zipmap of lists that are not known")
	}
	out := value{kind: object, why: orElse(args[0].why, args[1].why)}
	for i, k := range args[0].items {
		key, ok := k.scalar()
		if !ok {
			return unknownValue(k.reason())
		}
		out.set(key, args[1].items[i])
	}
	return out
}

// sliceOf works out slice. Of a list that is not known, such as the zones of a
// region, it is known how many items the part has.
func sliceOf(v, from, to value) value {
	i, errI := strconv.Atoi(from.lit)
	j, errJ := strconv.Atoi(to.lit)
	switch {
	case errI != nil || errJ != nil || v.why != "" && v.kind != unknown:
		return unknownValue(orElse(v.why, orElse(from.reason(), orElse(to.reason(), "slice"))))
	case i < 0 || j < i || j-i > maxCount || v.kind == list && j > len(v.items):
		return failure("slice beyond the end")
	case v.kind == list:
		return value{kind: list, items: v.items[i:j:j]}
	case v.kind != unknown:
		return failure("slice of what is not a list")
	}
	out := value{kind: list}
	for n := i; n < j; n++ {
		out.items = append(out.items, unknownValue(v.why+" ["+strconv.Itoa(n)+"]"))
	}
	return out
}

// numbers works out range, with Terraform's own bound.
func numbers(args []value) value {
	const most = 1024
	bounds := []float64{0, 0, 1}
	for i, a := range args {
		f, ok := float(a)
		if !ok || i > 2 {
			return unknownValue(orElse(a.reason(), "range"))
		}
		if len(args) == 1 {
			i = 1
		}
		bounds[i] = f
	}
	if len(args) < 3 && bounds[1] < bounds[0] {
		bounds[2] = -1
	}
	out := value{kind: list}
	for x := bounds[0]; bounds[2] > 0 && x < bounds[1] || bounds[2] < 0 && x > bounds[1]; x += bounds[2] {
		if len(out.items) == most {
			return failure("range of more than 1024 numbers")
		}
		out.items = append(out.items, numberValue(x))
	}
	return out
}

func contains(args []value) value {
	if len(args) != 2 || args[0].kind != list {
		return unknownValue("contains of a list that is not known")
	}
	why := args[0].why
	for _, item := range args[0].items {
		is, known := equal(item, args[1]).isTrue()
		if known && is {
			return truth(true)
		}
		if !known {
			why = orElse(item.reason(), args[1].reason())
		}
	}
	if why != "" {
		return unknownValue(why)
	}
	return truth(false)
}
