package check

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// leastPrivilege lists the rules about what is too open.
func leastPrivilege() []*Rule {
	return []*Rule{
		openToAll(), openToVPC(), allPorts(), allProtocols(), defaultGroup(),
		undeclaredClients(), wideEgress(), unusedRule(), impliedRule(), publicSubnets(),
	}
}

func itoa(n int) string { return strconv.Itoa(n) }

func lowerFirst(s string) string {
	if len(s) > 1 && s[1] >= 'a' && s[1] <= 'z' && !strings.HasPrefix(s, "AWS") {
		return strings.ToLower(s[:1]) + s[1:]
	}
	return s
}

// anyAddress reports whether a rule's range is all of IPv4 or IPv6.
func anyAddress(r stack.Rule) bool {
	p, err := netip.ParsePrefix(r.CIDR.Or(""))
	return err == nil && p.Bits() == 0
}

// coversPort reports whether a rule certainly allows TCP to a port.
func coversPort(r stack.Rule, port stack.Value[int]) bool {
	protocol, ok := r.Protocol.Get()
	if !ok {
		return false
	}
	if protocol == "-1" {
		return true
	}
	n, known := port.Get()
	from, fromKnown := r.FromPort.Get()
	to, toKnown := r.ToPort.Get()
	return protocol == "tcp" && known && fromKnown && toKnown && from <= n && n <= to
}

// everyPort reports whether a rule's range of ports is all of them.
func everyPort(r stack.Rule) bool {
	from, fromKnown := r.FromPort.Get()
	to, toKnown := r.ToPort.Get()
	return fromKnown && toKnown && from >= 0 && from <= 1 && to == 65535
}

// eachIngress visits the ingress rules that somebody wrote of the groups that
// caches carry.
func (p *Pass) eachIngress(visit func(g *stack.SecurityGroup, i int, r stack.Rule)) {
	groups := p.cacheGroups()
	for _, g := range p.stack.SecurityGroups { // in the order of declaration
		if groups[g] == nil {
			continue
		}
		for i, r := range g.Ingress {
			if !r.Implicit {
				visit(g, i, r)
			}
		}
	}
}

// listens lists the known ports of the caches that carry a group.
func (p *Pass) listens(g *stack.SecurityGroup) []int {
	var ports []int
	for _, c := range p.stack.Caches {
		if slices.Contains(known(c.SecurityGroups), g.ID) {
			ports = append(ports, portsOf(c)...)
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// portsOf lists the known ports of a cache.
func portsOf(c *stack.Cache) []int {
	var ports []int
	for _, v := range []stack.Value[int]{c.Port, c.ReaderPort} {
		if n, ok := v.Get(); ok && n > 0 && !slices.Contains(ports, n) {
			ports = append(ports, n)
		}
	}
	return ports
}

// narrow replaces an ingress rule of a cache's group by rules for the declared
// clients of its caches.
func (p *Pass) narrow(g *stack.SecurityGroup, i int) Fix {
	fix := change(dropRule{g, false, i})
	for _, c := range p.paths() {
		if !slices.Contains(known(c.cache.SecurityGroups), g.ID) {
			continue
		}
		peer := p.clientGroup(c)
		if peer == "" {
			fix = fix.and("Add a rule for function %s, whose security group is not known.", c.function.ID)
			continue
		}
		for _, port := range portsOf(c.cache) {
			rules := p.naming(c, addRule{group: g.ID, protocol: "tcp", from: port, to: port}, peer, c.function.VPC.Subnets)
			if rules == nil {
				fix = fix.and("Add a rule for the subnets of function %s, whose ranges are not known.", c.function.ID)
			}
			for _, r := range rules {
				if !p.allowed(g, i, r) {
					fix.edits = append(fix.edits, r)
				}
			}
		}
	}
	return fix
}

// naming completes a rule between a client and its cache by the other end's
// group, or by the ranges of its subnets where AWS does not follow a group: in
// another VPC that no peering of the same region connects. It is nil if one of
// the ranges is not known.
func (p *Pass) naming(c client, rule addRule, group string, subnets []stack.Value[string]) []addRule {
	if p.followsGroups(c) {
		rule.peer = group
		return []addRule{rule}
	}
	var out []addRule
	for _, v := range subnets {
		n := p.subnets[v.Or("")]
		if n == nil {
			return nil
		}
		cidr, ok := n.CIDR.Get()
		if !ok || !cidr.IsValid() {
			return nil
		}
		rule.cidr = cidr.String()
		out = append(out, rule)
	}
	return out
}

// followsGroups reports whether a rule at one end of a path may name the group of
// the other.
func (p *Pass) followsGroups(c client) bool {
	return !p.crossVPC(c) || slices.ContainsFunc(p.stack.Peerings, func(q *stack.Peering) bool {
		ends := []string{q.Requester.Or(""), q.Accepter.Or("")}
		shares := func(vpc string) bool { return slices.Contains(ends, vpc) }
		return q.SameRegion.Or(false) && slices.ContainsFunc(p.vpcsOf(c.function.VPC.Subnets, c.function.VPC.SecurityGroups), shares) &&
			slices.ContainsFunc(p.vpcsOf(c.cache.Subnets, c.cache.SecurityGroups), shares)
	})
}

// clientGroup returns the security group by which a function is let in: its
// first that is not the default group, else its first; "" if none is known.
func (p *Pass) clientGroup(c client) string {
	if c.function.VPC == nil {
		return ""
	}
	groups := known(c.function.VPC.SecurityGroups)
	for _, id := range groups {
		if g := p.groups[id]; g != nil && !isDefault(g) {
			return id
		}
	}
	return cmp.Or(groups...)
}

// allowed reports whether another rule than the one at index besides allows what
// rule does, and is about the same peer.
func (p *Pass) allowed(g *stack.SecurityGroup, besides int, rule addRule) bool {
	for i, r := range g.Ingress {
		if i != besides && r.SecurityGroup.Or("") == rule.peer && r.CIDR.Or("") == rule.cidr && coversPort(r, stack.Known(rule.from)) {
			return true
		}
	}
	return false
}

// isDefault reports whether a group is the one that AWS makes with each VPC.
func isDefault(g *stack.SecurityGroup) bool {
	return g.Default || strings.HasSuffix(g.ID, ".DefaultSecurityGroup") || g.Name.Or("") == "default"
}

// sides names what carries a group, for a message.
func (p *Pass) carriers(g string) string {
	var out []string
	for _, m := range p.members[g] {
		out = append(out, m.kind+" "+m.id)
	}
	if len(out) > 4 {
		out = append(out[:3], plural(len(out)-3, "other", "others"))
	}
	return sentenceList(out)
}
