package check

import (
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack"
	"github.com/thawdev/thaw/stack/reach"
)

func serviceUnreachable() *Rule {
	return &Rule{
		ID: "THAW-V01", Name: "service-unreachable", Severity: Error,
		Doc: Doc{
			Title: "The function uses an AWS service that it cannot reach from the VPC",
			Why: "Once attached to a VPC, a function has only the ways out that the VPC has. Without a NAT gateway and without a VPC endpoint, a call to Secrets Manager, DynamoDB or SQS hangs until the function times out. " +
				"(Logs are not affected: Lambda delivers them by itself. IAM authentication at the cache is a local signature.)",
			Fix: "Make a VPC endpoint for the service, or route 0.0.0.0/0 to a NAT gateway. " +
				"What they cost: a gateway endpoint (S3 and DynamoDB only) is free; an interface endpoint costs by the hour in each zone, for each service, and by the GB; a NAT gateway costs by the hour and by the GB, whatever the number of services. " +
				"Prices differ by region and change: see https://aws.amazon.com/privatelink/pricing/ and https://aws.amazon.com/vpc/pricing/.",
			Sources: []string{sourceLambdaVPC, sourceLambdaNet},
			Unseen:  "Services that the code uses and that neither the role nor the environment names.",
		},
		Run: func(p *Pass) {
			for _, f := range p.stack.Functions {
				if f.VPC == nil {
					continue
				}
				p.reportServices(f)
			}
		},
	}
}

// reportServices reports each service that a variable names, and in one finding
// those that the role allows: a permission is not yet a call.
func (p *Pass) reportServices(f *stack.Function) {
	var allowed []string
	var evidence, reason string
	var fix Fix
	for _, s := range p.servicesOf(f) {
		w := p.way(s.name, f)
		switch {
		case w.Verdict != reach.Closed:
		case strings.HasPrefix(s.evidence, "variable"):
			p.report(f.Resource, f.VPC.Origin, p.wayOut(f, s.name), "Function %s uses %s (%s) and cannot reach it from its subnets: %s %s",
				f.ID, s.name, s.evidence, w.Reason, p.waysOut(f, s.name))
		default:
			allowed = append(allowed, s.name)
			evidence, reason = s.evidence, w.Reason
			one := p.wayOut(f, s.name)
			fix.edits = append(fix.edits, one.edits...)
			fix.words = one.words
		}
	}
	if len(allowed) > 0 {
		p.reportAs(Warning, f.Resource, f.VPC.Origin, "", fix, "Function %s may use %s (%s) and cannot reach %s from its subnets: %s %s",
			f.ID, sentenceList(allowed), evidence, map[bool]string{true: "it", false: "them"}[len(allowed) == 1], reason, p.waysOut(f, allowed...))
	}
}

// waysOut says what the two ways out cost.
func (p *Pass) waysOut(f *stack.Function, services ...string) string {
	zones := plural(max(1, len(p.zonesOf(f.VPC.Subnets))), "zone", "zones")
	var free, paid []string
	for _, s := range services {
		if hasGateway(s) {
			free = append(free, s)
			continue
		}
		paid = append(paid, s)
	}
	var ways []string
	if len(free) > 0 {
		ways = append(ways, "a gateway endpoint for "+sentenceList(free)+" (free)")
	}
	if len(paid) > 0 {
		ways = append(ways, "an interface endpoint for "+sentenceList(paid)+" in "+zones+" (each by the hour, and by the GB)")
	}
	return "Ways out: " + sentenceList(ways) + ", or a NAT gateway for all (by the hour and by the GB)."
}

// hasGateway tells the services that have free gateway endpoints. Source: AWS
// PrivateLink Guide, "Gateway endpoints".
func hasGateway(service string) bool { return service == "s3" || service == "dynamodb" }

// wayOut makes an endpoint for a service, with a group that lets the function
// in and the egress rule that it needs.
func (p *Pass) wayOut(f *stack.Function, service string) Fix {
	vpc := p.onlyVPC(f.VPC.Subnets, f.VPC.SecurityGroups)
	if vpc == "" || !allKnown(f.VPC.Subnets) {
		return inWords("%s", p.rule.Doc.Fix)
	}
	groups := known(f.VPC.SecurityGroups)
	if hasGateway(service) {
		for _, w := range p.way(service, f).Subnets {
			for _, hop := range w.Factors { // the endpoint's traffic passes the same list
				if hop.Verdict == reach.Closed && (hop.Kind == reach.ACLOut || hop.Kind == reach.ReturnACLIn) {
					return inWords("Let network ACL %s pass tcp 443 to the addresses of %s, and their answers to ports 1024-65535. A gateway endpoint needs the same, because the service keeps its public addresses.", hop.Resource, service)
				}
			}
		}
		var tables []string
		for _, id := range known(f.VPC.Subnets) {
			t := p.tables[id]
			if t == nil {
				return inWords("Make a gateway endpoint for %s and associate it with the route tables of the function's subnets, which are not in this input.", service)
			}
			if !slices.Contains(tables, t.ID) {
				tables = append(tables, t.ID)
			}
		}
		fix := change(addEndpoint{vpc: vpc, region: p.stack.Region, service: service, tables: tables})
		if len(groups) > 0 && !p.sendsTo443(groups) {
			fix.edits = append(fix.edits, addRule{group: groups[0], egress: true, protocol: "tcp", from: 443, to: 443, cidr: "0.0.0.0/0"})
		}
		return fix
	}
	if len(groups) == 0 {
		return inWords("%s", p.rule.Doc.Fix)
	}
	name := groupName(f, "Endpoints")
	fix := change(
		newGroup{name, vpc, "VPC endpoints that function " + shortName(f.ID) + " uses"},
		addRule{group: name, protocol: "tcp", from: 443, to: 443, peer: groups[0]},
		addEndpoint{vpc: vpc, region: p.stack.Region, service: service, subnets: p.oneOfEachZone(f.VPC.Subnets), groups: []string{name}},
	)
	if !p.sendsTo443(groups) {
		fix.edits = append(fix.edits, addRule{group: groups[0], egress: true, protocol: "tcp", from: 443, to: 443, peer: name})
	}
	return fix
}

// sendsTo443 reports whether one of the groups lets the function call any
// address with HTTPS.
func (p *Pass) sendsTo443(groups []string) bool {
	return slices.ContainsFunc(groups, func(id string) bool {
		g := p.groups[id]
		return g == nil || slices.ContainsFunc(g.Egress, func(r stack.Rule) bool { return anyAddress(r) && coversPort(r, stack.Known(443)) })
	})
}

// zonesOf lists the known zones of subnets.
func (p *Pass) zonesOf(subnets []stack.Value[string]) []string {
	var zones []string
	for _, id := range known(subnets) {
		if n := p.subnets[id]; n != nil {
			if z, ok := n.Zone.Get(); ok && z != "" && !slices.Contains(zones, z) {
				zones = append(zones, z)
			}
		}
	}
	slices.Sort(zones)
	return zones
}

// oneOfEachZone lists the subnets, leaving out those in a zone that is there
// already: an interface endpoint takes one subnet for each zone.
func (p *Pass) oneOfEachZone(subnets []stack.Value[string]) []string {
	var out []string
	seen := map[string]bool{}
	for _, id := range known(subnets) {
		zone := ""
		if n := p.subnets[id]; n != nil {
			zone = n.Zone.Or("")
		}
		if zone == "" || !seen[zone] {
			out = append(out, id)
		}
		seen[zone] = true
	}
	return out
}
