package snapshot

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/thawdev/thaw/stack/snapshot/query"
)

// lists makes the calls that list resources.
func (c *collector) lists(ctx context.Context) {
	g := &group{c: c}
	c.listNetwork(ctx, g)
	c.listFilters(ctx, g)
	c.listGateways(ctx, g)
	c.listLambda(ctx, g)
	c.listCaches(ctx, g)
	g.wg.Wait()
}

// in limits a call of EC2 to the VPCs of the snapshot.
func (c *collector) in(filter string) []query.Filter {
	if len(c.opts.VPCs) == 0 {
		return nil
	}
	return []query.Filter{{Name: filter, Values: c.opts.VPCs}}
}

// covers reports whether a VPC is in the snapshot.
func (c *collector) covers(vpcs ...*string) bool {
	return len(c.opts.VPCs) == 0 || slices.ContainsFunc(vpcs, func(v *string) bool { return slices.Contains(c.opts.VPCs, deref(v)) })
}

func (c *collector) listNetwork(ctx context.Context, g *group) {
	g.run(ctx, "ec2:DescribeVpcs", "", func(ctx context.Context) error {
		return each(c.EC2.DescribeVpcs(ctx, c.in("vpc-id")...), func(page []query.VPC) {
			c.vpcs = append(c.vpcs, page...)
			addAll(c, "ec2:DescribeVpcs", page, func(v query.VPC) *string { return v.VPCID })
		})
	})
	g.run(ctx, "ec2:DescribeSubnets", "", func(ctx context.Context) error {
		return each(c.EC2.DescribeSubnets(ctx, c.in("vpc-id")...), func(page []query.Subnet) {
			c.subnets = append(c.subnets, page...)
			addAll(c, "ec2:DescribeSubnets", page, func(v query.Subnet) *string { return v.SubnetID })
		})
	})
	g.run(ctx, "ec2:DescribeRouteTables", "", func(ctx context.Context) error {
		return addEach(c, "ec2:DescribeRouteTables", c.EC2.DescribeRouteTables(ctx, c.in("vpc-id")...), func(v query.RouteTable) *string { return v.RouteTableID })
	})
	g.run(ctx, "ec2:DescribeNetworkInterfaces", "", func(ctx context.Context) error {
		return addEach(c, "ec2:DescribeNetworkInterfaces", c.EC2.DescribeNetworkInterfaces(ctx, c.in("vpc-id")...), func(v query.NetworkInterface) *string { return v.NetworkInterfaceID })
	})
}

func (c *collector) listFilters(ctx context.Context, g *group) {
	g.run(ctx, "ec2:DescribeSecurityGroups", "", func(ctx context.Context) error {
		return addEach(c, "ec2:DescribeSecurityGroups", c.EC2.DescribeSecurityGroups(ctx, c.in("vpc-id")...), func(v query.SecurityGroup) *string { return v.GroupID })
	})
	g.run(ctx, "ec2:DescribeNetworkAcls", "", func(ctx context.Context) error {
		return addEach(c, "ec2:DescribeNetworkAcls", c.EC2.DescribeNetworkAcls(ctx, c.in("vpc-id")...), func(v query.NetworkACL) *string { return v.NetworkACLID })
	})
	g.run(ctx, "ec2:DescribeManagedPrefixLists", "", func(ctx context.Context) error {
		return each(c.EC2.DescribeManagedPrefixLists(ctx), func(page []query.PrefixList) {
			c.prefixLists = append(c.prefixLists, page...)
			addAll(c, "ec2:DescribeManagedPrefixLists", page, func(v query.PrefixList) *string { return v.PrefixListID })
		})
	})
}

