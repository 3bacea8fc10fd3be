package reach

import (
	"strings"
	"sync"

	"github.com/thawdev/thaw/stack"
)

// Network answers questions about the paths of one stack. It is safe for
// concurrent use; the stack must not change while it is in use.
type Network struct {
	s *stack.Stack

	vpcs      map[string]*stack.VPC
	subnets   map[string]*stack.Subnet
	groups    map[string]*group
	acls      map[string]*border[stack.NetworkACL]
	tables    map[string]*border[stack.RouteTable]
	lists     map[string]*stack.PrefixList
	peerings  map[string]*stack.Peering
	gateways  map[string]*stack.Gateway
	endpoints map[string]*stack.Endpoint
	caches    map[string]*stack.Cache

	aclOf, tableOf association

	gaps   map[string]string // JSON field of the stack → why it is incomplete
	peered bool              // s holds a peering that a plan proposes

	functions  map[string]*stack.Function
	interfaces map[string]*stack.Interface
	carriers   func() map[string][]string // security group → what carries it

	// Answers that many paths share. Many functions have the same subnets and
	// groups, so nearly all of the work of a large stack is looked up here.
	sets      table[string, *groupSet]
	places    table[placeKey, *place]
	ports     table[portRange, *portRange]
	ends      table[string, *end]
	rangeEnds table[rangeKey, *end]
	relations table[[2]string, *relation]
	rulesets  table[rulesetKey, *ruleset]
	groupAsks table[groupKey, *Factor]
	classes   table[classKey, *Factor]
	aclLists  table[aclListKey, *aclList]
	aclAsks   table[aclHop, *Factor]
	routeAsks table[routeHop, *Factor]
	resolvers table[*place, *Factor]
	wires     table[wireKey, *wire]
	crossings table[ends, *crossing]
}

// New indexes a stack. A nil stack is an empty one.
func New(s *stack.Stack) *Network {
	if s == nil {
		s = &stack.Stack{}
	}
	n := &Network{s: s,
		vpcs: byID(s.VPCs, func(v *stack.VPC) string { return v.ID }), subnets: byID(s.Subnets, func(v *stack.Subnet) string { return v.ID }),
		lists: byID(s.PrefixLists, func(v *stack.PrefixList) string { return v.ID }), peerings: byID(s.Peerings, func(v *stack.Peering) string { return v.ID }),
		gateways: byID(s.Gateways, func(v *stack.Gateway) string { return v.ID }), endpoints: byID(s.Endpoints, func(v *stack.Endpoint) string { return v.ID }),
		caches:    byID(s.Caches, func(v *stack.Cache) string { return v.ID }),
		functions: byID(s.Functions, func(v *stack.Function) string { return v.ID }), interfaces: byID(s.Interfaces, func(v *stack.Interface) string { return v.ID }),
		groups: map[string]*group{}, acls: map[string]*border[stack.NetworkACL]{}, tables: map[string]*border[stack.RouteTable]{},
		gaps: map[string]string{},
	}
	for _, g := range s.SecurityGroups {
		if g != nil && n.groups[g.ID] == nil {
			n.groups[g.ID] = &group{SecurityGroup: g}
		}
	}
	n.indexBorders()
	n.carriers = sync.OnceValue(n.listCarriers)
	for _, g := range s.Gaps {
		if n.gaps[g.Kind] == "" {
			n.gaps[g.Kind] = strings.TrimSpace(g.What + " could not be read: " + g.Why)
		}
	}
	return n
}

// byID indexes resources; the first of two with one ID counts.
func byID[T any](all []*T, id func(*T) string) map[string]*T {
	m := make(map[string]*T, len(all))
	for _, r := range all {
		if r == nil {
			continue
		}
		if _, ok := m[id(r)]; !ok {
			m[id(r)] = r
		}
	}
	return m
}

// gap says why a part of the stack, named by its JSON field, is incomplete, or
// "". A gap of a declaration that names no part may concern any: it is a file or a
// module that was not read. A snapshot of an account names the part wherever it
// concerns the network.
func (n *Network) gap(kind string) string {
	if why := n.gaps[kind]; why != "" {
		return why
	}
	if n.s.Dialect == stack.Live {
		return ""
	}
	return n.gaps[""]
}
