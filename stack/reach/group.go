package reach

import (
	"net/netip"
	"strconv"
	"strings"
	"sync"

	"github.com/thawdev/thaw/stack"
)

// group is a security group with its rules compiled on first use.
type group struct {
	*stack.SecurityGroup
	once            sync.Once
	ingress, egress []filter
}

// filter is a rule of a security group as far as TCP is concerned.
type filter struct {
	rule  *stack.Rule
	index int
	ports ports
	why   string // what about protocol and ports is not known

	peer    string // ID of a security group, or ""
	spans   ranges
	peerWhy string // what about the peer is not known; it may be anything then
}

func (n *Network) compiled(g *group) *group {
	g.once.Do(func() {
		g.ingress = n.compile(g.Ingress)
		g.egress = n.compile(g.Egress)
	})
	return g
}

func (n *Network) compile(rules []stack.Rule) []filter {
	out := make([]filter, 0, len(rules))
	for i := range rules {
		if f, ok := n.filterOf(&rules[i], i); ok {
			out = append(out, f)
		}
	}
	return out
}

// filterOf compiles a rule. It reports false for a rule that no TCP packet can
// match.
func (n *Network) filterOf(r *stack.Rule, index int) (filter, bool) {
	f := filter{rule: r, index: index}
	var ok bool
	if f.ports, f.why, ok = tcpPorts(r.Protocol, r.FromPort, r.ToPort); !ok {
		return f, false
	}
	f.addGroup(r.SecurityGroup)
	f.addCIDR(n, r.CIDR)
	f.addList(n, r.PrefixList)
	return f, f.peer != "" || f.peerWhy != "" || len(f.spans.ipv4)+len(f.spans.ipv6) > 0
}

// tcpPorts returns the TCP ports that a rule or an ACL entry names, and what is
// not known about them. It reports false if it names none.
func tcpPorts(protocol stack.Value[string], from, to stack.Value[int]) (p ports, why string, ok bool) {
	proto, known := protocol.Get()
	switch strings.ToLower(proto) {
	case "-1", "all":
		return allPorts, "", true
	case "tcp", "6":
	default:
		if known {
			return p, "", false
		}
		why = protocol.Why()
	}
	p = ports{from.Or(0), to.Or(65535)}
	switch {
	case !known && (p.from < 0 || p.to < 0): // -1 stands for all ports, should the protocol be all
		p = allPorts
	case !from.IsKnown() || !to.IsKnown():
		why = from.Why() + to.Why()
		p = ports{max(p.from, 0), min(p.to, 65535)}
	case p.from < 0 || p.to < 0:
		return allPorts, "a tcp rule without ports", true // AWS refuses it, or the reader lost them
	}
	p = ports{max(p.from, 0), min(p.to, 65535)}
	if !known {
		p = allPorts // with protocol -1 ports do not count
	}
	return p, why, p.from <= p.to
}

func (f *filter) addGroup(v stack.Value[string]) {
	id, ok := v.Get()
	if !ok {
		f.peerWhy = v.Why()
		return
	}
	f.peer = id
}

func (f *filter) addCIDR(n *Network, v stack.Value[string]) {
	s, ok := v.Get()
	switch p, err := parsePrefix(s); {
	case !ok:
		f.peerWhy = v.Why()
	case s == "":
	case err != nil:
		f.peerWhy = strconv.Quote(s) + " is not a range of addresses"
	default:
		f.addPrefix(p)
		// AWS adds the rule for IPv6 along with the one for IPv4; an account lists
		// both.
		if f.rule.Implicit && p.Bits() == 0 && n.s.Dialect != stack.Live {
			f.addPrefix(netip.PrefixFrom(netip.IPv6Unspecified(), 0))
		}
	}
}

func (f *filter) addList(n *Network, v stack.Value[string]) {
	id, ok := v.Get()
	if !ok {
		f.peerWhy = v.Why()
	}
	if !ok || id == "" {
		return
	}
	prefixes, why := n.listed(id)
	for _, p := range prefixes {
		f.addPrefix(p)
	}
	if why != "" {
		f.peerWhy = why
	}
}

