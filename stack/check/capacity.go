package check

import (
	"fmt"
	"slices"

	"github.com/thawdev/thaw/stack"
)

// capacity lists the rules about limits.
func capacity() []*Rule {
	return []*Rule{tooManyConnections(), smallNode(), fewAddresses(), oneZone(), lambdaLimits(), crossZone()}
}

// Limits. Sources: ElastiCache User Guide, "Engine specific parameters"; Lambda
// Developer Guide, "Lambda quotas" and API_VpcConfig, read in 2026.
const (
	maxClientsServerless = 65_000
	maxClientsMemcached  = 65_000 // max_simultaneous_connections
	accountConcurrency   = 1_000  // of a Region, before it is raised
	environmentGbps      = 0.625  // network of one execution environment
	interfaceConnections = 65_000 // of one network interface of Lambda's
	mostSubnets          = 16     // of a function
	mostGroups           = 5      // of a function
)

// maxClients returns how many connections each node of a cache takes; ok is
// false if the node type is not known.
func maxClients(c *stack.Cache) (limit int, of string, ok bool) {
	engine, known := c.Engine.Get()
	switch {
	case c.Kind == stack.Serverless:
		return maxClientsServerless, "a serverless cache", true
	case !known:
		return 0, "", false
	case engine == stack.Memcached:
		return maxClientsMemcached, "a Memcached node", true
	}
	name, known := c.NodeType.Get()
	n, ok := stack.NodeTypeByName(name)
	return n.MaxClients, n.Name, known && ok
}

// environments tells how many execution environments a function may have, and
// whether that many are its own.
func (p *Pass) environments(f *stack.Function) (n int, reserved, ok bool) {
	if f.Reserved != nil {
		n, ok = f.Reserved.Get()
		return n, true, ok
	}
	return p.account(), false, true
}

func (p *Pass) account() int {
	if n, ok := p.stack.Account.Concurrency.Get(); ok && n > 0 {
		return n
	}
	return accountConcurrency
}

// groupSets lists the different sets of security groups with which functions
// are in a subnet. Lambda shares one network interface among the functions of
// a set. Source: AWS Lambda Developer Guide, "VPC networking for Lambda".
func (p *Pass) groupSets(subnet string) []string {
	var sets []string
	for _, f := range p.stack.Functions {
		if f.VPC == nil || !slices.Contains(known(f.VPC.Subnets), subnet) {
			continue
		}
		groups := known(f.VPC.SecurityGroups)
		slices.Sort(groups)
		set := fmt.Sprint(groups)
		if !slices.Contains(sets, set) {
			sets = append(sets, set)
		}
	}
	return sets
}
