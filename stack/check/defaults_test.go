package check

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/thawdev/thaw/stack/iac"
	"github.com/thawdev/thaw/stack/iac/terraform"
)

// denyingTemplate adds a deny entry to the network ACL that AWS makes with the
// VPC.
const denyingTemplate = `
Resources:
  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
  A: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.0.0/24}}
  B: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.1.0/24}}
  Group:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: Both
      VpcId: !Ref Vpc
      SecurityGroupIngress: [{IpProtocol: tcp, FromPort: 6379, ToPort: 6379, CidrIp: 10.0.0.0/24}]
  Cache: {Type: AWS::ElastiCache::ServerlessCache, Properties: {ServerlessCacheName: c, Engine: memcached, SubnetIds: [!Ref B], SecurityGroupIds: [!GetAtt Group.GroupId]}}
  Function:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: provided.al2023
      Handler: bootstrap
      Role: arn:aws:iam::123456789012:role/x
      Code: {ZipFile: x}
      VpcConfig: {SubnetIds: [!Ref A], SecurityGroupIds: [!GetAtt Group.GroupId]}
      Environment: {Variables: {CACHE: !GetAtt Cache.Endpoint.Address}}
  Deny:
    Type: AWS::EC2::NetworkAclEntry
    Properties: {NetworkAclId: !GetAtt Vpc.DefaultNetworkAcl, RuleNumber: 50, Egress: false, Protocol: -1, RuleAction: deny, CidrBlock: 10.0.0.0/24}
`

// The fix of what AWS makes with a VPC refers to an attribute of the VPC.
func TestFixOfDefaultACL(t *testing.T) {
	s, err := iac.Read("t.yaml", []byte(denyingTemplate), iac.Options{})
	if err != nil {
		t.Fatal(err)
	}
	before := run(t, s)
	if !slices.Contains(ids(before), "THAW-R03") {
		t.Fatalf("the entry is not seen: %v", ids(before))
	}
	template := decodeYAML(t, []byte(denyingTemplate)).(map[string]any)
	mergePatch(template, decodeYAML(t, before.Fixes().Main).(map[string]any))
	for name, r := range template["Resources"].(map[string]any) {
		p := r.(map[string]any)["Properties"].(map[string]any)
		if acl, ok := p["NetworkAclId"]; ok && !isCall(acl.(map[string]any)) {
			t.Errorf("%s: %v", name, acl)
		}
	}
}

// In Terraform the fixes of all three refer to attributes of the VPC, also of
// one with count.
func TestFixOfDefaultsTerraform(t *testing.T) {
	const source = `
resource "aws_vpc" "v" {
  count      = 1
  cidr_block = "10.0.0.0/16"
}
resource "aws_subnet" "a" {
  vpc_id     = aws_vpc.v[0].id
  cidr_block = "10.0.0.0/24"
}
resource "aws_subnet" "b" {
  vpc_id     = aws_vpc.v[0].id
  cidr_block = "10.0.1.0/24"
}
resource "aws_security_group" "f" {
  vpc_id = aws_vpc.v[0].id
  egress {
    protocol    = "tcp"
    from_port   = 6379
    to_port     = 6379
    cidr_blocks = ["10.0.1.0/24"]
  }
}
resource "aws_elasticache_serverless_cache" "c" {
  name               = "c"
  engine             = "valkey"
  subnet_ids         = [aws_subnet.b.id]
  security_group_ids = [aws_vpc.v[0].default_security_group_id]
}
resource "aws_lambda_function" "f" {
  function_name = "f"
  role          = "arn:aws:iam::123456789012:role/x"
  filename      = "f.zip"
  vpc_config {
    subnet_ids         = [aws_subnet.a.id]
    security_group_ids = [aws_security_group.f.id]
  }
  environment { variables = { CACHE = aws_elasticache_serverless_cache.c.endpoint[0].address } }
}
resource "aws_network_acl_rule" "deny" {
  network_acl_id = aws_vpc.v[0].default_network_acl_id
  rule_number    = 50
  egress         = false
  protocol       = "-1"
  rule_action    = "deny"
  cidr_block     = "10.0.0.0/24"
}
`
	dir := t.TempDir()
	write := func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	read := func() *Report {
		s, err := terraform.ReadFolder(dir, terraform.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return run(t, s)
	}
	write("main.tf", []byte(source))
	before := read()
	for _, id := range []string{"THAW-R03", "THAW-R06"} {
		if !slices.Contains(ids(before), id) {
			t.Errorf("%s is not found: %v", id, ids(before))
		}
	}
	before.Findings = slices.DeleteFunc(before.Findings, func(f Finding) bool { return f.ID != "THAW-R03" && f.ID != "THAW-R06" })
	fix := before.Fixes()
	write("fixes.tf", fix.Main)
	for _, f := range read().Findings {
		if f.ID == "THAW-R03" || f.ID == "THAW-R06" && f.Resource == "aws_lambda_function.f" {
			t.Errorf("still there: %s\n%s", f.Message, fix.Main)
		}
	}
}
