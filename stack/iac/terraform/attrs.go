package terraform

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// attrs reads the arguments of one resource, or of one block inside it, into
// the types of the model.
type attrs struct {
	b    *builder
	inst *instance
	in   *value // a nested block; nil is the resource itself
	path string // address of the block
	at   place
}

func (b *builder) attrs(i *instance) attrs {
	a := attrs{b: b, inst: i, path: i.address, at: place{b.e.file, 0}}
	if i.block != nil {
		a.at = i.block.at
	}
	return a
}

// get returns an argument. Each argument of an unknown block is unknown.
func (a attrs) get(name string) value {
	switch {
	case a.in == nil && a.inst.mode == "data" && a.inst.plan == nil && name != "id":
		return a.inst.attr(name) // what AWS knows is not the same as not given
	case a.in == nil:
		return a.inst.arg(name)
	case a.in.kind == unknown:
		return *a.in
	}
	v := a.in.get(name)
	if v.kind == null && a.in.why != "" {
		return unknownValue(a.in.why)
	}
	return v
}

// has reports whether an argument is given. An empty string counts as not
// given, because providers write it for nothing.
func (a attrs) has(name string) bool {
	v := a.get(name)
	s, ok := v.scalar()
	if v.kind == list && len(v.items) == 0 && v.why == "" {
		return false
	}
	return v.kind != null && (!ok || s != "") && !a.computed(v, name)
}

// computed reports whether v only says that the provider will fill the argument
// in: a reference to itself.
func (a attrs) computed(v value, name string) bool {
	p, ok := computedPath(v)
	return ok && a.in == nil && p.Resource == a.inst.address && p.Attribute == name
}

func (a attrs) origin() stack.Origin {
	return stack.Origin{File: a.at.file, Line: a.at.line, Address: a.path}
}

// text returns an argument that may mention resources.
func (a attrs) text(name string) stack.Text { return a.b.asText(a.get(name)) }

// str returns a string, or fallback if it is not given. A Value is written out
// as it is, so a secret does not become one.
func (a attrs) str(name, fallback string) stack.Value[string] {
	if !a.has(name) {
		if a.computed(a.get(name), name) {
			return stack.Unknown[string](a.path + "." + name)
		}
		return stack.Known(fallback)
	}
	t := a.text(name)
	if isSecret(t) {
		return stack.Unknown[string]("a sensitive value")
	}
	return t.Resolve(nil)
}

// name returns a name that AWS or the provider makes up if it is not given.
func (a attrs) name(argument string) stack.Value[string] {
	if !a.has(argument) {
		return stack.Unknown[string]("the name that is generated for " + a.inst.address)
	}
	return a.str(argument, "")
}

func (a attrs) integer(name string, fallback int) stack.Value[int] {
	return scalarOf(a, name, fallback, func(s string) (int, error) {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || f != float64(int(f)) {
			return 0, strconv.ErrSyntax
		}
		return int(f), nil
	})
}

func (a attrs) boolean(name string, fallback bool) stack.Value[bool] {
	return scalarOf(a, name, fallback, strconv.ParseBool)
}

func (a attrs) prefix(name string) stack.Value[netip.Prefix] {
	return scalarOf(a, name, netip.Prefix{}, parsePrefix)
}

func parsePrefix(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	return p.Masked(), err
}

// scalarOf reads an argument by parse. One that does not fit is unknown:
// Terraform has checked it, or will refuse it.
func scalarOf[T any](a attrs, name string, fallback T, parse func(string) (T, error)) stack.Value[T] {
	v := a.str(name, "")
	s, ok := v.Get()
	switch {
	case !ok:
		return stack.Unknown[T](v.Why())
	case s == "":
		return stack.Known(fallback)
	}
	out, err := parse(strings.TrimSpace(s))
	if err != nil {
		return stack.Unknown[T](fmt.Sprintf("%s.%s, which is %q", a.path, name, s))
	}
	return stack.Known(out)
}

// id returns the id of a resource: of a declared one its address, any other as
// it is written.
func (a attrs) id(name string) stack.Value[string] {
	v := a.get(name)
	if a.computed(v, name) {
		return stack.Known("")
	}
	if own, ok := a.b.own(a.inst, name, v); ok && a.in == nil {
		v = own
	}
	return a.b.id(v)
}

// ids returns a list of ids. A list that is unknown as a whole is one unknown
// id, which stands for any number of them.
func (a attrs) ids(name string) []stack.Value[string] {
	v := a.get(name)
	if a.computed(v, name) {
		return nil
	}
	return a.b.ids(v)
}

func (b *builder) ids(v value) []stack.Value[string] {
	var out []stack.Value[string]
	switch {
	case v.kind == null:
		return nil
	case v.guess != nil && v.guess.some:
		return []stack.Value[string]{stack.Unknown[string](v.guess.why)}
	case v.guess != nil && v.kind != list:
		return b.withConstants([]stack.Value[string]{b.id(v)}, *v.guess)
	case v.kind == list, v.kind == object:
		for _, item := range v.items {
			if item.kind == list || item.kind == object {
				out = append(out, b.ids(item)...)
				continue
			}
			out = append(out, b.id(item))
		}
		if v.why != "" {
			out = append(out, stack.Unknown[string](v.why))
		}
		return out
	}
	return []stack.Value[string]{b.id(v)}
}

// words returns a list of strings.
func (a attrs) words(name string) []stack.Value[string] { return a.b.words(a.get(name)) }

func (b *builder) words(v value) []stack.Value[string] {
	switch v.kind {
	case null:
		return nil
	case list:
		var out []stack.Value[string]
		for _, item := range v.items {
			out = append(out, b.asText(item).Resolve(nil))
		}
		if v.why != "" {
			out = append(out, stack.Unknown[string](v.why))
		}
		return out
	}
	return []stack.Value[string]{b.asText(v).Resolve(nil)}
}

// blocks returns the nested blocks of one name. A list that is unknown as a
// whole is one block of which all is unknown; computed says what it means that
// the argument is not written and the provider fills it in: no block.
func (a attrs) blocks(name string) []attrs {
	v := a.get(name)
	if v.kind == null || a.computed(v, name) {
		return nil
	}
	items := []value{v}
	if v.kind == list {
		items = append([]value(nil), v.items...)
		if v.why != "" && (len(items) == 0 || items[len(items)-1].kind != unknown) {
			items = append(items, unknownValue(v.why))
		}
	}
	var out []attrs
	for n := range items {
		if items[n].kind == null {
			continue
		}
		if items[n].kind != object && items[n].kind != unknown {
			items[n] = unknownValue(orElse(items[n].reason(), a.path+"."+name))
		}
		in := items[n]
		inner := attrs{b: a.b, inst: a.inst, in: &in, path: fmt.Sprintf("%s.%s[%d]", a.path, name, n), at: a.at}
		if in.at.line > 0 {
			inner.at = in.at
		}
		out = append(out, inner)
	}
	return out
}

// first returns the first nested block of a name, or false.
func (a attrs) first(name string) (attrs, bool) {
	all := a.blocks(name)
	if len(all) == 0 {
		return attrs{}, false
	}
	return all[0], true
}
