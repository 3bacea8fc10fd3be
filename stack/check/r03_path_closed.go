package check

import (
	"slices"

	"github.com/thawdev/thaw/stack/reach"
)

func pathClosed() *Rule {
	return &Rule{
		ID: "THAW-R03", Name: "path-closed", Severity: Error,
		Doc: Doc{
			Title: "A network ACL, a route or DNS closes the path to the cache",
			Why: "A packet that no rule allows is dropped without an answer, so the function sees \"Task timed out\" and not \"connection refused\". " +
				"DNS proves nothing: neither security groups nor network ACLs can block the VPC's resolver.",
			Fix:     "Open the hop that the finding names, for the cache's port only.",
			Sources: []string{sourceACL, sourceGroups, sourceCacheConn},
		},
		Run: func(p *Pass) {
			p.blocked(func(c client, f reach.Factor) {
				if p.crossVPC(c) && (f.Kind == reach.RouteOut || f.Kind == reach.ReturnRoute) {
					return // THAW-R09
				}
				if f.Kind == reach.Attached && c.function.VPC == nil {
					return // THAW-R01
				}
				p.reportFactor(c, f, p.opening(c, func(ch reach.Change) bool { return closes(f.Kind, ch) }),
					"The path from function %s to cache %s on port %s is closed: %s", c.function.ID, c.cache.ID, at(c), f.Reason)
			}, reach.Attached, reach.DNS, reach.ACLOut, reach.ACLIn, reach.RouteOut, reach.ReturnRoute)
		},
	}
}

// closes reports whether a change is the answer to a closed factor of that
// kind.
func closes(kind reach.FactorKind, ch reach.Change) bool {
	ephemeral := ch.FromPort >= 1024 && ch.ToPort == 65535
	switch ch.Kind {
	case reach.AddEgress:
		return kind == reach.Egress
	case reach.AddIngress:
		return kind == reach.Ingress
	case reach.AddACLEntry:
		switch kind {
		case reach.ACLOut:
			return ch.Egress && !ephemeral
		case reach.ACLIn:
			return !ch.Egress && !ephemeral
		case reach.ReturnACLOut:
			return ch.Egress && ephemeral
		case reach.ReturnACLIn:
			return !ch.Egress && ephemeral
		}
	case reach.MoveACLEntry:
		return slices.Contains([]reach.FactorKind{reach.ACLOut, reach.ACLIn, reach.ReturnACLOut, reach.ReturnACLIn}, kind)
	case reach.AddRoute, reach.ReplaceRoute, reach.DeleteRoute:
		return kind == reach.RouteOut || kind == reach.ReturnRoute
	case reach.EnableDNS:
		return kind == reach.DNS
	case reach.AcceptPeering, reach.AddPeering:
		return kind == reach.PeeringUse || kind == reach.SameVPC
	case reach.EnableDual, reach.AttachGroups, reach.CreateGroup, reach.AttachFunction:
		return true
	}
	return false
}
