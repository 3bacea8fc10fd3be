package stack

import "net/netip"

// VPC is a virtual private cloud.
type VPC struct {
	Resource
	CIDRs              []Value[netip.Prefix] `json:"cidrs,omitempty"`
	EnableDNSSupport   Value[bool]           `json:"enable_dns_support"`   // AWS default true
	EnableDNSHostnames Value[bool]           `json:"enable_dns_hostnames"` // AWS default false
}

// Subnet is a range of addresses of a VPC in one availability zone.
type Subnet struct {
	Resource
	VPC           Value[string]       `json:"vpc"`
	CIDR          Value[netip.Prefix] `json:"cidr"`
	CIDR6         Value[netip.Prefix] `json:"cidr6,omitzero"` // the IPv6 range; the zero Prefix: none
	MapPublicIP   Value[bool]         `json:"map_public_ip,omitzero"`
	Zone          Value[string]       `json:"zone"`
	FreeAddresses Value[int]          `json:"free_addresses"` // unknown before deployment; see Capacity
}

// Capacity returns how many addresses AWS lets resources of an empty subnet
// use: the size of the range less the five that AWS keeps for itself in each
// subnet. It is unknown if the CIDR is.
func (s *Subnet) Capacity() Value[int] {
	cidr, ok := s.CIDR.Get()
	if !ok {
		return Unknown[int](s.CIDR.Why())
	}
	if !cidr.IsValid() || !cidr.Addr().Is4() {
		return Unknown[int]("no IPv4 CIDR")
	}
	const reserved = 5
	return Known(max(0, 1<<(32-cidr.Bits())-reserved))
}

// SecurityGroup is a stateful filter at a network interface. Groups only allow;
// all rules of all groups of an interface are merged.
type SecurityGroup struct {
	Resource
	Name        Value[string] `json:"name"`
	Description Value[string] `json:"description"`
	VPC         Value[string] `json:"vpc"`
	Default     bool          `json:"default,omitempty"` // the group that AWS makes with each VPC
	Ingress     []Rule        `json:"ingress,omitempty"`
	Egress      []Rule        `json:"egress,omitempty"` // holds the implicit allow-all rule when AWS adds it
}

// Rule allows traffic with one peer. The peer is the one of CIDR,
// SecurityGroup and PrefixList that is not empty.
type Rule struct {
	Protocol      Value[string] `json:"protocol"`  // tcp, udp, icmp, icmpv6, a number, or -1 for all
	FromPort      Value[int]    `json:"from_port"` // with protocol -1 ports do not count
	ToPort        Value[int]    `json:"to_port"`
	CIDR          Value[string] `json:"cidr"` // IPv4 or IPv6
	SecurityGroup Value[string] `json:"security_group"`
	PrefixList    Value[string] `json:"prefix_list"`
	Description   Value[string] `json:"description"`
	Implicit      bool          `json:"implicit,omitempty"` // AWS adds it; nobody wrote it
	Origin        Origin        `json:"origin"`
}

// NetworkACL is a stateless filter at the border of subnets. Entries are
// matched from the lowest number up; what none matches is denied.
type NetworkACL struct {
	Resource
	VPC     Value[string]   `json:"vpc"`
	Default bool            `json:"default,omitempty"` // serves the subnets that no other list names; AWS's own allows all
	Subnets []Value[string] `json:"subnets,omitempty"`
	Entries []ACLEntry      `json:"entries,omitempty"`
}

// DefaultNetworkACL returns the list that AWS makes with a VPC, which allows all.
func DefaultNetworkACL(res Resource, vpc string) *NetworkACL {
	l := &NetworkACL{Resource: res, VPC: Known(vpc), Default: true}
	for number, cidr := range []string{"0.0.0.0/0", "::/0"} {
		for _, egress := range []bool{false, true} {
			l.Entries = append(l.Entries, ACLEntry{Number: Known(100 + number), Egress: Known(egress), Allow: Known(true), Protocol: Known("-1"),
				CIDR: Known(cidr), FromPort: Known(-1), ToPort: Known(-1), Origin: res.Origin})
		}
	}
	return l
}

