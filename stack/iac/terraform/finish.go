package terraform

import (
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// finish works out what needs the whole stack.
func (b *builder) finish() {
	b.nameDefaultGroups()
	b.placeInterfaces()
	b.linkEndpoints()
	b.hideTokens()
}

// nameDefaultGroups adds the default groups that resources name.
func (b *builder) nameDefaultGroups() {
	var named []stack.Value[string]
	for _, f := range b.out.Functions {
		if f.VPC != nil {
			named = append(named, f.VPC.SecurityGroups...)
		}
	}
	for _, c := range b.out.Caches {
		named = append(named, c.SecurityGroups...)
	}
	for _, e := range b.out.Endpoints {
		named = append(named, e.SecurityGroups...)
	}
	for _, i := range b.out.Interfaces {
		named = append(named, i.SecurityGroups...)
	}
	for _, g := range slices.Clone(b.out.SecurityGroups) {
		for _, r := range slices.Concat(g.Ingress, g.Egress) {
			named = append(named, r.SecurityGroup)
		}
	}
	for _, id := range named {
		b.defaultGroup(id.Or(""))
	}
}

// linkEndpoints replaces the host name of a cache of the stack, where an
// environment repeats it, by a reference to the cache. A plan or a state of
// what exists shows the name only. A name that the configuration states as a
// constant stays one.
func (b *builder) linkEndpoints() {
	for _, c := range b.out.Caches {
		for n, host := range c.Endpoints {
			attribute := stack.EndpointAddress
			if n > 0 && b.isReader(c, host) {
				attribute = stack.ReaderAddress
			}
			for _, f := range b.out.Functions {
				if b.constantEnvironment(f.ID) {
					continue
				}
				for name, text := range f.Environment {
					f.Environment[name] = link(text, host, stack.Part{Resource: c.ID, Attribute: attribute})
				}
			}
		}
	}
}

func (b *builder) isReader(c *stack.Cache, host string) bool {
	a := b.attrs(b.instances[c.ID])
	if s, ok := a.get("reader_endpoint_address").scalar(); ok && s == host {
		return true
	}
	for _, node := range a.get("reader_endpoint").items {
		if s, ok := node.get("address").scalar(); ok && s == host {
			return true
		}
	}
	return false
}

// constantEnvironment reports whether the plan says that the variables of a
// function are written out as constants.
func (b *builder) constantEnvironment(id string) bool {
	i := b.instances[id]
	written := i.m.config.resource(i.key).get("expressions").get("environment")
	if len(written.items) == 0 {
		return false
	}
	_, constant := written.items[0].get("variables").field("constant_value")
	return constant
}

// link puts part in place of each occurrence of a word in the literals of text.
func link(text stack.Text, word string, part stack.Part) stack.Text {
	var out stack.Text
	for n, p := range text {
		before, after, found := strings.Cut(p.Literal, word)
		if !found || p.Secret {
			continue
		}
		out = append(out, text[:n]...)
		out = append(out, stack.Literal(before)...)
		out = append(out, part)
		out = append(out, link(stack.Literal(after), word, part)...)
		return append(out, link(text[n+1:], word, part)...)
	}
	return text
}

// hideTokens marks the auth token of a cache as a secret in the environments
// that repeat it, alone or inside a URL, so that a stack that is written out
// does not hold it.
func (b *builder) hideTokens() {
	for _, c := range b.out.Caches {
		if c.AuthToken == nil {
			continue
		}
		token, ok := c.AuthToken.Resolve(nil).Get()
		if !ok || token == "" {
			continue
		}
		for _, f := range b.out.Functions {
			for name, text := range f.Environment {
				f.Environment[name] = link(text, token, stack.Part{Literal: token, Secret: true})
			}
		}
	}
}
