package check

import (
	"slices"

	"github.com/thawdev/thaw/stack/reach"
)

func partlyClosed() *Rule {
	return &Rule{
		ID: "THAW-R04", Name: "partly-closed", Severity: Error,
		Doc: Doc{
			Title: "The cache is reachable from some of the function's subnets only",
			Why: "Lambda spreads execution environments over all subnets of a function, and ElastiCache moves the primary between its subnets at a failover. " +
				"A path that is open from one subnet and closed from another gives a function that times out now and then, which is the hardest form of the fault to find.",
			Fix:     "Give every subnet the same way to every cache subnet.",
			Sources: []string{sourceLambdaNet, sourceACL},
		},
		Run: func(p *Pass) {
			for _, c := range p.paths() {
				if c.path.Verdict != reach.Closed || whole(c) {
					continue
				}
				p.reportPart(c)
			}
		},
	}
}

// reportPart reports the subnets from which, or to which, a path is closed.
func (p *Pass) reportPart(c client) {
	deciding := c.path.Deciding()
	var from, to, zones []string
	for _, pair := range c.path.Pairs {
		if pair.Verdict != reach.Closed {
			continue
		}
		from, to, zones = append(from, pair.FromSubnet), append(to, pair.ToSubnet), append(zones, pair.FromZone)
	}
	slices.Sort(from)
	from = slices.Compact(from)
	slices.Sort(to)
	to = slices.Compact(to)
	slices.Sort(zones)
	zones = slices.DeleteFunc(slices.Compact(zones), func(z string) bool { return z == "" })
	where := ""
	if len(from) > 0 {
		where = " from " + sentenceList(from)
		if len(zones) > 0 {
			where += " (" + sentenceList(zones) + ")"
		}
		where += " to " + sentenceList(to)
	}
	res := c.function.Resource
	origin := c.function.Origin
	if c.function.VPC != nil {
		origin = c.function.VPC.Origin
	}
	if decides := p.index[deciding.Resource]; decides != nil {
		res, origin = *decides, deciding.Origin
	}
	p.reportAs(Error, res, origin, deciding.AWSCode, p.opening(c, nil),
		"Function %s reaches cache %s on port %s only in part: closed%s, because %s", c.function.ID, c.cache.ID, at(c), where, lowerFirst(deciding.Reason))
}
