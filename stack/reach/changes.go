package reach

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// plan collects the changes that open one path. ACLs and route tables are
// changed in copies at once, so that each change is made in view of the earlier
// ones.
type plan struct {
	n       *Network
	src     Source
	c       *stack.Cache
	changes []Change
	seen    map[changeKey]bool
	acls    map[string]*stack.NetworkACL
	tables  map[string]*stack.RouteTable // the key of an implied main table is its VPC after a slash
	stuck   bool                         // no change can open the path
}

// changes returns the changes that take every closed factor of p away, or none
// if there is no such set, for instance because the ranges of both VPCs overlap.
func (n *Network) changes(src Source, c *stack.Cache, p Path) []Change {
	if c == nil {
		return nil
	}
	b := n.plan(src, c)
	closed := map[FactorKind]bool{}
	for _, f := range p.Factors {
		closed[f.Kind] = closed[f.Kind] || f.Verdict == Closed
	}
	if src.Detached != "" || closed[SameVPC] {
		return b.bringTogether()
	}
	fam, _ := attachment(src, c)
	b.conditions(closed)
	if len(p.Pairs) == 0 {
		return nil // addresses of another family
	}
	b.pairs(n.endsOf(src, c, p.Port, fam), p.Pairs)
	if b.stuck && closed[RouteOut] || b.stuck && closed[ReturnRoute] {
		return n.plan(src, c).bringTogether() // the ranges of two VPCs overlap
	}
	return b.sorted()
}

func (n *Network) plan(src Source, c *stack.Cache) *plan {
	return &plan{n: n, src: src, c: c, seen: map[changeKey]bool{}, acls: map[string]*stack.NetworkACL{}, tables: map[string]*stack.RouteTable{}}
}

func (b *plan) sorted() []Change {
	if b.stuck {
		return nil
	}
	slices.SortStableFunc(b.changes, func(x, y Change) int { return cmp.Compare(x.Kind.order(), y.Kind.order()) })
	return b.changes
}

// changeKey tells whether two changes of a plan are one.
type changeKey struct {
	kind                          ChangeKind
	resource, group, cidr, target string
	from, to, number              int
	egress                        bool
}

func keyOf(c *Change) changeKey {
	return changeKey{c.Kind, c.Resource, c.Group, c.CIDR, c.Target, c.FromPort, c.ToPort, c.Number, c.Egress}
}

// add appends a change once.
func (b *plan) add(c Change) {
	if key := keyOf(&c); !b.seen[key] {
		b.seen[key] = true
		b.changes = append(b.changes, c)
	}
}

// conditions opens what concerns the ends as a whole.
func (b *plan) conditions(closed map[FactorKind]bool) {
	if closed[Attached] {
		if b.src.Kind != FunctionSource {
			b.stuck = true
			return
		}
		b.add(Change{Kind: EnableDual, Resource: b.src.ID, Why: "The cache has IPv6 addresses only."})
	}
	if closed[DNS] {
		for _, s := range b.src.Subnets {
			if p := b.n.placeOf(s, b.src.VPC, ipv4); p.vpcRes != nil && b.n.resolver(p).Verdict == Closed {
				b.add(Change{Kind: EnableDNS, Resource: p.vpc, Why: "Without the resolver of the VPC the name of the cache has no address."})
			}
		}
	}
}

func (b *plan) pairs(e ends, pairs []Pair) {
	for i, p := range e.src.places {
		for j, q := range e.dst.places {
			rel := b.n.relate(p, q)
			if rel.peering != nil && peeringFactor(rel.peering).Verdict == Closed {
				b.add(Change{Kind: AcceptPeering, Resource: rel.peering.ID, Why: "A peering carries nothing until the other side has accepted it."})
			}
			for _, f := range pairs[i*len(e.dst.places)+j].Factors {
				if f.Verdict == Closed {
					b.factor(f.Kind, e, p, q, rel)
				}
			}
		}
	}
}

