package terraform

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/thawdev/thaw/stack"
)

// What an expression evaluates to, as far as it can be known without AWS.
func TestExpressions(t *testing.T) {
	const frame = `
variable "given" { default = { b = 2, a = 1 } }
variable "open" {}
resource "aws_vpc" "v" {}
resource "aws_subnet" "s" { count = 3 }
resource "aws_subnet" "k" { for_each = toset(["y", "x"]) }
resource "aws_subnet" "none" { count = 0 }
`
	s := func(n int) string { return fmt.Sprintf("${aws_subnet.s[%d].id}", n) }
	for expression, want := range map[string]string{
		`cidrsubnet("10.0.0.0/16", 8, 3)`:                "10.0.3.0/24",
		`cidrsubnet("fd00:1::/56", 8, 255)`:              "fd00:1:0:ff::/64",
		`cidrsubnet("10.0.0.0/24", 8, 256)`:              "?",
		`cidrsubnets("10.0.0.0/16", 4, 8, 4)`:            "[10.0.0.0/20 10.0.16.0/24 10.0.32.0/20]",
		`cidrhost("10.0.1.0/24", 5)`:                     "10.0.1.5",
		`aws_subnet.s[*].id`:                             "[" + s(0) + " " + s(1) + " " + s(2) + "]",
		`slice(aws_subnet.s[*].id, 1, 3)`:                "[" + s(1) + " " + s(2) + "]",
		`element(aws_subnet.s[*].id, 4)`:                 s(1),
		`reverse(aws_subnet.s[*].id)[0]`:                 s(2),
		`concat(aws_subnet.none[*].id, [aws_vpc.v.id])`:  "[${aws_vpc.v.id}]",
		`one(aws_subnet.none[*].id)`:                     "null",
		`coalesce(one(aws_subnet.none[*].id), "x")`:      "x",
		`try(aws_subnet.none[0].id, aws_vpc.v.id)`:       "${aws_vpc.v.id}",
		`can(aws_subnet.none[0].id)`:                     "false",
		`values(aws_subnet.k)[*].id`:                     `[${aws_subnet.k["x"].id} ${aws_subnet.k["y"].id}]`,
		`[for k, r in aws_subnet.k : k if r.id != ""]`:   "[x y]",
		`{for k, v in var.given : k => v * 2}`:           "{a=2 b=4}",
		`merge(var.given, { c = 3 })["c"]`:               "3",
		`lookup(var.given, "z", "none")`:                 "none",
		`length(aws_subnet.s)`:                           "3",
		`length(var.open)`:                               "?",
		`slice(var.open, 0, 2)`:                          "[? ?]",
		`join("-", ["a", aws_vpc.v.id])`:                 "a-${aws_vpc.v.id}",
		`format("%s:%d", aws_vpc.v.id, 5)`:               "${aws_vpc.v.id}:5",
		`format("%05.1f", 3)`:                            "003.0",
		`format("%99999d", 3)`:                           "?",
		`replace("a.b.c", "/[.]/", "-")`:                 "a-b-c",
		`upper(trimprefix("x-y", "x-"))`:                 "Y",
		`flatten([["a"], [["b"], aws_vpc.v.id]])`:        "[a b ${aws_vpc.v.id}]",
		`distinct(["a", "a", aws_vpc.v.id])`:             "[a ${aws_vpc.v.id}]",
		`toset(["b", "a", "b"])`:                         "[a b]",
		`zipmap(["a"], [aws_vpc.v.id]).a`:                "${aws_vpc.v.id}",
		`jsonencode({ a = [1, "x"], b = aws_vpc.v.id })`: `{"a":[1,"x"],"b":"${aws_vpc.v.id}"}`,
		`jsondecode("{\"a\": [1]}").a[0]`:                "1",
		`range(3)`:                                       "[0 1 2]",
		`contains(["a"], "a") && var.open`:               "?",
		`contains(["b"], "a") && var.open`:               "false",
		`aws_vpc.v.id == "" ? "a" : "b"`:                 "b",
		`var.open ? "a" : "a"`:                           "a",
		`var.open ? "a" : "b"`:                           "?",
		`"%{for x in ["a", "b"]}${x},%{endfor}"`:         "a,b,",
		`file("/etc/hostname")`:                          "?", // not ours to read
		`timestamp()`:                                    "?",
		`nothing.at.all`:                                 "?",
		`1 / 0`:                                          "?",
		`sensitive("a") == "" ? "x" : "y"`:               "y",
		`cidrhost(sensitive("10.0.0.0/8"), 1)`:           "?",
		`-(2 + 3) % 4`:                                   "-1",
	} {
		e := newEngine(Options{})
		e.root.source = newFolder(".")
		if err := e.root.source.parse("main.tf", []byte(frame+"locals {\n x = "+expression+"\n}\n")); err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		if got := show(e.root.local("x")); got != want {
			t.Errorf("%s: %s, want %s", expression, got, want)
		}
	}
}

