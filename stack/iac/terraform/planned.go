package terraform

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/thawdev/thaw/stack"
)

// plannedArg returns an argument as the plan states it. What the plan does not
// know yet is worked out from the source if that is here, else from what the
// configuration says the argument refers to.
func (i *instance) plannedArg(name string) value {
	p := i.plan.parse()
	after, mask, sensitive := p[0].get(name), p[1].get(name), p[2].get(name)
	if all, _ := p[1].isTrue(); all {
		mask = truth(true)
	}
	if !leadsToTrue(mask) {
		return hide(i.place(after, name), sensitive)
	}
	expressions := i.m.config.resource(i.key).get("expressions")
	written, isWritten := expressions.field(name)
	exact := value{}
	if i.trusted(name, written) {
		exact = i.sourceArg(name)
	}
	if usable(exact) && sameShape(after, exact) {
		return hide(exact, sensitive)
	}
	guess := value{}
	switch {
	case written.kind == list && mask.kind == list:
		guess = i.m.e.evalBlocks(written, after, mask, i.scope)
	case isWritten:
		guess = i.m.e.evalConfig(written, mask, i.scope)
	}
	if exact.kind == list && after.kind == list && i.block.attribute(name) == nil {
		exact = inOrderOf(after, exact)
	}
	v := merge(after, mask, exact, guess, func() value {
		if isWritten {
			return unknownValue(i.address + "." + name)
		}
		return reference(i.address, name)
	})
	return hide(i.place(v, name), sensitive)
}

// usable reports whether an exact value needs no plan.
func usable(v value) bool { return v.kind != null && v.complete() && v.why == "" }

// sameShape reports whether a value worked out from source agrees with what the
// plan shows of it: as many blocks, and the same constants.
func sameShape(after, exact value) bool {
	switch {
	case after.kind == null:
		return true
	case after.kind == list && exact.kind == list:
		return len(after.items) == len(exact.items)
	case after.kind == object && exact.kind == object:
		for k, key := range after.keys {
			f, ok := exact.field(key)
			if !ok && after.items[k].kind != null || ok && !sameShape(after.items[k], f) {
				return false
			}
		}
		return true
	}
	a, okA := after.scalar()
	b, okB := exact.scalar()
	return !okA || !okB || a == b
}

// trusted reports whether the source beside the plan is what was planned: it
// must refer to what the configuration says it refers to.
func (i *instance) trusted(name string, written value) bool {
	if i.block == nil {
		return false
	}
	x := i.block.attribute(name)
	if x == nil {
		return true // blocks; sameShape compares them
	}
	refs := map[string]bool{}
	for _, r := range written.get("references").items {
		refs[r.lit] = true
	}
	for _, t := range x.Variables() {
		root := blockKey(t)
		if !strings.Contains(root, ".") {
			continue
		}
		if !refs[root] && !anyPrefix(refs, root) {
			return false
		}
	}
	return true
}

func anyPrefix(refs map[string]bool, root string) bool {
	for r := range refs {
		if isPrefix(root, r) {
			return true
		}
	}
	return false
}

// merge fills the places of after that mask marks.
func merge(after, mask, exact, guess value, otherwise func() value) value {
	switch {
	case mask.kind == boolean && mask.lit == "true":
		switch {
		case usable(exact), slices.ContainsFunc(exact.text, func(p stack.Part) bool { return p.Literal != "" || p.Secret }): // known in part, which is more than what it mentions
			return exact
		case usable(guess) || guess.kind == list || exact.kind == null && guess.kind != null:
			return guess
		case exact.kind != null:
			return exact
		}
		return otherwise()
	case mask.kind == list && leadsToTrue(mask):
		out := value{kind: list, at: after.at, guess: guess.guess}
		for n, m := range mask.items {
			x := item(exact, n, len(mask.items))
			if _, plain := x.scalar(); plain { // the plan has sorted a set: this is another item
				x = value{}
			}
			out.items = append(out.items, merge(item(after, n, len(mask.items)), m, x, item(guess, n, len(mask.items)), otherwise))
		}
		return out
	case mask.kind == object && leadsToTrue(mask):
		out := value{kind: object, at: after.at}
		for n, k := range after.keys {
			out.set(k, after.items[n])
		}
		for n, k := range mask.keys {
			if leadsToTrue(mask.items[n]) {
				out.set(k, merge(after.get(k), mask.items[n], field(exact, k), field(guess, k), otherwise))
			}
		}
		return out
	}
	return after
}

// item returns item n of a list that has as many items as the plan shows. An
// unknown whole stands for each of its items.
func item(v value, n, length int) value {
	switch {
	case v.kind == list && len(v.items) == length:
		return v.items[n]
	case v.kind == unknown:
		return v
	}
	return value{}
}

func field(v value, key string) value {
	if v.kind == unknown {
		return v
	}
	return v.get(key)
}

// hide marks as secret what the plan says is sensitive. A text that was worked
// out from the source knows already which part of it is.
func hide(v, sensitive value) value {
	if is, _ := sensitive.isTrue(); is && !isSecret(v.text) {
		return v.secret()
	}
	switch {
	case v.kind == list && sensitive.kind == list && leadsToTrue(sensitive):
		items := append([]value(nil), v.items...)
		for n := range items {
			items[n] = hide(items[n], item(sensitive, n, len(items)))
		}
		v.items = items
	case v.kind == object && sensitive.kind == object && leadsToTrue(sensitive):
		items := append([]value(nil), v.items...)
		for n, k := range v.keys {
			items[n] = hide(items[n], sensitive.get(k))
		}
		v.items = items
	}
	return v
}

// place gives the one block of an argument the line where the source writes it.
// Terraform sorts the blocks of a set, so several cannot be told apart.
func (i *instance) place(v value, name string) value {
	if i.block == nil || v.kind != list {
		return v
	}
	var blocks []*hclsyntax.Block
	for _, b := range i.block.body.Blocks {
		if b.Type == name {
			blocks = append(blocks, b)
		}
	}
	if len(blocks) != 1 || len(v.items) != 1 {
		return v
	}
	one := v.items[0]
	one.at = place{i.block.at.file, blocks[0].TypeRange.Start.Line}
	v.items = []value{one}
	return v
}
