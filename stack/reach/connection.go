package reach

import (
	"fmt"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// mayBeSame tells whether two different IDs can name one resource: a data source
// of Terraform stands for something that exists already, which another part of
// the configuration may name by its id or look up in another way.
func mayBeSame(a, b string) bool {
	return a != b && (isLookup(a) || isLookup(b))
}

func isLookup(id string) bool {
	return strings.HasPrefix(id, "data.") || strings.Contains(id, ".data.")
}

// connect returns the factors that tell how the VPCs of both ends of a wire are
// connected.
func (n *Network) connect(p, q *place, w *wire) (vpc, peering *Factor) {
	vpc = &Factor{Kind: SameVPC, Resource: p.vpc, Verdict: Open}
	if p.vpcRes != nil {
		vpc.Origin = p.vpcRes.Origin
	}
	rel := w.rel
	switch {
	case rel.same && p.vpc == "":
		vpc.Resource, vpc.Reason = p.subnet, "Both ends are in subnet "+p.subnet+"."
	case rel.same:
		vpc.Reason = fmt.Sprintf("Both ends are in VPC %s.", p.vpc)
	case rel.peering != nil:
		vpc.Reason = fmt.Sprintf("Peering %s connects VPC %s and VPC %s.", rel.peering.ID, p.vpc, q.vpc)
		peering = peeringFactor(rel.peering)
	case rel.why != "":
		vpc.Verdict, vpc.Reason = Unknown, sentence(rel.why)
	default:
		vpc.Verdict = Unknown
		vpc.Reason = fmt.Sprintf("VPC %s and VPC %s have no peering; what else connects them does not show in the stack.", p.vpc, q.vpc)
		if w.routeOut.blocks() {
			vpc.Verdict, vpc.AWSCode = Closed, "DISCONNECTED_VPCS"
			vpc.Reason = fmt.Sprintf("The source is in VPC %s and the cache in VPC %s, and nothing connects them.", p.vpc, q.vpc)
		}
	}
	return vpc, peering
}

func sentence(why string) string { return strings.ToUpper(why[:1]) + why[1:] + "." }

func peeringFactor(p *stack.Peering) *Factor {
	f := Factor{Kind: PeeringUse, Resource: p.ID, Verdict: Open, Origin: p.Origin, Reason: "Peering " + p.ID + " is active."}
	switch active, ok := p.Active.Get(); {
	case p.Conditional != "":
		f.Verdict, f.Reason = Unknown, fmt.Sprintf("Peering %s may not exist: %s.", p.ID, p.Conditional)
	case !ok:
		f.Verdict, f.Reason = Unknown, fmt.Sprintf("It is not known whether peering %s is accepted: %s.", p.ID, p.Active.Why())
	case !active:
		f.Verdict, f.AWSCode, f.Reason = Closed, "BAD_STATE", fmt.Sprintf("Peering %s is not active: the other side has to accept it.", p.ID)
	}
	return &f
}

// dns is the factor of the cache's name. It resolves to private addresses
// whoever asks, so only the resolver counts: enableDnsSupport of the source's
// VPC. enableDnsHostnames concerns the names of instances and the private names
// of interface endpoints; the DNS option of a peering concerns the public names
// of instances. Source: VPC Peering Guide, "Enable DNS resolution for a VPC
// peering connection".
//
// It is nil for a source that asks for no name: Names do not count for a group
// or a range.
func (n *Network) dns(src Source, x *crossing) *Factor {
	if src.Kind != FunctionSource && src.Kind != InterfaceSource {
		return nil
	}
	var out *Factor
	var last *place
	for i := range x.links {
		if p := x.links[i].from; p != last {
			last = p
			out = worse(out, n.resolvers.get(p, func() *Factor { f := n.resolver(p); return &f }))
		}
	}
	if out == nil {
		return &Factor{Kind: DNS}
	}
	return out
}

func (n *Network) resolver(p *place) Factor {
	f := Factor{Kind: DNS, Resource: p.vpc}
	v := p.vpcRes
	if v == nil {
		f.Reason = "Whether names resolve is not known: the VPC is not declared here."
		return f
	}
	f.Origin = v.Origin
	switch on, ok := v.EnableDNSSupport.Get(); {
	case v.Conditional != "":
		f.Reason = fmt.Sprintf("VPC %s may not exist: %s.", v.ID, v.Conditional)
	case !ok:
		f.Reason = fmt.Sprintf("Whether VPC %s resolves names is not known: %s.", v.ID, v.EnableDNSSupport.Why())
	case on:
		f.Verdict, f.Reason = Open, fmt.Sprintf("VPC %s resolves the name of the cache (enableDnsSupport); enableDnsHostnames does not matter for it.", v.ID)
	case n.ownResolver():
		f.Reason = fmt.Sprintf("VPC %s has enableDnsSupport off and the stack declares DHCP options, which may name another resolver.", v.ID)
	case n.s.Dialect == stack.Live:
		f.Reason = fmt.Sprintf("VPC %s has enableDnsSupport off, and its DHCP options, which may name another resolver, are not read.", v.ID)
	default:
		f.Verdict, f.Reason = Closed, fmt.Sprintf("VPC %s has enableDnsSupport off, so the name of the cache does not resolve.", v.ID)
	}
	return f
}

// ownResolver reports whether the stack declares DHCP options.
func (n *Network) ownResolver() bool {
	for _, o := range n.s.Others {
		if t := strings.ToLower(o.Type); strings.Contains(t, "dhcpoptions") || strings.Contains(t, "dhcp_options") {
			return true
		}
	}
	return false
}
