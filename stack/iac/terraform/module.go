package terraform

import (
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/thawdev/thaw/stack"
)

// Bounds of one configuration. The largest known root modules have some ten
// thousand resources.
const (
	maxInstances   = 100_000
	maxCount       = 10_000 // of one block
	maxModules     = 10_000
	maxModuleDepth = 32
	maxWork        = 20_000_000
)

// engine evaluates one configuration: its source, or a plan, or a plan with its
// source beside it. Everything is evaluated when it is first asked for, because
// the order of declarations means nothing.
//
//	           ┌── source: expressions of .tf files, exact
//	argument ──┼── plan:   values, and which of them are not known yet
//	           └── plan:   what the argument refers to, without the expression
type engine struct {
	opts      Options
	file      string // of the plan, for origins; "" without one
	root      *module
	folders   map[string]*folder // by path; nil for one that cannot be read
	installed map[string]string  // module path as in .terraform/modules/modules.json → folder
	planned   bool
	workspace value // its name
	instances int
	modules   int
	work      int
	depth     int
	gaps      []stack.Gap
	before    []*instance // what others repeat, as it is before apply changes or deletes it
}

// module is one instance of a module.
type module struct {
	e       *engine
	address string // "" is the root
	depth   int
	scope   scope // in which the arguments of the call are evaluated
	call    *block
	source  *folder // nil: not on this machine
	config  *config // nil: no plan
	missing string  // why source and config are both nil

	groups   map[string]*group
	order    []string
	children map[string]*calls
	done     map[string]value
	working  map[string]bool
}

// group is all instances of one resource block.
type group struct {
	instances []*instance
	keying    keying
	why       string // the number of instances is unknown, and this is why; there is one that stands for all
	expanding bool
}

// calls is all instances of one module call.
type calls struct {
	modules   []*module
	keys      []value
	keying    keying
	why       string
	expanding bool
}

type keying uint8

const (
	single keying = iota
	counted
	keyed
)

// scope is what names mean at one place.
type scope struct {
	m         *module
	key       value // each.key, or count.index
	each      value // each.value
	keying    keying
	variables map[string]value // of for expressions and dynamic blocks
	symbols   map[*hclsyntax.AnonSymbolExpr]value
	self      *instance
	of        string // the block with the for_each, if each.value is not worked out yet
}

func (e *engine) newModule(parent *module, address string) *module {
	e.modules++
	m := &module{e: e, address: address, groups: map[string]*group{}, children: map[string]*calls{},
		done: map[string]value{}, working: map[string]bool{}}
	if parent != nil {
		m.depth = parent.depth + 1
	}
	return m
}

// once evaluates something of m when it is first asked for, and stops circles.
func (m *module) once(key string, eval func() value) value {
	if v, ok := m.done[key]; ok {
		return v
	}
	if m.working[key] {
		return unknownValue(m.in(key) + " depends on itself")
	}
	m.working[key] = true
	v := eval()
	delete(m.working, key)
	m.done[key] = v
	return v
}

// in writes a name of m with the module's address.
func (m *module) in(name string) string {
	if m.address == "" {
		return name
	}
	return m.address + "." + name
}

// variable returns the value of an input.
func (m *module) variable(name string) value {
	return m.once("var."+name, func() value {
		v := m.given(name)
		if m.source != nil {
			v = m.typed(v, m.source.variables[name].attribute("type"))
		}
		if m.isSensitive(name) {
			v = v.secret()
		}
		return v
	})
}

func (m *module) given(name string) value {
	if m.address == "" {
		if v, ok := m.e.opts.variables[name]; ok {
			return v
		}
	} else if v, ok := m.argument(name); ok && v.kind != null {
		return v
	}
	var declared *block
	if m.source != nil {
		declared = m.source.variables[name]
	}
	if x := declared.attribute("default"); x != nil {
		return m.e.eval(x, scope{m: m})
	}
	if m.config != nil {
		if v, ok := m.config.variableDefault(name); ok {
			return v
		}
	}
	switch {
	case m.address != "":
		return value{} // an input that the call leaves out has no default only if the call is wrong
	case declared == nil && m.source != nil && m.config == nil:
		return failure("variable " + name + " is not declared")
	}
	return unknownValue("variable " + name + " has no value")
}

