package check

import (
	"slices"

	"github.com/thawdev/thaw/stack"
	"github.com/thawdev/thaw/stack/reach"
)

// reachability lists the rules about paths.
func reachability() []*Rule {
	return []*Rule{
		notInVPC(), otherVPC(), pathClosed(), partlyClosed(), egressMissing(), ingressMissing(), wrongPort(),
		returnBlocked(), peeringRoute(), peeringGroup(), pathUnknown(),
	}
}

// Sources that several rules cite.
const (
	sourceLambdaVPC  = "AWS Lambda Developer Guide, \"Giving Lambda functions access to resources in an Amazon VPC\""
	sourceLambdaNet  = "AWS Lambda Developer Guide, \"VPC networking for Lambda\""
	sourceGroups     = "Amazon VPC User Guide, \"Security group rules\""
	sourceACL        = "Amazon VPC User Guide, \"Network ACLs\" (custom network ACLs and ephemeral ports)"
	sourcePeering    = "Amazon VPC Peering Guide, \"Update your security groups to reference peer security groups\""
	sourceCacheConn  = "Amazon ElastiCache User Guide, \"Persistent connection issues\" (troubleshooting connections)"
	sourceServerless = "Amazon ElastiCache User Guide, serverless caches: RedisConfiguration.html"
	sourceParameters = "Amazon ElastiCache User Guide, \"Engine specific parameters\" (ParameterGroups.Engine.html)"
	sourceNodes      = "Amazon ElastiCache User Guide, \"Supported node types\" (CacheNodes.SupportedTypes.html)"
	sourceLimits     = "AWS Lambda Developer Guide, \"Lambda quotas\" (gettingstarted-limits.html)"
)

// whole reports whether a path is closed everywhere, not only in a part. What
// is between all pairs, such as a peering or the resolver, does not show in the
// verdicts of the pairs.
func whole(c client) bool {
	return c.path.Verdict == reach.Closed && !c.path.Partial &&
		(slices.ContainsFunc(c.path.Factors, func(f reach.Factor) bool { return f.Verdict == reach.Closed && !f.Partial }) ||
			!slices.ContainsFunc(c.path.Pairs, func(p reach.Pair) bool { return p.Verdict == reach.Open }))
}

// blocked lists the closed factors of these kinds, of paths that are closed
// everywhere.
func (p *Pass) blocked(visit func(client, reach.Factor), kinds ...reach.FactorKind) {
	for _, c := range p.paths() {
		if !whole(c) {
			continue
		}
		for _, f := range c.path.Factors {
			if f.Verdict == reach.Closed && slices.Contains(kinds, f.Kind) {
				visit(c, f)
			}
		}
	}
}

// closedBy reports whether a path has a closed factor of that kind.
func closedBy(c client, kind reach.FactorKind) bool {
	return slices.ContainsFunc(c.path.Factors, func(f reach.Factor) bool { return f.Kind == kind && f.Verdict == reach.Closed })
}

// crossVPC reports whether the two ends of a path are in different VPCs.
func (p *Pass) crossVPC(c client) bool {
	if c.function.VPC == nil {
		return false
	}
	mine := p.vpcsOf(c.function.VPC.Subnets, c.function.VPC.SecurityGroups)
	theirs := p.vpcsOf(c.cache.Subnets, c.cache.SecurityGroups)
	return len(mine) > 0 && len(theirs) > 0 && !slices.Equal(mine, theirs)
}

// reportFactor reports a closed factor at the resource that decides it.
func (p *Pass) reportFactor(c client, f reach.Factor, fix Fix, format string, args ...any) {
	res := c.function.Resource
	origin := f.Origin
	if decides := p.index[f.Resource]; decides != nil {
		res = *decides
	} else {
		origin = stack.Origin{}
	}
	p.reportAs(p.rule.Severity, res, origin, f.AWSCode, fix, format, args...)
}

// at returns the port of a client for a message.
func at(c client) string { return portOf(c.path.Port) }

