package check

import (
	"fmt"
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack"
	"github.com/thawdev/thaw/stack/reach"
)

func undeclaredClients() *Rule {
	return &Rule{
		ID: "THAW-P06", Name: "reachable-from-others", Severity: Warning,
		Doc: Doc{
			Title: "The cache is reachable from something that is not one of its clients",
			Why: "Declared clients are the functions that mention the cache, or that a security-group rule connects with it. Thaw lists everything else from which a packet arrives, as a proof over sources: " +
				"what the list does not hold is kept out. Whoever reaches the cache can empty it.",
			Fix:     "Delete the rules that let the others in, or replace them by rules for the clients' groups. If one of them is a client that the input does not show, ignore the finding with that reason.",
			Sources: []string{sourceGroups},
		},
		Run: func(p *Pass) {
			for _, c := range p.stack.Caches {
				p.reportOthers(c)
			}
		},
	}
}

// reportOthers reports the sources of a cache that are not its clients, all in
// one finding.
func (p *Pass) reportOthers(c *stack.Cache) {
	clients := map[string]bool{}
	for _, u := range p.clientsOf(c) {
		clients[u.function.ID] = true
	}
	var list []string
	var fix Fix
	var origin stack.Origin
	for _, e := range p.exposures(c) {
		if e.Verdict != reach.Open || p.declared(e, c, clients) {
			continue
		}
		list = append(list, exposureText(e))
		for _, ref := range e.Rules {
			if g := p.groups[ref.Resource]; g != nil && ref.Kind == reach.IngressRule && ref.Index >= 0 && !g.Ingress[ref.Index].Implicit {
				fix.edits = append(fix.edits, p.narrow(g, ref.Index).edits...)
				if origin == (stack.Origin{}) {
					origin = g.Ingress[ref.Index].Origin
				}
			}
		}
	}
	if len(list) == 0 {
		return
	}
	slices.Sort(list)
	list = slices.Compact(list)
	if fix.edits == nil {
		fix.words = p.rule.Doc.Fix
	}
	p.report(c.Resource, c.Origin, fix, "Cache %s is reachable from %s that %s not among its clients: %s.", c.ID,
		plural(len(list), "source", "sources"), map[bool]string{true: "is", false: "are"}[len(list) == 1], strings.Join(list, "; "))
}

// exposures asks once for everything that reaches a cache, on one of its ports.
// Functions that no
// rule of the cache's groups can be about are left out before: each of them
// would cost a walk for every pair of subnets.
func (p *Pass) exposures(c *stack.Cache) []reach.Exposure {
	if all, ok := p.sources[c.ID]; ok {
		return all
	}
	near := *p.stack
	near.Functions = slices.DeleteFunc(slices.Clone(p.stack.Functions), func(f *stack.Function) bool { return !p.mayBeLetIn(f, c) })
	network := p.network
	if len(near.Functions) < len(p.stack.Functions) {
		network = reach.New(&near)
	}
	all := network.Sources(c, c.Port)
	if reader, ok := c.ReaderPort.Get(); ok && reader != 0 {
		for _, e := range network.Sources(c, c.ReaderPort) {
			listed := func(o reach.Exposure) bool {
				return o.Kind == e.Kind && o.ID == e.ID && o.Range == e.Range && o.VPC == e.VPC && o.Verdict == e.Verdict
			}
			if !slices.ContainsFunc(all, listed) {
				all = append(all, e)
			}
		}
	}
	p.sources[c.ID] = all
	return all
}

// mayBeLetIn reports whether an ingress rule of the cache may be about a
// function: it names one of its groups, or addresses, or nobody knows.
func (p *Pass) mayBeLetIn(f *stack.Function, c *stack.Cache) bool {
	if f.VPC == nil {
		return false
	}
	if len(c.SecurityGroups) == 0 || !allKnown(c.SecurityGroups) || !allKnown(f.VPC.SecurityGroups) || p.gap("security_groups") {
		return true
	}
	mine := known(f.VPC.SecurityGroups)
	return slices.ContainsFunc(known(c.SecurityGroups), func(id string) bool {
		g := p.groups[id]
		return g == nil || g.Conditional != "" || slices.ContainsFunc(g.Ingress, func(r stack.Rule) bool {
			peer, ok := r.SecurityGroup.Get()
			return !ok || peer == "" || slices.Contains(mine, peer)
		})
	})
}

// declared reports whether a source is a client of the cache, the cache itself,
// or stands for clients only.
func (p *Pass) declared(e reach.Exposure, c *stack.Cache, clients map[string]bool) bool {
	switch e.Kind {
	case reach.FunctionSource:
		return clients[e.ID]
	case reach.GroupSource:
		// A group that nobody carries, as far as is known, lets nobody in yet;
		// THAW-P08 says so.
		return !slices.ContainsFunc(e.Members, func(id string) bool { return !clients[id] && id != c.ID })
	case reach.RangeSource:
		return p.rangeOfClients(e, clients)
	}
	return false
}

// rangeOfClients reports whether a range lies within the subnets of clients,
// which is how a function in a peered VPC of another region has to be let in.
func (p *Pass) rangeOfClients(e reach.Exposure, clients map[string]bool) bool {
	for _, f := range p.stack.Functions {
		if !clients[f.ID] || f.VPC == nil {
			continue
		}
		for _, id := range known(f.VPC.Subnets) {
			n := p.subnets[id]
			if n == nil {
				continue
			}
			if cidr, ok := n.CIDR.Get(); ok && cidr.IsValid() && cidr.Bits() <= e.Range.Bits() && cidr.Contains(e.Range.Addr()) {
				return true
			}
		}
	}
	return false
}

// exposureText names a source with the rule that lets it in.
func exposureText(e reach.Exposure) string {
	var what string
	switch e.Kind {
	case reach.GroupSource:
		what = fmt.Sprintf("members of security group %s (%s)", e.ID, sentenceList(e.Members))
	case reach.RangeSource, reach.InternetSource:
		what = "addresses " + e.Range.String()
		if e.VPC != "" {
			what += " in " + e.VPC
		}
	default:
		what = string(e.Kind) + " " + e.ID
	}
	if len(e.Rules) > 0 {
		what += " by the rule " + e.Rules[0].Text + " of " + e.Rules[0].Resource
	}
	return what
}
