package account

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// nodeInterfaces finds the network interfaces of cache nodes. ElastiCache names
// the cluster in the description; only what AWS requested counts, because
// anybody can write a description.
func (b *builder) nodeInterfaces() {
	for i, it := range b.in.interfaces {
		if id, ok := cacheNode(it.v); ok {
			b.nodes[id] = append(b.nodes[id], i)
		}
	}
}

func cacheNode(n networkInterface) (cluster string, ok bool) {
	id, ok := strings.CutPrefix(n.Description, "ElastiCache ")
	return strings.TrimSpace(id), ok && (n.RequesterManaged || n.RequesterID == "amazon-elasticache")
}

// interfaces adds the network interfaces that no function, cache, endpoint or
// gateway of the stack explains: each may be something that reaches the cache.
func (b *builder) interfaces() {
	attached := map[string]bool{}
	for _, f := range b.out.Functions {
		if f.VPC == nil {
			continue
		}
		groups := groupKey(f.VPC.SecurityGroups)
		for _, s := range f.VPC.Subnets {
			attached[s.Or("")+" "+groups] = true
		}
	}
	seen := once{}
	for _, it := range b.in.interfaces {
		n := it.v
		if n.Status == "available" || explained(n) || !seen.first(n.NetworkInterfaceID) {
			continue // nothing runs behind an interface that is attached to nothing
		}
		var ids []string
		for _, g := range n.Groups {
			ids = append(ids, g.GroupID)
		}
		groups := knowns(ids)
		if ofLambda(n) && attached[n.SubnetID+" "+groupKey(groups)] {
			continue
		}
		b.out.Interfaces = append(b.out.Interfaces, &stack.Interface{
			Resource:    resource(n.NetworkInterfaceID, typeInterface, "", it.origin),
			Description: stack.Known(describe(n)),
			VPC:         stack.Known(n.VpcID), Subnets: knowns([]string{n.SubnetID}), SecurityGroups: groups,
			Addresses: addresses(n),
		})
	}
}

// groupKey names a set of security groups. Functions with the same subnet and
// the same set share network interfaces. Source: Lambda Developer Guide,
// "Giving Lambda functions access to resources in an Amazon VPC".
func groupKey(groups []stack.Value[string]) string {
	ids := make([]string, 0, len(groups))
	for _, g := range groups {
		ids = append(ids, g.Or(""))
	}
	slices.Sort(ids)
	return strings.Join(ids, " ")
}

func ofLambda(n networkInterface) bool {
	return n.InterfaceType == "lambda" || n.RequesterManaged && strings.HasPrefix(n.Description, "AWS Lambda VPC ENI")
}

// explained reports whether an interface belongs to something that the stack
// has in another list, and that opens no connections of its own.
func explained(n networkInterface) bool {
	switch n.InterfaceType {
	case "nat_gateway", "natGateway", "vpc_endpoint", "gateway_load_balancer_endpoint":
		return true
	}
	_, node := cacheNode(n)
	return node
}

// describe says what is behind an interface.
func describe(n networkInterface) string {
	switch {
	case ofLambda(n):
		return "functions or published versions that the snapshot does not list (" + n.Description + ")"
	case n.Attachment != nil && n.Attachment.InstanceID != "":
		return strings.TrimSpace("instance " + n.Attachment.InstanceID + " " + n.Description)
	case n.Description != "":
		return n.Description
	case n.InterfaceType != "" && n.InterfaceType != "interface":
		return n.InterfaceType
	}
	return "network interface without a description"
}

func addresses(n networkInterface) []stack.Value[netip.Addr] {
	var out []stack.Value[netip.Addr]
	add := func(s string) {
		if a, err := netip.ParseAddr(s); err == nil {
			out = append(out, stack.Known(a))
		}
	}
	for _, a := range n.PrivateIPAddresses {
		add(a.PrivateIPAddress)
	}
	for _, a := range n.Ipv6Addresses {
		add(a.Ipv6Address)
	}
	return out
}