func (c *collector) listGateways(ctx context.Context, g *group) {
	g.run(ctx, "ec2:DescribeNatGateways", "", func(ctx context.Context) error {
		return addEach(c, "ec2:DescribeNatGateways", c.EC2.DescribeNatGateways(ctx, c.in("vpc-id")...), func(v query.NATGateway) *string { return v.NATGatewayID })
	})
	g.run(ctx, "ec2:DescribeInternetGateways", "", func(ctx context.Context) error {
		return addEach(c, "ec2:DescribeInternetGateways", c.EC2.DescribeInternetGateways(ctx, c.in("attachment.vpc-id")...), func(v query.InternetGateway) *string { return v.InternetGatewayID })
	})
	g.run(ctx, "ec2:DescribeEgressOnlyInternetGateways", "", func(ctx context.Context) error {
		return each(c.EC2.DescribeEgressOnlyInternetGateways(ctx), func(page []query.EgressOnlyInternetGateway) {
			for _, v := range page {
				if slices.ContainsFunc(v.Attachments, func(a query.GatewayAttachment) bool { return c.covers(a.VPCID) }) {
					c.add("ec2:DescribeEgressOnlyInternetGateways", deref(v.GatewayID), v)
				}
			}
		})
	})
	g.run(ctx, "ec2:DescribeVpcEndpoints", "", func(ctx context.Context) error {
		return addEach(c, "ec2:DescribeVpcEndpoints", c.EC2.DescribeVpcEndpoints(ctx, c.in("vpc-id")...), func(v query.VPCEndpoint) *string { return v.VPCEndpointID })
	})
	g.run(ctx, "ec2:DescribeVpcPeeringConnections", "", func(ctx context.Context) error {
		return each(c.EC2.DescribeVpcPeeringConnections(ctx), func(page []query.Peering) {
			for _, v := range page {
				if c.covers(peerVPC(v.Requester), peerVPC(v.Accepter)) {
					c.add("ec2:DescribeVpcPeeringConnections", deref(v.PeeringID), v)
				}
			}
		})
	})
}

func peerVPC(p *query.PeeringVPC) *string {
	if p == nil {
		return nil
	}
	return p.VPCID
}

func (c *collector) listLambda(ctx context.Context, g *group) {
	g.run(ctx, "lambda:ListFunctions", "", func(ctx context.Context) error {
		return pages(ctx, lambda.NewListFunctionsPaginator(c.Lambda, &lambda.ListFunctionsInput{}), func(o *lambda.ListFunctionsOutput) {
			c.functions = append(c.functions, o.Functions...)
		})
	})
	g.run(ctx, "lambda:GetAccountSettings", "", func(ctx context.Context) error {
		out, err := c.Lambda.GetAccountSettings(ctx, &lambda.GetAccountSettingsInput{})
		if err != nil {
			return err
		}
		c.add("lambda:GetAccountSettings", "", out)
		return nil
	})
}

func (c *collector) listCaches(ctx context.Context, g *group) {
	g.run(ctx, "elasticache:DescribeCacheClusters", "", func(ctx context.Context) error {
		return each(c.ElastiCache.DescribeCacheClusters(ctx), func(page []query.CacheCluster) { c.clusters = append(c.clusters, page...) })
	})
	g.run(ctx, "elasticache:DescribeReplicationGroups", "", func(ctx context.Context) error {
		return each(c.ElastiCache.DescribeReplicationGroups(ctx), func(page []query.ReplicationGroup) { c.groups = append(c.groups, page...) })
	})
	g.run(ctx, "elasticache:DescribeServerlessCaches", "", func(ctx context.Context) error {
		return each(c.ElastiCache.DescribeServerlessCaches(ctx), func(page []query.ServerlessCache) { c.serverless = append(c.serverless, page...) })
	})
	g.run(ctx, "elasticache:DescribeCacheSubnetGroups", "", func(ctx context.Context) error {
		return each(c.ElastiCache.DescribeCacheSubnetGroups(ctx), func(page []query.CacheSubnetGroup) { c.subnetGroups = append(c.subnetGroups, page...) })
	})
	g.run(ctx, "elasticache:DescribeUserGroups", "", func(ctx context.Context) error {
		return addEach(c, "elasticache:DescribeUserGroups", c.ElastiCache.DescribeUserGroups(ctx), func(v query.UserGroup) *string { return v.UserGroupID })
	})
}
