package check

import "github.com/thawdev/thaw/stack"

func tlsToPlain() *Rule {
	return &Rule{
		ID: "THAW-A02", Name: "tls-client-plain-cache", Severity: Error,
		Doc: Doc{
			Title: "The function's environment says TLS and the cache has none",
			Why: "The client waits for a TLS handshake that the server does not know: connecting fails or hangs. " +
				"Node-based caches of Redis OSS 7 and later and of Valkey can switch TLS on later, in two steps; older ones and Memcached only when they are made.",
			Fix:     "Switch in-transit encryption on at the cache, which also AUTH and RBAC need. Where that is not possible, write redis:// in place of rediss://.",
			Sources: []string{sourceCacheConn, "Amazon ElastiCache User Guide, \"Enabling in-transit encryption\""},
		},
		Run: func(p *Pass) {
			p.eachVariable(func(c client, v variable) {
				if on, ok := c.cache.TransitEncryption.Get(); on || !ok {
					return
				}
				better := "Better: switch in-transit encryption of " + c.cache.ID + " on and leave the variable as it is."
				u, isURL := v.url()
				switch on, _ := v.truth(); {
				case isURL && u.isTLS() && mentions(v.text, c.cache):
					p.report(c.function.Resource, c.function.Origin, change(setTo(c, v, u.withScheme(u.other()))).and("%s", better),
						"Variable %s of function %s is %s, but cache %s has no TLS.", v.name, c.function.ID, show(v.text), c.cache.ID)
				case v.isTLS() && on:
					p.report(c.function.Resource, c.function.Origin, change(setTo(c, v, stack.Literal(v.flipped()))).and("%s", better),
						"Variable %s of function %s switches TLS on, but cache %s has none.", v.name, c.function.ID, c.cache.ID)
				}
			})
		},
	}
}
