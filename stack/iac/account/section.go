package account

import "github.com/thawdev/thaw/stack"

// section is a call of which the package reads the output.
type section struct {
	key    string // the key under which the AWS CLI prints the list, or one that marks a file as a single item
	call   string // the name in a snapshot
	cli    string // how to get it with the AWS CLI
	kind   string // the part of the stack that is incomplete without it; "": values of other resources
	what   string // in words
	decode func(*decoder, stack.Origin) error
}

// lists are the calls that print a list.
func lists() []section {
	return []section{
		{"Vpcs", "ec2:DescribeVpcs", "aws ec2 describe-vpcs", "vpcs", "VPCs",
			into(func(in *inventory) *[]at[vpc] { return &in.vpcs }, func(v *vpc) string { return v.VpcID })},
		{"Subnets", "ec2:DescribeSubnets", "aws ec2 describe-subnets", "subnets", "subnets",
			into(func(in *inventory) *[]at[subnet] { return &in.subnets }, func(v *subnet) string { return v.SubnetID })},
		{"SecurityGroups", "ec2:DescribeSecurityGroups", "aws ec2 describe-security-groups", "security_groups", "security groups",
			into(func(in *inventory) *[]at[securityGroup] { return &in.groups }, func(v *securityGroup) string { return v.GroupID })},
		{"NetworkAcls", "ec2:DescribeNetworkAcls", "aws ec2 describe-network-acls", "network_acls", "network ACLs",
			into(func(in *inventory) *[]at[networkACL] { return &in.acls }, func(v *networkACL) string { return v.NetworkACLID })},
		{"RouteTables", "ec2:DescribeRouteTables", "aws ec2 describe-route-tables", "route_tables", "route tables",
			into(func(in *inventory) *[]at[routeTable] { return &in.tables }, func(v *routeTable) string { return v.RouteTableID })},
		{"NatGateways", "ec2:DescribeNatGateways", "aws ec2 describe-nat-gateways", "gateways", "NAT gateways",
			into(func(in *inventory) *[]at[natGateway] { return &in.nats }, func(v *natGateway) string { return v.NatGatewayID })},
		{"InternetGateways", "ec2:DescribeInternetGateways", "aws ec2 describe-internet-gateways", "gateways", "internet gateways",
			into(func(in *inventory) *[]at[internetGateway] { return &in.internets }, func(v *internetGateway) string { return v.InternetGatewayID })},
		{"EgressOnlyInternetGateways", "ec2:DescribeEgressOnlyInternetGateways", "aws ec2 describe-egress-only-internet-gateways", "gateways", "egress-only internet gateways",
			into(func(in *inventory) *[]at[egressOnlyGateway] { return &in.egressOnly }, func(v *egressOnlyGateway) string { return v.EgressOnlyInternetGatewayID })},
		{"VpcEndpoints", "ec2:DescribeVpcEndpoints", "aws ec2 describe-vpc-endpoints", "endpoints", "VPC endpoints",
			into(func(in *inventory) *[]at[endpoint] { return &in.endpoints }, func(v *endpoint) string { return v.VpcEndpointID })},
		{"VpcPeeringConnections", "ec2:DescribeVpcPeeringConnections", "aws ec2 describe-vpc-peering-connections", "peerings", "peering connections",
			into(func(in *inventory) *[]at[peering] { return &in.peerings }, func(v *peering) string { return v.VpcPeeringConnectionID })},
		{"PrefixLists", "ec2:DescribeManagedPrefixLists", "aws ec2 describe-managed-prefix-lists", "prefix_lists", "prefix lists",
			into(func(in *inventory) *[]at[managedPrefixList] { return &in.managedLists }, func(v *managedPrefixList) string { return v.PrefixListID })},
		{"NetworkInterfaces", "ec2:DescribeNetworkInterfaces", "aws ec2 describe-network-interfaces", "interfaces", "network interfaces",
			into(func(in *inventory) *[]at[networkInterface] { return &in.interfaces }, func(v *networkInterface) string { return v.NetworkInterfaceID })},
		{"Functions", "lambda:ListFunctions", "aws lambda list-functions", "functions", "functions",
			into(func(in *inventory) *[]at[function] { return &in.functions }, func(v *function) string { return v.FunctionName })},
		{"CacheClusters", "elasticache:DescribeCacheClusters", "aws elasticache describe-cache-clusters --show-cache-node-info", "caches", "cache clusters",
			into(func(in *inventory) *[]at[cacheCluster] { return &in.clusters }, func(v *cacheCluster) string { return v.CacheClusterID })},
		{"ReplicationGroups", "elasticache:DescribeReplicationGroups", "aws elasticache describe-replication-groups", "caches", "replication groups",
			into(func(in *inventory) *[]at[replicationGroup] { return &in.replication }, func(v *replicationGroup) string { return v.ReplicationGroupID })},
		{"ServerlessCaches", "elasticache:DescribeServerlessCaches", "aws elasticache describe-serverless-caches", "caches", "serverless caches",
			into(func(in *inventory) *[]at[serverlessCache] { return &in.serverless }, func(v *serverlessCache) string { return v.ServerlessCacheName })},
		{"CacheSubnetGroups", "elasticache:DescribeCacheSubnetGroups", "aws elasticache describe-cache-subnet-groups", "", "cache subnet groups",
			into(func(in *inventory) *[]at[cacheSubnetGroup] { return &in.subnetGroups }, func(v *cacheSubnetGroup) string { return v.CacheSubnetGroupName })},
		{"UserGroups", "elasticache:DescribeUserGroups", "aws elasticache describe-user-groups", "", "user groups",
			into(func(in *inventory) *[]at[userGroup] { return &in.userGroups }, func(v *userGroup) string { return v.UserGroupID })},
		{"RoleDetailList", "iam:GetAccountAuthorizationDetails", "aws iam get-account-authorization-details", "", "roles",
			into(func(in *inventory) *[]at[roleDetail] { return &in.roleDetails }, func(v *roleDetail) string { return v.RoleName })},
		{"Policies", "iam:ListPolicies", "aws iam get-account-authorization-details", "", "policies",
			into(func(in *inventory) *[]at[policyDetail] { return &in.policyDetails }, nil)},
	}
}

