package terraform

import (
	"math/big"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// traverse follows a name such as aws_subnet.a[0].id or module.net.vpc_id.
func (e *engine) traverse(t hcl.Traversal, sc scope) value {
	steps, ok := stepsOf(t)
	if !ok || len(steps) == 0 {
		return failure("a reference that cannot be read")
	}
	if v, ok := sc.variables[steps[0].name]; ok {
		return e.follow(v, steps[1:])
	}
	name := func(i int) string {
		if i < len(steps) {
			return steps[i].name
		}
		return ""
	}
	rest := func(n int) []step { return steps[min(n, len(steps)):] }
	switch steps[0].name {
	case "var":
		return e.follow(sc.m.variable(name(1)), rest(2))
	case "local":
		return e.follow(sc.m.local(name(1)), rest(2))
	case "each":
		if name(1) == "key" {
			return sc.key
		}
		return e.follow(e.eachValue(sc), rest(2))
	case "count":
		return sc.key
	case "path":
		return literal(".")
	case "terraform":
		return e.workspace // the only attribute
	case "self":
		if sc.self == nil {
			return failure("self outside of a resource")
		}
		return e.follow(value{kind: resource, inst: sc.self}, rest(1))
	case "module":
		return e.follow(e.moduleValue(sc.m, name(1)), rest(2))
	case "data":
		return e.follow(e.resourceValue(sc.m, "data."+name(1)+"."+name(2)), rest(3))
	}
	return e.follow(e.resourceValue(sc.m, name(0)+"."+name(1)), rest(2))
}

// step is one step of a traversal: .name, or [key].
type step struct {
	name  string
	index value
	splat bool
}

func stepsOf(t hcl.Traversal) ([]step, bool) {
	var steps []step
	for _, s := range t {
		switch s := s.(type) {
		case hcl.TraverseRoot:
			steps = append(steps, step{name: s.Name})
		case hcl.TraverseAttr:
			steps = append(steps, step{name: s.Name})
		case hcl.TraverseIndex:
			steps = append(steps, step{index: fromCty(s.Key)})
		case hcl.TraverseSplat:
			steps = append(steps, step{splat: true})
		default:
			return nil, false
		}
	}
	return steps, true
}

func (e *engine) follow(v value, steps []step) value {
	for _, s := range steps {
		switch {
		case s.splat:
			continue
		case v.guess != nil:
			v = e.inside(v, s)
		case s.name != "":
			v = e.attr(v, s.name)
		default:
			v = e.index(v, s.index)
		}
	}
	return v
}

// attr returns an attribute of v.
func (e *engine) attr(v value, name string) value {
	switch v.kind {
	case unknown:
		return v
	case resource:
		return v.inst.attr(name)
	case call:
		return v.mod.output(name)
	case object:
		if f, ok := v.field(name); ok {
			return f
		}
		if v.why != "" {
			return unknownValue(v.why)
		}
		return failure("there is no attribute " + name)
	case list:
		if _, err := strconv.Atoi(name); err == nil { // the old spelling of an index
			return e.index(v, value{kind: number, lit: name})
		}
	case str:
		if p, ok := computedPath(v); ok {
			return reference(p.Resource, p.Attribute+"."+name)
		}
	}
	return failure("there is no attribute " + name)
}

// computedPath returns the reference that v is, if it is nothing else.
func computedPath(v value) (p struct{ Resource, Attribute string }, ok bool) {
	if v.kind != str || len(v.text) != 1 || v.text[0].Resource == "" || v.text[0].Attribute == "" {
		return p, false
	}
	p.Resource, p.Attribute = v.text[0].Resource, v.text[0].Attribute
	return p, true
}

// index returns an item of v.
func (e *engine) index(v, key value) value {
	k, known := key.scalar()
	if isSecret(key.text) { // it must not appear in a reason
		return unknownValue("an item that a sensitive value chooses")
	}
	switch v.kind {
	case unknown:
		return v
	case str:
		if p, ok := computedPath(v); ok && known {
			return reference(p.Resource, p.Attribute+"["+k+"]")
		}
		if p, ok := computedPath(v); ok {
			return unknownValue(p.Resource + "." + p.Attribute)
		}
	case list, object:
		// One instance stands for all of an unknown number.
		if v.why != "" && len(v.items) == 1 && (v.items[0].kind == resource || v.items[0].kind == call) {
			return v.items[0]
		}
		if !known {
			return unknownValue(orElse(key.reason(), "an index"))
		}
		if v.kind == object {
			return e.attr(v, k)
		}
		n, err := strconv.Atoi(k)
		switch {
		case err == nil && n >= 0 && n < len(v.items):
			return v.items[n]
		case v.why != "":
			return unknownValue(v.why)
		}
		return failure("there is no item " + k)
	case resource, call:
		return failure("an index of one resource")
	}
	return failure("an index of what is not a list")
}

// resourceValue returns what the name of a resource block means: one resource,
// a list of them with count, an object of them with for_each.
func (e *engine) resourceValue(m *module, key string) value {
	g := m.group(key)
	if g == nil {
		if m.source == nil && m.config == nil && m.missing != "" {
			return unknownValue(m.in(key) + ", because " + m.missing)
		}
		return failure(m.in(key) + " is not declared")
	}
	items := make([]value, len(g.instances))
	keys := make([]value, len(g.instances))
	for i, inst := range g.instances {
		items[i] = value{kind: resource, inst: inst}
		keys[i] = inst.index
	}
	return groupValue(items, keys, g.keying, g.why, m.in(key))
}

func groupValue(items, keys []value, k keying, why, name string) value {
	switch {
	case k == single && len(items) == 1:
		return items[0]
	case k == single:
		return unknownValue(orElse(why, name))
	case k == counted || why != "":
		return value{kind: list, items: items, why: why}
	}
	out := value{kind: object, items: items}
	for _, key := range keys {
		out.keys = append(out.keys, key.lit)
	}
	return out
}

// moduleValue returns what the name of a module call means.
func (e *engine) moduleValue(m *module, name string) value {
	c := m.child(name)
	if c == nil {
		return failure(m.in("module."+name) + " is not declared")
	}
	items := make([]value, len(c.modules))
	for i, x := range c.modules {
		items[i] = value{kind: call, mod: x}
	}
	return groupValue(items, c.keys, c.keying, c.why, m.in("module."+name))
}

// parent splits an address before its last resource or module:
// module.a["x.y"].module.b is module.a["x.y"] and b.
func parent(address string) (before, last string) {
	parts := splitAddress(address)
	if len(parts) < 2 {
		return "", address
	}
	name := parts[len(parts)-1]
	if i := strings.IndexByte(name, '['); i >= 0 {
		name = name[:i]
	}
	return strings.Join(parts[:len(parts)-2], "."), name
}

// splitAddress splits an address at the dots that stand outside of keys.
func splitAddress(address string) []string {
	var parts []string
	begin, quoted := 0, false
	for i := 0; i < len(address); i++ {
		switch c := address[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == '.' && !quoted:
			parts = append(parts, address[begin:i])
			begin = i + 1
		}
	}
	return append(parts, address[min(begin, len(address)):])
}

func fromCty(v cty.Value) value {
	v, _ = v.UnmarkDeep()
	switch {
	case !v.IsKnown():
		return unknownValue("a value known after apply")
	case v.IsNull():
		return value{}
	}
	switch t := v.Type(); {
	case t == cty.String:
		return literal(v.AsString())
	case t == cty.Number:
		return bigNumber(v.AsBigFloat())
	case t == cty.Bool:
		return truth(v.True())
	case t.IsObjectType() || t.IsMapType():
		out := value{kind: object}
		for it := v.ElementIterator(); it.Next(); {
			k, item := it.Element()
			out.keys = append(out.keys, k.AsString()) // unique already
			out.items = append(out.items, fromCty(item))
		}
		return out
	case t.IsListType() || t.IsSetType() || t.IsTupleType():
		out := value{kind: list}
		for it := v.ElementIterator(); it.Next(); {
			_, item := it.Element()
			out.items = append(out.items, fromCty(item))
		}
		return out
	}
	return unknownValue("a value of type " + v.Type().FriendlyName())
}

// bigNumber writes a number out. One with thousands of digits is a mistake or
// an attack.
func bigNumber(f *big.Float) value {
	const most = 4096 // binary digits
	if exp := f.MantExp(nil); exp > most || exp < -most {
		return unknownValue("a number that is too large or too small")
	}
	return value{kind: number, lit: f.Text('f', -1)}
}

// toCty translates a value that is known in full.
func toCty(v value) cty.Value {
	switch v.kind {
	case str:
		return cty.StringVal(v.lit)
	case number:
		n, err := cty.ParseNumberVal(v.lit)
		if err != nil {
			return cty.StringVal(v.lit)
		}
		return n
	case boolean:
		return cty.BoolVal(v.lit == "true")
	case list:
		items := make([]cty.Value, len(v.items))
		for i, item := range v.items {
			items[i] = toCty(item)
		}
		return cty.TupleVal(items)
	case object:
		fields := map[string]cty.Value{}
		for i, k := range v.keys {
			fields[k] = toCty(v.items[i])
		}
		return cty.ObjectVal(fields)
	}
	return cty.NullVal(cty.DynamicPseudoType)
}
