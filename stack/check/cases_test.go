package check

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/thawdev/thaw/stack"
	"github.com/thawdev/thaw/stack/iac"
	"github.com/thawdev/thaw/stack/iac/account"
	"github.com/thawdev/thaw/stack/iac/terraform"
	"github.com/thawdev/thaw/stack/reach"
)

// networkOfCases is what the cases in CloudFormation have in common.
const networkOfCases = `
Resources:
  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
  A: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.0.0/24}}
  FunctionGroup: {Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: f, VpcId: !Ref Vpc}}
  OtherGroup: {Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: o, VpcId: !Ref Vpc}}
  CacheGroup: {Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: c, VpcId: !Ref Vpc}}
  Rule: {Type: AWS::EC2::SecurityGroupIngress, Properties: {GroupId: !Ref CacheGroup, IpProtocol: tcp, FromPort: 6379, ToPort: 6380, SourceSecurityGroupId: !Ref FunctionGroup}}
  Cache: {Type: AWS::ElastiCache::ServerlessCache, Properties: {ServerlessCacheName: c, Engine: valkey, SubnetIds: [!Ref A], SecurityGroupIds: [!Ref CacheGroup]}}
  Function:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: provided.al2023
      Handler: bootstrap
      Role: !GetAtt Role.Arn
      Code: {ZipFile: x}
      VpcConfig: {SubnetIds: [!Ref A], SecurityGroupIds: [!Ref FunctionGroup]}
      Environment: {Variables: {CACHE: !GetAtt Cache.Endpoint.Address}}
  Role:
    Type: AWS::IAM::Role
    Properties:
      ManagedPolicyArns: ["arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole"]
`

// terraformCase lets a group into the cache that nothing carries.
const terraformCase = `
resource "aws_vpc" "v" { cidr_block = "10.0.0.0/16" }
resource "aws_subnet" "a" {
  vpc_id     = aws_vpc.v.id
  cidr_block = "10.0.0.0/24"
}
resource "aws_security_group" "function" { vpc_id = aws_vpc.v.id }
resource "aws_security_group" "other" { vpc_id = aws_vpc.v.id }
resource "aws_security_group" "cache" {
  vpc_id = aws_vpc.v.id
  ingress {
    protocol        = "tcp"
    from_port       = 11211
    to_port         = 11211
    security_groups = [aws_security_group.function.id, aws_security_group.other.id]
  }
}
resource "aws_elasticache_serverless_cache" "c" {
  name               = "c"
  engine             = "memcached"
  subnet_ids         = [aws_subnet.a.id]
  security_group_ids = [aws_security_group.cache.id]
}
resource "aws_lambda_function" "f" {
  function_name = "f"
  role          = "arn:aws:iam::123456789012:role/x"
  filename      = "f.zip"
  vpc_config {
    subnet_ids         = [aws_subnet.a.id]
    security_group_ids = [aws_security_group.function.id]
  }
  environment { variables = { CACHE = aws_elasticache_serverless_cache.c.endpoint[0].address } }
}
`

