package iac

import (
	"testing"

	"github.com/thawdev/thaw/stack"
)

func readResources(t *testing.T, resources string) *stack.Stack {
	t.Helper()
	s, err := Read("t.yaml", []byte("Parameters: {Stage: {Type: String}}\nConditions: {Prod: !Equals [!Ref Stage, prod]}\nResources:\n"+
		"  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}\n"+
		"  A: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.0.0/24}}\n"+resources), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// An entry of the network ACL that AWS makes with a VPC stands beside those that
// allow all.
func TestDefaultACL(t *testing.T) {
	s := readResources(t, `
  Deny:
    Type: AWS::EC2::NetworkAclEntry
    Properties: {NetworkAclId: !GetAtt Vpc.DefaultNetworkAcl, RuleNumber: 50, Protocol: -1, RuleAction: deny, CidrBlock: 10.0.0.0/24}
`)
	if len(s.NetworkACLs) != 1 || len(s.Others) != 0 {
		t.Fatalf("%d lists, others %v", len(s.NetworkACLs), s.Others)
	}
	if a := s.NetworkACLs[0]; !a.Default || a.VPC.Or("") != "Vpc" || len(a.Entries) != 5 || a.Entries[4].Allow.Or(true) {
		t.Errorf("%+v", a)
	}
}

// The zones of a replication group are told only if those of all its nodes are.
func TestGroupZones(t *testing.T) {
	for groups, want := range map[string]int{
		`ReplicasPerNodeGroup: 1, NodeGroupConfiguration: [{PrimaryAvailabilityZone: a}]`:                                           1,
		`NodeGroupConfiguration: [{ReplicaCount: 2, PrimaryAvailabilityZone: a, ReplicaAvailabilityZones: [b]}]`:                    1,
		`NodeGroupConfiguration: [{ReplicaCount: 1, PrimaryAvailabilityZone: a, ReplicaAvailabilityZones: [b]}, {ReplicaCount: 1}]`: 1,
		`NodeGroupConfiguration: [{ReplicaCount: 1, PrimaryAvailabilityZone: a, ReplicaAvailabilityZones: [b]}]`:                    0,
		`ReplicasPerNodeGroup: 1, NodeGroupConfiguration: [{Slots: 0-16383}]`:                                                       0,
		`NumCacheClusters: 2, PreferredCacheClusterAZs: [a, b]`:                                                                     0,
	} {
		s := readResources(t, "  Cache: {Type: AWS::ElastiCache::ReplicationGroup, Properties: {ReplicationGroupDescription: c, "+groups+"}}\n")
		unknown := 0
		for _, z := range s.Caches[0].Zones {
			if !z.IsKnown() {
				unknown++
			}
		}
		if unknown != want {
			t.Errorf("%s: %v", groups, s.Caches[0].Zones)
		}
	}
}

// What belongs to one of several resources, or gives a subnet what the template
// does not declare, leaves a gap. What belongs to another stack leaves none.
func TestLostAttachments(t *testing.T) {
	for _, tc := range []struct{ resource, gap string }{
		{`{Type: AWS::EC2::SubnetRouteTableAssociation, Properties: {SubnetId: !Ref A, RouteTableId: !ImportValue table}}`, "route_tables"},
		{`{Type: AWS::EC2::SubnetNetworkAclAssociation, Properties: {SubnetId: !Ref A, NetworkAclId: acl-1}}`, "network_acls"},
		{`{Type: AWS::EC2::SubnetRouteTableAssociation, Properties: {SubnetId: subnet-1, RouteTableId: rtb-1}}`, ""},
		{`{Type: AWS::EC2::SecurityGroupIngress, Properties: {GroupId: !If [Prod, !GetAtt G.GroupId, !If [Prod, !Ref H, sg-1]], IpProtocol: -1, CidrIp: 0.0.0.0/0}}`, "security_groups"},
		{`{Type: AWS::EC2::SecurityGroupEgress, Properties: {GroupId: !If [Prod, sg-1, !ImportValue group], IpProtocol: -1, CidrIp: 0.0.0.0/0}}`, ""},
		{`{Type: AWS::EC2::SecurityGroupIngress, Properties: {GroupId: !ImportValue group, IpProtocol: -1, CidrIp: 0.0.0.0/0}}`, ""},
		{`{Type: AWS::EC2::Route, Properties: {RouteTableId: !If [Prod, !Ref T, rtb-1], DestinationCidrBlock: 10.0.0.0/25, GatewayId: igw-1}}`, "route_tables"},
	} {
		s := readResources(t, `
  G: {Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: g, VpcId: !Ref Vpc}}
  H: {Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: h, VpcId: !Ref Vpc}}
  T: {Type: AWS::EC2::RouteTable, Properties: {VpcId: !Ref Vpc}}
  X: `+tc.resource+"\n")
		got := ""
		for _, g := range s.Gaps {
			got += g.Kind
		}
		if got != tc.gap || len(s.Others) != 1 {
			t.Errorf("%s: gap %q, want %q: %v; others %v", tc.resource, got, tc.gap, s.Gaps, s.Others)
		}
	}
}