// Blocks, in every form in which they are written.
func TestSource(t *testing.T) {
	s := readText(t, `
provider "aws" { region = var.region }
variable "region" { default = "eu-west-1" }
variable "ports" { default = [6379, 6380] }
variable "maybe" { type = bool }
variable "rules" {}

resource "aws_vpc" "v" { cidr_block = "10.0.0.0/16" }

# The function's group.
# thaw:ignore P07 reviewed in March
resource "aws_security_group" "f" {
  vpc_id = aws_vpc.v.id
  dynamic "egress" {
    for_each = var.ports
    iterator = port
    content {
      protocol        = "tcp"
      from_port       = port.value
      to_port         = port.value
      security_groups = [aws_security_group.c.id]
    }
  }
}

resource "aws_security_group" "c" {
  vpc_id = aws_vpc.v.id
  ingress {
    # thaw:ignore P02 for the migration
    protocol    = "all"
    from_port   = 0
    to_port     = 0
    cidr_blocks = [aws_vpc.v.cidr_block, "192.168.0.0/16"]
    self        = true
  }
  dynamic "egress" {
    for_each = var.rules
    content {
      protocol  = "tcp"
      from_port = egress.value
      to_port   = egress.value
    }
  }
}

resource "aws_vpc_security_group_ingress_rule" "later" {
  count             = var.maybe ? 1 : 0
  security_group_id = aws_security_group.c.id
  ip_protocol       = "tcp"
  from_port         = 1
  to_port           = 2
  cidr_ipv4         = "0.0.0.0/0"
}

resource "aws_security_group_rule" "default" {
  security_group_id = aws_vpc.v.default_security_group_id
  type              = "ingress"
  protocol          = 6
  from_port         = 5
  to_port           = 5
  cidr_blocks       = ["10.0.0.0/8"]
}

resource "aws_security_group_rule" "lost" {
  security_group_id = var.maybe
  type              = "ingress"
}

resource "aws_route" "out" {
  route_table_id         = aws_vpc.v.main_route_table_id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.n.id
}

resource "aws_nat_gateway" "n" { connectivity_type = "private" }

module "elsewhere" {
  source = "registry.example/vpc/aws"
  vpc_id = aws_vpc.v.id
}

module "logs" {
  source = "registry.example/logs/aws"
  name   = "logs"
}

resource "aws_iam_role" "r" { name = "r" }

data "aws_iam_policy_document" "d" {
  statement {
    actions   = ["dynamodb:GetItem"]
    resources = [aws_dynamodb_table.t.arn]
  }
  statement {
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = ["*"]
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_dynamodb_table" "t" { name = "t" }

resource "aws_iam_role_policy" "p" {
  role   = aws_iam_role.r.id
  policy = data.aws_iam_policy_document.d.json
}

resource "aws_lambda_function" "f" {
  function_name = "f"
  role          = aws_iam_role.r.arn
  vpc_config {
    subnet_ids         = module.elsewhere.private_subnets
    security_group_ids = [aws_security_group.f.id]
  }
}
`)
	if s.Region != "eu-west-1" || s.Dialect != stack.Terraform {
		t.Errorf("region %q, dialect %q", s.Region, s.Dialect)
	}
	f, c := s.SecurityGroup("aws_security_group.f"), s.SecurityGroup("aws_security_group.c")
	if len(f.Egress) != 2 || f.Egress[1].FromPort.Or(0) != 6380 || f.Egress[1].SecurityGroup.Or("") != c.ID || f.Egress[1].Origin.Line != 14 {
		t.Errorf("a dynamic block: %+v", f.Egress)
	}
	if len(f.Ingress) != 0 {
		t.Errorf("ingress %+v", f.Ingress)
	}
	if len(f.Ignored) != 1 || f.Ignored[0].Reason != "reviewed in March" || len(c.Ignored) != 1 || c.Ignored[0].Rule != "P02" {
		t.Errorf("ignored: %+v and %+v", f.Ignored, c.Ignored)
	}
	var peers []string
	for _, r := range c.Ingress {
		peers = append(peers, r.Protocol.Or("?")+" "+r.CIDR.Or("?")+r.SecurityGroup.Or("?"))
	}
	if got, want := strings.Join(peers, ", "), "-1 10.0.0.0/16, -1 192.168.0.0/16, -1 aws_security_group.c, ? 0.0.0.0/0"; got != want {
		t.Errorf("ingress: %s, want %s", got, want)
	}
	if len(c.Egress) != 1 || c.Egress[0].Protocol.IsKnown() || c.Egress[0].CIDR.IsKnown() {
		t.Errorf("rules over a variable without a value: %+v, want one of which nothing is known", c.Egress)
	}
	d := s.SecurityGroup("aws_vpc.v.default_security_group_id")
	if d == nil || !d.Default || len(d.Ingress) != 2 || d.Ingress[1].Protocol.Or("") != "tcp" || d.VPC.Or("") != "aws_vpc.v" {
		t.Errorf("default group: %+v", d)
	}
	main := s.RouteTables[0]
	if !main.Main || main.VPC.Or("") != "aws_vpc.v" || main.Routes[0].TargetKind != "nat" || main.Routes[0].Target.Or("") != "aws_nat_gateway.n" {
		t.Errorf("main route table: %+v", main)
	}
	if s.Gateways[0].Kind != stack.PrivateNATGateway {
		t.Errorf("gateway: %+v", s.Gateways[0])
	}
	role := s.Roles[0]
	if len(role.Statements) != 2 || role.Statements[0].Actions[0].Or("") != "dynamodb:GetItem" || role.Statements[0].Resources[0].Or("") != "aws_dynamodb_table.t" ||
		role.Statements[1].Allow || !role.Statements[1].Conditional || !role.Complete.IsKnown() {
		t.Errorf("role: %+v", role)
	}
	subnets := s.Functions[0].VPC.Subnets
	if len(subnets) != 1 || subnets[0].IsKnown() || !strings.Contains(subnets[0].Why(), "module.elsewhere") {
		t.Errorf("subnets of a module that is not here: %+v", subnets)
	}
	gaps := map[string]string{}
	for _, g := range s.Gaps {
		gaps[g.What] = g.Kind
	}
	want := map[string]string{"module.elsewhere": "", "module.logs": "others", "aws_security_group_rule.lost": "security_groups"}
	for what, kind := range want {
		if got, ok := gaps[what]; !ok || got != kind {
			t.Errorf("gap %s: %q %v, want kind %q", what, got, ok, kind)
		}
	}
}

