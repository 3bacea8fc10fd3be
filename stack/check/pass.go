package check

import (
	"fmt"
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack"
	"github.com/thawdev/thaw/stack/reach"
)

// Pass is what a rule sees: the stack, what was worked out about it once for
// all rules, and a place for findings.
type Pass struct {
	stack   *stack.Stack
	network *reach.Network
	options Options
	rule    *Rule
	found   []Finding

	index   map[string]*stack.Resource
	groups  map[string]*stack.SecurityGroup
	subnets map[string]*stack.Subnet
	roles   map[string]*stack.Role
	clients []client
	members map[string][]member          // of security groups, by ID
	tables  map[string]*stack.RouteTable // by subnet
	ways    map[string]reach.Way         // by service and function
	sources map[string][]reach.Exposure
}

// client is a function with a cache that it uses, and the path between them.
type client struct {
	function *stack.Function
	cache    *stack.Cache
	path     Path
	reader   bool // the path leads to the port of the readers
}

// member is something that carries a security group.
type member struct {
	kind string // function, cache, interface, endpoint
	id   string
}

func newPass(s *stack.Stack, opts Options) *Pass {
	p := &Pass{
		stack: s, network: reach.New(s), options: opts,
		index:   map[string]*stack.Resource{},
		groups:  map[string]*stack.SecurityGroup{},
		subnets: map[string]*stack.Subnet{},
		roles:   map[string]*stack.Role{},
		members: map[string][]member{},
		ways:    map[string]reach.Way{},
		sources: map[string][]reach.Exposure{},
	}
	for _, res := range resources(s) {
		p.index[res.ID] = res
	}
	for _, g := range s.SecurityGroups {
		p.groups[g.ID] = g
	}
	for _, n := range s.Subnets {
		p.subnets[n.ID] = n
	}
	for _, r := range s.Roles {
		p.roles[r.ID] = r
	}
	p.tables = routeTables(s)
	p.carry()
	p.clients = p.pair()
	return p
}

// resources lists every resource of a stack.
func resources(s *stack.Stack) []*stack.Resource {
	var all []*stack.Resource
	add := func(r *stack.Resource) { all = append(all, r) }
	for _, r := range s.VPCs {
		add(&r.Resource)
	}
	for _, r := range s.Subnets {
		add(&r.Resource)
	}
	for _, r := range s.SecurityGroups {
		add(&r.Resource)
	}
	for _, r := range s.NetworkACLs {
		add(&r.Resource)
	}
	for _, r := range s.RouteTables {
		add(&r.Resource)
	}
	for _, r := range s.Endpoints {
		add(&r.Resource)
	}
	for _, r := range s.Peerings {
		add(&r.Resource)
	}
	for _, r := range s.Gateways {
		add(&r.Resource)
	}
	for _, r := range s.PrefixLists {
		add(&r.Resource)
	}
	for _, r := range s.Interfaces {
		add(&r.Resource)
	}
	for _, r := range s.Roles {
		add(&r.Resource)
	}
	for _, r := range s.Functions {
		add(&r.Resource)
	}
	for _, r := range s.Caches {
		add(&r.Resource)
	}
	for i := range s.Others {
		add(&s.Others[i])
	}
	return all
}

// routeTables finds the table of each subnet: its own, else the main table of
// its VPC.
func routeTables(s *stack.Stack) map[string]*stack.RouteTable {
	tables, main := map[string]*stack.RouteTable{}, map[string]*stack.RouteTable{}
	for _, t := range s.RouteTables {
		for _, v := range t.Subnets {
			if id, ok := v.Get(); ok {
				tables[id] = t
			}
		}
		if vpc, ok := t.VPC.Get(); ok && t.Main {
			main[vpc] = t
		}
	}
	for _, n := range s.Subnets {
		if vpc, ok := n.VPC.Get(); ok && tables[n.ID] == nil && main[vpc] != nil {
			tables[n.ID] = main[vpc]
		}
	}
	return tables
}

// carry finds who carries each security group.
func (p *Pass) carry() {
	add := func(kind, id string, groups []stack.Value[string]) {
		for _, v := range groups {
			if g, ok := v.Get(); ok {
				p.members[g] = append(p.members[g], member{kind, id})
			}
		}
	}
	for _, f := range p.stack.Functions {
		if f.VPC != nil {
			add("function", f.ID, f.VPC.SecurityGroups)
		}
	}
	for _, c := range p.stack.Caches {
		add("cache", c.ID, c.SecurityGroups)
	}
	for _, i := range p.stack.Interfaces {
		add("interface", i.ID, i.SecurityGroups)
	}
	for _, e := range p.stack.Endpoints {
		add("endpoint", e.ID, e.SecurityGroups)
	}
}

// report adds a finding of the running rule at a resource. The message is a
// sentence.
func (p *Pass) report(res stack.Resource, origin stack.Origin, fix Fix, format string, args ...any) {
	p.reportAs(p.rule.Severity, res, origin, "", fix, format, args...)
}

// reportAs is report with another severity than the rule's own, and with the
// code that AWS has for the finding.
func (p *Pass) reportAs(severity Severity, res stack.Resource, origin stack.Origin, code string, fix Fix, format string, args ...any) {
	f := Finding{ID: p.rule.ID, Severity: severity, Title: p.rule.Doc.Title, Message: fmt.Sprintf(format, args...),
		Why: p.rule.Doc.Why, AWSCode: code, fix: fix}
	f.at(res, origin)
	p.found = append(p.found, f)
}

// paths lists the clients with the port that they write to.
func (p *Pass) paths() []client {
	return slices.DeleteFunc(slices.Clone(p.clients), func(c client) bool { return c.reader })
}

// cacheGroups lists the declared security groups that caches carry, each once,
// with the caches.
func (p *Pass) cacheGroups() map[*stack.SecurityGroup][]*stack.Cache {
	out := map[*stack.SecurityGroup][]*stack.Cache{}
	for _, c := range p.stack.Caches {
		for _, id := range known(c.SecurityGroups) {
			if g := p.groups[id]; g != nil {
				out[g] = append(out[g], c)
			}
		}
	}
	return out
}

// clientsOf lists the clients of a cache.
func (p *Pass) clientsOf(c *stack.Cache) []client {
	return slices.DeleteFunc(p.paths(), func(u client) bool { return u.cache != c })
}

// known returns the values that are known.
func known[T any](values []stack.Value[T]) []T {
	var out []T
	for _, v := range values {
		if x, ok := v.Get(); ok {
			out = append(out, x)
		}
	}
	return out
}

// allKnown reports whether every value is.
func allKnown[T any](values []stack.Value[T]) bool {
	return !slices.ContainsFunc(values, func(v stack.Value[T]) bool { return !v.IsKnown() })
}

// sentenceList joins names: a, b and c.
func sentenceList(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// plural returns one or "n many".
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// gap reports whether the reader could not see a part of the stack, named as
// its JSON field.
func (p *Pass) gap(kinds ...string) bool {
	return slices.ContainsFunc(p.stack.Gaps, func(g stack.Gap) bool { return g.Kind == "" || slices.Contains(kinds, g.Kind) })
}