// listed returns the known ranges of a prefix list, and why it may hold others.
func (n *Network) listed(id string) (prefixes []netip.Prefix, why string) {
	list := n.lists[id]
	switch {
	case list == nil:
		return nil, "prefix list " + id + " is not declared here"
	case list.Conditional != "":
		return nil, list.Conditional
	}
	why = n.gap("prefix_lists")
	for _, e := range list.Entries {
		p, ok := e.Get()
		switch {
		case !ok:
			why = e.Why()
		case p.IsValid():
			prefixes = append(prefixes, p)
		}
	}
	return prefixes, why
}

func (f *filter) addPrefix(p netip.Prefix) {
	list := &f.spans.ipv4
	if familyOf(p.Addr()) == ipv6 {
		list = &f.spans.ipv6
	}
	*list = append(*list, spanOf(p))
}

// ranges are addresses of both families.
type ranges struct{ ipv4, ipv6 []span }

func (r *ranges) of(f family) []span {
	if f == ipv6 {
		return r.ipv6
	}
	return r.ipv4
}

// parsePrefix reads a range, or a single address.
func parsePrefix(s string) (netip.Prefix, error) {
	s = strings.TrimSpace(s)
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil {
			return netip.Prefix{}, err
		}
		a = a.Unmap().WithZone("")
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, err
	}
	if a := p.Addr(); a.Is4In6() {
		return netip.PrefixFrom(a.Unmap(), max(0, p.Bits()-96)), nil
	}
	return p, nil
}

// groupSet is the security groups of one interface.
type groupSet struct {
	members []member
	unknown string // why it may carry further groups
	vpc     string // the VPC of the groups; "" if not known
}

type member struct {
	id     string
	group  *group // nil if the stack does not declare it
	unsure string // why it may not exist
}

// setOf returns the groups of an end in a VPC. What names no group is given the
// default group of its VPC, unless mustName says that AWS would refuse that.
func (n *Network) setOf(groups []stack.Value[string], vpc string, mustName bool) *groupSet {
	key := string(appendValues(nil, groups))
	if len(groups) == 0 {
		key += vpc + strconv.FormatBool(mustName)
	}
	return n.sets.get(key, func() *groupSet {
		set := &groupSet{}
		for _, g := range groups {
			id, ok := g.Get()
			switch {
			case !ok:
				set.unknown = g.Why()
			case id == "":
				set.unknown = "a security group has no name"
			default:
				set.add(id, n.groups[id])
			}
		}
		switch {
		case len(groups) > 0:
		case mustName:
			set.unknown = "no security group is named"
		default:
			n.addDefault(set, vpc)
		}
		return set
	})
}

func (set *groupSet) add(id string, g *group) {
	m := member{id: id, group: g}
	if g != nil {
		m.unsure = g.Conditional
		if set.vpc == "" {
			set.vpc = g.VPC.Or("")
		}
	}
	set.members = append(set.members, m)
}

// addDefault adds the group that AWS uses where none is named.
func (n *Network) addDefault(set *groupSet, vpc string) {
	for _, g := range n.s.SecurityGroups {
		if g != nil && g.Default && vpc != "" && g.VPC.Or("") == vpc {
			set.add(g.ID, n.groups[g.ID])
			return
		}
	}
	set.unknown = "no security group is named, and the default group of the VPC is not declared here"
}

// carries tells whether an interface with these groups carries one.
func (set *groupSet) carries(id string) (yes, may bool) {
	may = set.unknown != ""
	for _, m := range set.members {
		if m.id == id {
			if m.unsure == "" {
				return true, true
			}
			may = true
		}
		may = may || mayBeSame(m.id, id)
	}
	return false, may
}

// names lists the groups for people.
func (set *groupSet) names() string {
	var out []string
	for _, m := range set.members {
		out = append(out, m.id)
	}
	if set.unknown != "" {
		out = append(out, "a group that is not known")
	}
	return strings.Join(out, ", ")
}

// first is the resource to name for the set: its first group.
func (set *groupSet) first() string {
	if len(set.members) > 0 {
		return set.members[0].id
	}
	return ""
}