// ACLEntry is one numbered line of a NetworkACL.
type ACLEntry struct {
	Number   Value[int]    `json:"number"`
	Egress   Value[bool]   `json:"egress"`
	Allow    Value[bool]   `json:"allow"`
	Protocol Value[string] `json:"protocol"` // a protocol number, or -1 for all
	CIDR     Value[string] `json:"cidr"`
	FromPort Value[int]    `json:"from_port"`
	ToPort   Value[int]    `json:"to_port"`
	Origin   Origin        `json:"origin"`
}

// RouteTable decides where packets of its subnets go; the longest matching
// prefix wins. The local route of the VPC is implied and not listed.
type RouteTable struct {
	Resource
	VPC     Value[string]   `json:"vpc"`
	Main    bool            `json:"main,omitempty"` // serves the subnets that name no table
	Subnets []Value[string] `json:"subnets,omitempty"`
	Routes  []Route         `json:"routes,omitempty"`
}

// Route sends a destination to a target.
type Route struct {
	Destination Value[string] `json:"destination"` // CIDR or prefix list id
	TargetKind  string        `json:"target_kind"` // gateway, nat, peering, transit-gateway, endpoint, interface, instance, egress-only
	Target      Value[string] `json:"target"`
	Blackhole   Value[bool]   `json:"blackhole,omitzero"` // the target is gone; packets are dropped
	Origin      Origin        `json:"origin"`
}

// Endpoint is a VPC endpoint to an AWS service.
type Endpoint struct {
	Resource
	VPC            Value[string]   `json:"vpc"`
	Service        Value[string]   `json:"service"` // such as com.amazonaws.eu-west-1.s3
	Kind           Value[string]   `json:"kind"`    // Gateway, Interface, GatewayLoadBalancer
	PrivateDNS     Value[bool]     `json:"private_dns"`
	Subnets        []Value[string] `json:"subnets,omitempty"`
	SecurityGroups []Value[string] `json:"security_groups,omitempty"`
	RouteTables    []Value[string] `json:"route_tables,omitempty"`
}

// Peering connects two VPCs. It carries nothing until both sides have routes.
type Peering struct {
	Resource
	Requester Value[string] `json:"requester"` // VPC ID
	Accepter  Value[string] `json:"accepter"`
	// Active is whether the accepter has agreed. Within one account a
	// declaration can accept by itself.
	Active Value[bool] `json:"active"`
	// SameRegion decides whether security groups of one side may name groups of
	// the other. Source: VPC Peering Guide, "Update your security groups to
	// reference peer security groups".
	SameRegion Value[bool] `json:"same_region"`
	// ResolveDNS is whether names of one side resolve to private addresses on
	// the other.
	ResolveDNS Value[bool] `json:"resolve_dns"`
}

// GatewayKind tells the gateways by which packets leave a VPC.
type GatewayKind string

// The kinds of gateway.
const (
	InternetGateway   GatewayKind = "internet"
	EgressOnlyGateway GatewayKind = "egress-only" // IPv6, outbound
	NATGateway        GatewayKind = "nat"
	PrivateNATGateway GatewayKind = "private-nat" // no way to the internet
)

// Gateway is a target of routes that lead out of a VPC. An instance does not
// reach the internet through an internet gateway unless it has a public
// address, which an attached function never has.
type Gateway struct {
	Resource
	Kind   GatewayKind   `json:"kind"`
	VPC    Value[string] `json:"vpc"`    // of an internet gateway: the VPC it is attached to, "" is none
	Subnet Value[string] `json:"subnet"` // of a NAT gateway; "" otherwise
}

// PrefixList is a named set of address ranges that rules and routes may use.
type PrefixList struct {
	Resource
	Name    Value[string]         `json:"name"`
	Entries []Value[netip.Prefix] `json:"entries,omitempty"`
}

// Interface is anything else with an address in a VPC: an instance, a task, a
// load balancer, or a bare network interface of a live account. It is here
// because it may reach the cache.
type Interface struct {
	Resource
	Description    Value[string]       `json:"description"`
	VPC            Value[string]       `json:"vpc"`
	Subnets        []Value[string]     `json:"subnets,omitempty"`
	SecurityGroups []Value[string]     `json:"security_groups,omitempty"`
	Addresses      []Value[netip.Addr] `json:"addresses,omitempty"`
}
