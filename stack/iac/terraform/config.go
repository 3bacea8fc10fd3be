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
	c, about, source := &config{parsed: map[string]value{}}, value{kind: object}, ""
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

const tooLarge = "the configuration is too large to evaluate"

// evalConfig works out an expression of which the plan says its constant, or
// what it refers to. shape is what after_unknown says: true, or a list or object
// with a true at each place that is not known. A known part is left null.
//
// What comes of references says what it leaves open; see guess.
func (e *engine) evalConfig(x, shape value, sc scope) value {
	if !e.enter() {
		return unknownValue(tooLarge)
	}
	defer e.leave()
	if x.kind == list { // nested blocks
		return unknownValue("blocks of which a plan does not say more; " + sc.m.advice())
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

// evalReferences works out what an expression can be that refers to refs. What
// is known cannot be what is not known, so a known reference is no candidate; it
// may choose among them, or stand beside them in a list.
func (e *engine) evalReferences(refs, shape value, sc scope) value {
	leaves := leafReferences(refs)
	f := fitting{m: sc.m, names: strings.Join(leaves, ", ")}
	for _, leaf := range leaves {
		if leaf == "each.key" || leaf == "count.index" {
			f.keyed = true
			continue
		}
		t, diags := hclsyntax.ParseTraversalAbs([]byte(leaf), "", hcl.InitialPos)
		if diags.HasErrors() {
			return unknownValue(f.why())
		}
		v := e.traverse(t, sc)
		if _, plain := v.scalar(); !plain && !(v.literalOnly() && v.why == "") && !v.failed && !v.settled {
			f.take(v)
			continue
		}
		f.chosen = true
		if !v.failed && v.kind != boolean && v.kind != number {
			f.beside = true
		}
	}
	if len(f.open) == 0 {
		return value{kind: unknown, why: "an expression that refers to " + f.names, settled: true}
	}
	// Each of thousands of instances may refer to all of thousands.
	if !e.spend(8 * len(flat(f.open))) {
		return unknownValue(tooLarge)
	}
	f.either = f.either || f.chosen && len(f.open) > 1
	return f.fit(shape)
}

// leafReferences drops the prefixes that Terraform lists after each reference:
// aws_vpc.a[0].id is followed by aws_vpc.a[0] and aws_vpc.a. What comes after the
// last prefix is a reference of its own, be it to the same block.
func leafReferences(refs value) []string {
	var leaves []string
	last, end := "", ""
	for _, r := range refs.items {
		s, ok := r.scalar()
		if !ok || s == "" {
			continue
		}
		if last != end && s != last && isPrefix(s, last) {
			last = s
			continue
		}
		last, end = s, shortest(s)
		if !slices.Contains(leaves, s) {
			leaves = append(leaves, s)
		}
	}
	return leaves
}

// shortest returns the last prefix that Terraform lists after a reference: the
// block, the variable, or the one module whose output is meant.
func shortest(leaf string) string {
	parts := splitAddress(leaf)
	n := 2
	switch {
	case parts[0] == "module" && len(parts) > 2:
		return strings.Join(parts[:2], ".")
	case parts[0] == "data":
		n = 3
	}
	parts = slices.Clone(parts[:min(n, len(parts))])
	name := &parts[len(parts)-1]
	*name, _, _ = strings.Cut(*name, "[")
	return strings.Join(parts, ".")
}

// isPrefix reports whether the reference long goes on where short ends.
func isPrefix(short, long string) bool {
	rest, ok := strings.CutPrefix(long, short)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}
