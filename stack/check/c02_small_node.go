package check

import (
	"fmt"

	"github.com/thawdev/thaw/stack"
)

func smallNode() *Rule {
	return &Rule{
		ID: "THAW-C02", Name: "node-baseline-bandwidth", Severity: Info,
		Doc: Doc{
			Title: "One execution environment can use more bandwidth than the node has for ever",
			Why: "A node's baseline bandwidth is what it has for ever; the burst above it is best effort and ends with the credits. One execution environment in a VPC has 625 Mbps: " +
				"about ten times the 64 Mbps of a cache.t3.micro or t4g.micro. Large values and a cold start of many environments use the credits up, and then every answer is slow.",
			Fix:     "Fine for development. For load, take a type whose baseline carries it: 0.75 Gbps and more from cache.m5.large and m6g.large upwards.",
			Sources: []string{sourceNodes, sourceLimits},
		},
		Run: func(p *Pass) {
			for _, c := range p.stack.Caches {
				n, ok := stack.NodeTypeByName(c.NodeType.Or(""))
				clients := p.clientsOf(c)
				if !ok || c.Kind == stack.Serverless || len(clients) == 0 || n.BaselineGbps >= environmentGbps {
					continue
				}
				p.report(c.Resource, c.Origin, inWords("%s", p.rule.Doc.Fix), "A %s of cache %s has %s Mbps for ever; one execution environment may use 625 Mbps.",
					n.Name, c.ID, fmt.Sprintf("%.0f", n.BaselineGbps*1000))
			}
		},
	}
}
