package check

import (
	"slices"

	"github.com/thawdev/thaw/stack"
)

func crossZone() *Rule {
	return &Rule{
		ID: "THAW-C06", Name: "cross-zone-traffic", Severity: Info,
		Doc: Doc{
			Title: "The function runs in a zone in which the cache has no node",
			Why: "Everything that environments in that zone read and write crosses zones: each request takes longer, and AWS charges for each GB in both directions. " +
				"The price differs by region: see \"Data transfer\" at https://aws.amazon.com/ec2/pricing/on-demand/ and https://aws.amazon.com/elasticache/pricing/. (With one primary, requests from other zones cross anyway; thaw check --explain marks the pairs.)",
			Fix:     "Place a replica in that zone and read from it, or leave the subnet out.",
			Sources: []string{"VPC Reachability Analyzer, explanation codes: AVAILABILITY_ZONE_CROSSED"},
		},
		Run: func(p *Pass) {
			for _, c := range p.paths() {
				if c.function.VPC == nil {
					continue
				}
				theirs := p.cacheZones(c.cache)
				var lonely []string
				for _, z := range p.zonesOf(c.function.VPC.Subnets) {
					if len(theirs) > 0 && !slices.Contains(theirs, z) {
						lonely = append(lonely, z)
					}
				}
				if len(lonely) > 0 {
					p.reportAs(Info, c.function.Resource, c.function.VPC.Origin, "AVAILABILITY_ZONE_CROSSED", inWords("%s", p.rule.Doc.Fix),
						"Function %s runs in %s, where cache %s has no node: all its traffic from there crosses zones.", c.function.ID, sentenceList(lonely), c.cache.ID)
				}
			}
		},
	}
}

// cacheZones lists the zones in which a cache can have nodes; nil if one of
// them is not known.
func (p *Pass) cacheZones(c *stack.Cache) []string {
	if len(c.Zones) > 0 {
		if !allKnown(c.Zones) {
			return nil
		}
		zones := known(c.Zones)
		slices.Sort(zones)
		return slices.Compact(zones)
	}
	if !allKnown(c.Subnets) {
		return nil
	}
	for _, id := range known(c.Subnets) {
		if n := p.subnets[id]; n == nil || !n.Zone.IsKnown() {
			return nil
		}
	}
	return p.zonesOf(c.Subnets)
}
