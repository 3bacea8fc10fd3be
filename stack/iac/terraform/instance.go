package terraform

import (
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// instance is one resource: a block, or one of what count and for_each make of
// it.
type instance struct {
	m           *module
	key         string // aws_vpc.main, data.aws_vpc.main
	mode        string // managed or data
	typ, name   string
	index       value
	address     string
	block       *block // nil: its source is not here
	scope       scope
	plan        *planned // nil: there is no plan
	conditional string

	done    map[string]value
	working map[string]bool
}

// arg returns an argument of the resource; null if it is not given.
func (i *instance) arg(name string) value {
	if v, ok := i.done[name]; ok {
		return v
	}
	if i.working[name] {
		return unknownValue(i.address + "." + name + " depends on itself")
	}
	i.working[name] = true
	var v value
	if i.plan != nil {
		v = i.plannedArg(name)
	} else {
		v = i.sourceArg(name)
	}
	delete(i.working, name)
	i.done[name] = v
	return v
}

// attr returns what a reference to an attribute of i means: what the resource
// states, or else a reference to what AWS will say.
func (i *instance) attr(name string) value {
	if name == "id" {
		return reference(i.address, "id")
	}
	if i.typ == "aws_iam_policy_document" && (name == "json" || name == "minified_json") {
		return policyDocument(i)
	}
	v := i.arg(name)
	switch {
	case v.kind == null && i.plan != nil && i.plan.knows(name):
		return v
	case v.kind == null && i.mode == "data":
		return unknownValue(i.address + "." + name + ", which is read from AWS")
	case v.kind == null, v.kind == unknown && isName(name):
		return reference(i.address, name)
	}
	if isName(name) && !v.literalOnly() {
		return reference(i.address, name)
	}
	return v
}

// isName reports whether an attribute identifies its resource.
func isName(attribute string) bool {
	switch attribute {
	case "id", "arn", "name", "function_name", "cluster_id", "replication_group_id", "user_group_id", "user_id":
		return true
	}
	return false
}

// sourceArg evaluates an argument from source: an attribute, or all nested
// blocks of that name.
func (i *instance) sourceArg(name string) value {
	if i.block == nil {
		return value{}
	}
	if x := i.block.attribute(name); x != nil {
		v := i.m.e.eval(x, i.scope)
		v.at = place{i.block.at.file, x.StartRange().Start.Line}
		return v
	}
	return i.m.e.blocks(i.block.body, name, i.scope, i.block.at.file)
}

// blocks evaluates the nested blocks of one name, dynamic ones included. It
// returns null if there is none.
func (e *engine) blocks(body *hclsyntax.Body, name string, sc scope, file string) value {
	out := value{kind: list}
	found := false
	for _, b := range body.Blocks {
		switch {
		case b.Type == name:
			item := e.body(b.Body, sc, file)
			item.at = place{file, b.TypeRange.Start.Line}
			out.items = append(out.items, item)
			found = true
		case b.Type == "dynamic" && len(b.Labels) == 1 && b.Labels[0] == name:
			e.dynamic(&out, b, sc, file)
			found = true
		}
	}
	if !found {
		return value{}
	}
	return out
}

// dynamic appends what a dynamic block generates.
func (e *engine) dynamic(out *value, b *hclsyntax.Block, sc scope, file string) {
	var content *hclsyntax.Body
	for _, inner := range b.Body.Blocks {
		if inner.Type == "content" {
			content = inner.Body
		}
	}
	forEach := b.Body.Attributes["for_each"]
	if content == nil || forEach == nil {
		return
	}
	iterator := b.Labels[0]
	if a := b.Body.Attributes["iterator"]; a != nil {
		if t, ok := a.Expr.(*hclsyntax.ScopeTraversalExpr); ok {
			iterator = t.Traversal.RootName()
		}
	}
	over := e.eval(forEach.Expr, sc)
	if over.kind != list && over.kind != object || over.why != "" {
		if over.kind != null {
			out.items = append(out.items, unknownValue(orElse(over.reason(), "a dynamic block")))
			out.why = orElse(over.reason(), "a dynamic block")
		}
		return
	}
	for n, item := range over.items {
		key := item
		switch {
		case over.kind == object:
			key = literal(over.keys[n])
		case item.kind != str:
			key = numberValue(float64(n))
		}
		one := value{kind: object}
		one.set("key", key)
		one.set("value", item)
		inner := e.body(content, sc.with(iterator, one), file)
		inner.at = place{file, b.TypeRange.Start.Line}
		out.items = append(out.items, inner)
	}
}

// body evaluates the inside of a block into an object.
func (e *engine) body(body *hclsyntax.Body, sc scope, file string) value {
	out := value{kind: object}
	if !e.enter() {
		return unknownValue("the source is nested too deeply")
	}
	defer e.leave()
	for name, a := range body.Attributes {
		v := e.eval(a.Expr, sc)
		if v.kind == null {
			continue
		}
		v.at = place{file, a.NameRange.Start.Line}
		out.set(name, v)
	}
	for _, b := range body.Blocks {
		name := b.Type
		if name == "dynamic" && len(b.Labels) == 1 {
			name = b.Labels[0]
		}
		if _, done := out.field(name); !done {
			out.set(name, e.blocks(body, name, sc, file))
		}
	}
	return out
}

// with returns a scope in which a name means v.
func (sc scope) with(name string, v value) scope {
	inner := map[string]value{}
	for k, x := range sc.variables {
		inner[k] = x
	}
	inner[name] = v
	sc.variables = inner
	return sc
}
