package terraform

import "slices"

// A plan sorts the blocks of a set, such as the rules of a security group, and
// its configuration keeps the order of the source. So a block of one is found in
// the other by the constants that it states, and not by its place.

// evalBlocks works out the unknown parts of nested blocks from what the
// configuration says of them. Where several could be meant, only what is the
// same in all of them is taken.
func (e *engine) evalBlocks(written, after, mask value, sc scope) value {
	out := value{kind: list}
	if len(written.items) != len(mask.items) || len(after.items) != len(mask.items) {
		return unknownValue("blocks that a dynamic block makes; " + sc.m.advice())
	}
	for n, shape := range mask.items {
		one := value{kind: object}
		for k, key := range shape.keys {
			if leadsToTrue(shape.items[k]) {
				one.set(key, e.evalBlockArgument(written.items, after.items[n], key, shape.items[k], sc))
			}
		}
		out.items = append(out.items, one)
	}
	return out
}

func (e *engine) evalBlockArgument(written []value, after value, key string, shape value, sc scope) value {
	v, found := value{}, false
	for _, block := range written {
		x, ok := block.field(key)
		if !ok || !agrees(after, constants(block)) {
			continue
		}
		w := e.evalConfig(x, shape, sc)
		if found && !same(v, w) {
			return unknownValue(key + " of one of several blocks that look alike in the plan; " + sc.m.advice())
		}
		v, found = w, true
	}
	return v
}

// constants returns what a block of the configuration states as constants.
func constants(block value) value {
	out := value{kind: object}
	for n, key := range block.keys {
		if c, ok := block.items[n].field("constant_value"); ok {
			out.set(key, c)
		}
	}
	return out
}

// agrees reports whether a block of the plan can be what was written.
func agrees(after, written value) bool {
	switch {
	case after.kind == object && written.kind == object:
		for n, key := range written.keys {
			if f, ok := after.field(key); ok && !agrees(f, written.items[n]) {
				return false
			}
		}
		return true
	case after.kind == list && written.kind == list:
		return len(after.items) == len(written.items)
	}
	a, okA := after.scalar()
	b, okB := written.scalar()
	return !okA || !okB || a == b
}

// inOrderOf sorts blocks that were read from source as the plan does. One that
// cannot be told from another is left out.
func inOrderOf(after, exact value) value {
	out := exact
	out.items = make([]value, len(after.items))
	for n, x := range after.items {
		fits := slices.DeleteFunc(slices.Clone(exact.items), func(y value) bool { return y.kind != object || !agrees(x, y) })
		if len(fits) == 1 && len(after.items) == len(exact.items) && exact.why == "" {
			out.items[n] = fits[0]
		}
	}
	return out
}
