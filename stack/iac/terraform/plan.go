package terraform

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/thawdev/thaw/stack"
)

// plant builds the modules and resources of a plan.
func (e *engine) plant(d *document) {
	e.root.config = d.config
	modules := map[string]*module{"": e.root}
	for _, x := range d.before {
		i := e.root.newInstance(x.typ+"."+x.name, x.index, scope{m: e.root}, nil, "")
		i.plan = &x.planned
		e.before = append(e.before, i)
	}
	for _, x := range d.entries {
		if e.instances >= maxInstances {
			e.gaps = append(e.gaps, stack.Gap{What: "the plan", Why: fmt.Sprintf("it holds more than %d resources", maxInstances)})
			return
		}
		m := e.moduleAt(x.module, modules)
		key := x.typ + "." + x.name
		if x.mode == "data" {
			key = "data." + key
		}
		g := m.groups[key]
		if g == nil {
			g = &group{}
			m.groups[key] = g
			m.order = append(m.order, key)
		}
		sc := scope{m: m, key: x.index, of: key}
		switch x.index.kind {
		case number:
			g.keying = counted
		case str:
			g.keying = keyed
		}
		sc.keying = g.keying
		var b *block
		if m.source != nil {
			b = m.source.blocks[key]
		}
		i := m.newInstance(key, x.index, sc, b, "")
		i.plan = &x.planned
		g.instances = append(g.instances, i)
	}
}

// moduleAt returns the module with an address, which it adds with its parents.
func (e *engine) moduleAt(address string, modules map[string]*module) *module {
	if m := modules[address]; m != nil {
		return m
	}
	before, name := parent(address)
	up := e.root
	if strings.Count(address, ".") < 2*maxModuleDepth*2 && before != address {
		up = e.moduleAt(before, modules)
	}
	var key value
	parts := splitAddress(address)
	if _, index, ok := strings.Cut(parts[len(parts)-1], "["); ok {
		if v, err := parseJSON([]byte(strings.TrimSuffix(index, "]"))); err == nil {
			key = v
		}
	}
	m := e.plannedModule(up, name, key, address)
	modules[address] = m
	return m
}

// plannedModule adds one instance of a module call.
func (e *engine) plannedModule(up *module, name string, key value, address string) *module {
	m := e.newModule(up, address)
	m.scope = scope{m: up, key: key, of: "module." + name}
	source := up.sourceOf(name)
	if up.config != nil {
		m.config = up.config.calls[name]
		if m.config != nil {
			source = orElse(m.config.source, source)
		}
	}
	if up.source != nil {
		m.call = up.source.calls[name]
	}
	m.source, m.missing = e.load(up, name, source)
	c := up.children[name]
	if c == nil {
		c = &calls{}
		up.children[name] = c
	}
	switch key.kind {
	case number:
		c.keying = counted
	case str:
		c.keying = keyed
	}
	m.scope.keying = c.keying
	c.modules, c.keys = append(c.modules, m), append(c.keys, key)
	return m
}

// plannedGroup returns a block that has no instances in the plan.
func (m *module) plannedGroup(key string) *group {
	entry := m.config.resource(key)
	if entry.kind == null {
		return nil
	}
	g := &group{why: m.in(key) + ", which the plan does not hold"}
	for k, name := range map[keying]string{counted: "count_expression", keyed: "for_each_expression"} {
		if _, ok := entry.field(name); ok {
			g.keying, g.why = k, ""
		}
	}
	m.groups[key] = g
	return g
}

// plannedCalls returns a call whose modules hold no resources, so that the plan
// does not list them.
func (m *module) plannedCalls(name string) *calls {
	if m.config == nil || m.config.calls[name] == nil {
		return nil
	}
	about := m.config.calls[name].call
	m.children[name] = &calls{}
	count, counts := about.field("count_expression")
	each, eachs := about.field("for_each_expression")
	switch {
	case !counts && !eachs:
		m.e.plannedModule(m, name, value{}, m.in("module."+name))
		return m.children[name]
	case counts:
		v, _ := count.field("constant_value")
		n, err := strconv.Atoi(v.lit)
		if err == nil && n == 0 {
			m.children[name].keying = counted
			return m.children[name]
		}
	case eachs:
		v, _ := each.field("constant_value")
		if v.kind == object && len(v.keys) == 0 || v.kind == list && len(v.items) == 0 && v.kind != null {
			m.children[name].keying = keyed
			return m.children[name]
		}
	}
	m.children[name].why = m.in("module."+name) + ", of which the plan does not say how often it is called"
	return m.children[name]
}

// eachValue returns each.value. In a plan it is worked out when it is first
// asked for.
func (e *engine) eachValue(sc scope) value {
	if sc.each.kind != null || sc.of == "" || sc.keying != keyed {
		return sc.each
	}
	all := sc.m.once("for_each."+sc.of, func() value { return sc.m.forEach(sc.of) })
	if all.kind == object {
		if f, ok := all.field(sc.key.lit); ok {
			return f
		}
	}
	if all.kind == list {
		return sc.key // of a set, the value is the key
	}
	return unknownValue("each.value of " + sc.m.in(sc.of))
}

// forEach works out the for_each of a resource or of a module call.
func (m *module) forEach(of string) value {
	name, isCall := strings.CutPrefix(of, "module.")
	var x hclsyntax.Expression
	if m.source != nil {
		x = m.source.blocks[of].attribute("for_each")
		if isCall {
			x = m.source.calls[name].attribute("for_each")
		}
	}
	if x != nil {
		if v := m.e.eval(x, scope{m: m}); v.kind == object || v.kind == list {
			return v
		}
	}
	if m.config == nil {
		return unknownValue("for_each")
	}
	about := m.config.resource(of)
	if isCall && m.config.calls[name] != nil {
		about = m.config.calls[name].call
	}
	c, _ := about.field("for_each_expression")
	if v, ok := c.field("constant_value"); ok {
		return v
	}
	return unknownValue("for_each")
}
