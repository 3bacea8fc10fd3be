package check

import (
	"slices"

	"github.com/thawdev/thaw/stack"
)

func fewAddresses() *Rule {
	return &Rule{
		ID: "THAW-C03", Name: "subnet-addresses", Severity: Warning,
		Doc: Doc{
			Title: "A subnet has too few addresses",
			Why: "AWS keeps five addresses of each subnet. Lambda takes one for each network interface, which the functions with the same subnets and security groups share, and more when one interface's 65,000 connections are used up; each cache node, endpoint and NAT gateway takes one. " +
				"Without a free address a function fails with SubnetOutOfIPAddresses and a failed node is not replaced. (One address for each concurrent execution, as old texts say, ended in 2019.)",
			Fix:     "Take larger subnets, or more of them; let functions share one security group, so that they share interfaces.",
			Sources: []string{sourceLambdaNet, "Amazon VPC User Guide, \"Subnet CIDR blocks\"", "AWS Lambda API, FunctionConfiguration"},
		},
		Run: func(p *Pass) {
			for _, n := range p.stack.Subnets {
				need, what := p.demand(n)
				free, ok := n.FreeAddresses.Get()
				if !ok {
					free, ok = n.Capacity().Get()
				}
				if !ok || what == 0 || need <= free {
					continue
				}
				p.report(n.Resource, n.Origin, inWords("%s", p.rule.Doc.Fix), "Subnet %s has %s for its use, and the stack needs %d.", n.ID, plural(free, "address", "addresses"), need)
			}
		},
	}
}

// demand counts the addresses that functions and caches need in a subnet, with
// what else the stack places there; what is how many functions and caches are
// in it. In a live account the free addresses are those beside what is there
// already, so one for each set of functions and each cache is to spare.
func (p *Pass) demand(n *stack.Subnet) (need, what int) {
	sets := len(p.groupSets(n.ID))
	need, what = sets, sets
	live := n.FreeAddresses.IsKnown()
	for _, c := range p.stack.Caches {
		if !slices.Contains(known(c.Subnets), n.ID) {
			continue
		}
		what++
		if live {
			need++
			continue
		}
		need += c.Nodes.Or(1) / len(c.Subnets)
	}
	if live {
		return need, what
	}
	for _, e := range p.stack.Endpoints {
		if slices.Contains(known(e.Subnets), n.ID) {
			need++
		}
	}
	for _, g := range p.stack.Gateways {
		if g.Subnet.Or("") == n.ID {
			need++
		}
	}
	for _, i := range p.stack.Interfaces {
		if slices.Equal(known(i.Subnets), []string{n.ID}) {
			need++
		}
	}
	return need, what
}
