package awswrite

import (
	"fmt"
	"net/netip"

	"github.com/thawdev/thaw/stack"
)

// eni writes a network interface with the next free address of its subnet; the
// four first addresses of a subnet are AWS's own. Without a subnet of the stack
// there is none.
func (w *writer) eni(subnet string, groups []string, it item, key string) {
	cidr, vpc, ok := w.subnet(subnet)
	if !ok {
		return
	}
	address := cidr.Addr()
	for range 4 + w.used[subnet] {
		address = address.Next()
	}
	w.used[subnet]++
	attached := []item{}
	for _, g := range groups {
		attached = append(attached, item{"GroupId": g, "GroupName": g})
	}
	it["NetworkInterfaceId"] = "eni-" + digest(subnet + " " + key)[:17]
	it["SubnetId"], it["VpcId"], it["OwnerId"], it["Status"] = subnet, vpc, w.account, "in-use"
	it["Groups"], it["PrivateIpAddress"] = attached, address.String()
	it["PrivateIpAddresses"] = []item{{"Primary": true, "PrivateIpAddress": address.String()}}
	w.add("ec2:DescribeNetworkInterfaces", it)
}

// subnet returns the range and the VPC of the subnet with that AWS id.
func (w *writer) subnet(id string) (netip.Prefix, string, bool) {
	for i, s := range w.s.Subnets {
		if w.own("subnet", s.Resource) == id {
			fallback := netip.MustParsePrefix(fmt.Sprintf("10.0.%d.0/24", i%256))
			return s.CIDR.Or(fallback).Masked(), w.id("vpc", s.VPC), true
		}
	}
	return netip.Prefix{}, "", false
}

// interfaces writes what else has an address: one network interface in each
// subnet of it.
func (w *writer) interfaces() {
	for _, i := range w.s.Interfaces {
		groups := w.ids("sg", i.SecurityGroups)
		if vpc := w.interfaceVPC(i); len(groups) == 0 && vpc != "" {
			groups = []string{w.defaultGroup(vpc)}
		}
		for n, subnet := range w.ids("subnet", i.Subnets) {
			before := len(w.calls["ec2:DescribeNetworkInterfaces"])
			w.eni(subnet, groups, item{"Description": i.Description.Or(i.ID), "InterfaceType": "interface", "RequesterManaged": false,
				"AvailabilityZone": w.zoneOf(subnet)}, i.ID)
			all := w.calls["ec2:DescribeNetworkInterfaces"]
			if len(all) == before {
				continue
			}
			it := all[before]
			if n == 0 {
				it["NetworkInterfaceId"] = w.own("eni", i.Resource)
			}
			if n < len(i.Addresses) && i.Addresses[n].IsKnown() {
				it["PrivateIpAddress"] = i.Addresses[n].Or(netip.Addr{}).String()
				it["PrivateIpAddresses"] = []item{{"Primary": true, "PrivateIpAddress": it["PrivateIpAddress"]}}
			}
		}
	}
}

func (w *writer) interfaceVPC(i *stack.Interface) string {
	if v := w.id("vpc", i.VPC); i.VPC.IsKnown() && v != "" {
		return v
	}
	return w.vpcOf(i.Subnets)
}