// factor opens one closed hop between two places.
func (b *plan) factor(kind FactorKind, e ends, p, q *place, rel *relation) {
	back := answers
	switch kind {
	case Attached:
		b.stuck = true // a subnet without IPv6: a range for it is not to be guessed
	case Egress:
		b.rule(AddEgress, e.src.set, e.dst.set, q, e.port, rel)
	case Ingress:
		b.rule(AddIngress, e.dst.set, e.src.set, p, e.port, rel)
	case ACLOut:
		b.acl(aclHop{kind, p, q, true, e.port})
	case ACLIn:
		b.acl(aclHop{kind, q, p, false, e.port})
	case ReturnACLOut:
		b.acl(aclHop{kind, q, p, true, back})
	case ReturnACLIn:
		b.acl(aclHop{kind, p, q, false, back})
	case RouteOut:
		b.route(routeHop{kind, p, q, rel})
	case ReturnRoute:
		b.route(routeHop{kind, q, p, rel})
	}
}

// rule adds a rule to the first of the near groups that certainly exists. It
// names a group of the far end where AWS can follow it.
func (b *plan) rule(kind ChangeKind, near, far *groupSet, at *place, port *portRange, rel *relation) {
	g := near.firstSure(true)
	if g == "" || !port.sure {
		b.stuck = true
		return
	}
	c := Change{Kind: kind, Resource: g, Protocol: "tcp", FromPort: port.from, ToPort: port.to}
	word := "from"
	if kind == AddEgress {
		word = "to"
	}
	if follows, _ := rel.followsGroups(); follows && far != nil && far.firstSure(false) != "" {
		if c.Group = far.firstSure(false); b.seen[keyOf(&c)] {
			return
		}
		c.Why = fmt.Sprintf("%s allows no tcp %s %s %s.", g, port.ports, word, c.Group)
		b.add(c)
		return
	}
	ranges := at.prefixes()
	b.stuck = b.stuck || len(ranges) == 0
	for _, r := range ranges {
		c.CIDR = r
		c.Why = fmt.Sprintf("%s allows no tcp %s %s %s, and a rule cannot name the group of the other end.", g, port.ports, word, r)
		b.add(c)
	}
}

// firstSure returns the first group that certainly exists, and that the stack
// declares if it has to be changed.
func (set *groupSet) firstSure(declared bool) string {
	for _, m := range set.members {
		if m.unsure == "" && (m.group != nil || !declared) {
			return m.id
		}
	}
	return ""
}

// bringTogether opens a path between ends that no change of rules connects.
func (b *plan) bringTogether() []Change {
	if b.src.Kind == FunctionSource {
		return b.attach()
	}
	return b.peer()
}

// attach moves a function into the subnets of the cache, with a group that the
// cache lets in already, else with a new one.
func (b *plan) attach() []Change {
	var subnets []stack.Value[string]
	var ids []string
	for _, s := range b.c.Subnets {
		if id, ok := s.Get(); ok && id != "" {
			subnets, ids = append(subnets, s), append(ids, id)
		}
	}
	set := b.n.setOf(b.c.SecurityGroups, b.n.vpcOf(b.c.Subnets), false)
	vpc := b.n.vpcOf(b.c.Subnets)
	if vpc == "" {
		vpc = set.vpc
	}
	if len(ids) == 0 || b.src.ID == "" {
		return nil
	}
	src := Source{Kind: FunctionSource, ID: b.src.ID, Subnets: subnets, DualStack: b.src.DualStack, Origin: b.src.Origin}
	to := Change{Kind: AttachFunction, Resource: b.src.ID, Subnets: ids, VPC: vpc, Why: "A cache is reached only from within its VPC."}
	if g := b.welcome(set, src, vpc); g != "" {
		to.Groups = []string{g}
		b.add(to)
		return b.sorted()
	}
	return b.attachWithNewGroup(set, src, to, vpc)
}