// Cases of single rules that are too small for a scenario: a template that goes
// on after networkOfCases, or Terraform source.
func TestCases(t *testing.T) {
	for _, tc := range []struct {
		name, rule string
		found      bool
		more       string
	}{
		{"readers' port", "THAW-P06", true, `
  Bastion: {Type: AWS::EC2::Instance, Properties: {SubnetId: !Ref A, SecurityGroupIds: [!Ref OtherGroup]}}
  Readers: {Type: AWS::EC2::SecurityGroupIngress, Properties: {GroupId: !Ref CacheGroup, IpProtocol: tcp, FromPort: 6380, ToPort: 6380, SourceSecurityGroupId: !Ref OtherGroup}}
`},
		{"data in a VPC", "THAW-V01", false, `
  Data: {Type: AWS::IAM::RolePolicy, Properties: {PolicyName: p, RoleName: !Ref Role, PolicyDocument: {Statement: [{Effect: Allow, Action: ["rds-db:connect", "elasticfilesystem:ClientWrite", "kafka-cluster:Connect"], Resource: "*"}]}}}
`},
		{"service outside", "THAW-V01", true, `
  Data: {Type: AWS::IAM::RolePolicy, Properties: {PolicyName: p, RoleName: !Ref Role, PolicyDocument: {Statement: [{Effect: Allow, Action: "elasticfilesystem:DescribeFileSystems", Resource: "*"}]}}}
`},
		{"policy that Lambda does not need", "THAW-I03", false, `
  Table: {Type: AWS::IAM::RolePolicy, Properties: {PolicyName: p, RoleName: !Ref Role, PolicyDocument: {Statement: [{Effect: Allow, Action: "dynamodb:GetItem", Resource: "*"}]}}}
`},
		{"policy that Lambda needs", "THAW-I03", true, `
  Network: {Type: AWS::IAM::RolePolicy, Properties: {PolicyName: p, RoleName: !Ref Role, PolicyDocument: {Statement: [{Effect: Allow, Action: "ec2:*NetworkInterface*", Resource: "*"}]}}}
`},
		{"IPv6 range that AWS assigns", "THAW-R11", false, `
  Six: {Type: AWS::EC2::VPCCidrBlock, Properties: {VpcId: !Ref Vpc, AmazonProvidedIpv6CidrBlock: true}}
  FarVpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.1.0.0/16}}
  FarA: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref FarVpc, CidrBlock: 10.1.0.0/24}}
  Peering: {Type: AWS::EC2::VPCPeeringConnection, Properties: {VpcId: !Ref Vpc, PeerVpcId: !Ref FarVpc}}
  Table: {Type: AWS::EC2::RouteTable, Properties: {VpcId: !Ref Vpc}}
  FarTable: {Type: AWS::EC2::RouteTable, Properties: {VpcId: !Ref FarVpc}}
  OfA: {Type: AWS::EC2::SubnetRouteTableAssociation, Properties: {SubnetId: !Ref A, RouteTableId: !Ref Table}}
  OfFarA: {Type: AWS::EC2::SubnetRouteTableAssociation, Properties: {SubnetId: !Ref FarA, RouteTableId: !Ref FarTable}}
  There: {Type: AWS::EC2::Route, Properties: {RouteTableId: !Ref FarTable, DestinationCidrBlock: 10.0.0.0/16, VpcPeeringConnectionId: !Ref Peering}}
  Back: {Type: AWS::EC2::Route, Properties: {RouteTableId: !Ref Table, DestinationCidrBlock: 10.1.0.0/16, VpcPeeringConnectionId: !Ref Peering}}
  FarGroup: {Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: f, VpcId: !Ref FarVpc}}
  FarRule: {Type: AWS::EC2::SecurityGroupIngress, Properties: {GroupId: !Ref CacheGroup, IpProtocol: tcp, FromPort: 6379, ToPort: 6380, SourceSecurityGroupId: !Ref FarGroup}}
  FarFunction:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: provided.al2023
      Handler: bootstrap
      Role: !GetAtt Role.Arn
      Code: {ZipFile: x}
      VpcConfig: {SubnetIds: [!Ref FarA], SecurityGroupIds: [!Ref FarGroup]}
      Environment: {Variables: {CACHE: !GetAtt Cache.Endpoint.Address}}
`},
		{"host name of the readers", "THAW-A06", true, `
  Replicated: {Type: AWS::ElastiCache::ReplicationGroup, Properties: {ReplicationGroupId: shop, ReplicationGroupDescription: c, Engine: valkey, NumCacheClusters: 2}}
  Reader:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: provided.al2023
      Handler: bootstrap
      Role: !GetAtt Role.Arn
      Code: {ZipFile: x}
      Environment: {Variables: {REDIS_HOST: shop-ro.abc123.ng.0001.euw1.cache.amazonaws.com}}
`},
		{"group that nothing carries", "THAW-P08", true, terraformCase},
		{"group of a build project", "THAW-P08", false, terraformCase + `
resource "aws_codebuild_project" "b" {
  name = "b"
  vpc_config { security_group_ids = [aws_security_group.other.id] }
}
`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if r := run(t, readCase(t, tc.more)); slices.Contains(ids(r), tc.rule) != tc.found {
				t.Errorf("%s found: %v, want %v", tc.rule, !tc.found, tc.found)
				for _, f := range r.Findings {
					t.Logf("%s %s", f.ID, f.Message)
				}
			}
		})
	}
}

