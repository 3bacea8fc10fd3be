package terraform

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// config is a module as the configuration of a plan describes it: not what the
// expressions are, but what they refer to. Resources stay bytes until somebody
// asks for one, because most are never asked for.
type config struct {
	resources map[string][]byte // aws_vpc.main → the whole entry
	parsed    map[string]value
	outputs   value
	variables value
	calls     map[string]*config
	call      value  // of the module itself: expressions, count_expression, for_each_expression
	source    string // where the call says that the module is
}

func (s *scanner) config(depth int) (*config, error) {
	c := &config{resources: map[string][]byte{}, parsed: map[string]value{}, calls: map[string]*config{}}
	err := s.object(depth, func(key string) (err error) {
		switch key {
		case "outputs":
			c.outputs, err = s.value(depth + 1)
		case "variables":
			c.variables, err = s.value(depth + 1)
		case "resources":
			err = s.array(depth+1, func() error { return s.configResource(c, depth+2) })
		case "module_calls":
			err = s.object(depth+1, func(name string) error {
				call, err := s.configCall(depth + 2)
				c.calls[name] = call
				return err
			})
		default:
			err = s.skip(depth + 1)
		}
		return err
	})
	return c, err
}

// configResource keeps an entry under its address, which has no module in it.
func (s *scanner) configResource(c *config, depth int) error {
	s.space()
	begin := s.pos
	var address string
	err := s.object(depth, func(key string) (err error) {
		if key != "address" || s.peek() != '"' {
			return s.skip(depth + 1)
		}
		address, err = s.str()
		return err
	})
	c.resources[address] = s.data[begin:s.pos]
	return err
}

func (s *scanner) configCall(depth int) (*config, error) {
	c, about, source := &config{}, value{kind: object}, ""
	err := s.object(depth, func(key string) (err error) {
		switch {
		case key == "module":
			c, err = s.config(depth + 1)
			return err
		case key == "source" && s.peek() == '"':
			source, err = s.str()
			return err
		}
		v, err := s.value(depth + 1)
		about.set(key, v)
		return err
	})
	c.call, c.source = about, source
	return c, err
}

// resource returns the entry of a resource block, or null.
func (c *config) resource(key string) value {
	if c == nil {
		return value{}
	}
	if v, ok := c.parsed[key]; ok {
		return v
	}
	v := value{}
	if raw := c.resources[key]; raw != nil {
		if parsed, err := parseJSON(raw); err == nil { // it was scanned before
			v = parsed
		}
	}
	c.parsed[key] = v
	return v
}

func (c *config) output(name string) (value, bool) {
	return c.outputs.get(name).field("expression")
}

func (c *config) variableDefault(name string) (value, bool) {
	v, declared := c.variables.field(name)
	if !declared {
		return value{}, false
	}
	return v.field("default")
}

func (c *config) isSensitive(name string) bool {
	is, _ := c.variables.get(name).get("sensitive").isTrue()
	return is
}

// input returns what the call of the module says about an input.
func (c *config) input(name string) (value, bool) {
	return c.call.get("expressions").field(name)
}

// evalConfig works out an expression of which the plan says its constant, or
// what it refers to. shape is what after_unknown says: true, or a list or object
// with a true at each place that is not known. A known part is left null.
//
// The result is a guess only where the expression can do nothing else: one
// reference for one value, or a list of references for a list.
func (e *engine) evalConfig(x, shape value, sc scope) value {
	if !e.enter() {
		return unknownValue("the configuration is too large to evaluate")
	}
	defer e.leave()
	if x.kind == list { // nested blocks, in the order of the source
		return e.evalBlocks(x, shape, sc)
	}
	if v, ok := x.field("constant_value"); ok {
		return v
	}
	refs := x.get("references")
	if refs.kind != list {
		if _, isExpression := x.field("references"); !isExpression && x.kind == object && shape.kind == object {
			return e.evalFields(x, shape, sc)
		}
		return value{kind: unknown, why: "a call that refers to nothing", settled: true}
	}
	return e.evalReferences(refs, shape, sc)
}

func (e *engine) evalBlocks(x, shape value, sc scope) value {
	out := value{kind: list}
	for i, item := range x.items {
		s := shape
		if shape.kind == list {
			if len(shape.items) != len(x.items) {
				return unknownValue("blocks that a dynamic block makes")
			}
			s = shape.items[i]
		}
		out.items = append(out.items, e.evalFields(item, s, sc))
	}
	return out
}

func (e *engine) evalFields(x, shape value, sc scope) value {
	out := value{kind: object}
	for i, key := range x.keys {
		s := shape
		if shape.kind == object {
			s = shape.get(key)
		}
		if s.kind != null {
			out.set(key, e.evalConfig(x.items[i], s, sc))
		}
	}
	return out
}

// evalReferences works out what an expression can be that refers to refs.
// What is known cannot be what is not known, so known references are left out.
func (e *engine) evalReferences(refs, shape value, sc scope) value {
	leaves := leafReferences(refs)
	names := strings.Join(leaves, ", ")
	keyed := slices.ContainsFunc(leaves, mentionsKey)
	var open []value
	condition, ambiguous := false, false
	for _, leaf := range leaves {
		t, diags := hclsyntax.ParseTraversalAbs([]byte(leaf), "", hcl.InitialPos)
		if diags.HasErrors() {
			return unknownValue("an expression that refers to " + names)
		}
		v := e.traverse(t, sc)
		if keyed {
			v = instanceOf(v, sc)
			ambiguous = ambiguous || len(v.items) > 1 && !v.literalOnly()
		}
		_, plain := v.scalar()
		switch {
		case v.kind == boolean:
			condition = true
		case plain, v.literalOnly() && v.why == "", v.failed, v.settled, v.kind == unknown && mentionsKey(leaf):
		default:
			open = append(open, v)
		}
	}
	if len(open) == 0 {
		return value{kind: unknown, why: "an expression that refers to " + names, settled: true}
	}
	if ambiguous || condition && len(open) > 1 {
		return unknownValue("a choice among " + names)
	}
	return fit(open, shape, names)
}

func mentionsKey(leaf string) bool {
	return leaf == "each.key" || leaf == "count.index"
}

// instanceOf returns the instance that belongs to the scope, where a whole
// counted or keyed resource is referred to together with count.index or
// each.key.
func instanceOf(v value, sc scope) value {
	k, ok := sc.key.scalar()
	if !ok {
		return v
	}
	for i, item := range v.items {
		isInstance := item.kind == resource || item.kind == call
		if isInstance && (v.kind == object && v.keys[i] == k || v.kind == list && sc.key.kind == number && item.inst != nil && item.inst.index.lit == k) {
			return item
		}
	}
	return v
}

// leafReferences drops the prefixes that Terraform lists after each reference:
// aws_vpc.a.id is followed by aws_vpc.a.
func leafReferences(refs value) []string {
	var leaves []string
	for _, r := range refs.items {
		s, ok := r.scalar()
		if !ok || s == "" {
			continue
		}
		if n := len(leaves); n > 0 && isPrefix(s, leaves[n-1]) || slices.Contains(leaves, s) {
			continue
		}
		leaves = append(leaves, s)
	}
	return leaves
}

// isPrefix reports whether the reference long goes on where short ends.
func isPrefix(short, long string) bool {
	rest, ok := strings.CutPrefix(long, short)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}