// welcome returns a group of the VPC that the cache lets in and that opens the whole path,
// or "". A group of the cache itself is not offered: sharing it would let the
// function do whatever the cache may.
func (b *plan) welcome(set *groupSet, src Source, vpc string) string {
	port := b.c.Port
	for _, m := range set.members {
		if m.group == nil {
			continue
		}
		for _, r := range m.group.Ingress {
			id := r.SecurityGroup.Or("")
			g := b.n.groups[id]
			if own, _ := set.carries(id); g == nil || own || g.Default || g.Conditional != "" || g.VPC.Or("") != vpc {
				continue
			}
			src.Groups = []stack.Value[string]{stack.Known(id)}
			if b.n.walk(src, b.c, port).Verdict == Open {
				return id
			}
		}
	}
	return ""
}

func (b *plan) attachWithNewGroup(set *groupSet, src Source, to Change, vpc string) []Change {
	group := b.n.freshID(b.src.ID, "-cache-client")
	to.Groups = []string{group}
	src.Groups = []stack.Value[string]{stack.Known(group)}
	before := b.src
	b.src = src
	p := b.n.walk(src, b.c, b.c.Port)
	fam, _ := attachment(src, b.c)
	closed := map[FactorKind]bool{}
	for _, f := range p.Factors {
		closed[f.Kind] = f.Verdict == Closed
	}
	b.conditions(closed)
	e := b.n.endsOf(src, b.c, b.c.Port, fam)
	b.pairs(e, p.Pairs)
	b.src = before
	b.add(Change{Kind: CreateGroup, Resource: group, VPC: vpc, Why: "The function needs a security group of its own to be named by the rules."})
	cache := set.firstSure(false)
	if owner := set.firstSure(true); !e.port.sure || owner == "" {
		b.stuck = true
	} else {
		b.add(Change{Kind: AddEgress, Resource: group, Protocol: "tcp", FromPort: e.port.from, ToPort: e.port.to, Group: cache, Why: "The function opens connections to the cache and to nothing else."})
		if p.kindVerdict(Ingress) != Open {
			b.add(Change{Kind: AddIngress, Resource: owner, Protocol: "tcp", FromPort: e.port.from, ToPort: e.port.to, Group: group, Why: "The cache lets the function in."})
		}
	}
	b.add(to)
	return b.sorted()
}

func (p *Path) kindVerdict(k FactorKind) Verdict {
	for _, f := range p.Factors {
		if f.Kind == k {
			return f.Verdict
		}
	}
	return Unknown
}

// freshID makes an ID that no security group or peering has.
func (n *Network) freshID(base, suffix string) string {
	id := base + suffix
	for i := 2; n.groups[id] != nil || n.peerings[id] != nil; i++ {
		id = fmt.Sprintf("%s%s-%d", base, suffix, i)
	}
	return id
}

// peer connects the VPCs of a source that cannot be moved. VPCs whose ranges
// overlap cannot be peered. What one peering does not open, a second does not
// either: the source may claim to be in a VPC in which its subnets are not.
func (b *plan) peer() []Change {
	if b.n.peered {
		return nil
	}
	from, to := b.src.VPC, b.n.vpcOf(b.c.Subnets)
	if from == "" {
		from = b.n.vpcOf(b.src.Subnets)
	}
	a, z := b.n.vpcs[from], b.n.vpcs[to]
	if a == nil || z == nil || len(intersect(b.n.rangesOf(a, ipv4), b.n.rangesOf(z, ipv4))) > 0 {
		return nil
	}
	change := Change{Kind: AddPeering, Resource: b.n.freshID(from, "-"+strings.ToLower(to)), VPC: from, PeerVPC: to, Why: "Nothing connects the two VPCs."}
	n := New(Apply(b.n.s, []Change{change}))
	n.peered = true
	rest := n.From(b.src, b.c, b.c.Port)
	if rest.Verdict == Closed && len(rest.Changes) == 0 {
		return nil
	}
	b.changes = append([]Change{change}, rest.Changes...)
	return b.sorted()
}