// argument returns what the call of m gives for an input.
func (m *module) argument(name string) (value, bool) {
	var v value
	found := false
	if x := m.call.attribute(name); x != nil {
		v, found = m.e.eval(x, m.scope), true
	}
	if found && v.complete() || m.config == nil {
		return v, found
	}
	if x, ok := m.config.input(name); ok {
		if guess := m.e.evalConfig(x, value{kind: boolean, lit: "true"}, m.scope); guess.complete() || !found {
			return guess, true
		}
	}
	return v, found
}

func (m *module) isSensitive(name string) bool {
	if m.source != nil {
		if is, _ := m.literalArgument(m.source.variables[name], "sensitive").isTrue(); is {
			return true
		}
	}
	return m.config != nil && m.config.isSensitive(name)
}

func (m *module) literalArgument(b *block, name string) value {
	if x := b.attribute(name); x != nil {
		return m.e.eval(x, scope{m: m})
	}
	return value{}
}

// local returns the value of a local. A plan does not hold locals.
func (m *module) local(name string) value {
	return m.once("local."+name, func() value {
		if m.source == nil {
			return unknownValue(m.in("local."+name) + ", which a plan does not hold; " + m.advice())
		}
		x := m.source.locals[name]
		if x == nil {
			return failure(m.in("local."+name) + " is not declared")
		}
		return m.e.eval(x, scope{m: m})
	})
}

// output returns the value of an output.
func (m *module) output(name string) value {
	return m.once("output."+name, func() value {
		v := failure(m.in("output."+name) + " is not declared")
		if m.source == nil && m.config == nil {
			return unknownValue(m.address + "." + name + ", because " + m.missing)
		}
		if m.source != nil {
			if x := m.source.outputs[name].attribute("value"); x != nil {
				v = m.e.eval(x, scope{m: m})
			}
		}
		if v.complete() || m.config == nil {
			return v
		}
		if x, ok := m.config.output(name); ok {
			if guess := m.e.evalConfig(x, value{kind: boolean, lit: "true"}, scope{m: m}); guess.complete() || v.failed {
				return guess
			}
		}
		return v
	})
}

// group returns the instances of a resource block, or nil if there is no such
// block.
func (m *module) group(key string) *group {
	if g := m.groups[key]; g != nil {
		if g.expanding {
			return &group{keying: g.keying, why: m.in(key) + " depends on itself"}
		}
		return g
	}
	if m.e.planned {
		return m.plannedGroup(key)
	}
	if m.source == nil || m.source.blocks[key] == nil {
		return nil
	}
	g := &group{expanding: true}
	m.groups[key] = g
	b := m.source.blocks[key]
	keys := m.e.expand(b.attribute("count"), b.attribute("for_each"), scope{m: m})
	g.keying, g.why = keys.keying, keys.why
	for i := range keys.scopes {
		g.instances = append(g.instances, m.newInstance(key, keys.keys[i], keys.scopes[i], b, keys.why))
	}
	g.expanding = false
	return g
}

func (m *module) newInstance(key string, index value, sc scope, b *block, why string) *instance {
	m.e.instances++
	i := &instance{m: m, key: key, index: index, block: b, scope: sc, address: m.in(key) + suffix(index),
		done: map[string]value{}, working: map[string]bool{}}
	i.mode, i.typ, i.name = splitKey(key)
	i.conditional = why
	i.scope.self = i
	return i
}

// child returns the instances of a module call, or nil if there is none.
func (m *module) child(name string) *calls {
	if c := m.children[name]; c != nil {
		if c.expanding {
			return &calls{keying: c.keying, why: m.in("module."+name) + " depends on itself"}
		}
		return c
	}
	if m.e.planned {
		return m.plannedCalls(name)
	}
	if m.source == nil || m.source.calls[name] == nil {
		return nil
	}
	c := &calls{expanding: true}
	m.children[name] = c
	b := m.source.calls[name]
	keys := m.e.expand(b.attribute("count"), b.attribute("for_each"), scope{m: m})
	c.keying, c.why, c.keys = keys.keying, keys.why, keys.keys
	for i := range keys.scopes {
		x := m.e.newModule(m, m.in("module."+name)+suffix(keys.keys[i]))
		x.scope, x.call = keys.scopes[i], b
		x.source, x.missing = m.e.load(m, name, m.sourceOf(name))
		c.modules = append(c.modules, x)
	}
	c.expanding = false
	return c
}