func readCase(t *testing.T, more string) *stack.Stack {
	t.Helper()
	if !strings.Contains(more, "\nresource ") {
		s, err := iac.Read("t.yaml", []byte(networkOfCases+strings.TrimPrefix(more, "\n")), iac.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(more), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := terraform.ReadFolder(dir, terraform.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A function that is given a group of its own still reaches what it uses.
func TestNewGroupReachesServices(t *testing.T) {
	const source = `
Resources:
  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16, EnableDnsHostnames: true}}
  A: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.0.0/24}}
  Public: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.1.0/24}}
  Internet: {Type: AWS::EC2::InternetGateway}
  Attach: {Type: AWS::EC2::VPCGatewayAttachment, Properties: {VpcId: !Ref Vpc, InternetGatewayId: !Ref Internet}}
  Nat: {Type: AWS::EC2::NatGateway, Properties: {SubnetId: !Ref Public, AllocationId: eipalloc-1}}
  Table: {Type: AWS::EC2::RouteTable, Properties: {VpcId: !Ref Vpc}}
  PublicTable: {Type: AWS::EC2::RouteTable, Properties: {VpcId: !Ref Vpc}}
  Out: {Type: AWS::EC2::Route, Properties: {RouteTableId: !Ref Table, DestinationCidrBlock: 0.0.0.0/0, NatGatewayId: !Ref Nat}}
  PublicOut: {Type: AWS::EC2::Route, Properties: {RouteTableId: !Ref PublicTable, DestinationCidrBlock: 0.0.0.0/0, GatewayId: !Ref Internet}}
  OfA: {Type: AWS::EC2::SubnetRouteTableAssociation, Properties: {SubnetId: !Ref A, RouteTableId: !Ref Table}}
  OfPublic: {Type: AWS::EC2::SubnetRouteTableAssociation, Properties: {SubnetId: !Ref Public, RouteTableId: !Ref PublicTable}}
  Shared: {Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: s, VpcId: !Ref Vpc}}
  Member: {Type: AWS::EC2::SecurityGroupIngress, Properties: {GroupId: !Ref Shared, IpProtocol: tcp, FromPort: 11211, ToPort: 11211, SourceSecurityGroupId: !Ref Shared}}
  Cache: {Type: AWS::ElastiCache::ServerlessCache, Properties: {ServerlessCacheName: c, Engine: memcached, SubnetIds: [!Ref A], SecurityGroupIds: [GROUP]}}
  Function:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: provided.al2023
      Handler: bootstrap
      Role: arn:aws:iam::123456789012:role/x
      Code: {ZipFile: x}
      VpcConfig: {SubnetIds: [!Ref A], SecurityGroupIds: [GROUP]}
      Environment: {Variables: {CACHE: !GetAtt Cache.Endpoint.Address, KEY: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:k"}}
`
	for rule, source := range map[string]string{
		"THAW-I02": strings.ReplaceAll(source, "GROUP", "!Ref Shared"),
		"THAW-P05": strings.ReplaceAll(source, "GROUP", "!GetAtt Vpc.DefaultSecurityGroup"),
		"THAW-R01": strings.Replace(strings.Replace(source, "GROUP", "!Ref Shared", 1), "      VpcConfig: {SubnetIds: [!Ref A], SecurityGroupIds: [GROUP]}\n", "", 1),
	} {
		t.Run(rule, func(t *testing.T) {
			template := decodeYAML(t, []byte(source)).(map[string]any)
			read := func() *Report {
				data, err := json.Marshal(template)
				if err != nil {
					t.Fatal(err)
				}
				s, err := iac.Read("t.yaml", data, iac.Options{Region: "eu-west-1"})
				if err != nil {
					t.Fatal(err)
				}
				return run(t, s)
			}
			before := read()
			if !slices.Contains(ids(before), rule) || slices.Contains(ids(before), "THAW-V01") {
				t.Fatalf("before: %v", ids(before))
			}
			before.Findings = slices.DeleteFunc(before.Findings, func(f Finding) bool { return f.ID != rule })
			mergePatch(template, decodeYAML(t, before.Fixes().Main).(map[string]any))
			if after := ids(read()); slices.Contains(after, rule) || slices.Contains(after, "THAW-V01") {
				t.Errorf("after: %v\n%s", after, before.Fixes().Main)
			}
		})
	}
}

// A report shows no password that a template or a configuration writes out, not
// even in a fix.
func TestReportHidesPasswords(t *testing.T) {
	for name, more := range map[string]string{
		"url": `
  Leaky:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: provided.al2023
      Handler: bootstrap
      Role: !GetAtt Role.Arn
      Code: {ZipFile: x}
      Environment: {Variables: {CACHE_URL: !Sub "redis://user:hunter2@${Cache.Endpoint.Address}:6381/2"}}
`,
		"others": strings.Replace(terraformCase, "CACHE = aws_elasticache_serverless_cache.c.endpoint[0].address",
			`CACHE = "${aws_elasticache_serverless_cache.c.endpoint[0].address}:11212", DB_PASSWORD = "hunter2", DSN = "db;Password=hunter2"`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, readCase(t, more))
			if !slices.Contains(ids(r), "THAW-A07") {
				t.Fatalf("found %v", ids(r))
			}
			var out strings.Builder
			for _, f := range r.Findings {
				out.WriteString(f.Message + f.Fix)
			}
			fixes := r.Fixes()
			out.Write(fixes.Main)
			out.Write(fixes.Override)
			out.WriteString(strings.Join(fixes.Words, "\n"))
			if text := out.String(); strings.Contains(text, "hunter2") || !strings.Contains(text, "may hold a password") {
				t.Error(text)
			}
		})
	}
}

// Fixes that narrow a rule name no group where AWS does not follow it: the path
// over a peering of two regions stays open.
func TestNarrowFixesAcrossRegions(t *testing.T) {
	source := networkOfCases + `
  FarVpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.1.0.0/16}}
  FarA: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref FarVpc, CidrBlock: 10.1.0.0/24}}
  Peering: {Type: AWS::EC2::VPCPeeringConnection, Properties: {VpcId: !Ref Vpc, PeerVpcId: !Ref FarVpc, PeerRegion: us-east-2}}
  Table: {Type: AWS::EC2::RouteTable, Properties: {VpcId: !Ref Vpc}}
  FarTable: {Type: AWS::EC2::RouteTable, Properties: {VpcId: !Ref FarVpc}}
  OfA: {Type: AWS::EC2::SubnetRouteTableAssociation, Properties: {SubnetId: !Ref A, RouteTableId: !Ref Table}}
  OfFarA: {Type: AWS::EC2::SubnetRouteTableAssociation, Properties: {SubnetId: !Ref FarA, RouteTableId: !Ref FarTable}}
  There: {Type: AWS::EC2::Route, Properties: {RouteTableId: !Ref FarTable, DestinationCidrBlock: 10.0.0.0/16, VpcPeeringConnectionId: !Ref Peering}}
  Back: {Type: AWS::EC2::Route, Properties: {RouteTableId: !Ref Table, DestinationCidrBlock: 10.1.0.0/16, VpcPeeringConnectionId: !Ref Peering}}
  FarGroup: {Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: f, VpcId: !Ref FarVpc}}
  FarRule: {Type: AWS::EC2::SecurityGroupIngress, Properties: {GroupId: !Ref CacheGroup, IpProtocol: tcp, FromPort: 6379, ToPort: 6380, CidrIp: 10.1.0.0/16}}
  FarFunction:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: provided.al2023
      Handler: bootstrap
      Role: !GetAtt Role.Arn
      Code: {ZipFile: x}
      VpcConfig: {SubnetIds: [!Ref FarA], SecurityGroupIds: [!Ref FarGroup]}
      Environment: {Variables: {CACHE: !GetAtt Cache.Endpoint.Address}}
`
	template := decodeYAML(t, []byte(source)).(map[string]any)
	read := func() *Report {
		data, err := json.Marshal(template)
		if err != nil {
			t.Fatal(err)
		}
		s, err := iac.Read("t.yaml", data, iac.Options{Region: "us-east-1"})
		if err != nil {
			t.Fatal(err)
		}
		return run(t, s)
	}
	before := read()
	for _, id := range []string{"THAW-P06", "THAW-P07"} {
		if !slices.Contains(ids(before), id) {
			t.Errorf("%s is not found: %v", id, ids(before))
		}
	}
	mergePatch(template, decodeYAML(t, before.Fixes().Main).(map[string]any))
	after := read()
	for _, p := range after.Paths {
		if p.Verdict != reach.Open {
			t.Errorf("%s to %s is %v: %s", p.From, p.To, p.Verdict, p.Deciding().Reason)
		}
	}
	if slices.Contains(ids(after), "THAW-P06") || slices.Contains(ids(after), "THAW-P07") {
		t.Errorf("after: %v", ids(after))
	}
}

// What closes a path for all pairs of subnets is no matter of some of them, even
// if each pair is open but for that.
func TestClosedAsAWhole(t *testing.T) {
	const source = `
Resources:
  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
  Other: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.1.0.0/16}}
  Peering: {Type: AWS::EC2::VPCPeeringConnection, Properties: {VpcId: !Ref Vpc, PeerVpcId: !Ref Other}}
  Table: {Type: AWS::EC2::RouteTable, Properties: {VpcId: !Ref Vpc}}
  OtherTable: {Type: AWS::EC2::RouteTable, Properties: {VpcId: !Ref Other}}
  There: {Type: AWS::EC2::Route, Properties: {RouteTableId: !Ref Table, DestinationCidrBlock: 10.1.0.0/16, VpcPeeringConnectionId: !Ref Peering}}
  Back: {Type: AWS::EC2::Route, Properties: {RouteTableId: !Ref OtherTable, DestinationCidrBlock: 10.0.0.0/16, VpcPeeringConnectionId: !Ref Peering}}
  A: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.0.0/24}}
  B: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Other, CidrBlock: 10.1.0.0/24}}
  OfA: {Type: AWS::EC2::SubnetRouteTableAssociation, Properties: {SubnetId: !Ref A, RouteTableId: !Ref Table}}
  OfB: {Type: AWS::EC2::SubnetRouteTableAssociation, Properties: {SubnetId: !Ref B, RouteTableId: !Ref OtherTable}}
  Ours: {Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: s, VpcId: !Ref Vpc}}
  Theirs: {Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: s, VpcId: !Ref Other, SecurityGroupIngress: [{IpProtocol: tcp, FromPort: 11211, ToPort: 11211, CidrIp: 10.0.0.0/24}]}}
  Cache: {Type: AWS::ElastiCache::ServerlessCache, Properties: {ServerlessCacheName: c, Engine: memcached, SubnetIds: [!Ref B], SecurityGroupIds: [!Ref Theirs]}}
  Function:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: provided.al2023
      Handler: bootstrap
      Role: arn:aws:iam::123456789012:role/x
      Code: {ZipFile: x}
      VpcConfig: {SubnetIds: [!Ref A], SecurityGroupIds: [!Ref Ours]}
      Environment: {Variables: {CACHE: !GetAtt Cache.Endpoint.Address}}
`
	for name, c := range map[string]struct {
		want  string
		close func(*stack.Stack)
	}{
		"resolver": {"THAW-R03", func(s *stack.Stack) { s.VPCs[0].EnableDNSSupport = stack.Known(false) }},
		"peering":  {"THAW-R09", func(s *stack.Stack) { s.Peerings[0].Active = stack.Known(false) }},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := iac.Read("t.yaml", []byte(source), iac.Options{Region: "eu-west-1"})
			if err != nil {
				t.Fatal(err)
			}
			s.Peerings[0].Active = stack.Known(true)
			if got := run(t, s); got.Paths[0].Verdict != reach.Open {
				t.Fatalf("before: %v", got.Paths[0])
			}
			c.close(s)
			if got := ids(run(t, s)); !slices.Contains(got, c.want) || slices.Contains(got, "THAW-R04") {
				t.Errorf("found %v, want %s and not THAW-R04", got, c.want)
			}
		})
	}
}

