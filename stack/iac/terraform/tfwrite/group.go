package tfwrite

import (
	"strings"

	"github.com/thawdev/thaw/stack"
)

// groups writes security groups. Rules that were declared inside their group
// stay there, unless others of the same direction stand alone: Terraform does
// not let the two be mixed.
func (d *document) groups() {
	for _, g := range d.s.SecurityGroups {
		r := d.names[g.ID]
		if r == nil {
			continue // the default group as AWS makes it
		}
		d.resources = append(d.resources, r)
		if g.Default {
			r.set("vpc_id", d.id(g.VPC))
		} else {
			r.set("name", d.name(g.Name))
			r.set("description", d.str(g.Description))
			r.set("vpc_id", d.id(g.VPC))
		}
		d.rules(r, g, "ingress", g.Ingress)
		d.rules(r, g, "egress", g.Egress)
	}
}

func (d *document) rules(r *resource, g *stack.SecurityGroup, direction string, rules []stack.Rule) {
	inline := expr{kind: attributeBlocks}
	for _, rule := range rules {
		if g.Default || allInline(g, rules) {
			inline.bodies = append(inline.bodies, d.inlineRule(r, rule))
			continue
		}
		s := d.add("aws_vpc_security_group_"+direction+"_rule", partName(rule.Origin, g.ID+"_"+direction))
		s.set("security_group_id", reference(r, "id"))
		s.set("ip_protocol", d.str(rule.Protocol))
		s.set("from_port", d.port(rule, rule.FromPort))
		s.set("to_port", d.port(rule, rule.ToPort))
		s.set("cidr_"+family(rule), d.str(rule.CIDR))
		s.set("referenced_security_group_id", d.id(rule.SecurityGroup))
		s.set("prefix_list_id", d.id(rule.PrefixList))
		s.set("description", d.str(rule.Description))
	}
	if len(inline.bodies) > 0 {
		r.set(direction, inline)
	}
}

// allInline reports whether all rules of one direction were declared inside the
// group. Terraform takes the rule away that AWS adds, so it is written out.
func allInline(g *stack.SecurityGroup, rules []stack.Rule) bool {
	for _, rule := range rules {
		if !rule.Implicit && !strings.HasPrefix(rule.Origin.Address, g.Origin.Address+".") {
			return false
		}
	}
	return true
}

// port leaves the ports of a rule for all protocols out.
func (d *document) port(rule stack.Rule, v stack.Value[int]) expr {
	if rule.Protocol.Or("") == "-1" {
		return expr{}
	}
	return valueOf(v, d)
}

func family(rule stack.Rule) string {
	if strings.Contains(rule.CIDR.Or(""), ":") {
		return "ipv6"
	}
	return "ipv4"
}

func (d *document) inlineRule(group *resource, rule stack.Rule) []attr {
	from, to := rule.FromPort, rule.ToPort
	if rule.Protocol.Or("") == "-1" {
		from, to = stack.Known(0), stack.Known(0) // Terraform asks for ports, and for 0 with -1
	}
	fields := []attr{{"protocol", valueOf(rule.Protocol, d)}, {"from_port", valueOf(from, d)}, {"to_port", valueOf(to, d)}}
	peers := func(name string, e expr) {
		if e.kind != omitted {
			fields = append(fields, attr{name, list(e)})
		}
	}
	if family(rule) == "ipv6" {
		peers("ipv6_cidr_blocks", d.str(rule.CIDR))
	} else {
		peers("cidr_blocks", d.str(rule.CIDR))
	}
	if id := rule.SecurityGroup.Or(""); id != "" && d.names[id] == group {
		fields = append(fields, attr{"self", literal(true)}) // a group cannot refer to itself
	} else {
		peers("security_groups", d.id(rule.SecurityGroup))
	}
	peers("prefix_list_ids", d.id(rule.PrefixList))
	if e := d.str(rule.Description); e.kind != omitted {
		fields = append(fields, attr{"description", e})
	}
	return fields
}
