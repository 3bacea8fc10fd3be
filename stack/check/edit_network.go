package check

import (
	"fmt"
	"strings"
)

// addEntry adds an entry that allows to a network ACL.
type addEntry struct {
	acl      string
	number   int
	egress   bool
	protocol string
	cidr     string
	from, to int
}

func (e addEntry) key() string { return fmt.Sprintf("add-entry %+v", e) }

func (e addEntry) sentence() string {
	way := "in from"
	if e.egress {
		way = "out to"
	}
	return fmt.Sprintf("Allow %s %d-%d %s %s in network ACL %s, as number %d.", e.protocol, e.from, e.to, way, e.cidr, e.acl, e.number)
}

// protocolNumber spells a protocol as network ACLs do.
func protocolNumber(name string) int {
	switch name {
	case "tcp", "6":
		return 6
	case "udp", "17":
		return 17
	}
	return -1
}

func (e addEntry) cloudFormation(w *fragment) error {
	p := w.create(w.name(e.acl, direction(e.egress), fmt.Sprint(e.number)), "AWS::EC2::NetworkAclEntry")
	p.set("NetworkAclId", w.ref(e.acl))
	p.set("RuleNumber", e.number)
	p.set("Egress", e.egress)
	p.set("Protocol", protocolNumber(e.protocol))
	p.set("RuleAction", "allow")
	key := "CidrBlock"
	if strings.Contains(e.cidr, ":") {
		key = "Ipv6CidrBlock"
	}
	p.set(key, e.cidr)
	ports := p.child("PortRange")
	ports.set("From", e.from)
	ports.set("To", e.to)
	return nil
}

func (e addEntry) terraform(w *configuration) error {
	acl, err := w.id(e.acl)
	if err != nil {
		return err
	}
	const typ = "aws_network_acl_rule"
	b := newBlock("resource", typ, w.name(typ, e.acl, direction(e.egress), fmt.Sprint(e.number)))
	b.set("network_acl_id", acl)
	b.set("rule_number", fmt.Sprint(e.number))
	b.set("egress", fmt.Sprint(e.egress))
	b.set("protocol", quoteHCL(e.protocol))
	b.set("rule_action", `"allow"`)
	key := "cidr_block"
	if strings.Contains(e.cidr, ":") {
		key = "ipv6_cidr_block"
	}
	b.set(key, quoteHCL(e.cidr))
	b.set("from_port", fmt.Sprint(e.from))
	b.set("to_port", fmt.Sprint(e.to))
	w.add(b)
	return nil
}

func (e addEntry) commands(w *script) error {
	block := "--cidr-block"
	if strings.Contains(e.cidr, ":") {
		block = "--ipv6-cidr-block"
	}
	w.run("aws", "ec2", "create-network-acl-entry", w.flag("--network-acl-id", e.acl), literal(fmt.Sprintf("--rule-number %d --%s --protocol %d --rule-action allow", e.number, direction(e.egress), protocolNumber(e.protocol))),
		literal(block), shell(e.cidr), literal(fmt.Sprintf("--port-range From=%d,To=%d", e.from, e.to)))
	return nil
}

// addRoute adds a route to a route table, or gives one another target.
type addRoute struct {
	table       string
	destination string
	kind        string // as in stack.Route
	target      string
	replace     bool
}

func (e addRoute) key() string { return fmt.Sprintf("add-route %+v", e) }

func (e addRoute) sentence() string {
	return fmt.Sprintf("Send %s to %s in route table %s.", e.destination, e.target, e.table)
}

// routeTargets gives the property, the argument and the flag of each kind of
// target.
func routeTargets() map[string][3]string {
	return map[string][3]string{
		"gateway":         {"GatewayId", "gateway_id", "--gateway-id"},
		"nat":             {"NatGatewayId", "nat_gateway_id", "--nat-gateway-id"},
		"peering":         {"VpcPeeringConnectionId", "vpc_peering_connection_id", "--vpc-peering-connection-id"},
		"transit-gateway": {"TransitGatewayId", "transit_gateway_id", "--transit-gateway-id"},
	}
}

// routeDestination gives the same for the destination.
func (e addRoute) routeDestination() [3]string {
	if strings.Contains(e.destination, ":") {
		return [3]string{"DestinationIpv6CidrBlock", "destination_ipv6_cidr_block", "--destination-ipv6-cidr-block"}
	}
	return [3]string{"DestinationCidrBlock", "destination_cidr_block", "--destination-cidr-block"}
}

func (e addRoute) cloudFormation(w *fragment) error {
	target, ok := routeTargets()[e.kind]
	if !ok || e.replace {
		return byHand("Change the route where it is declared.")
	}
	p := w.create(w.name(e.table, "To", e.target, strings.SplitN(e.destination, "/", 2)[0]), "AWS::EC2::Route")
	p.set("RouteTableId", w.ref(e.table))
	p.set(e.routeDestination()[0], e.destination)
	p.set(target[0], w.ref(e.target))
	return nil
}

func (e addRoute) terraform(w *configuration) error {
	target, ok := routeTargets()[e.kind]
	if !ok || e.replace {
		return byHand("Change the route where it is declared.")
	}
	table, err := w.id(e.table)
	if err != nil {
		return err
	}
	to, err := w.id(e.target)
	if err != nil {
		return err
	}
	b := newBlock("resource", "aws_route", w.name("aws_route", e.table, "to", e.target, strings.SplitN(e.destination, "/", 2)[0]))
	b.set("route_table_id", table)
	b.set(e.routeDestination()[1], quoteHCL(e.destination))
	b.set(target[1], to)
	w.add(b)
	return nil
}

func (e addRoute) commands(w *script) error {
	verb := "create-route"
	if e.replace {
		verb = "replace-route"
	}
	args := []word{w.flag("--route-table-id", e.table), literal(e.routeDestination()[2]), shell(e.destination)}
	target, ok := routeTargets()[e.kind]
	switch {
	case ok:
		args = append(args, w.flag(target[2], e.target))
	case e.kind == "local":
		args = append(args, literal("--local-target"))
	default:
		return byHand("Its target is of the kind %s.", e.kind)
	}
	w.run("aws", "ec2", verb, args...)
	return nil
}

// byWords is an edit that can be said in words only, in some dialects or all.
type byWords struct {
	text    string
	command []word // aws, service, verb, arguments; nil: words in an account too
}

func (e byWords) key() string                    { return "words " + e.text }
func (e byWords) sentence() string               { return e.text }
func (e byWords) cloudFormation(*fragment) error { return byHand("Change it where it is declared.") }
func (e byWords) terraform(*configuration) error { return byHand("Change it where it is declared.") }

func (e byWords) commands(w *script) error {
	if e.command == nil {
		return byHand("There is no single command for it.")
	}
	w.run(string(e.command[0]), string(e.command[1]), string(e.command[2]), e.command[3:]...)
	return nil
}
