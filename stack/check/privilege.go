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
			if !p.allowed(g, i, peer, port) {
				fix.edits = append(fix.edits, addRule{group: g.ID, protocol: "tcp", from: port, to: port, peer: peer})
			}
		}
	}
	return fix
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

// allowed reports whether another rule than the one at index besides lets a
// peer in on a port, and is about that peer.
func (p *Pass) allowed(g *stack.SecurityGroup, besides int, peer string, port int) bool {
	for i, r := range g.Ingress {
		if i != besides && r.SecurityGroup.Or("") == peer && coversPort(r, stack.Known(port)) {
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
