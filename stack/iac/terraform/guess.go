package terraform

import (
	"slices"

	"github.com/thawdev/thaw/stack"
)

// What to do about what a plan alone cannot say, and about a module of which only
// the plan is there.
const (
	needsSource  = "run thaw check in the folder of the .tf files, or keep them beside the plan"
	needsModules = "run terraform init in the folder of the .tf files, so that the source of all modules is there"
)

// advice says what to do where the source of an expression is missing.
func (m *module) advice() string {
	if m.e.root.source != nil {
		return needsModules
	}
	return needsSource
}

// guess says what is open about a value that was worked out from what an
// expression refers to, without the expression. That the value mentions these
// resources, and no others that are not known before apply, is certain. Whether
// it is their id, or a text around it, and whether it mentions all of them, is
// not.
type guess struct {
	why    string
	some   bool    // of a list: the items are all that it can hold, and it may hold a part of them
	whole  bool    // the plan shows not even the number of items, so constants may stand beside them
	known  bool    // whole, and the expression also refers to what may be such a constant
	chosen bool    // something known, or an index, takes part in the expression and may choose
	either bool    // something known may choose between several references
	each   []value // of a value that count.index or each.key chooses: what it chooses from
}

// inside follows one step into a guess. Below a text or a list is one of the
// things that it mentions, or else it would be known before apply.
func (e *engine) inside(v value, s step) value {
	if v.kind != resource && v.kind != call {
		return v
	}
	out := failure("an index of one resource")
	if s.name != "" {
		out = e.attr(v, s.name)
	}
	if _, plain := out.scalar(); plain || out.kind == null || out.failed {
		return unknownValue(v.guess.why)
	}
	if out.guess == nil {
		out.guess = v.guess
	}
	return out
}

// superset returns the ids of a list as ids does, but where it may hold a part
// of some ids it returns them all, unless it may be one of two lists. This is for
// the subnets of a function or of a cache, and for nothing else: a path that is
// open from, or to, all of them is open from any part. It is not so for the groups
// of a function, the subnets of a route table or of a network ACL, or the ranges
// of a rule.
func (a attrs) superset(name string) []stack.Value[string] {
	v := a.get(name)
	if v.guess == nil || !v.guess.some || v.guess.either {
		return a.ids(name)
	}
	items := slices.DeleteFunc(slices.Clone(v.items), func(x value) bool { return !suits(name, x) })
	if len(items) == 0 {
		return a.ids(name)
	}
	return a.b.withConstants(a.b.ids(value{kind: list, items: items}), *v.guess)
}

// withConstants adds an unknown id to ids of a list that may hold constants
// beside. Of a VPC that apply creates, nothing can be known as a constant.
func (b *builder) withConstants(ids []stack.Value[string], g guess) []stack.Value[string] {
	if !g.whole || !g.known && !slices.ContainsFunc(ids, func(id stack.Value[string]) bool { return !b.inNewVPC(id) }) {
		return ids
	}
	return append(ids, stack.Unknown[string]("what stands beside "+ids[0].Or("it")+" in a list that the plan does not show; "+b.e.root.advice()))
}

// inNewVPC reports whether apply creates the VPC of a subnet, a group or a route
// table.
func (b *builder) inNewVPC(id stack.Value[string]) bool {
	i := b.instances[id.Or("")]
	if i == nil {
		return false
	}
	vpc := b.instances[b.id(i.arg("vpc_id")).Or("")]
	return vpc != nil && vpc.typ == "aws_vpc" && vpc.plan != nil && leadsToTrue(vpc.plan.parse()[1].get("id"))
}

// own returns what an instance of a block has for an argument that count.index
// or each.key chooses, where AWS lets no two of the instances have the same, and
// nothing else tells them apart. There are as many to choose from as instances,
// so each is chosen once, and which instance it is makes no difference.
//
// The index alone would not do: a plan says that x[count.index] and
// x[(count.index+1)%2] refer to x and count.index.
func (b *builder) own(i *instance, name string, v value) (value, bool) {
	g := i.m.groups[i.key]
	if v.guess == nil || v.guess.each == nil || g == nil || len(g.instances) != len(v.guess.each) || uniqueness(i.typ).argument != name || !b.interchangeable(g) {
		return value{}, false
	}
	at := slices.Index(g.instances, i)
	return v.guess.each[max(at, 0)], at >= 0
}

// interchangeable reports whether the instances of a block must each have
// another of the same choices for the argument that is unique among them, and are
// alike in all else.
func (b *builder) interchangeable(g *group) bool {
	if alike, done := b.alike[g]; done {
		return alike
	}
	first := g.instances[0]
	rule := uniqueness(first.typ)
	alike := true
	for _, x := range g.instances {
		v, w := x.arg(rule.argument), first.arg(rule.argument)
		alike = alike && v.guess != nil && w.guess != nil && sameChoices(v.guess.each, w.guess.each)
		for _, key := range rule.with {
			alike = alike && definite(x.arg(key)) && same(x.arg(key), first.arg(key))
		}
		for _, other := range rule.others {
			alike = alike && same(x.arg(other), first.arg(other))
		}
	}
	b.alike[g] = alike
	return alike
}

// sameChoices compares without looking into what two instances share.
func sameChoices(a, b []value) bool {
	return len(a) > 0 && len(a) == len(b) && (&a[0] == &b[0] || slices.EqualFunc(a, b, same))
}

// unique says that AWS refuses two resources of a type with the same argument,
// given that the arguments with are the same too.
type unique struct {
	argument     string
	with, others []string
}

func uniqueness(typ string) unique {
	switch typ {
	case "aws_route_table_association": // Resource.AlreadyAssociated
		return unique{"subnet_id", nil, []string{"route_table_id", "gateway_id"}}
	case "aws_route": // RouteAlreadyExists
		u := unique{"route_table_id", []string{"destination_cidr_block", "destination_ipv6_cidr_block", "destination_prefix_list_id"}, nil}
		for _, kind := range targetKinds() {
			u.others = append(u.others, kind[0])
		}
		return u
	case "aws_network_acl_rule": // NetworkAclEntryAlreadyExists
		return unique{"network_acl_id", []string{"rule_number", "egress"}, []string{"protocol", "rule_action", "cidr_block", "ipv6_cidr_block", "from_port", "to_port"}}
	case "aws_security_group_rule": // InvalidPermission.Duplicate
		return unique{"security_group_id", []string{"type", "protocol", "from_port", "to_port", "cidr_blocks", "ipv6_cidr_blocks", "prefix_list_ids", "source_security_group_id", "self"}, nil}
	case "aws_vpc_security_group_ingress_rule", "aws_vpc_security_group_egress_rule":
		return unique{"security_group_id", []string{"ip_protocol", "from_port", "to_port", "cidr_ipv4", "cidr_ipv6", "prefix_list_id", "referenced_security_group_id"}, nil}
	}
	return unique{}
}

// definite reports whether v is known in full, references included.
func definite(v value) bool { return v.complete() && v.why == "" && (v.guess == nil || !v.guess.some) }

// same reports whether two values were made alike, unknown parts included.
func same(a, b value) bool {
	return a.kind == b.kind && a.lit == b.lit && a.why == b.why && a.inst == b.inst && a.mod == b.mod &&
		slices.Equal(a.text, b.text) && slices.Equal(a.keys, b.keys) && slices.EqualFunc(a.items, b.items, same)
}
