package reach

import (
	"slices"

	"github.com/thawdev/thaw/stack"
)

// Apply returns a copy of s with the changes made. Resources that the changes do
// not touch are shared with s; changes to resources that s does not hold do
// nothing.
func Apply(s *stack.Stack, changes []Change) *stack.Stack {
	out := *s
	a := &applier{s: &out, fresh: map[any]bool{}}
	for _, c := range changes {
		a.change(c)
	}
	return a.s
}

// applier copies each resource once before it changes it.
type applier struct {
	s     *stack.Stack
	fresh map[any]bool // resources that belong to the copy
}

// own returns the resource with that ID as one that may be changed, or nil.
func own[T any](a *applier, all *[]*T, id string, idOf func(*T) string) *T {
	at := slices.IndexFunc(*all, func(r *T) bool { return r != nil && idOf(r) == id })
	if at < 0 {
		return nil
	}
	r := (*all)[at]
	if !a.fresh[r] {
		c := *r
		r = &c
		*all = slices.Clone(*all)
		(*all)[at] = r
		a.fresh[r] = true
	}
	return r
}

// extend adds a resource without touching the caller's slice.
func extend[T any](a *applier, all *[]*T, r *T) *T {
	*all = append(slices.Clip(*all), r)
	a.fresh[r] = true
	return r
}

func (a *applier) change(c Change) {
	switch c.Kind {
	case CreateGroup:
		extend(a, &a.s.SecurityGroups, &stack.SecurityGroup{Resource: stack.Resource{ID: c.Resource}, Name: stack.Known(c.Resource), VPC: stack.Known(c.VPC)})
	case AddEgress, AddIngress:
		a.rule(c)
	case MoveACLEntry, AddACLEntry:
		a.acl(c)
	case EnableDNS:
		if v := own(a, &a.s.VPCs, c.Resource, func(v *stack.VPC) string { return v.ID }); v != nil {
			v.EnableDNSSupport = stack.Known(true)
		}
	case AcceptPeering:
		if p := own(a, &a.s.Peerings, c.Resource, func(p *stack.Peering) string { return p.ID }); p != nil {
			p.Active = stack.Known(true)
		}
	case AddPeering:
		extend(a, &a.s.Peerings, &stack.Peering{Resource: stack.Resource{ID: c.Resource}, Requester: stack.Known(c.VPC), Accepter: stack.Known(c.PeerVPC),
			Active: stack.Known(true), SameRegion: stack.Known(true)})
	case AddRoute, ReplaceRoute, DeleteRoute:
		a.route(c)
	case AttachGroups, AttachFunction, EnableDual:
		a.end(c)
	}
}

func (a *applier) rule(c Change) {
	g := own(a, &a.s.SecurityGroups, c.Resource, func(g *stack.SecurityGroup) string { return g.ID })
	if g == nil {
		return
	}
	r := stack.Rule{Protocol: stack.Known(c.Protocol), FromPort: stack.Known(c.FromPort), ToPort: stack.Known(c.ToPort),
		SecurityGroup: stack.Known(c.Group), CIDR: stack.Known(c.CIDR)}
	if c.Kind == AddEgress {
		g.Egress = append(slices.Clip(g.Egress), r)
	} else {
		g.Ingress = append(slices.Clip(g.Ingress), r)
	}
}

func (a *applier) acl(c Change) {
	acl := own(a, &a.s.NetworkACLs, c.Resource, func(n *stack.NetworkACL) string { return n.ID })
	if acl == nil {
		return
	}
	acl.Entries = slices.Clone(acl.Entries)
	if c.Kind == AddACLEntry {
		acl.Entries = append(acl.Entries, entryOf(c))
		return
	}
	for i := range acl.Entries {
		e := &acl.Entries[i]
		if n, ok := e.Number.Get(); ok && n == c.Number && e.Egress.Or(!c.Egress) == c.Egress {
			e.Number = stack.Known(c.NewNumber)
		}
	}
}

func (a *applier) route(c Change) {
	var t *stack.RouteTable
	if c.MainOf {
		t = a.mainTable(c.Resource)
	} else {
		t = own(a, &a.s.RouteTables, c.Resource, func(t *stack.RouteTable) string { return t.ID })
	}
	if t == nil {
		return
	}
	r := stack.Route{Destination: stack.Known(c.CIDR), TargetKind: c.TargetKind, Target: stack.Known(c.Target)}
	t.Routes = slices.Clone(t.Routes)
	if c.Kind != AddRoute {
		t.Routes = slices.DeleteFunc(t.Routes, func(o stack.Route) bool { return o.Destination.IsKnown() && o.Destination.Or("") == c.CIDR })
	}
	if c.Kind != DeleteRoute {
		t.Routes = append(t.Routes, r)
	}
}

// mainTable returns the main table of a VPC, and adds it where only AWS has it.
func (a *applier) mainTable(vpc string) *stack.RouteTable {
	for _, t := range a.s.RouteTables {
		if t != nil && t.Main && t.VPC.Or("") == vpc {
			return own(a, &a.s.RouteTables, t.ID, func(t *stack.RouteTable) string { return t.ID })
		}
	}
	return extend(a, &a.s.RouteTables, &stack.RouteTable{Resource: stack.Resource{ID: vpc + "-main"}, Main: true, VPC: stack.Known(vpc)})
}

func (a *applier) end(c Change) {
	groups := known(c.Groups)
	if cache := own(a, &a.s.Caches, c.Resource, func(c *stack.Cache) string { return c.ID }); cache != nil && c.Kind == AttachGroups {
		cache.SecurityGroups = append(slices.Clip(cache.SecurityGroups), groups...)
		return
	}
	f := own(a, &a.s.Functions, c.Resource, func(f *stack.Function) string { return f.ID })
	if f == nil {
		return
	}
	vpc := stack.VPCConfig{}
	if f.VPC != nil {
		vpc = *f.VPC
	}
	switch c.Kind {
	case AttachGroups:
		vpc.SecurityGroups = append(slices.Clip(vpc.SecurityGroups), groups...)
	case EnableDual:
		vpc.DualStack = stack.Known(true)
	default:
		vpc.Subnets, vpc.SecurityGroups = known(c.Subnets), groups
	}
	f.VPC = &vpc
}

func known(ids []string) []stack.Value[string] {
	var out []stack.Value[string]
	for _, id := range ids {
		out = append(out, stack.Known(id))
	}
	return out
}
