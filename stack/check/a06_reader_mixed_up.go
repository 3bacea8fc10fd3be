package check

import (
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack"
)

func readerMixedUp() *Rule {
	return &Rule{
		ID: "THAW-A06", Name: "reader-and-primary-mixed-up", Severity: Warning,
		Doc: Doc{
			Title:   "The reader endpoint and the primary endpoint are mixed up",
			Why:     "The reader endpoint leads to replicas, which answer writes with READONLY. The other way round, reads that are meant for replicas all go to the primary, and the replicas are paid for in vain.",
			Fix:     "Give the variable for writing the primary endpoint, and the variable for reading the reader endpoint.",
			Sources: []string{"Amazon ElastiCache User Guide, \"Finding connection endpoints\""},
		},
		Run: func(p *Pass) {
			for _, c := range p.paths() {
				p.reportMixedUp(c)
			}
		},
	}
}

func (p *Pass) reportMixedUp(c client) {
	var vars []variable
	for _, v := range p.variables(c) {
		if endpointOf(v.text, c.cache) != "" {
			vars = append(vars, v)
		}
	}
	primary := slices.ContainsFunc(vars, func(v variable) bool { return endpointOf(v.text, c.cache) == stack.EndpointAddress })
	for _, v := range vars {
		reader := v.has("READER", "READ", "REPLICA", "REPLICAS", "READONLY", "RO", "SECONDARY")
		writer := v.has("WRITER", "WRITE", "PRIMARY", "MASTER")
		switch of := endpointOf(v.text, c.cache); {
		case writer && !reader && of == stack.ReaderAddress:
			p.report(c.function.Resource, c.function.Origin, change(setTo(c, v, swapEndpoint(v.text))),
				"Variable %s of function %s is for writing and holds the reader endpoint of cache %s.", v.name, c.function.ID, c.cache.ID)
		case reader && !writer && of == stack.EndpointAddress && hasReader(c.cache):
			p.report(c.function.Resource, c.function.Origin, change(setTo(c, v, swapEndpoint(v.text))),
				"Variable %s of function %s is for reading and holds the primary endpoint of cache %s.", v.name, c.function.ID, c.cache.ID)
		case !reader && !writer && of == stack.ReaderAddress && !primary:
			p.report(c.function.Resource, c.function.Origin, change(setTo(c, v, swapEndpoint(v.text))),
				"Function %s has only the reader endpoint of cache %s, in variable %s: every write fails with READONLY.", c.function.ID, c.cache.ID, v.name)
		}
	}
}

// hasReader reports whether a cache certainly has replicas behind an endpoint
// of their own.
func hasReader(c *stack.Cache) bool {
	return c.Kind == stack.ReplicationGroup && !c.ClusterMode.Or(true) && c.Replicas.Or(0) > 0
}

// endpointOf returns which endpoint of the cache a text mentions, "" for none
// or both. Host names of ElastiCache say it in their first label: replica.NAME
// and NAME-ro are readers.
func endpointOf(t stack.Text, c *stack.Cache) string {
	found := map[string]bool{}
	for _, p := range t {
		switch {
		case p.Resource == c.ID && (p.Attribute == stack.EndpointAddress || p.Attribute == stack.ReaderAddress):
			found[p.Attribute] = true
		case p.Literal != "" && !p.Secret && literalHost(p.Literal, c):
			text := strings.ToLower(p.Literal)
			name := strings.ToLower(c.Name.Or("?"))
			if containsHost(text, "replica."+name) || strings.Contains(text, "replica."+name+".") || strings.Contains(text, name+"-ro.") {
				found[stack.ReaderAddress] = true
			} else {
				found[stack.EndpointAddress] = true
			}
		}
	}
	if len(found) != 1 {
		return ""
	}
	if found[stack.ReaderAddress] {
		return stack.ReaderAddress
	}
	return stack.EndpointAddress
}

// swapEndpoint refers to the other endpoint.
func swapEndpoint(t stack.Text) stack.Text {
	other := map[string]string{
		stack.EndpointAddress: stack.ReaderAddress, stack.ReaderAddress: stack.EndpointAddress,
		stack.EndpointPort: stack.ReaderPort, stack.ReaderPort: stack.EndpointPort,
	}
	out := slices.Clone(t)
	for i := range out {
		if to, ok := other[out[i].Attribute]; ok {
			out[i].Attribute = to
		}
	}
	return out
}
