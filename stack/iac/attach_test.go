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