// opening returns the changes that a path needs, of some kinds; none given are
// all.
func (p *Pass) opening(c client, want func(reach.Change) bool) Fix {
	var fix Fix
	names := map[string]string{}
	for _, ch := range c.path.Changes {
		if ch.Kind == reach.CreateGroup {
			names[ch.Resource] = groupName(c.function, "CacheClients")
		}
	}
	for _, ch := range c.path.Changes {
		if want == nil || want(ch) {
			if e := p.edit(c, ch, names); e != nil {
				fix.edits = append(fix.edits, e)
			}
			if ch.Kind == reach.CreateGroup {
				fix.edits = append(fix.edits, p.toServices(c.function, names[ch.Resource])...)
			}
		}
	}
	if len(fix.edits) == 0 && fix.words == "" {
		fix.words = p.rule.Doc.Fix
	}
	return fix
}

// edit turns a change of package reach into an edit. names are the groups that
// the changes make.
func (p *Pass) edit(c client, ch reach.Change, names map[string]string) edit {
	name := func(id string) string {
		if n, ok := names[id]; ok {
			return n
		}
		return id
	}
	all := func(ids []string) []string {
		var out []string
		for _, id := range ids {
			out = append(out, name(id))
		}
		return out
	}
	switch ch.Kind {
	case reach.AddIngress, reach.AddEgress:
		return addRule{group: name(ch.Resource), egress: ch.Kind == reach.AddEgress, protocol: ch.Protocol, from: ch.FromPort, to: ch.ToPort, peer: name(ch.Group), cidr: ch.CIDR}
	case reach.CreateGroup:
		return newGroup{name(ch.Resource), ch.VPC, "Clients of cache " + shortName(c.cache.ID)}
	case reach.AttachFunction:
		return attachFunction{function: c.function, subnets: ch.Subnets, groups: all(ch.Groups)}
	case reach.EnableDual:
		return attachFunction{function: c.function, subnets: known(c.function.VPC.Subnets), groups: known(c.function.VPC.SecurityGroups), dual: true}
	case reach.AttachGroups:
		if ch.Resource == c.cache.ID {
			return setGroups{c.cache, all(ch.Groups)}
		}
		return attachFunction{function: c.function, subnets: known(c.function.VPC.Subnets), groups: all(ch.Groups)}
	case reach.EnableDNS:
		for _, v := range p.stack.VPCs {
			if v.ID == ch.Resource {
				return enableDNS{v}
			}
		}
	}
	return p.networkEdit(ch)
}

// networkEdit turns a change of a network ACL, route or peering into an edit.
func (p *Pass) networkEdit(ch reach.Change) edit {
	switch ch.Kind {
	case reach.AddACLEntry:
		return addEntry{ch.Resource, ch.Number, ch.Egress, ch.Protocol, ch.CIDR, ch.FromPort, ch.ToPort}
	case reach.AddRoute, reach.ReplaceRoute:
		table := ch.Resource
		if ch.MainOf {
			table = ""
			for _, t := range p.stack.RouteTables {
				if t.Main && t.VPC.Or("") == ch.Resource {
					table = t.ID
				}
			}
		}
		if table != "" {
			return addRoute{table, ch.CIDR, ch.TargetKind, ch.Target, ch.Kind == reach.ReplaceRoute}
		}
	case reach.AcceptPeering:
		return byWords{"Accept the peering connection " + ch.Resource + ".", []word{"aws", "ec2", "accept-vpc-peering-connection", "--vpc-peering-connection-id", shell(ch.Resource)}}
	case reach.DeleteRoute:
		return byWords{"Delete the route to " + ch.CIDR + " from " + ch.Resource + ".", []word{"aws", "ec2", "delete-route", "--route-table-id", shell(ch.Resource), "--destination-cidr-block", shell(ch.CIDR)}}
	}
	return byWords{text: ch.Why}
}

// portOf writes a port for a message.
func portOf(port stack.Value[int]) string {
	if n, ok := port.Get(); ok {
		return itoa(n)
	}
	return "? (" + port.Why() + ")"
}
