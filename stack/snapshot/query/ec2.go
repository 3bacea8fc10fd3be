package query

import (
	"context"
	"encoding/xml"
	"iter"
	"net/url"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Page sizes of EC2: the largest that each call takes, because an account with
// thousands of groups times out in one page. Source: EC2 API Reference,
// MaxResults of each call.
const (
	largest    = 1000
	ofEgress   = 255
	ofRoutes   = 100
	ofPrefixes = 100
)

// EC2 calls Amazon EC2. Lists come page by page; an error is the last that a
// sequence gives, and the pages before it count.
type EC2 struct{ c *client }

// NewEC2 makes a client of the region of cfg. The error is that of a region or
// an endpoint that cannot be one.
func NewEC2(cfg aws.Config) (*EC2, error) {
	c, err := newClient(service{id: "EC2", name: "ec2", version: "2016-11-15"}, cfg)
	if err != nil {
		return nil, err
	}
	return &EC2{c}, nil
}

func describe[T any](ctx context.Context, e *EC2, action, element string, params url.Values) iter.Seq2[[]T, error] {
	return pages[T](ctx, e.c, listing{action, element, "NextToken", params})
}

// DescribeVpcs lists VPCs.
func (e *EC2) DescribeVpcs(ctx context.Context, filters ...Filter) iter.Seq2[[]VPC, error] {
	return describe[VPC](ctx, e, "DescribeVpcs", "vpcSet", filtered(largest, filters))
}

// DescribeVpcAttribute reads one attribute of a VPC, such as enableDnsSupport.
func (e *EC2) DescribeVpcAttribute(ctx context.Context, vpc, attribute string) (VPCAttribute, error) {
	const action = "DescribeVpcAttribute"
	var out VPCAttribute
	data, err := e.c.call(ctx, action, url.Values{"VpcId": {vpc}, "Attribute": {attribute}})
	if err != nil {
		return out, err
	}
	err = e.c.result(action, data, func(d *xml.Decoder, start xml.StartElement) error {
		switch start.Name.Local {
		case "vpcId":
			return d.DecodeElement(&out.VPCID, &start)
		case "enableDnsSupport":
			return d.DecodeElement(&out.EnableDNSSupport, &start)
		case "enableDnsHostnames":
			return d.DecodeElement(&out.EnableDNSHostnames, &start)
		}
		return d.Skip()
	})
	return out, err
}

// DescribeSubnets lists subnets.
func (e *EC2) DescribeSubnets(ctx context.Context, filters ...Filter) iter.Seq2[[]Subnet, error] {
	return describe[Subnet](ctx, e, "DescribeSubnets", "subnetSet", filtered(largest, filters))
}

// DescribeRouteTables lists route tables with their routes.
func (e *EC2) DescribeRouteTables(ctx context.Context, filters ...Filter) iter.Seq2[[]RouteTable, error] {
	return describe[RouteTable](ctx, e, "DescribeRouteTables", "routeTableSet", filtered(ofRoutes, filters))
}

// DescribeNetworkAcls lists network ACLs with their entries.
func (e *EC2) DescribeNetworkAcls(ctx context.Context, filters ...Filter) iter.Seq2[[]NetworkACL, error] {
	return describe[NetworkACL](ctx, e, "DescribeNetworkAcls", "networkAclSet", filtered(largest, filters))
}

// DescribeSecurityGroups lists security groups with their rules.
func (e *EC2) DescribeSecurityGroups(ctx context.Context, filters ...Filter) iter.Seq2[[]SecurityGroup, error] {
	return describe[SecurityGroup](ctx, e, "DescribeSecurityGroups", "securityGroupInfo", filtered(largest, filters))
}

// DescribeManagedPrefixLists lists prefix lists, those of AWS too.
func (e *EC2) DescribeManagedPrefixLists(ctx context.Context, filters ...Filter) iter.Seq2[[]PrefixList, error] {
	return describe[PrefixList](ctx, e, "DescribeManagedPrefixLists", "prefixListSet", filtered(ofPrefixes, filters))
}

// GetManagedPrefixListEntries lists the entries of a prefix list.
func (e *EC2) GetManagedPrefixListEntries(ctx context.Context, list string) iter.Seq2[[]PrefixListEntry, error] {
	params := url.Values{"PrefixListId": {list}, "MaxResults": {strconv.Itoa(ofPrefixes)}}
	return describe[PrefixListEntry](ctx, e, "GetManagedPrefixListEntries", "entrySet", params)
}

// DescribeNatGateways lists NAT gateways; deleted ones too, for an hour.
func (e *EC2) DescribeNatGateways(ctx context.Context, filters ...Filter) iter.Seq2[[]NATGateway, error] {
	return describe[NATGateway](ctx, e, "DescribeNatGateways", "natGatewaySet", filtered(largest, filters))
}

// DescribeInternetGateways lists internet gateways.
func (e *EC2) DescribeInternetGateways(ctx context.Context, filters ...Filter) iter.Seq2[[]InternetGateway, error] {
	return describe[InternetGateway](ctx, e, "DescribeInternetGateways", "internetGatewaySet", filtered(largest, filters))
}

// DescribeEgressOnlyInternetGateways lists gateways for IPv6 that let only
// connections from inside pass.
func (e *EC2) DescribeEgressOnlyInternetGateways(ctx context.Context, filters ...Filter) iter.Seq2[[]EgressOnlyInternetGateway, error] {
	return describe[EgressOnlyInternetGateway](ctx, e, "DescribeEgressOnlyInternetGateways", "egressOnlyInternetGatewaySet", filtered(ofEgress, filters))
}

// DescribeVpcEndpoints lists VPC endpoints.
func (e *EC2) DescribeVpcEndpoints(ctx context.Context, filters ...Filter) iter.Seq2[[]VPCEndpoint, error] {
	return describe[VPCEndpoint](ctx, e, "DescribeVpcEndpoints", "vpcEndpointSet", filtered(largest, filters))
}

// DescribeVpcPeeringConnections lists peering connections.
func (e *EC2) DescribeVpcPeeringConnections(ctx context.Context, filters ...Filter) iter.Seq2[[]Peering, error] {
	return describe[Peering](ctx, e, "DescribeVpcPeeringConnections", "vpcPeeringConnectionSet", filtered(largest, filters))
}

// DescribeNetworkInterfaces lists network interfaces.
func (e *EC2) DescribeNetworkInterfaces(ctx context.Context, filters ...Filter) iter.Seq2[[]NetworkInterface, error] {
	return describe[NetworkInterface](ctx, e, "DescribeNetworkInterfaces", "networkInterfaceSet", filtered(largest, filters))
}