// Each command takes effect at once: what replaces a rule comes before the rule
// goes, or the function is cut off in between.
func TestCommandsAddBeforeTheyDelete(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "testdata", "stacks", "check-p01-fail", "account.json"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := account.Read("account.json", data)
	if err != nil {
		t.Fatal(err)
	}
	text := string(run(t, s).Fixes().Main)
	add, drop := strings.LastIndex(text, "authorize-security-group-"), strings.Index(text, "revoke-security-group-")
	if add < 0 || drop < add {
		t.Errorf("a rule is deleted before another is added:\n%s", text)
	}
}

// Only the port of the cache is the cache's: another service may have the word
// for a cache in its name.
func TestWhosePort(t *testing.T) {
	for variables, want := range map[string]bool{
		`REDIS_PORT: "7000"`: true,
		`ORDERS_REDIS_HOST: !GetAtt Cache.Endpoint.Address, ORDERS_REDIS_PORT: "7000"`: true,
		`REDIS_METRICS_PORT: "9121"`:  false,
		`REDIS_EXPORTER_PORT: "9121"`: false,
	} {
		data := strings.Replace(networkOfCases, "CACHE: ", variables+", CACHE: ", 1)
		s, err := iac.Read("t.yaml", []byte(data), iac.Options{Region: "eu-west-1"})
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.Contains(ids(run(t, s)), "THAW-A07"); got != want {
			t.Errorf("%s: found %v, want %v", variables, got, want)
		}
	}
}

