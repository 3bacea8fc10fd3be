package reach

import (
	"github.com/thawdev/thaw/stack"
)

// border is what stands at the edge of subnets: a network ACL or a route table.
type border[T any] struct {
	res     *T
	id      string
	vpc     stack.Value[string]
	deflt   bool // serves the subnets that none names
	unsure  string
	origin  stack.Origin
	subnets []stack.Value[string]
}

// association tells which borders a subnet has. AWS gives each subnet exactly
// one; several are listed if the stack does not say which.
type association struct {
	sure  map[string][]string // subnet → border IDs
	may   map[string][]string // subnet → IDs of borders that may not exist
	any   []string            // borders that name a subnet which is not known yet
	deflt []string            // borders that serve the rest of their VPC
	made  bool                // an account: what AWS makes with a VPC is listed, or was not read
}

// indexBorders indexes the borders. One without an ID is a gap: nothing can refer
// to it, and what it says about its subnets must not be taken for AWS's default.
func (n *Network) indexBorders() {
	for _, a := range n.s.NetworkACLs {
		switch {
		case a == nil || n.acls[a.ID] != nil:
		case a.ID == "":
			n.gaps["network_acls"] = "a network ACL has no ID"
		default:
			n.acls[a.ID] = &border[stack.NetworkACL]{a, a.ID, a.VPC, a.Default, a.Conditional, a.Origin, a.Subnets}
		}
	}
	for _, t := range n.s.RouteTables {
		switch {
		case t == nil || n.tables[t.ID] != nil:
		case t.ID == "":
			n.gaps["route_tables"] = "a route table has no ID"
		default:
			n.tables[t.ID] = &border[stack.RouteTable]{t, t.ID, t.VPC, t.Main, t.Conditional, t.Origin, t.Subnets}
		}
	}
	n.aclOf, n.tableOf = associate(n.acls, ids(n.s.NetworkACLs, func(a *stack.NetworkACL) string { return a.ID })),
		associate(n.tables, ids(n.s.RouteTables, func(t *stack.RouteTable) string { return t.ID }))
	n.aclOf.made, n.tableOf.made = n.s.Dialect == stack.Live, n.s.Dialect == stack.Live
}

// ids lists the IDs of resources once each, in the order of the stack.
func ids[T any](all []*T, id func(*T) string) []string {
	seen := map[string]bool{}
	var out []string
	for _, r := range all {
		if r != nil && !seen[id(r)] {
			seen[id(r)] = true
			out = append(out, id(r))
		}
	}
	return out
}

func associate[T any](all map[string]*border[T], order []string) association {
	a := association{sure: map[string][]string{}, may: map[string][]string{}}
	for _, id := range order {
		b := all[id]
		if b == nil {
			continue
		}
		unknown := false
		for _, s := range b.subnets {
			subnet, ok := s.Get()
			switch {
			case !ok:
				unknown = true
			case b.unsure != "":
				a.may[subnet] = append(a.may[subnet], id)
			default:
				a.sure[subnet] = append(a.sure[subnet], id)
			}
		}
		if unknown {
			a.any = append(a.any, id)
		}
		if b.deflt {
			a.deflt = append(a.deflt, id)
		}
	}
	return a
}

// awsDefault stands for the ACL or main route table that AWS makes with a VPC,
// where the stack does not list it.
const awsDefault = ""

// bordersOf lists the borders that a place may have. If why is not empty, it may
// have others that the stack does not tell.
func bordersOf[T any](p *place, a association, all map[string]*border[T], what, gap string) (found []string, why string) {
	if gap != "" {
		return nil, gap
	}
	if p.subnet == "" {
		return nil, "the subnet is not known: " + p.why
	}
	if sure := a.sure[p.subnet]; len(sure) > 0 {
		return sure, ""
	}
	found = append(found, a.may[p.subnet]...)
	for _, id := range a.any {
		if vpc, ok := all[id].vpc.Get(); !ok || vpc == "" || p.vpc == "" || vpc == p.vpc {
			found = append(found, id)
		}
	}
	listed := false
	for _, id := range a.deflt {
		vpc, ok := all[id].vpc.Get()
		switch {
		case ok && vpc != p.vpc && vpc != "" && p.vpc != "":
		case ok && vpc == p.vpc && vpc != "" && all[id].unsure == "":
			found, listed = append(found, id), true
		default:
			found = append(found, id)
		}
	}
	switch {
	case p.res == nil:
		return found, "subnet " + p.subnet + " is declared elsewhere, and its " + what + " with it"
	case listed:
		return found, ""
	case p.vpc == "":
		return found, "the VPC of subnet " + p.subnet + " is not known, so its " + what + " is not either"
	case a.made:
		return found, "no " + what + " was read for subnet " + p.subnet + ", and the list holds no default one of VPC " + p.vpc
	case p.vpcRes == nil:
		return found, "subnet " + p.subnet + " names no " + what + " here, and VPC " + p.vpc + " is declared elsewhere"
	}
	return append(found, awsDefault), ""
}
