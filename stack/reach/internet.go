package reach

import (
	"fmt"
	"net/netip"

	"github.com/thawdev/thaw/stack"
)

// WayKind tells by what a function leaves its VPC.
type WayKind string

// The ways out.
const (
	NoWay            WayKind = "none"
	ByNAT            WayKind = "nat"                // a public NAT gateway
	ByGatewayOnly    WayKind = "internet-gateway"   // useless: an attached function has no public address
	ByGatewayService WayKind = "gateway-endpoint"   // S3 and DynamoDB
	ByInterface      WayKind = "interface-endpoint" // with private DNS
	ByLambda         WayKind = "lambda"             // the function is in no VPC
	ByOther          WayKind = "other"              // a transit gateway, an instance, …
)

// Way is how a function reaches the internet, or a service of AWS.
type Way struct {
	Verdict Verdict     `json:"verdict"` // Closed if closed from one of the subnets
	Kind    WayKind     `json:"kind"`    // of the worst subnet
	Factors []Factor    `json:"factors"` // of the worst subnet
	Subnets []SubnetWay `json:"subnets,omitempty"`
	Reason  string      `json:"reason"`
}

// SubnetWay is the way from one subnet.
type SubnetWay struct {
	Subnet  string   `json:"subnet"` // "" if not known
	Verdict Verdict  `json:"verdict"`
	Kind    WayKind  `json:"kind"`
	Via     string   `json:"via,omitempty"` // ID of the gateway or endpoint
	Factors []Factor `json:"factors"`
}

// httpsPort is where AWS services listen.
var httpsPort = &portRange{ports: ports{443, 443}, sure: true}

// Internet tells whether f reaches public IPv4 addresses on port 443. An
// internet gateway alone does not help it, because Lambda's interfaces have no
// public address. Source: Lambda Developer Guide, "Giving Lambda functions
// access to resources in an Amazon VPC".
func (n *Network) Internet(f *stack.Function) Way {
	src := FromFunction(f)
	if src.Detached != "" {
		return Way{Verdict: Open, Kind: ByLambda, Reason: "The function is in no VPC, so Lambda gives it a way to the internet."}
	}
	return n.way(src, n.internetFrom)
}

// way asks for each subnet of a source and joins the answers.
func (n *Network) way(src Source, ask func(*groupSet, *place) SubnetWay) Way {
	set := n.setOf(src.Groups, n.vpcOf(src.Subnets), true)
	vpc := n.vpcOf(src.Subnets)
	if vpc == "" {
		vpc = set.vpc
	}
	w := Way{Verdict: Open}
	for i, p := range n.placesOf(src.Subnets, vpc, ipv4, nil) {
		s := ask(set, p)
		w.Subnets = append(w.Subnets, s)
		if i == 0 || s.Verdict == Closed && w.Verdict != Closed || s.Verdict == Unknown && w.Verdict == Open {
			w.Verdict, w.Kind, w.Factors = s.Verdict, s.Kind, s.Factors
		}
	}
	for _, f := range w.Factors {
		if f.Verdict == w.Verdict {
			w.Reason = f.Reason
			if f.Verdict != Open || f.Kind == RouteOut {
				break
			}
		}
	}
	if src.Conditional != "" && w.Verdict == Open {
		w.Verdict, w.Reason = Unknown, "The function may not exist: "+src.Conditional+"."
	}
	return w
}

// publicRanges are the IPv4 addresses that the internet routes. Source: IANA
// IPv4 Special-Purpose Address Registry.
func publicRanges() []span {
	out := []span{ipv4.all()}
	for _, p := range []string{"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3"} {
		out = subtract(out, spanOf(netip.MustParsePrefix(p)))
	}
	return out
}

// publicPlace stands for the servers that a function may want to reach: it is
// not known which.
func (n *Network) publicPlace() *place {
	return n.places.get(placeKey{rest: true}, func() *place {
		return &place{family: ipv4, spans: publicRanges(), free: true, name: "the internet", why: "it depends on the address",
			zone: stack.Unknown[string]("the internet has no zone")}
	})
}

