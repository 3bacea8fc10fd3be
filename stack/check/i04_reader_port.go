package check

import "github.com/thawdev/thaw/stack/reach"

func readerPortClosed() *Rule {
	return &Rule{
		ID: "THAW-I04", Name: "serverless-reader-port", Severity: Warning,
		Doc: Doc{
			Title: "A serverless cache is open on 6379 and closed on 6380",
			Why: "A serverless Valkey or Redis OSS cache has one host name and two ports: 6379 for reading and writing, 6380 for reads from the nearest replica. AWS asks to open both. " +
				"Clients that read from replicas, as cluster clients do when they are told to prefer them, hang on 6380.",
			Fix:     "Allow port 6380 wherever 6379 is allowed.",
			Sources: []string{sourceServerless},
		},
		Run: func(p *Pass) {
			for i, c := range p.clients {
				if !c.reader || c.path.Verdict != reach.Closed || i == 0 || p.clients[i-1].path.Verdict != reach.Open {
					continue
				}
				p.reportFactor(c, c.path.Deciding(), p.opening(c, nil), "Function %s reaches serverless cache %s on port %s, but not on port %s of its readers.",
					c.function.ID, c.cache.ID, portOf(p.clients[i-1].path.Port), at(c))
			}
		},
	}
}
