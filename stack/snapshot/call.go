package snapshot

import (
	"encoding/json"
	"strings"
)

// call is one API call, which is also the permission that it needs.
type call struct {
	name    string
	unknown string // what is not known without it
}

// calls lists everything that a snapshot calls. All of them read.
func calls() []call {
	return []call{
		{"ec2:DescribeVpcs", "VPCs and their address ranges"},
		{"ec2:DescribeVpcAttribute", "DNS attributes"},
		{"ec2:DescribeSubnets", "subnets, their zones and free addresses"},
		{"ec2:DescribeRouteTables", "routes"},
		{"ec2:DescribeNetworkAcls", "network ACLs"},
		{"ec2:DescribeSecurityGroups", "security groups"},
		{"ec2:DescribeManagedPrefixLists", "prefix lists"},
		{"ec2:GetManagedPrefixListEntries", "prefix list entries"},
		{"ec2:DescribeNatGateways", "NAT gateways"},
		{"ec2:DescribeInternetGateways", "internet gateways"},
		{"ec2:DescribeEgressOnlyInternetGateways", "egress-only internet gateways"},
		{"ec2:DescribeVpcEndpoints", "VPC endpoints"},
		{"ec2:DescribeVpcPeeringConnections", "peering connections"},
		{"ec2:DescribeNetworkInterfaces", "what else can reach a cache, and where cache nodes are"},
		{"lambda:ListFunctions", "functions"},
		{"lambda:GetFunctionConcurrency", "reserved concurrency"},
		{"lambda:ListProvisionedConcurrencyConfigs", "provisioned concurrency"},
		{"lambda:GetAccountSettings", "the concurrency of the account"},
		{"elasticache:DescribeCacheClusters", "cache clusters, and the security groups and subnets of replication groups"},
		{"elasticache:DescribeReplicationGroups", "replication groups"},
		{"elasticache:DescribeServerlessCaches", "serverless caches"},
		{"elasticache:DescribeCacheSubnetGroups", "the subnets of caches"},
		{"elasticache:DescribeUserGroups", "user groups"},
		{"iam:ListAttachedRolePolicies", "managed policies"},
		{"iam:ListRolePolicies", "inline policies"},
		{"iam:GetRolePolicy", "the contents of inline policies"},
		{"iam:GetPolicy", "policy documents"},
		{"iam:GetPolicyVersion", "policy documents"},
	}
}

func describe(name string) call {
	for _, c := range calls() {
		if c.name == name {
			return c
		}
	}
	return call{name: name}
}

// Permissions returns an IAM policy document, as indented JSON, that allows
// exactly what a snapshot calls. None of the calls takes a resource that is
// known before, so the resource is *. sts:GetCallerIdentity needs no permission.
func Permissions() []byte {
	actions := map[string][]string{}
	var services []string
	for _, c := range calls() {
		service, _, _ := strings.Cut(c.name, ":")
		if actions[service] == nil {
			services = append(services, service)
		}
		actions[service] = append(actions[service], c.name)
	}
	type statement struct {
		Sid, Effect string
		Action      []string
		Resource    string
	}
	policy := struct {
		Version   string
		Statement []statement
	}{Version: "2012-10-17"}
	for _, s := range services {
		policy.Statement = append(policy.Statement, statement{"ThawSnapshot" + strings.ToUpper(s[:1]) + s[1:], "Allow", actions[s], "*"})
	}
	data, err := json.MarshalIndent(policy, "", "  ")
	if err != nil {
		panic("snapshot: " + err.Error()) // strings always marshal
	}
	return append(data, '\n')
}
