package snapshot

import (
	"context"
	"iter"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/thawdev/thaw/stack/snapshot/query"
)

// fake is an account of two VPCs, a function and a cache in each, that denies
// what a test tells it to. Lists of VPCs and functions have two pages.
type fake struct {
	mu     sync.Mutex
	made   map[string]int
	errs   map[string]error
	before func(call string) // runs in each call
}

func (f *fake) clients() Clients {
	return Clients{EC2: fakeEC2{f}, Lambda: fakeLambda{f}, ElastiCache: fakeCache{f}, IAM: fakeIAM{f}, STS: fakeSTS{f}}
}

func (f *fake) call(ctx context.Context, name string) error {
	if f.before != nil {
		f.before(name)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.made == nil {
		f.made = map[string]int{}
	}
	f.made[name]++
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return f.errs[name]
}

// answer gives an answer or the error of a call.
func answer[T any](ctx context.Context, f *fake, name string, out T) (T, error) {
	if err := f.call(ctx, name); err != nil {
		var none T
		return none, err
	}
	return out, nil
}

// list gives pages of items, each page one call, or the error of the call.
func list[T any](ctx context.Context, f *fake, name string, pages ...[]T) iter.Seq2[[]T, error] {
	return func(yield func([]T, error) bool) {
		for _, page := range pages {
			got, err := answer(ctx, f, name, page)
			if !yield(got, err) || err != nil {
				return
			}
		}
	}
}

type fakeEC2 struct{ *fake }

func (f fakeEC2) DescribeVpcs(ctx context.Context, filters ...query.Filter) iter.Seq2[[]query.VPC, error] {
	vpc := func(id string) []query.VPC {
		return []query.VPC{{VPCID: &id, CIDRBlock: aws.String("10.0.0.0/16"), OwnerID: aws.String("111122223333"),
			Tags: query.Set[query.Tag]{tag("Name", "of "+id), tag("password", "hunter2"), tag("aws:cloudformation:stack-name", "net"), tag("name", "hunter2")}}}
	}
	if len(filters) > 0 {
		return list(ctx, f.fake, "ec2:DescribeVpcs", vpc(filters[0].Values[0]))
	}
	return list(ctx, f.fake, "ec2:DescribeVpcs", vpc("vpc-b"), vpc("vpc-a")) // the later one comes first
}

func tag(key, value string) query.Tag { return query.Tag{Key: &key, Value: &value} }

func (f fakeEC2) DescribeSubnets(ctx context.Context, _ ...query.Filter) iter.Seq2[[]query.Subnet, error] {
	return list(ctx, f.fake, "ec2:DescribeSubnets", []query.Subnet{{SubnetID: aws.String("subnet-a"), VPCID: aws.String("vpc-a")}})
}

func (f fakeEC2) DescribeRouteTables(ctx context.Context, _ ...query.Filter) iter.Seq2[[]query.RouteTable, error] {
	return list(ctx, f.fake, "ec2:DescribeRouteTables", []query.RouteTable{})
}

func (f fakeEC2) DescribeNetworkAcls(ctx context.Context, _ ...query.Filter) iter.Seq2[[]query.NetworkACL, error] {
	return list(ctx, f.fake, "ec2:DescribeNetworkAcls", []query.NetworkACL{})
}

func (f fakeEC2) DescribeSecurityGroups(ctx context.Context, _ ...query.Filter) iter.Seq2[[]query.SecurityGroup, error] {
	return list(ctx, f.fake, "ec2:DescribeSecurityGroups", []query.SecurityGroup{})
}

func (f fakeEC2) DescribeManagedPrefixLists(ctx context.Context, _ ...query.Filter) iter.Seq2[[]query.PrefixList, error] {
	return list(ctx, f.fake, "ec2:DescribeManagedPrefixLists", []query.PrefixList{{PrefixListID: aws.String("pl-1")}})
}

func (f fakeEC2) GetManagedPrefixListEntries(ctx context.Context, _ string) iter.Seq2[[]query.PrefixListEntry, error] {
	return list(ctx, f.fake, "ec2:GetManagedPrefixListEntries", []query.PrefixListEntry{{CIDR: aws.String("10.9.0.0/16")}})
}

func (f fakeEC2) DescribeNatGateways(ctx context.Context, _ ...query.Filter) iter.Seq2[[]query.NATGateway, error] {
	return list(ctx, f.fake, "ec2:DescribeNatGateways", []query.NATGateway{})
}

func (f fakeEC2) DescribeInternetGateways(ctx context.Context, _ ...query.Filter) iter.Seq2[[]query.InternetGateway, error] {
	return list(ctx, f.fake, "ec2:DescribeInternetGateways", []query.InternetGateway{})
}

func (f fakeEC2) DescribeEgressOnlyInternetGateways(ctx context.Context, _ ...query.Filter) iter.Seq2[[]query.EgressOnlyInternetGateway, error] {
	return list(ctx, f.fake, "ec2:DescribeEgressOnlyInternetGateways", []query.EgressOnlyInternetGateway{{GatewayID: aws.String("eigw-b"),
		Attachments: query.Set[query.GatewayAttachment]{{VPCID: aws.String("vpc-b")}}}})
}

func (f fakeEC2) DescribeVpcEndpoints(ctx context.Context, _ ...query.Filter) iter.Seq2[[]query.VPCEndpoint, error] {
	return list(ctx, f.fake, "ec2:DescribeVpcEndpoints", []query.VPCEndpoint{})
}

func (f fakeEC2) DescribeVpcPeeringConnections(ctx context.Context, _ ...query.Filter) iter.Seq2[[]query.Peering, error] {
	return list(ctx, f.fake, "ec2:DescribeVpcPeeringConnections", []query.Peering{{PeeringID: aws.String("pcx-1"),
		Requester: &query.PeeringVPC{VPCID: aws.String("vpc-b")},
		Accepter:  &query.PeeringVPC{VPCID: aws.String("vpc-a"), OwnerID: aws.String("444455556666")}}})
}

func (f fakeEC2) DescribeNetworkInterfaces(ctx context.Context, _ ...query.Filter) iter.Seq2[[]query.NetworkInterface, error] {
	return list(ctx, f.fake, "ec2:DescribeNetworkInterfaces", []query.NetworkInterface{})
}

func (f fakeEC2) DescribeVpcAttribute(ctx context.Context, vpc, attribute string) (query.VPCAttribute, error) {
	out := query.VPCAttribute{VPCID: &vpc}
	if attribute == "enableDnsSupport" {
		out.EnableDNSSupport = &query.Attribute{Value: aws.Bool(true)}
	} else {
		out.EnableDNSHostnames = &query.Attribute{Value: aws.Bool(false)}
	}
	return answer(ctx, f.fake, "ec2:DescribeVpcAttribute", out)
}

type fakeLambda struct{ *fake }

func (f fakeLambda) ListFunctions(ctx context.Context, in *lambda.ListFunctionsInput, _ ...func(*lambda.Options)) (*lambda.ListFunctionsOutput, error) {
	function := func(name, vpc string, env map[string]string) lambdatypes.FunctionConfiguration {
		return lambdatypes.FunctionConfiguration{FunctionName: &name, FunctionArn: aws.String("arn:aws:lambda:eu-west-1:111122223333:function:" + name),
			Role: aws.String("arn:aws:iam::111122223333:role/service-role/" + name + "-role"), Runtime: lambdatypes.RuntimeNodejs22x,
			VpcConfig: &lambdatypes.VpcConfigResponse{VpcId: &vpc, SubnetIds: []string{"subnet-" + vpc}}, MemorySize: aws.Int32(128), Timeout: aws.Int32(3),
			ImageConfigResponse: &lambdatypes.ImageConfigResponse{ImageConfig: &lambdatypes.ImageConfig{Command: []string{"--password=hunter2"}}},
			Environment:         &lambdatypes.EnvironmentResponse{Variables: env}}
	}
	if in.Marker == nil {
		return answer(ctx, f.fake, "lambda:ListFunctions", &lambda.ListFunctionsOutput{NextMarker: aws.String("2"), Functions: []lambdatypes.FunctionConfiguration{
			function("orders", "vpc-a", map[string]string{"CACHE_URL": "rediss://:hunter2@master.shop.abc.euw1.cache.amazonaws.com:6379", "TOKEN": "hunter2", "TLS": "true"})}})
	}
	return answer(ctx, f.fake, "lambda:ListFunctions", &lambda.ListFunctionsOutput{Functions: []lambdatypes.FunctionConfiguration{
		function("elsewhere", "vpc-b", nil), function("alone", "", nil)}})
}

func (f fakeLambda) ListProvisionedConcurrencyConfigs(ctx context.Context, _ *lambda.ListProvisionedConcurrencyConfigsInput, _ ...func(*lambda.Options)) (*lambda.ListProvisionedConcurrencyConfigsOutput, error) {
	return answer(ctx, f.fake, "lambda:ListProvisionedConcurrencyConfigs", &lambda.ListProvisionedConcurrencyConfigsOutput{})
}

func (f fakeLambda) GetFunctionConcurrency(ctx context.Context, in *lambda.GetFunctionConcurrencyInput, _ ...func(*lambda.Options)) (*lambda.GetFunctionConcurrencyOutput, error) {
	out := &lambda.GetFunctionConcurrencyOutput{}
	if *in.FunctionName == "orders" {
		out.ReservedConcurrentExecutions = aws.Int32(0) // none may run; not the same as none reserved
	}
	return answer(ctx, f.fake, "lambda:GetFunctionConcurrency", out)
}

func (f fakeLambda) GetAccountSettings(ctx context.Context, _ *lambda.GetAccountSettingsInput, _ ...func(*lambda.Options)) (*lambda.GetAccountSettingsOutput, error) {
	return answer(ctx, f.fake, "lambda:GetAccountSettings", &lambda.GetAccountSettingsOutput{AccountLimit: &lambdatypes.AccountLimit{ConcurrentExecutions: 500}})
}

type fakeCache struct{ *fake }

func (f fakeCache) DescribeCacheClusters(ctx context.Context) iter.Seq2[[]query.CacheCluster, error] {
	cluster := func(id, group, subnets string) query.CacheCluster {
		return query.CacheCluster{CacheClusterID: &id, ReplicationGroupID: &group, SubnetGroup: &subnets, Engine: aws.String("valkey"),
			SecurityGroups: query.Set[query.GroupMembership]{{SecurityGroupID: aws.String("sg-" + group)}}}
	}
	return list(ctx, f.fake, "elasticache:DescribeCacheClusters", []query.CacheCluster{cluster("shop-001", "shop", "in-a"), cluster("other-001", "other", "in-b")})
}

func (f fakeCache) DescribeReplicationGroups(ctx context.Context) iter.Seq2[[]query.ReplicationGroup, error] {
	group := func(id string) query.ReplicationGroup {
		return query.ReplicationGroup{ReplicationGroupID: &id, MemberClusters: query.Set[string]{id + "-001"}, NodeGroups: query.Set[query.NodeGroup]{{
			PrimaryEndpoint: &query.CacheEndpoint{Address: aws.String("master." + id + ".abc.euw1.cache.amazonaws.com"), Port: aws.Int(6379)},
			Members:         query.Set[query.NodeGroupMember]{{CacheClusterID: aws.String(id + "-001")}}}}}
	}
	return list(ctx, f.fake, "elasticache:DescribeReplicationGroups", []query.ReplicationGroup{group("shop"), group("other")})
}

func (f fakeCache) DescribeServerlessCaches(ctx context.Context) iter.Seq2[[]query.ServerlessCache, error] {
	return list(ctx, f.fake, "elasticache:DescribeServerlessCaches", []query.ServerlessCache{{Name: aws.String("far"), SubnetIDs: query.Set[string]{"subnet-b"}}})
}

func (f fakeCache) DescribeCacheSubnetGroups(ctx context.Context) iter.Seq2[[]query.CacheSubnetGroup, error] {
	return list(ctx, f.fake, "elasticache:DescribeCacheSubnetGroups", []query.CacheSubnetGroup{
		{Name: aws.String("in-a"), VPCID: aws.String("vpc-a")}, {Name: aws.String("in-b"), VPCID: aws.String("vpc-b")}})
}

func (f fakeCache) DescribeUserGroups(ctx context.Context) iter.Seq2[[]query.UserGroup, error] {
	return list(ctx, f.fake, "elasticache:DescribeUserGroups", []query.UserGroup{})
}

type fakeIAM struct{ *fake }

func (f fakeIAM) ListAttachedRolePolicies(ctx context.Context, _ string) iter.Seq2[[]query.AttachedPolicy, error] {
	return list(ctx, f.fake, "iam:ListAttachedRolePolicies", []query.AttachedPolicy{
		{PolicyARN: aws.String("arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole")}, {PolicyARN: aws.String("arn:aws:iam::111122223333:policy/ours")}})
}

func (f fakeIAM) ListRolePolicies(ctx context.Context, _ string) iter.Seq2[[]string, error] {
	return list(ctx, f.fake, "iam:ListRolePolicies", []string{"inline"})
}

func (f fakeIAM) GetRolePolicy(ctx context.Context, _, _ string) (string, error) {
	return answer(ctx, f.fake, "iam:GetRolePolicy", "%7B%22Statement%22%3A%5B%5D%7D")
}

func (f fakeIAM) GetPolicy(ctx context.Context, _ string) (query.Policy, error) {
	return answer(ctx, f.fake, "iam:GetPolicy", query.Policy{DefaultVersionID: aws.String("v3")})
}

func (f fakeIAM) GetPolicyVersion(ctx context.Context, _, version string) (query.PolicyVersion, error) {
	return answer(ctx, f.fake, "iam:GetPolicyVersion", query.PolicyVersion{VersionID: &version,
		Document: aws.String("%7B%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22s3%3AGetObject%22%2C%22Resource%22%3A%22%2A%22%7D%7D")})
}

type fakeSTS struct{ *fake }

func (f fakeSTS) GetCallerIdentity(ctx context.Context, _ *sts.GetCallerIdentityInput, _ ...func(*sts.Options)) (*sts.GetCallerIdentityOutput, error) {
	return answer(ctx, f.fake, "sts:GetCallerIdentity", &sts.GetCallerIdentityOutput{Account: aws.String("111122223333")})
}