// Variables come from defaults, terraform.tfvars, *.auto.tfvars and the options,
// each before the ones named first; modules from where terraform init put them.
func TestVariablesAndInstalledModules(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"main.tf":                         "variable \"a\" { default = 1 }\nvariable \"b\" { default = 1 }\nvariable \"c\" { default = 1 }\nvariable \"d\" { default = 1 }\nmodule \"m\" {\n source = \"example/m/aws\"\n x = \"${var.a}${var.b}${var.c}${var.d}\"\n}\n",
		"terraform.tfvars":                "b = 2\nc = 2\nd = 2\n",
		"x.auto.tfvars":                   "c = 3\nd = 3\n",
		".terraform/modules/modules.json": `{"Modules":[{"Key":"","Source":"","Dir":"."},{"Key":"m","Source":"example/m/aws","Version":"1.0.0","Dir":".terraform/modules/m"}]}`,
		".terraform/modules/m/main.tf":    "variable \"x\" {}\nresource \"aws_vpc\" \"v\" { cidr_block = \"10.${var.x}.0.0/16\" }\nresource \"aws_subnet\" \"s\" { availability_zone = var.x }\n",
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := ReadFolder(dir, Options{Variables: map[string]string{"d": "4"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Subnets) != 1 || s.Subnets[0].Zone.Or("") != "1234" || s.Subnets[0].ID != "module.m.aws_subnet.s" {
		t.Errorf("%+v, gaps %v", s.Subnets, s.Gaps)
	}
}
