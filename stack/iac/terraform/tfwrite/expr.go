package tfwrite

import (
	"strings"

	"github.com/thawdev/thaw/stack"
)

// attr is one argument or nested block of a resource.
type attr struct {
	name  string
	value expr
}

type exprKind int

const (
	omitted  exprKind = iota // the argument is not written
	constant                 // text, number or truth value
	refer                    // attribute of a resource, known after apply
	input                    // variable
	template                 // a string made of parts
	tuple
	mapping
	blocks          // nested blocks of their own
	attributeBlocks // written like blocks; a plan treats them as one argument
	encoded         // jsonencode of the one item
)

// expr is the value of an argument.
type expr struct {
	kind      exprKind
	value     any // of a constant, or of the variable
	target    *resource
	attribute string // path below the target, or name of the variable
	items     []expr
	fields    []attr   // of a mapping
	bodies    [][]attr // of blocks
	sensitive bool
}

func literal(v any) expr { return expr{kind: constant, value: v} }

func reference(r *resource, attribute string) expr {
	return expr{kind: refer, target: r, attribute: attribute}
}

func list(items ...expr) expr { return expr{kind: tuple, items: items} }

// optional leaves an argument out that has the value that AWS takes anyway.
func optional[T comparable](v stack.Value[T], usual T, d *document) expr {
	if x, ok := v.Get(); ok && x == usual {
		return expr{}
	}
	return valueOf(v, d)
}

func valueOf[T any](v stack.Value[T], d *document) expr {
	x, ok := v.Get()
	if !ok {
		return d.unknown(v.Why())
	}
	return literal(x)
}

// str writes a string; a name that AWS generates is left out.
func (d *document) str(v stack.Value[string]) expr {
	if s, ok := v.Get(); ok && s == "" {
		return expr{}
	}
	return valueOf(v, d)
}

// name writes a name that may be left to AWS.
func (d *document) name(v stack.Value[string]) expr {
	if !v.IsKnown() {
		return expr{}
	}
	return d.str(v)
}

// id writes the id of a resource: a reference if the stack declares it.
func (d *document) id(v stack.Value[string]) expr { return d.attributeOf(v, "id") }

func (d *document) attributeOf(v stack.Value[string], attribute string) expr {
	id, ok := v.Get()
	switch {
	case !ok:
		return d.unknown(v.Why())
	case id == "":
		return expr{}
	}
	if r := d.names[id]; r != nil {
		return reference(r, attribute)
	}
	if vpc, ok := strings.CutSuffix(id, defaultGroup); ok && d.names[vpc] != nil {
		return reference(d.names[vpc], "default_security_group_id")
	}
	return literal(id)
}

// ids writes a list of ids, or leaves an empty one out.
func (d *document) ids(all []stack.Value[string]) expr {
	if len(all) == 0 {
		return expr{}
	}
	e := expr{kind: tuple}
	for _, v := range all {
		e.items = append(e.items, d.id(v))
	}
	return e
}

// text writes a string that may mention resources.
func (d *document) text(t stack.Text) expr {
	var parts []expr
	for _, p := range t {
		switch {
		case p.Unknown != "":
			parts = append(parts, d.unknown(p.Unknown))
		case p.Resource == stack.DatabaseID:
			parts = append(parts, d.unknown("the URL of the database"))
		case p.Resource != "":
			parts = append(parts, d.part(p))
		case p.Secret:
			parts = append(parts, d.secret(p.Literal))
		default:
			parts = append(parts, literal(p.Literal))
		}
	}
	switch len(parts) {
	case 0:
		return literal("")
	case 1:
		return parts[0]
	}
	return expr{kind: template, items: parts}
}

// part writes a reference to an attribute in Terraform's words.
func (d *document) part(p stack.Part) expr {
	r := d.names[p.Resource]
	if r == nil {
		return d.unknown("an attribute of " + p.Resource)
	}
	if c := d.s.Cache(p.Resource); c != nil {
		if path := endpointPath(c, p.Attribute); path != "" {
			return reference(r, path)
		}
	}
	switch p.Attribute {
	case "":
		return reference(r, "id")
	case "Arn":
		return reference(r, "arn")
	}
	return d.unknown("the attribute " + p.Attribute + " of " + p.Resource)
}

// endpointPath returns where Terraform keeps an endpoint of a cache.
func endpointPath(c *stack.Cache, attribute string) string {
	reader := attribute == stack.ReaderAddress || attribute == stack.ReaderPort
	port := attribute == stack.EndpointPort || attribute == stack.ReaderPort
	if !reader && !port && attribute != stack.EndpointAddress {
		return ""
	}
	switch {
	case c.Kind == stack.Serverless:
		path := "endpoint[0]."
		if reader {
			path = "reader_endpoint[0]."
		}
		if port {
			return path + "port"
		}
		return path + "address"
	case port:
		return "port"
	case c.Kind == stack.CacheCluster && c.Engine.Or("") == stack.Memcached:
		return "cluster_address"
	case c.Kind == stack.CacheCluster:
		return "cache_nodes[0].address"
	case reader:
		return "reader_endpoint_address"
	case c.ClusterMode.Or(false):
		return "configuration_endpoint_address"
	}
	return "primary_endpoint_address"
}

// secret writes a password as a sensitive variable, one for each value.
func (d *document) secret(value string) expr {
	for _, v := range d.variables {
		if v.sensitive && v.value == value {
			return expr{kind: input, attribute: v.name, value: value, sensitive: true}
		}
	}
	name := "auth_token"
	if n := len(d.variables); d.hasVariable(name) {
		name += "_" + string(rune('a'+n%26))
	}
	d.variables = append(d.variables, variable{name: name, typ: "string", value: value, sensitive: true})
	return expr{kind: input, attribute: name, value: value, sensitive: true}
}

func (d *document) hasVariable(name string) bool {
	for _, v := range d.variables {
		if v.name == name {
			return true
		}
	}
	return false
}
