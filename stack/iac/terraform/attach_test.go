package terraform

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/thawdev/thaw/stack"
)

// What AWS makes with a VPC may be adopted; references to the VPC's attributes
// then mean the resource that adopts it.
func TestAdoptedDefaults(t *testing.T) {
	s := readText(t, `
resource "aws_vpc" "v" { cidr_block = "10.0.0.0/16" }
resource "aws_default_security_group" "g" { vpc_id = aws_vpc.v.id }
resource "aws_default_network_acl" "a" {
  default_network_acl_id = aws_vpc.v.default_network_acl_id
  ingress {
    rule_no    = 100
    action     = "allow"
    protocol   = "tcp"
    from_port  = 6379
    to_port    = 6379
    cidr_block = "10.0.0.0/16"
  }
  egress {
    rule_no         = 1
    action          = "deny"
    protocol        = -1
    from_port       = 0
    to_port         = 0
    ipv6_cidr_block = "::/0"
  }
}
resource "aws_default_route_table" "t" {
  default_route_table_id = aws_vpc.v.default_route_table_id
  route {
    cidr_block = "10.0.0.0/16"
    gateway_id = "local"
  }
}
resource "aws_route" "r" {
  route_table_id         = aws_vpc.v.main_route_table_id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = "igw-1"
}
resource "aws_security_group_rule" "in" {
  security_group_id        = aws_vpc.v.default_security_group_id
  type                     = "ingress"
  protocol                 = "tcp"
  from_port                = 1
  to_port                  = 2
  source_security_group_id = aws_vpc.v.default_security_group_id
}
`)
	if len(s.SecurityGroups) != 1 || len(s.NetworkACLs) != 1 || len(s.RouteTables) != 1 || len(s.Gaps)+len(s.Others) != 0 {
		t.Fatalf("%d groups, %d lists, %d tables, gaps %v, others %v", len(s.SecurityGroups), len(s.NetworkACLs), len(s.RouteTables), s.Gaps, s.Others)
	}
	g := s.SecurityGroups[0]
	if !g.Default || g.ID != "aws_default_security_group.g" || len(g.Egress) != 0 || len(g.Ingress) != 1 || g.Ingress[0].SecurityGroup.Or("") != g.ID {
		t.Errorf("an adopted group has the rules that are written and no other: %+v", g)
	}
	a := s.NetworkACLs[0]
	if !a.Default || a.VPC.Or("") != "aws_vpc.v" || len(a.Entries) != 2 || a.Entries[0].Protocol.Or("") != "6" || !a.Entries[0].Allow.Or(false) ||
		a.Entries[1].CIDR.Or("") != "::/0" || !a.Entries[1].Egress.Or(false) || a.Entries[1].FromPort.Or(0) != -1 {
		t.Errorf("list: %+v", a)
	}
	r := s.RouteTables[0]
	if !r.Main || r.VPC.Or("") != "aws_vpc.v" || len(r.Routes) != 1 || r.Routes[0].Target.Or("") != "igw-1" {
		t.Errorf("table: %+v", r)
	}
}

