package reach

import (
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// Service tells whether f reaches an AWS service on port 443: through a gateway
// or interface endpoint of its VPC, else over the internet. The service is the
// last part of the endpoint's name, such as "s3", "secretsmanager" or "ecr.api".
func (n *Network) Service(service string, f *stack.Function) Way {
	src := FromFunction(f)
	if src.Detached != "" {
		return n.Internet(f)
	}
	return n.way(src, func(set *groupSet, p *place) SubnetWay { return n.serviceFrom(service, set, p) })
}

// serviceFrom prefers endpoints: the name of the service resolves to an
// interface endpoint with private DNS wherever a NAT gateway leads, and the
// routes of a gateway endpoint are more specific than a default route.
func (n *Network) serviceFrom(service string, set *groupSet, p *place) SubnetWay {
	unsure := n.gap("endpoints")
	for _, e := range n.s.Endpoints {
		if e == nil {
			continue
		}
		is, may := offers(e, service, p)
		if !is {
			if may {
				unsure = "endpoint " + e.ID + " may be for the service"
			}
			continue
		}
		var w SubnetWay
		var why string
		switch kind := e.Kind.Or("unknown"); {
		case strings.EqualFold(kind, "Interface"):
			w, why = n.interfaceWay(e, set, p)
		case strings.EqualFold(kind, "Gateway"), kind == "":
			w, why = n.gatewayWay(e, set, p)
		default:
			why = "the kind of endpoint " + e.ID + " is not known"
		}
		switch {
		case w.Kind != "":
			return w
		case why != "":
			unsure = why
		}
	}
	w := n.internetFrom(set, p)
	if unsure != "" && w.Verdict != Open {
		w.Verdict, w.Kind = Unknown, ByOther
		w.Factors = append([]Factor{{Kind: RouteOut, Resource: p.subnet, Verdict: Unknown, Reason: sentence(unsure)}}, w.Factors...)
	}
	return w
}

// offers tells whether an endpoint in the place's VPC is for a service.
func offers(e *stack.Endpoint, service string, p *place) (is, may bool) {
	name, ok := e.Service.Get()
	vpc, okVPC := e.VPC.Get()
	switch {
	case ok && name != service && !strings.HasSuffix(name, "."+service), okVPC && p.vpc != "" && vpc != p.vpc:
		return false, false
	case !ok && !strings.Contains(e.Service.Why(), service):
		return false, true
	case !ok || !okVPC || p.vpc == "" || e.Conditional != "":
		return false, true
	}
	return true, true
}

// gatewayWay is the way through a gateway endpoint, or the zero SubnetWay if the
// subnet's table does not lead to it; why is what leaves that open.
func (n *Network) gatewayWay(e *stack.Endpoint, set *groupSet, p *place) (w SubnetWay, why string) {
	ids, why := bordersOf(p, n.tableOf, n.tables, "route table", n.gap("route_tables"))
	if why != "" || len(ids) != 1 {
		return w, "the route table of subnet " + p.subnet + " is not known"
	}
	listed := slices.ContainsFunc(e.RouteTables, func(v stack.Value[string]) bool { return v.Or("") == ids[0] && ids[0] != awsDefault })
	if !listed {
		if slices.ContainsFunc(e.RouteTables, func(v stack.Value[string]) bool { return !v.IsKnown() }) {
			return w, "the route tables of endpoint " + e.ID + " are not all known"
		}
		return w, ""
	}
	public := n.publicPlace()
	back := answers
	w = SubnetWay{Subnet: p.subnet, Verdict: Open, Kind: ByGatewayService, Via: e.ID}
	w.Factors = []Factor{*n.groupFactor(hop{Egress, set, nil, public, httpsPort, outside}), *n.aclFactor(aclHop{ACLOut, p, public, true, httpsPort}),
		{Kind: RouteOut, Resource: ids[0], Verdict: Open, Reason: "Route table " + ids[0] + " leads to gateway endpoint " + e.ID + ".", Origin: e.Origin},
		*n.aclFactor(aclHop{ReturnACLIn, p, public, false, back})}
	w.join()
	return w, ""
}

// interfaceWay is the way to an interface endpoint, or the zero SubnetWay if the
// name of the service does not resolve to it.
func (n *Network) interfaceWay(e *stack.Endpoint, set *groupSet, p *place) (w SubnetWay, why string) {
	switch private, ok := e.PrivateDNS.Get(); {
	case !ok:
		return w, "whether endpoint " + e.ID + " has private DNS is not known"
	case !private:
		return w, "" // only clients that name the endpoint itself use it
	}
	w = SubnetWay{Subnet: p.subnet, Verdict: Open, Kind: ByInterface, Via: e.ID, Factors: []Factor{n.privateNames(e, p)}}
	own := n.setOf(e.SecurityGroups, p.vpc, false)
	subnets := e.Subnets
	if len(subnets) == 0 {
		subnets = named(nil, "endpoint "+e.ID+" names no subnets")
	}
	for i, q := range n.placesOf(subnets, p.vpc, ipv4, nil) {
		l := n.link(set, own, p, q, httpsPort)
		if i == 0 || l.verdict == Closed {
			w.Factors = l.appendFactors(w.Factors[:1:1])
		}
		w.Verdict = w.Verdict.and(l.verdict)
	}
	w.Verdict = w.Verdict.and(w.Factors[0].Verdict)
	return w, ""
}

// privateNames is the factor of private DNS: it needs both DNS attributes of the
// VPC. Source: AWS PrivateLink Guide, "Access an AWS service using an interface
// VPC endpoint".
func (n *Network) privateNames(e *stack.Endpoint, p *place) Factor {
	f := n.resolver(p)
	if p.vpcRes == nil || f.Verdict != Open {
		return f
	}
	switch on, ok := p.vpcRes.EnableDNSHostnames.Get(); {
	case !ok:
		f.Verdict, f.Reason = Unknown, "Whether the private name of endpoint "+e.ID+" resolves is not known: "+p.vpcRes.EnableDNSHostnames.Why()+"."
	case !on:
		f.Verdict, f.Reason = Closed, "VPC "+p.vpc+" has enableDnsHostnames off, which the private name of endpoint "+e.ID+" needs."
	default:
		f.Reason = "VPC " + p.vpc + " resolves the private name of endpoint " + e.ID + "."
	}
	return f
}