// objects are the calls that print one item. The key is one that only this
// call prints at its top level. A snapshot adds to each the parameter that the
// call was given, where AWS does not repeat it.
func objects() []section {
	return []section{
		{"EnableDnsSupport", "ec2:DescribeVpcAttribute", "aws ec2 describe-vpc-attribute", "", "the DNS attributes of VPCs",
			into(func(in *inventory) *[]at[vpcAttribute] { return &in.attributes }, func(v *vpcAttribute) string { return v.VpcID })},
		{"Entries", "ec2:GetManagedPrefixListEntries", "aws ec2 get-managed-prefix-list-entries", "", "the entries of prefix lists",
			into(func(in *inventory) *[]at[prefixListEntries] { return &in.listEntries }, nil)},
		{"ReservedConcurrentExecutions", "lambda:GetFunctionConcurrency", "aws lambda get-function-concurrency", "", "the reserved concurrency of functions",
			into(func(in *inventory) *[]at[functionConcurrency] { return &in.reserved }, nil)},
		{"ProvisionedConcurrencyConfigs", "lambda:ListProvisionedConcurrencyConfigs", "aws lambda list-provisioned-concurrency-configs", "", "the provisioned concurrency of functions",
			into(func(in *inventory) *[]at[provisionedConfigs] { return &in.provisioned }, nil)},
		{"AccountLimit", "lambda:GetAccountSettings", "aws lambda get-account-settings", "", "the concurrency of the account",
			into(func(in *inventory) *[]at[accountSettings] { return &in.settings }, nil)},
		{"AttachedPolicies", "iam:ListAttachedRolePolicies", "aws iam list-attached-role-policies", "", "the managed policies of roles",
			into(func(in *inventory) *[]at[attachedPolicies] { return &in.attached }, nil)},
		{"PolicyNames", "iam:ListRolePolicies", "aws iam list-role-policies", "", "the inline policies of roles",
			into(func(in *inventory) *[]at[inlineNames] { return &in.inline }, nil)},
		{"PolicyDocument", "iam:GetRolePolicy", "aws iam get-role-policy", "", "the inline policies of roles",
			into(func(in *inventory) *[]at[rolePolicy] { return &in.documents }, func(v *rolePolicy) string { return v.RoleName })},
		{"PolicyVersion", "iam:GetPolicyVersion", "aws iam get-policy-version", "", "the documents of customer managed policies",
			into(func(in *inventory) *[]at[policyVersion] { return &in.versions }, nil)},
	}
}

func sectionByKey(key string) *section {
	if key == "ManagedPrefixLists" {
		key = "PrefixLists"
	}
	return findSection(lists(), func(s *section) bool { return s.key == key })
}

// objectByKey finds the call that prints one item with that key. Both DNS
// attributes of a VPC come from one call, and a function's configuration is
// printed bare, or under Configuration with its concurrency.
func objectByKey(key string) *section {
	switch key {
	case "EnableDnsHostnames":
		key = "EnableDnsSupport"
	case "FunctionName", "FunctionArn", "Configuration":
		s := sectionByKey("Functions")
		s.decode = decodeFunction
		return s
	case "RoleName":
		return nil // the policy follows
	}
	return findSection(objects(), func(s *section) bool { return s.key == key })
}

func sectionByCall(call string) *section {
	if s := findSection(lists(), func(s *section) bool { return s.call == call }); s != nil {
		return s
	}
	return findSection(objects(), func(s *section) bool { return s.call == call })
}

func findSection(all []section, is func(*section) bool) *section {
	for i := range all {
		if is(&all[i]) {
			return &all[i]
		}
	}
	return nil
}

// decodeFunction reads what aws lambda get-function and
// get-function-configuration print.
func decodeFunction(d *decoder, origin stack.Origin) error {
	var v struct {
		function
		Configuration *function
		Concurrency   *functionConcurrency
	}
	if err := d.Decode(&v); err != nil {
		return err
	}
	f := v.function
	if v.Configuration != nil {
		f = *v.Configuration
		// get-function prints no Concurrency if none is reserved.
		c := functionConcurrency{FunctionName: f.FunctionName}
		if v.Concurrency != nil {
			c.ReservedConcurrentExecutions = v.Concurrency.ReservedConcurrentExecutions
		}
		d.in.reserved = append(d.in.reserved, at[functionConcurrency]{c, origin})
		d.in.seen["lambda:GetFunctionConcurrency"] = true
	}
	if f.FunctionName == "" {
		return fileErrorf("the function at line %d has no FunctionName", origin.Line)
	}
	d.in.functions = append(d.in.functions, at[function]{f, origin})
	return nil
}
