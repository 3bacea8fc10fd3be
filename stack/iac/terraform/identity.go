package terraform

import (
	"strings"

	"github.com/thawdev/thaw/stack"
)

// index notes what AWS calls a resource that exists, so that others may name it
// by that.
func (b *builder) index(i *instance) {
	if i.plan == nil || !modelled(i.typ) {
		return
	}
	values := i.plan.parse()[0]
	for _, name := range []string{"id", "arn"} {
		if s, ok := values.get(name).scalar(); ok && s != "" {
			b.awsIDs[s] = i.address
		}
	}
	if i.typ != "aws_vpc" {
		return
	}
	for _, name := range []string{"default_security_group_id", "default_route_table_id", "main_route_table_id", "default_network_acl_id"} {
		if s, ok := values.get(name).scalar(); ok && s != "" {
			b.awsIDs[s] = b.identity(i.address, name)
		}
	}
}

// modelled reports whether a type becomes part of the stack under its own ID.
func modelled(typ string) bool {
	return declaration(typ) != nil
}

// adoptDefaults notes which resources stand for the defaults of a VPC, so that
// references to the VPC's attribute mean them.
func (b *builder) adoptDefaults() {
	for typ, argument := range map[string]string{"aws_default_route_table": "default_route_table_id", "aws_default_network_acl": "default_network_acl_id"} {
		for _, i := range b.byType["managed."+typ] {
			if id, ok := b.id(i.arg(argument)).Get(); ok && id != "" {
				b.awsIDs[id] = i.address
			}
		}
	}
	for _, i := range b.byType["managed.aws_default_security_group"] {
		if vpc, ok := b.id(i.arg("vpc_id")).Get(); ok && vpc != "" {
			b.awsIDs[b.identity(vpc, "default_security_group_id")] = i.address
		}
	}
}

// identity returns the ID of what an attribute of a resource identifies.
func (b *builder) identity(address, attribute string) string {
	i := b.instances[address]
	if i == nil || i.typ != "aws_vpc" {
		return address
	}
	switch attribute {
	case "main_route_table_id":
		attribute = "default_route_table_id"
	case "default_security_group_id", "default_route_table_id", "default_network_acl_id":
	default:
		return address
	}
	id := address + "." + attribute
	if adopted, ok := b.awsIDs[id]; ok {
		return adopted
	}
	return id
}

// id returns the ID of the resource that v names.
func (b *builder) id(v value) stack.Value[string] {
	switch v.kind {
	case resource:
		return stack.Known(v.inst.address)
	case list:
		if v.guess != nil {
			return stack.Unknown[string](v.guess.why)
		}
		if len(v.items) == 1 && v.why == "" {
			return b.id(v.items[0])
		}
		return stack.Unknown[string](orElse(v.reason(), "one of several"))
	}
	if p, ok := computedPath(v); ok && (isName(p.Attribute) || strings.HasPrefix(p.Attribute, "default_") || strings.HasPrefix(p.Attribute, "main_")) {
		return stack.Known(b.identity(p.Resource, p.Attribute))
	}
	t := b.asText(v)
	if isSecret(t) {
		return stack.Unknown[string]("a sensitive value")
	}
	id := t.Resolve(nil)
	if address, ok := b.awsIDs[id.Or("")]; ok {
		return stack.Known(address)
	}
	return id
}

// asText returns v as a text in the model's words.
func (b *builder) asText(v value) stack.Text {
	switch v.kind {
	case resource:
		if v.guess != nil {
			return mentionOf(v.guess.why, v)
		}
		return stack.Text{{Resource: v.inst.address}}
	case list:
		// What an expression refers to, of which it makes one text.
		why := orElse(v.why, orElse(v.reason(), "a list"))
		if v.guess != nil {
			why = v.guess.why
		}
		return b.asText(value{kind: str, text: mentionOf(why, v)})
	case object, call:
		return stack.Text{{Unknown: orElse(v.reason(), "an object")}}
	}
	t, _ := v.asText()
	var out stack.Text
	for n, p := range t {
		if p.Resource == "" {
			if out != nil {
				out = append(out, p)
			}
			continue
		}
		if out == nil {
			out = append(stack.Text{}, t[:n]...)
		}
		out = append(out, b.translate(p)...)
	}
	if out == nil {
		return t
	}
	return concat(out)
}

// translate writes an attribute in the model's words.
func (b *builder) translate(p stack.Part) stack.Text {
	if p.Attribute == "id" {
		p.Attribute = ""
		return stack.Text{p}
	}
	i := b.instances[p.Resource]
	switch {
	case i != nil && !strings.HasPrefix(i.typ, "aws_"):
		return stack.Text{{Unknown: p.Resource + "." + p.Attribute}} // nothing of AWS
	case i == nil || !isCache(i.typ):
		return stack.Text{p}
	}
	path := strings.NewReplacer("[0]", "", ".0", "").Replace(p.Attribute)
	switch path {
	case "primary_endpoint_address", "configuration_endpoint_address", "cluster_address", "cache_nodes.address", "endpoint.address":
		p.Attribute = stack.EndpointAddress
	case "reader_endpoint_address", "reader_endpoint.address":
		p.Attribute = stack.ReaderAddress
	case "port", "cache_nodes.port", "endpoint.port":
		p.Attribute = stack.EndpointPort
	case "reader_endpoint.port":
		p.Attribute = stack.ReaderPort
	case "configuration_endpoint": // host:port
		return stack.Text{{Resource: p.Resource, Attribute: stack.EndpointAddress}, {Literal: ":"}, {Resource: p.Resource, Attribute: stack.EndpointPort}}
	}
	return stack.Text{p}
}

func isCache(typ string) bool {
	return typ == "aws_elasticache_replication_group" || typ == "aws_elasticache_cluster" || typ == "aws_elasticache_serverless_cache"
}

// find returns the managed resource of a type that v names by reference, id,
// or name.
func (b *builder) find(typ string, v value, names ...string) *instance {
	id, ok := b.id(v).Get()
	if !ok || id == "" {
		return nil
	}
	if i := b.instances[id]; i != nil && i.typ == typ {
		return i
	}
	for _, i := range b.byType["managed."+typ] {
		for _, name := range names {
			if s, ok := i.arg(name).scalar(); ok && s == id {
				return i
			}
		}
	}
	return nil
}