func (n *Network) internetFrom(set *groupSet, p *place) SubnetWay {
	public := n.publicPlace()
	back := answers
	w := SubnetWay{Subnet: p.subnet, Verdict: Open, Kind: ByNAT}
	route := n.askTables(RouteOut, p, public, n.throughPublicNAT, n.locals(routeHop{RouteOut, p, public, outside}))
	w.Via = n.targetOf(route)
	switch route.Verdict {
	case Closed:
		w.Kind = NoWay
		if g := n.hasInternetGateway(p); g.Verdict == Open {
			w.Kind, w.Via = ByGatewayOnly, n.targetOf(g)
			route.Reason = fmt.Sprintf("Subnet %s leads to internet gateway %s, which serves only public addresses, and a function has none.", p.subnet, w.Via)
		}
	case Unknown:
		w.Kind = ByOther
	}
	w.Factors = []Factor{*n.groupFactor(hop{Egress, set, nil, public, httpsPort, outside}),
		*n.aclFactor(aclHop{ACLOut, p, public, true, httpsPort}), route}
	w.Factors = append(w.Factors, n.natBorder(w, p, public)...)
	w.Factors = append(w.Factors, *n.aclFactor(aclHop{ReturnACLIn, p, public, false, back}))
	w.join()
	return w
}

func (w *SubnetWay) join() {
	for _, f := range w.Factors {
		w.Verdict = w.Verdict.and(f.Verdict)
	}
}

// natBorder asks the ACL of the NAT gateway's subnet, which both directions pass
// twice.
func (n *Network) natBorder(w SubnetWay, p, public *place) []Factor {
	g := n.gateways[w.Via]
	if w.Kind != ByNAT || g == nil {
		return nil
	}
	q := n.placeOf(g.Subnet, g.VPC.Or(p.vpc), ipv4)
	back := answers
	return []Factor{*n.aclFactor(aclHop{ACLIn, q, p, false, httpsPort}), *n.aclFactor(aclHop{ACLOut, q, public, true, httpsPort}),
		*n.aclFactor(aclHop{ReturnACLIn, q, public, false, back}), *n.aclFactor(aclHop{ReturnACLOut, q, p, true, back})}
}

// targetOf returns the target of the route that decides a factor.
func (n *Network) targetOf(f Factor) string {
	for _, r := range f.Rules {
		if t := n.tables[r.Resource]; t != nil && r.Index >= 0 {
			return t.res.Routes[r.Index].Target.Or("")
		}
	}
	return ""
}

// hasInternetGateway is open if a subnet has a route to an internet gateway for
// all public addresses.
func (n *Network) hasInternetGateway(p *place) Factor {
	return n.askTables(RouteOut, p, n.publicPlace(), func(r *stack.Route) fate {
		id, ok := r.Target.Get()
		gone, known := r.Blackhole.Get()
		switch {
		case !ok || !known:
			return unsureFate("a route is not known")
		case n.isInternetGateway(id) && !gone:
			return delivered
		}
		return lost
	}, nil)
}

func (n *Network) isInternetGateway(id string) bool {
	g := n.gateways[id]
	return g != nil && g.Kind == stack.InternetGateway && g.Conditional == "" || g == nil && len(id) > 4 && id[:4] == "igw-"
}

// throughPublicNAT tells whether a route leads a packet to a public address.
func (n *Network) throughPublicNAT(r *stack.Route) fate {
	id, ok := r.Target.Get()
	gone, known := r.Blackhole.Get()
	switch {
	case known && gone:
		return fate{deny: true, code: "BAD_STATE_ROUTE"}
	case !ok || !known:
		return unsureFate("the target of a route is not known: " + r.Target.Why() + r.Blackhole.Why())
	case isLocal(r) || r.TargetKind == "peering" || r.TargetKind == "egress-only":
		return lost
	}
	g := n.gateways[id]
	switch {
	case g != nil && (g.Kind == stack.NATGateway || g.Kind == stack.PrivateNATGateway):
		return n.natFate(g)
	case g != nil || n.isInternetGateway(id):
		return lost
	case n.endpoints[id] != nil && n.endpoints[id].Kind.Or("") == "Gateway":
		return lost
	}
	return unsureFate("a route leads to " + r.TargetKind + " " + id + ", behind which the stack does not show")
}

func (n *Network) natFate(g *stack.Gateway) fate {
	switch {
	case g.Conditional != "":
		return unsureFate("NAT gateway " + g.ID + " may not exist: " + g.Conditional)
	case g.Kind == stack.PrivateNATGateway:
		return lost
	case g.Subnet.Or("") == "":
		return unsureFate("the subnet of NAT gateway " + g.ID + " is not known")
	}
	switch f := n.hasInternetGateway(n.placeOf(g.Subnet, g.VPC.Or(""), ipv4)); f.Verdict {
	case Open:
		return delivered
	case Closed:
		return fate{deny: true, code: "NO_ROUTE_TO_DESTINATION"}
	}
	return unsureFate("it is not known whether the subnet of NAT gateway " + g.ID + " has a route to an internet gateway")
}
