package check

import (
	"slices"

	"github.com/thawdev/thaw/stack"
)

func oneZone() *Rule {
	return &Rule{
		ID: "THAW-C04", Name: "one-zone-only", Severity: Warning,
		Doc: Doc{
			Title:   "The function or the cache is in one availability zone only",
			Why:     "When the zone fails, Lambda has no other subnet in which to run the function, and ElastiCache has no place for a replica or a new primary.",
			Fix:     "Use subnets in at least two zones, and a replica in the second with Multi-AZ switched on.",
			Sources: []string{sourceLambdaVPC, "Amazon ElastiCache User Guide, \"Minimizing downtime with Multi-AZ\""},
			Unseen:  "Zones that AWS chooses: if the zones of two subnets are not known, the rule is silent.",
		},
		Run: func(p *Pass) {
			for _, f := range p.stack.Functions {
				if f.VPC != nil && p.singleZone(f.VPC.Subnets) {
					p.report(f.Resource, f.VPC.Origin, p.otherZones(f), "Function %s is attached to one zone only: %s.", f.ID, p.zoneText(f.VPC.Subnets))
				}
			}
			for _, c := range p.stack.Caches {
				if nodes, ok := c.Nodes.Get(); (!ok || nodes > 1) && (p.singleZone(c.Subnets) || len(c.Subnets) > 0 && oneOf(c.Zones)) {
					p.report(c.Resource, c.Origin, inWords("%s", p.rule.Doc.Fix), "The nodes of cache %s are in one zone only: %s.", c.ID, p.zoneText(c.Subnets))
				}
			}
		},
	}
}

// singleZone reports whether all subnets are certainly in one zone.
func (p *Pass) singleZone(subnets []stack.Value[string]) bool {
	if len(subnets) == 0 || !allKnown(subnets) {
		return false
	}
	if len(subnets) == 1 {
		return p.subnets[subnets[0].Or("")] != nil
	}
	var zones []stack.Value[string]
	for _, id := range known(subnets) {
		n := p.subnets[id]
		if n == nil {
			return false
		}
		zones = append(zones, n.Zone)
	}
	return oneOf(zones)
}

// oneOf reports whether all zones are known and the same.
func oneOf(zones []stack.Value[string]) bool {
	if len(zones) == 0 || !allKnown(zones) || zones[0].Or("") == "" {
		return false
	}
	return !slices.ContainsFunc(zones, func(z stack.Value[string]) bool { return z.Or("") != zones[0].Or("") })
}

func (p *Pass) zoneText(subnets []stack.Value[string]) string {
	text := sentenceList(known(subnets))
	if zones := p.zonesOf(subnets); len(zones) > 0 {
		text += " in " + sentenceList(zones)
	}
	return text
}

// otherZones attaches a function to one more subnet of its VPC, in another
// zone and as private or public as those that it has.
func (p *Pass) otherZones(f *stack.Function) Fix {
	mine := p.zonesOf(f.VPC.Subnets)
	vpc := p.onlyVPC(f.VPC.Subnets, nil)
	if len(mine) != 1 || vpc == "" || !allKnown(f.VPC.SecurityGroups) {
		return inWords("%s", p.rule.Doc.Fix)
	}
	for _, n := range p.stack.Subnets {
		zone, ok := n.Zone.Get()
		if _, public := p.internetRoute(n.ID); ok && zone != "" && zone != mine[0] && n.VPC.Or("") == vpc && n.Conditional == "" && !public {
			return change(attachFunction{function: f, subnets: append(known(f.VPC.Subnets), n.ID), groups: known(f.VPC.SecurityGroups)})
		}
	}
	return inWords("%s", p.rule.Doc.Fix)
}