// What a gateway endpoint carries passes the network ACL of the subnet, so that
// an endpoint is no fix where the list keeps the answers out.
func TestGatewayEndpointBehindACL(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(`provider "aws" { region = "eu-west-1" }
resource "aws_vpc" "v" { cidr_block = "10.0.0.0/16" }
resource "aws_subnet" "s" {
  vpc_id = aws_vpc.v.id
  cidr_block = "10.0.1.0/24"
}
resource "aws_route_table" "t" { vpc_id = aws_vpc.v.id }
resource "aws_route_table_association" "t" {
  subnet_id = aws_subnet.s.id
  route_table_id = aws_route_table.t.id
}
resource "aws_network_acl" "n" {
  vpc_id = aws_vpc.v.id
  subnet_ids = [aws_subnet.s.id]
  ingress {
    rule_no = 100
    action = "allow"
    protocol = "-1"
    from_port = 0
    to_port = 0
    cidr_block = "10.0.0.0/16"
  }
  egress {
    rule_no = 100
    action = "allow"
    protocol = "-1"
    from_port = 0
    to_port = 0
    cidr_block = "0.0.0.0/0"
  }
}
resource "aws_security_group" "f" {
  vpc_id = aws_vpc.v.id
  egress {
    protocol = "-1"
    from_port = 0
    to_port = 0
    cidr_blocks = ["0.0.0.0/0"]
  }
}
resource "aws_lambda_function" "f" {
  function_name = "f"
  role = "r"
  vpc_config {
    subnet_ids = [aws_subnet.s.id]
    security_group_ids = [aws_security_group.f.id]
  }
  environment { 
    variables = { TABLE_ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/t" } 
  }
}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := terraform.ReadFolder(dir, terraform.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.Endpoints = append(s.Endpoints, &stack.Endpoint{Resource: stack.Resource{ID: "e", Type: "aws_vpc_endpoint"}, VPC: stack.Known("aws_vpc.v"), Kind: stack.Known("Gateway"),
		Service: stack.Known("com.amazonaws.eu-west-1.dynamodb"), RouteTables: []stack.Value[string]{stack.Known("aws_route_table.t")}})
	for _, f := range run(t, s).Findings {
		if f.ID == "THAW-V01" && strings.Contains(f.Fix, "aws_vpc_endpoint") {
			t.Errorf("the fix is another endpoint: %s", f.Fix)
		}
	}
}
