package check

import "github.com/thawdev/thaw/stack"

func fixedAddress() *Rule {
	return &Rule{
		ID: "THAW-A05", Name: "endpoint-is-an-address", Severity: Warning,
		Doc: Doc{
			Title:   "The endpoint of the cache is written as an IP address",
			Why:     "A failover keeps the DNS name and changes the address, and so do scaling and maintenance. A function with a fixed address then connects to a node that is gone, or to one that is read-only now. With TLS the address does not match the certificate either.",
			Fix:     "Refer to the endpoint of the cache by its name.",
			Sources: []string{sourceCacheConn},
		},
		Run: func(p *Pass) {
			p.eachVariable(func(c client, v variable) {
				addr, before, after, ok := v.address()
				if !ok || addr.IsLoopback() || addr.IsUnspecified() || !v.has("HOST", "HOSTNAME", "ENDPOINT", "ENDPOINTS", "ADDRESS", "ADDR", "URL", "URI", "DSN", "SERVER", "SERVERS", "NODE", "NODES", "CACHE", "REDIS", "VALKEY", "MEMCACHED") {
					return
				}
				var value stack.Text
				value = append(value, stack.Literal(before)...)
				value = append(value, stack.Part{Resource: c.cache.ID, Attribute: stack.EndpointAddress})
				value = append(value, stack.Literal(after)...)
				p.report(c.function.Resource, c.function.Origin, change(setTo(c, v, value)),
					"Variable %s of function %s holds the address %v in place of the endpoint of cache %s.", v.name, c.function.ID, addr, c.cache.ID)
			})
		},
	}
}
