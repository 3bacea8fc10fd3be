package check

import "github.com/thawdev/thaw/stack"

func plainToTLS() *Rule {
	return &Rule{
		ID: "THAW-A01", Name: "plain-client-tls-cache", Severity: Error,
		Doc: Doc{
			Title: "The cache requires TLS and the function's environment says plain text",
			Why: "A client that speaks plain text to a TLS port gets no answer that it understands: it hangs until its timeout, or reports a broken connection. The port is the same with and without TLS, so the network looks right. " +
				"AWS names it among the common mistakes.",
			Fix:     "Write rediss:// in place of redis://, or switch the TLS variable on. Do not switch the verification of certificates off: the certificates of ElastiCache are issued by Amazon Trust Services.",
			Sources: []string{sourceCacheConn, "Amazon ElastiCache User Guide, \"In-transit encryption (TLS)\""},
			Unseen:  "How the code uses a variable: a host name without a scheme says nothing about TLS.",
		},
		Run: func(p *Pass) {
			p.eachVariable(func(c client, v variable) {
				if !c.cache.TransitEncryption.Or(false) || c.cache.TransitMode.Or("preferred") == "preferred" {
					return // in mode preferred the server takes both
				}
				u, isURL := v.url()
				switch on, _ := v.truth(); {
				case isURL && u.isPlain() && !p.saysTLS(c, true):
					p.report(c.function.Resource, c.function.Origin, change(setTo(c, v, u.withScheme(u.other()))),
						"Variable %s of function %s is %s, but cache %s takes TLS only.", v.name, c.function.ID, show(v.text), c.cache.ID)
				case v.isTLS() && !on && !p.saysTLS(c, true):
					p.report(c.function.Resource, c.function.Origin, change(setTo(c, v, stack.Literal(v.flipped()))),
						"Variable %s of function %s switches TLS off, but cache %s takes TLS only.", v.name, c.function.ID, c.cache.ID)
				}
			})
		},
	}
}