// Resources that only attach something to others.
func TestAttachments(t *testing.T) {
	s := readText(t, `
provider "aws" { region = "eu-west-1" }
resource "aws_vpc" "v" { cidr_block = "10.0.0.0/16" }
resource "aws_vpc_ipv4_cidr_block_association" "c" {
  vpc_id     = aws_vpc.v.id
  cidr_block = "10.1.0.0/16"
}
resource "aws_internet_gateway" "i" {}
resource "aws_internet_gateway_attachment" "i" {
  internet_gateway_id = aws_internet_gateway.i.id
  vpc_id              = aws_vpc.v.id
}
resource "aws_vpc_endpoint" "e" {
  vpc_id       = aws_vpc.v.id
  service_name = "com.amazonaws.eu-west-1.s3"
}
resource "aws_vpc_endpoint_route_table_association" "e" {
  vpc_endpoint_id = aws_vpc_endpoint.e.id
  route_table_id  = aws_vpc.v.main_route_table_id
}
resource "aws_ec2_managed_prefix_list" "l" {
  name = "l"
  entry { cidr = "192.0.2.0/24" }
}
resource "aws_ec2_managed_prefix_list_entry" "l" {
  prefix_list_id = aws_ec2_managed_prefix_list.l.id
  cidr           = "198.51.100.0/24"
}
resource "aws_vpc_peering_connection" "p" {
  vpc_id      = aws_vpc.v.id
  peer_vpc_id = "vpc-1"
  peer_region = "us-east-1"
}
resource "aws_vpc_peering_connection_accepter" "p" {
  vpc_peering_connection_id = aws_vpc_peering_connection.p.id
  auto_accept               = true
}
resource "aws_vpc_peering_connection_options" "p" {
  vpc_peering_connection_id = aws_vpc_peering_connection.p.id
  requester { allow_remote_vpc_dns_resolution = true }
  accepter { allow_remote_vpc_dns_resolution = true }
}
resource "aws_lambda_function" "f" {
  function_name = "f"
  role          = "arn:aws:iam::123456789012:role/f"
  filename      = "f.zip"
}
resource "aws_lambda_alias" "live" {
  name             = "live"
  function_name    = aws_lambda_function.f.arn
  function_version = "1"
}
resource "aws_lambda_provisioned_concurrency_config" "f" {
  function_name                     = aws_lambda_alias.live.function_name
  qualifier                         = aws_lambda_alias.live.name
  provisioned_concurrent_executions = 5
}
resource "aws_scheduler_schedule" "s" {
  schedule_expression = "rate(5 minutes)"
  state               = "DISABLED"
  target {
    arn   = aws_lambda_alias.live.arn
    input = jsonencode({ warm = true })
  }
}
resource "aws_elasticache_cluster" "m" {
  cluster_id      = "m"
  engine          = "memcached"
  num_cache_nodes = 2
}
resource "aws_lambda_function" "g" {
  function_name = "g"
  role          = "arn:aws:iam::123456789012:role/f"
  environment {
    variables = {
      ONE   = one(aws_elasticache_cluster.m.cache_nodes).address
      SPLAT = one(aws_elasticache_cluster.m.cache_nodes[*].address)
      NODES = aws_elasticache_cluster.m.configuration_endpoint
      FIRST = aws_elasticache_cluster.m.cache_nodes[0].address
      OLD   = "${aws_elasticache_cluster.m.cache_nodes.0.address}:${aws_elasticache_cluster.m.port}"
    }
  }
}
`)
	if n := len(s.VPCs[0].CIDRs); n != 2 {
		t.Errorf("%d ranges, want 2", n)
	}
	if v := s.Gateways[0].VPC.Or(""); v != "aws_vpc.v" {
		t.Errorf("the gateway is attached to %q", v)
	}
	if e := s.Endpoints[0]; len(e.RouteTables) != 1 || e.RouteTables[0].Or("") != "aws_vpc.v.default_route_table_id" {
		t.Errorf("endpoint: %+v", e)
	}
	if l := s.PrefixLists[0]; len(l.Entries) != 2 {
		t.Errorf("prefix list: %+v", l)
	}
	if p := s.Peerings[0]; !p.Active.Or(false) || !p.ResolveDNS.Or(false) || p.SameRegion.Or(true) {
		t.Errorf("peering: %+v", p)
	}
	f := s.Functions[0]
	if f.Provisioned.Or(0) != 5 || f.Alias.Or("") != "live" || !strings.HasSuffix(f.Code.Or(""), "f.zip") {
		t.Errorf("function: %+v", f)
	}
	if len(f.Schedules) != 1 || f.Schedules[0].Enabled.Or(true) || f.Schedules[0].Input.Or("") != `{"warm":true}` {
		t.Errorf("schedules: %+v", f.Schedules)
	}
	const host, port = "${aws_elasticache_cluster.m." + stack.EndpointAddress + "}", "${aws_elasticache_cluster.m." + stack.EndpointPort + "}"
	for name, want := range map[string]string{"ONE": host, "SPLAT": host, "NODES": host + ":" + port, "FIRST": host, "OLD": host + ":" + port} {
		if got := s.Functions[1].Environment[name].String(); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if len(s.Gaps)+len(s.Others) != 0 {
		t.Errorf("gaps %v, others %v", s.Gaps, s.Others)
	}
}

// A rule of the network ACL that AWS makes with a VPC stands beside those that
// allow all.
func TestDefaultACL(t *testing.T) {
	s := readText(t, `
resource "aws_vpc" "v" { cidr_block = "10.0.0.0/16" }
resource "aws_network_acl_rule" "deny" {
  network_acl_id = aws_vpc.v.default_network_acl_id
  rule_number    = 50
  protocol       = "-1"
  rule_action    = "deny"
  cidr_block     = "10.0.0.0/24"
}
`)
	if len(s.NetworkACLs) != 1 || len(s.Gaps)+len(s.Others) != 0 {
		t.Fatalf("%d lists, gaps %v, others %v", len(s.NetworkACLs), s.Gaps, s.Others)
	}
	if a := s.NetworkACLs[0]; !a.Default || a.VPC.Or("") != "aws_vpc.v" || len(a.Entries) != 5 || a.Entries[4].Allow.Or(true) {
		t.Errorf("%+v", a)
	}
}

// A subnet of a declared VPC whose route table or list is declared elsewhere does
// not have the default of the VPC.
func TestSubnetOfForeignTable(t *testing.T) {
	s := readText(t, `
resource "aws_vpc" "v" { cidr_block = "10.0.0.0/16" }
resource "aws_subnet" "s" {
  vpc_id     = aws_vpc.v.id
  cidr_block = "10.0.0.0/24"
}
data "aws_route_table" "t" { vpc_id = aws_vpc.v.id }
resource "aws_route_table_association" "s" {
  subnet_id      = aws_subnet.s.id
  route_table_id = data.aws_route_table.t.id
}
resource "aws_network_acl_association" "s" {
  subnet_id      = aws_subnet.s.id
  network_acl_id = "acl-1"
}
resource "aws_route_table_association" "elsewhere" {
  subnet_id      = "subnet-1"
  route_table_id = "rtb-1"
}
`)
	if len(s.Gaps) != 2 || s.Gaps[0].Kind != "route_tables" || s.Gaps[1].Kind != "network_acls" {
		t.Errorf("gaps %v", s.Gaps)
	}
}

// The workspace is the one that is selected in the folder. Of a plan it is not
// known.
func TestWorkspace(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	groups := func() int {
		s, err := ReadFolder(dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		return len(s.SecurityGroups)
	}
	write("main.tf", `
resource "aws_security_group" "g" {
  count = terraform.workspace == "prod" ? 2 : 3
}
`)
	if n := groups(); n != 3 {
		t.Errorf("%d groups in the default workspace", n)
	}
	write(".terraform/environment", "prod")
	if n := groups(); n != 2 {
		t.Errorf("%d groups in the workspace that is selected", n)
	}
	e := newEngine(Options{})
	e.planned = true
	e.readInstalled(dir)
	if _, known := e.workspace.scalar(); known {
		t.Error("the workspace of a plan is known")
	}
}

// What is not known may replace a field that stands before it in a merge, and
// none that stands behind it. The cache that the field mentions is still known.
func TestMergeWithUnknown(t *testing.T) {
	s := readText(t, `
variable "more" {}
resource "aws_elasticache_serverless_cache" "c" {
  name   = "c"
  engine = "valkey"
}
resource "aws_lambda_function" "f" {
  function_name = "f"
  role          = "r"
  environment {
    variables = merge({ HOST = aws_elasticache_serverless_cache.c.endpoint[0].address, TLS = "true" }, var.more, { LAST = "x" })
  }
}
`)
	env := s.Functions[0].Environment
	if _, known := env["TLS"].Resolve(nil).Get(); known {
		t.Errorf("TLS is %v", env["TLS"])
	}
	if v, _ := env["LAST"].Resolve(nil).Get(); v != "x" {
		t.Errorf("LAST is %v", env["LAST"])
	}
	if refs := env["HOST"].References(); len(refs) != 1 || refs[0] != "aws_elasticache_serverless_cache.c" {
		t.Errorf("HOST mentions %v", refs)
	}
}

// A peering with another account or region is accepted over there, which this
// configuration need not show.
func TestPeeringAcceptedElsewhere(t *testing.T) {
	s := readText(t, `
resource "aws_vpc_peering_connection" "account" {
  vpc_id        = "vpc-1"
  peer_vpc_id   = "vpc-2"
  peer_owner_id = "123456789012"
}
resource "aws_vpc_peering_connection" "region" {
  vpc_id      = "vpc-1"
  peer_vpc_id = "vpc-3"
  peer_region = "us-east-1"
}
resource "aws_vpc_peering_connection" "pending" {
  vpc_id      = "vpc-1"
  peer_vpc_id = "vpc-4"
}
`)
	for _, p := range s.Peerings {
		if want := strings.HasSuffix(p.ID, ".pending"); p.Active.IsKnown() != want {
			t.Errorf("whether %s is active: %v, known should be %v", p.ID, p.Active, want)
		}
	}
}
