package check

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// addRule adds a rule to a security group. One of peer, cidr and list is set.
type addRule struct {
	group    string
	egress   bool
	protocol string
	from, to int
	peer     string // security group
	cidr     string
	list     string // prefix list
}

func (e addRule) key() string { return fmt.Sprintf("add-rule %+v", e) }

func (e addRule) rule() stack.Rule {
	return stack.Rule{Protocol: stack.Known(e.protocol), FromPort: stack.Known(e.from), ToPort: stack.Known(e.to),
		CIDR: stack.Known(e.cidr), SecurityGroup: stack.Known(e.peer), PrefixList: stack.Known(e.list)}
}

func (e addRule) sentence() string {
	if e.egress {
		return fmt.Sprintf("Allow %s out of security group %s.", ruleText(e.rule(), true), e.group)
	}
	return fmt.Sprintf("Allow %s into security group %s.", ruleText(e.rule(), false), e.group)
}

// words are what names of the new rule are made of: CacheGroup, From, AppGroup, 6379.
func (e addRule) words() []string {
	direction := "From"
	if e.egress {
		direction = "To"
	}
	return []string{e.group, direction, cmp.Or(e.peer, e.list, e.cidr), fmt.Sprint(e.from)}
}

func (e addRule) cloudFormation(w *fragment) error {
	typ := "AWS::EC2::SecurityGroupIngress"
	if e.egress {
		typ = "AWS::EC2::SecurityGroupEgress"
	}
	properties := w.create(w.name(e.words()...), typ)
	properties.set("GroupId", w.group(e.group))
	return cloudFormationRule(w, properties, e.rule(), e.egress)
}

// cloudFormationRule writes the properties of a rule.
func cloudFormationRule(w *fragment, o *object, r stack.Rule, egress bool) error {
	if err := unknownIn(r); err != nil {
		return err
	}
	side := "Source"
	if egress {
		side = "Destination"
	}
	protocol := r.Protocol.Or("")
	o.set("IpProtocol", protocol)
	if protocol != "-1" && r.FromPort.Or(-1) >= 0 {
		o.set("FromPort", r.FromPort.Or(0))
		o.set("ToPort", r.ToPort.Or(0))
	}
	switch cidr := r.CIDR.Or(""); {
	case r.SecurityGroup.Or("") != "":
		o.set(side+"SecurityGroupId", w.group(r.SecurityGroup.Or("")))
	case r.PrefixList.Or("") != "":
		o.set(side+"PrefixListId", w.ref(r.PrefixList.Or("")))
	case strings.Contains(cidr, ":"):
		o.set("CidrIpv6", cidr)
	default:
		o.set("CidrIp", cidr)
	}
	o.setNonzero("Description", r.Description.Or(""))
	return nil
}

// unknownIn says which part of a rule is not known.
func unknownIn(r stack.Rule) error {
	if !r.FromPort.IsKnown() || !r.ToPort.IsKnown() {
		return errors.New("a port depends on " + r.FromPort.Why() + r.ToPort.Why())
	}
	for _, v := range []stack.Value[string]{r.Protocol, r.CIDR, r.SecurityGroup, r.PrefixList} {
		if !v.IsKnown() {
			return errors.New("a part of a rule depends on " + v.Why())
		}
	}
	return nil
}

func (e addRule) terraform(w *configuration) error {
	if g := w.stack.SecurityGroup(e.group); g != nil && slices.ContainsFunc(rulesOf(g, e.egress), func(r stack.Rule) bool { return isInline(g, r) }) {
		// A group with inline rules deletes every rule that is not among them.
		if inModule(g.ID) {
			return byHand("Write it inside %s.", moduleOf(g.ID))
		}
		l := w.inline.of(g, e.egress)
		l.added = append(l.added, e.rule())
		return nil
	}
	return e.resource(w)
}

// resource writes the rule as a resource of its own.
func (e addRule) resource(w *configuration) error {
	typ := "aws_vpc_security_group_ingress_rule"
	if e.egress {
		typ = "aws_vpc_security_group_egress_rule"
	}
	b := newBlock("resource", typ, w.name(typ, e.words()...))
	group, err := w.id(e.group)
	if err != nil {
		return err
	}
	b.set("security_group_id", group)
	if err := e.peerAttribute(w, b); err != nil {
		return err
	}
	b.set("ip_protocol", quoteHCL(e.protocol))
	if e.protocol != "-1" {
		b.set("from_port", fmt.Sprint(e.from))
		b.set("to_port", fmt.Sprint(e.to))
	}
	w.add(b)
	return nil
}

func (e addRule) peerAttribute(w *configuration, b *block) error {
	switch {
	case e.peer != "":
		peer, err := w.id(e.peer)
		b.set("referenced_security_group_id", peer)
		return err
	case e.list != "":
		list, err := w.id(e.list)
		b.set("prefix_list_id", list)
		return err
	case strings.Contains(e.cidr, ":"):
		b.set("cidr_ipv6", quoteHCL(e.cidr))
	default:
		b.set("cidr_ipv4", quoteHCL(e.cidr))
	}
	return nil
}

func (e addRule) commands(w *script) error {
	permission, err := w.permission(e.rule())
	if err != nil {
		return err
	}
	w.run("aws", "ec2", "authorize-security-group-"+direction(e.egress), w.flag("--group-id", e.group), literal("--ip-permissions"), permission)
	return nil
}

func direction(egress bool) string {
	if egress {
		return "egress"
	}
	return "ingress"
}

// dropRule takes a rule away from a security group.
type dropRule struct {
	group  *stack.SecurityGroup
	egress bool
	index  int
}

func (e dropRule) key() string {
	return fmt.Sprintf("drop-rule %s %v %d", e.group.ID, e.egress, e.index)
}

func (e dropRule) rule() stack.Rule { return rulesOf(e.group, e.egress)[e.index] }

func (e dropRule) sentence() string {
	return fmt.Sprintf("Delete the rule that allows %s %s security group %s.", ruleText(e.rule(), e.egress),
		map[bool]string{true: "out of", false: "into"}[e.egress], e.group.ID)
}

func (e dropRule) cloudFormation(w *fragment) error {
	r := e.rule()
	switch {
	case r.Implicit:
		return nil // it goes away with the first rule that is written
	case isInline(e.group, r):
		l := w.inline.of(e.group, e.egress)
		l.dropped = append(l.dropped, e.index)
		return nil
	case !logicalID.MatchString(r.Origin.Address):
		return byHand("It is at %v.", r.Origin)
	}
	w.resources.set(r.Origin.Address, nil)
	return nil
}

func (e dropRule) terraform(w *configuration) error {
	r := e.rule()
	if r.Implicit {
		return nil
	}
	if isInline(e.group, r) {
		if inModule(e.group.ID) {
			return byHand("It is in %s, at %v.", moduleOf(e.group.ID), r.Origin)
		}
		l := w.inline.of(e.group, e.egress)
		l.dropped = append(l.dropped, e.index)
		return nil
	}
	return w.dropStandalone(e)
}

func (e dropRule) commands(w *script) error {
	permission, err := w.permission(e.rule())
	if err != nil {
		return err
	}
	w.run("aws", "ec2", "revoke-security-group-"+direction(e.egress), w.flag("--group-id", e.group.ID), literal("--ip-permissions"), permission)
	return nil
}
