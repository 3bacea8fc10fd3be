package check

import (
	"strings"

	"github.com/thawdev/thaw/stack"
)

func publicSubnets() *Rule {
	return &Rule{
		ID: "THAW-P10", Name: "cache-in-public-subnet", Severity: Warning,
		Doc: Doc{
			Title:   "The cache's subnet has a route to an internet gateway",
			Why:     "A cache has no public address, so nobody reaches it through the gateway today. But the subnet is built for public hosts: one of them beside the cache needs only one wide rule to be a way in.",
			Fix:     "Place the cache in subnets whose route table has no route to an internet gateway.",
			Sources: []string{"Amazon VPC User Guide, \"Internet gateways\""},
		},
		Run: func(p *Pass) {
			for _, c := range p.stack.Caches {
				var public []string
				for _, id := range known(c.Subnets) {
					if _, ok := p.internetRoute(id); ok {
						public = append(public, id)
					}
				}
				if len(public) == 0 {
					continue
				}
				r, _ := p.internetRoute(public[0])
				p.report(c.Resource, c.Origin, inWords("%s", p.rule.Doc.Fix), "Cache %s may be placed in %s, from where a route leads to internet gateway %s.",
					c.ID, sentenceList(public), r.Target.Or(""))
			}
		},
	}
}

// internetRoute returns the route of a subnet that leads to an internet
// gateway.
func (p *Pass) internetRoute(subnet string) (stack.Route, bool) {
	table := p.tables[subnet]
	if table == nil {
		return stack.Route{}, false
	}
	for _, r := range table.Routes {
		target, ok := r.Target.Get()
		if destination := r.Destination.Or(""); !ok || destination != "0.0.0.0/0" && destination != "::/0" {
			continue
		}
		if r.TargetKind == "gateway" && !r.Blackhole.Or(false) && p.isInternetGateway(target) {
			return r, true
		}
	}
	return stack.Route{}, false
}

func (p *Pass) isInternetGateway(id string) bool {
	if strings.HasPrefix(id, "igw-") {
		return true
	}
	for _, g := range p.stack.Gateways {
		if g.ID == id {
			return g.Kind == stack.InternetGateway
		}
	}
	res := p.index[id]
	return res != nil && (res.Type == "AWS::EC2::InternetGateway" || res.Type == "aws_internet_gateway")
}
