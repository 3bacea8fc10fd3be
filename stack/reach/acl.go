package reach

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/thawdev/thaw/stack"
)

// aclHop is one question to the network ACL of a subnet.
type aclHop struct {
	kind   FactorKind
	at     *place // whose ACL
	far    *place // whose addresses the entries name
	egress bool
	port   *portRange
}

// askACL answers a hop through the ACL of a subnet.
func (n *Network) askACL(h aclHop) Factor {
	if h.at.subnet != "" && h.at.subnet == h.far.subnet {
		return Factor{Kind: h.kind, Resource: h.at.subnet, Verdict: Open, Reason: "Both ends are in subnet " + h.at.subnet + ", and a network ACL filters only what enters or leaves a subnet."}
	}
	ids, why := bordersOf(h.at, n.aclOf, n.acls, "network ACL", n.gap("network_acls"))
	f := Factor{Kind: h.kind, Resource: h.at.subnet, Verdict: Unknown}
	for i, id := range ids {
		g := n.askOneACL(id, h)
		if i == 0 {
			f = g
			continue
		}
		if f.Verdict != g.Verdict {
			f.Verdict, f.Partial, f.AWSCode, f.Rules = Unknown, false, "", nil
			f.Reason = fmt.Sprintf("It is not known which network ACL subnet %s has.", h.at.subnet)
		}
	}
	if why != "" {
		f = Factor{Kind: h.kind, Resource: h.at.subnet, Verdict: Unknown, Reason: "The network ACL is not known: " + why + "."}
	}
	if f.Verdict == Closed && (h.at.subnet == "" || h.far.subnet == "") && !h.at.free && !h.far.free {
		f.Verdict, f.Partial, f.AWSCode = Unknown, false, ""
		f.Reason = "Whether the network ACL is passed at all is not known, because both ends may be in one subnet."
	}
	return f
}

func (n *Network) askOneACL(id string, h aclHop) Factor {
	f := Factor{Kind: h.kind, Resource: id, Verdict: Open}
	direction, word := "in", "from"
	if h.egress {
		direction, word = "out", "to"
	}
	what := fmt.Sprintf("tcp %s %s %s", h.port.ports, word, h.far)
	if id == awsDefault {
		f.Resource = h.at.vpc
		f.Reason = fmt.Sprintf("Subnet %s has the default network ACL of VPC %s, which lets everything %s.", h.at.subnet, h.at.vpc, direction)
		return f
	}
	acl := n.acls[id]
	f.Origin = acl.origin
	t := h.target()
	if len(t.spans) == 0 {
		f.Reason = fmt.Sprintf("%s is in subnet %s itself.", h.far, h.at.subnet)
		return f
	}
	list := n.aclList(acl.res, h.egress, h.far.family)
	entries, refs := list.entries, list.refs
	pieces := decide(t.boxes(), entries)
	f.Verdict, f.Partial = t.verdict(pieces)
	if f.Verdict == Closed && h.far.free && h.at.within(h.far) {
		f.Partial = true // what is in the subnet itself gets through
	}
	f.Rules = used(pieces, entries, refs, f.Verdict)
	if len(f.Rules) > 0 {
		f.Origin = f.Rules[0].Origin
	}
	switch {
	case f.Verdict == Open:
		f.Reason = fmt.Sprintf("Network ACL %s lets %s %s.", id, what, direction)
	case f.Verdict == Unknown:
		why := firstWhy(pieces, entries)
		if why == "" {
			why = unsureTarget(h.far, h.port)
		}
		f.Reason = fmt.Sprintf("Whether network ACL %s lets %s %s is not known: %s.", id, what, direction, why)
	case f.Partial:
		f.AWSCode = "SUBNET_ACL_RESTRICTION"
		f.Reason = fmt.Sprintf("Network ACL %s lets only %s %s, which is a part of %s.", id, allowedText(t, pieces, h.far.family), direction, what)
	default:
		f.AWSCode = "SUBNET_ACL_RESTRICTION"
		by := "no entry allows it"
		if len(f.Rules) > 0 {
			by = "entry " + f.Rules[0].Text
		}
		f.Reason = fmt.Sprintf("Network ACL %s does not let %s %s: %s.", id, what, direction, by)
	}
	return f
}

// target is what the ACL must let through. What is in the subnet itself does not
// pass it.
func (h aclHop) target() target {
	t := target{spans: h.far.spans, ports: h.port.ports, sureSpans: h.far.sure, surePorts: h.port.sure}
	if h.far.free && h.at.sure {
		t.spans = subtract(t.spans, h.at.spans[0])
	}
	return t
}

// aclList is the entries of one direction and family.
type aclList struct {
	entries []entry
	refs    []ruleAt
}

type aclListKey struct {
	acl    *stack.NetworkACL
	egress bool
	family family
}

func (n *Network) aclList(acl *stack.NetworkACL, egress bool, fam family) *aclList {
	return n.aclLists.get(aclListKey{acl, egress, fam}, func() *aclList {
		entries, refs := aclEntries(acl, egress, fam)
		return &aclList{entries, refs}
	})
}

// aclEntries returns the entries of one direction, in the order in which AWS
// asks them. An entry whose number is not known may stand anywhere, so it comes
// first and is not sure.
func aclEntries(acl *stack.NetworkACL, egress bool, fam family) ([]entry, []ruleAt) {
	var out []entry
	var refs []ruleAt
	for i := range acl.Entries {
		e := &acl.Entries[i]
		line, ok := aclEntry(e, egress, fam)
		if !ok {
			continue
		}
		line.index = len(refs)
		refs = append(refs, ruleAt{resource: acl.ID, kind: ACLRule, index: i, acl: e})
		out = append(out, line)
	}
	slices.SortStableFunc(out, func(a, b entry) int {
		return cmp.Compare(orderOf(refs[a.index].acl), orderOf(refs[b.index].acl))
	})
	return out, refs
}

func orderOf(e *stack.ACLEntry) int { return e.Number.Or(-1 << 62) }

func aclEntry(e *stack.ACLEntry, egress bool, fam family) (entry, bool) {
	way, known := e.Egress.Get()
	p, why, ok := tcpPorts(e.Protocol, e.FromPort, e.ToPort)
	if known && way != egress || !ok {
		return entry{}, false
	}
	if isTCP(e.Protocol) && e.FromPort.Or(0) < 0 {
		why = "the entry names tcp without ports"
	}
	line := entry{boxes: []box{{fam.all(), p}}}
	cidr, sure := e.CIDR.Get()
	prefix, err := parsePrefix(cidr)
	switch {
	case !sure:
		why = e.CIDR.Why()
	case err != nil:
		why = "it has no range of addresses"
	case familyOf(prefix.Addr()) != fam:
		return entry{}, false
	default:
		line.boxes[0].span = spanOf(prefix)
	}
	for _, w := range []string{e.Egress.Why(), e.Number.Why()} {
		if w != "" {
			why = w
		}
	}
	line.sure, line.why = why == "", why
	allow, known := e.Allow.Get()
	line.allow, line.deny = !known || allow, !known || !allow
	if !known {
		line.why = e.Allow.Why()
	}
	return line, true
}

func isTCP(v stack.Value[string]) bool { return v.Or("") == "6" || v.Or("") == "tcp" }
