package terraform

import (
	"encoding/binary"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"github.com/thawdev/thaw/stack"
	"github.com/thawdev/thaw/stack/iac/terraform/tfwrite"
)

// existing is a plan over a deployment that exists: all ids are known, the group
// repeats its rules (one of its own, one that apply deletes, one that apply
// changes, one made by hand), and the environment shows the name of the cache.
const existing = `{"format_version":"1.2","terraform_version":"1.11.4",
"prior_state":{"values":{"root_module":{"resources":[
 {"address":"data.aws_subnet.old","mode":"data","type":"aws_subnet","name":"old","values":{"id":"subnet-9","vpc_id":"vpc-9","cidr_block":"10.9.0.0/24","availability_zone":"eu-west-1c","available_ip_address_count":17}},
 {"address":"data.aws_security_group.old","mode":"data","type":"aws_security_group","name":"old","values":{"id":"sg-9","vpc_id":"vpc-9"}}]}}},
"resource_changes":[
 {"address":"aws_vpc.main","type":"aws_vpc","name":"main","change":{"actions":["no-op"],"after":{"id":"vpc-1","cidr_block":"10.0.0.0/16","default_security_group_id":"sg-d","main_route_table_id":"rtb-m","default_network_acl_id":"acl-d"},"after_unknown":{}}},
 {"address":"aws_subnet.a","type":"aws_subnet","name":"a","change":{"actions":["no-op"],"after":{"id":"subnet-1","vpc_id":"vpc-1","cidr_block":"10.0.1.0/24"},"after_unknown":{}}},
 {"address":"aws_subnet.gone","type":"aws_subnet","name":"gone","change":{"actions":["delete"],"before":{"id":"subnet-2"},"after":null,"after_unknown":{}}},
 {"address":"aws_security_group.cache","type":"aws_security_group","name":"cache","change":{"actions":["no-op"],"after_unknown":{},"after":{"id":"sg-1","name":"cache","vpc_id":"vpc-1","egress":[],"ingress":[
   {"protocol":"tcp","from_port":6379,"to_port":6379,"cidr_blocks":["10.0.0.0/16"],"ipv6_cidr_blocks":[],"prefix_list_ids":[],"security_groups":[],"self":false,"description":"of its own"},
   {"protocol":"tcp","from_port":22,"to_port":22,"cidr_blocks":["0.0.0.0/0"],"ipv6_cidr_blocks":[],"prefix_list_ids":[],"security_groups":[],"self":false,"description":"deleted"},
   {"protocol":"tcp","from_port":80,"to_port":80,"cidr_blocks":["0.0.0.0/0"],"ipv6_cidr_blocks":[],"prefix_list_ids":[],"security_groups":[],"self":false,"description":"changed"},
   {"protocol":"-1","from_port":0,"to_port":0,"cidr_blocks":[],"ipv6_cidr_blocks":[],"prefix_list_ids":[],"security_groups":["sg-d"],"self":true,"description":"by hand"}]}}},
 {"address":"aws_vpc_security_group_ingress_rule.own","type":"aws_vpc_security_group_ingress_rule","name":"own","change":{"actions":["no-op"],
   "before":{"security_group_id":"sg-1","ip_protocol":"tcp","from_port":6379,"to_port":6379,"cidr_ipv4":"10.0.0.0/16"},
   "after":{"security_group_id":"sg-1","ip_protocol":"tcp","from_port":6379,"to_port":6379,"cidr_ipv4":"10.0.0.0/16"},"after_unknown":{}}},
 {"address":"aws_security_group_rule.deleted","type":"aws_security_group_rule","name":"deleted","change":{"actions":["delete"],
   "before":{"security_group_id":"sg-1","type":"ingress","protocol":"tcp","from_port":22,"to_port":22,"cidr_blocks":["0.0.0.0/0"]},"after":null,"after_unknown":{}}},
 {"address":"aws_vpc_security_group_ingress_rule.changed","type":"aws_vpc_security_group_ingress_rule","name":"changed","change":{"actions":["update"],
   "before":{"security_group_id":"sg-1","ip_protocol":"tcp","from_port":80,"to_port":80,"cidr_ipv4":"0.0.0.0/0"},
   "after":{"security_group_id":"sg-1","ip_protocol":"tcp","from_port":80,"to_port":80,"cidr_ipv4":"10.0.0.0/16"},"after_unknown":{}}},
 {"address":"aws_elasticache_replication_group.c","type":"aws_elasticache_replication_group","name":"c","change":{"actions":["no-op"],"after_unknown":{},"after":{"id":"c","engine":"redis","port":6379,
   "num_cache_clusters":2,"cluster_enabled":false,"primary_endpoint_address":"c.x.ng.0001.euw1.cache.amazonaws.com","reader_endpoint_address":"c-ro.x.ng.0001.euw1.cache.amazonaws.com","security_group_ids":["sg-1","sg-9"],"auth_token":"correct-horse"}}},
 {"address":"aws_iam_role.r","type":"aws_iam_role","name":"r","change":{"actions":["no-op"],"after":{"id":"r","name":"r","arn":"arn:aws:iam::1:role/r"},"after_unknown":{}}},
 {"address":"aws_lambda_function.f","type":"aws_lambda_function","name":"f","change":{"actions":["update"],"after_unknown":{},
   "after":{"id":"f","function_name":"f","role":"arn:aws:iam::1:role/r","reserved_concurrent_executions":-1,"vpc_config":[{"subnet_ids":["subnet-1","subnet-9"],"security_group_ids":["sg-d"]}],
   "environment":[{"variables":{"URL":"redis://:correct-horse@c.x.ng.0001.euw1.cache.amazonaws.com:6379","READ":"c-ro.x.ng.0001.euw1.cache.amazonaws.com","PASSWORD":"correct-horse"}}]},
   "after_sensitive":{"environment":[{"variables":{"PASSWORD":true}}]}}}],
"configuration":{"root_module":{"resources":[{"address":"aws_security_group.cache","expressions":{"name":{"constant_value":"cache"}}}]}}}`

// What exists after apply counts: rules that apply deletes or changes are gone,
// rules made by hand stay, a rule of its own is there once.
func TestExistingDeployment(t *testing.T) {
	s, err := Read("no/such/folder/plan.json", []byte(existing), Options{})
	if err != nil {
		t.Fatal(err)
	}
	var rules []string
	for _, r := range s.SecurityGroup("aws_security_group.cache").Ingress {
		rules = append(rules, strings.TrimSpace(r.Protocol.Or("?")+" "+r.CIDR.Or("?")+" "+r.SecurityGroup.Or("?")))
	}
	want := []string{"-1  aws_vpc.main.default_security_group_id", "-1  aws_security_group.cache", "tcp 10.0.0.0/16", "tcp 10.0.0.0/16"}
	if diff := cmp.Diff(want, rules); diff != "" {
		t.Errorf("rules (-want +got)\n%s", diff)
	}
	f := s.Functions[0]
	if got := []string{f.VPC.Subnets[0].Or(""), f.VPC.Subnets[1].Or(""), f.VPC.SecurityGroups[0].Or(""), f.Role.Or("")}; !cmp.Equal(got,
		[]string{"aws_subnet.a", "data.aws_subnet.old", "aws_vpc.main.default_security_group_id", "aws_iam_role.r"}) {
		t.Errorf("ids are not resolved to addresses: %q", got)
	}
	if g := s.SecurityGroup("aws_vpc.main.default_security_group_id"); g == nil || !g.Default {
		t.Error("the default group is named and not there")
	}
	if s.Subnet("aws_subnet.gone") != nil {
		t.Error("a subnet that apply deletes is there")
	}
	if old := s.Subnet("data.aws_subnet.old"); old == nil || old.FreeAddresses.Or(0) != 17 || old.VPC.Or("") != "vpc-9" {
		t.Errorf("the subnet that the plan has read: %+v", old)
	}
	if s.SecurityGroup("data.aws_security_group.old") != nil {
		t.Error("a group whose rules are not in the plan is there, as if it had none")
	}
	const cache = "${aws_elasticache_replication_group.c."
	if got, want := f.Environment["READ"].String(), cache+"reader.address}"; got != want {
		t.Errorf("READ is %s, want %s", got, want)
	}
	if f.Reserved != nil {
		t.Error("-1 is the provider's word for no reservation")
	}
	if got := s.CachesOf(f); len(got) != 1 {
		t.Errorf("the function uses %d caches, want 1", len(got))
	}
	written, err := json.Marshal(s)
	if err != nil || strings.Contains(string(written), "correct-horse") || !strings.Contains(string(written), `"PASSWORD":[{"secret":true}]`) {
		t.Errorf("a sensitive variable or the token inside a URL is written out, or %v", err)
	}
	if got, want := f.Environment["URL"].String(), "redis://:${secret}@"+cache+"endpoint.address}:6379"; got != want {
		t.Errorf("URL is %s, want %s", got, want)
	}
}

// A state has no configuration and no unknowns: the same stack, with ids
// resolved.
func TestState(t *testing.T) {
	var plan map[string]any
	if err := json.Unmarshal([]byte(existing), &plan); err != nil {
		t.Fatal(err)
	}
	var resources []any
	for _, c := range plan["resource_changes"].([]any) {
		r := c.(map[string]any)
		if after := r["change"].(map[string]any)["after"]; after != nil {
			resources = append(resources, map[string]any{"address": "module.m." + r["address"].(string), "mode": "managed", "type": r["type"], "name": r["name"], "values": after})
		}
	}
	state, err := json.Marshal(map[string]any{"format_version": "1.0", "terraform_version": "1.11.4", "values": map[string]any{"root_module": map[string]any{
		"child_modules": []any{map[string]any{"address": "module.m", "resources": resources}}}}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := Read("no/such/folder/state.json", state, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Functions) != 1 || len(s.Caches) != 1 || s.Functions[0].VPC.Subnets[0].Or("") != "module.m.aws_subnet.a" {
		t.Errorf("%d functions, %d caches", len(s.Functions), len(s.Caches))
	}
	if n := len(s.SecurityGroup("module.m.aws_security_group.cache").Ingress); n != 6 {
		t.Errorf("%d rules, want 6: what a state holds exists", n)
	}
	for _, g := range s.Gaps {
		t.Errorf("a gap: %+v", g)
	}
}

// Files that PowerShell and CI wrappers write are read as they are.
func TestEncodings(t *testing.T) {
	plan := tfwrite.Plan(sample(1))
	var wide []byte
	for _, u := range utf16.Encode([]rune("\ufeff" + string(plan))) {
		wide = binary.LittleEndian.AppendUint16(wide, u)
	}
	line, err := json.Marshal(json.RawMessage(plan))
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"UTF-16": wide, "byte order mark": append([]byte("\xef\xbb\xbf"), plan...),
		"wrapper": []byte("[command]terraform show -json saved\n" + string(line) + "\n::debug::exit 0\n")} {
		if !Recognize(data) {
			t.Errorf("%s: not recognized", name)
		}
		if s, err := Read("no/such/folder/plan.json", data, Options{}); err != nil || len(s.Functions) != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// With the source beside it, resources of a plan have lines, and comments count.
func TestPlanOrigins(t *testing.T) {
	dir := t.TempDir()
	s := sample(1)
	s.Caches[0].Ignored = []stack.Ignore{{Rule: "C04", Reason: "one zone is enough"}}
	for name, data := range map[string][]byte{"plan.json": tfwrite.Plan(s), "main.tf": tfwrite.HCL(s)} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := ReadFolder(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if o := s.Functions[0].Origin; filepath.Base(o.File) != "main.tf" || o.Line == 0 || o.Address != "aws_lambda_function.function0" {
		t.Errorf("origin %v", o)
	}
	if o := s.Functions[0].VPC.Origin; o.Line <= s.Functions[0].Origin.Line {
		t.Errorf("the block vpc_config is at %v", o)
	}
	if i := s.Caches[0].Ignored; len(i) != 1 || i[0].Rule != "C04" || i[0].Reason != "one zone is enough" || i[0].Origin.Line == 0 {
		t.Errorf("ignored: %+v", i)
	}
	alone, err := Read("no/such/folder/plan.json", tfwrite.Plan(sample(1)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if o := alone.Functions[0].Origin; o.File != "no/such/folder/plan.json" || o.Line != 0 {
		t.Errorf("origin without source: %v", o)
	}
}

// What a table, a list or an endpoint repeats of resources of their own is gone
// if apply deletes them, as are the rules of a group.
func TestDeletedAttachments(t *testing.T) {
	s, err := Read("no/such/folder/plan.json", []byte(`{"format_version":"1.2","resource_changes":[
 {"address":"aws_vpc.v","type":"aws_vpc","name":"v","change":{"actions":["no-op"],"after":{"id":"vpc-1","cidr_block":"10.0.0.0/16"}}},
 {"address":"aws_subnet.s","type":"aws_subnet","name":"s","change":{"actions":["no-op"],"after":{"id":"subnet-1","vpc_id":"vpc-1","cidr_block":"10.0.1.0/24"}}},
 {"address":"aws_route_table.t","type":"aws_route_table","name":"t","change":{"actions":["no-op"],"after":{"id":"rtb-1","vpc_id":"vpc-1","route":[
   {"cidr_block":"10.1.0.0/16","vpc_peering_connection_id":"pcx-1"},{"cidr_block":"10.2.0.0/16","vpc_peering_connection_id":"pcx-2"}]}}},
 {"address":"aws_route.gone","type":"aws_route","name":"gone","change":{"actions":["delete"],"after":null,
   "before":{"route_table_id":"rtb-1","destination_cidr_block":"10.1.0.0/16","vpc_peering_connection_id":"pcx-1"}}},
 {"address":"aws_network_acl.l","type":"aws_network_acl","name":"l","change":{"actions":["no-op"],"after":{"id":"acl-1","vpc_id":"vpc-1","subnet_ids":["subnet-1"],"egress":[],"ingress":[
   {"rule_no":100,"action":"allow","protocol":"6","from_port":6379,"to_port":6379,"cidr_block":"10.0.0.0/8"},{"rule_no":110,"action":"allow","protocol":"6","from_port":443,"to_port":443,"cidr_block":"10.0.0.0/8"}]}}},
 {"address":"aws_network_acl_rule.gone","type":"aws_network_acl_rule","name":"gone","change":{"actions":["delete"],"after":null,
   "before":{"network_acl_id":"acl-1","rule_number":100,"egress":false,"rule_action":"allow","protocol":"6","from_port":6379,"to_port":6379,"cidr_block":"10.0.0.0/8"}}},
 {"address":"aws_network_acl_association.gone","type":"aws_network_acl_association","name":"gone","change":{"actions":["delete"],"after":null,"before":{"network_acl_id":"acl-1","subnet_id":"subnet-1"}}},
 {"address":"aws_vpc_endpoint.e","type":"aws_vpc_endpoint","name":"e","change":{"actions":["no-op"],"after":{"id":"vpce-1","vpc_id":"vpc-1","service_name":"com.amazonaws.eu-west-1.s3","route_table_ids":["rtb-1"]}}},
 {"address":"aws_vpc_endpoint_route_table_association.gone","type":"aws_vpc_endpoint_route_table_association","name":"gone","change":{"actions":["delete"],"after":null,"before":{"vpc_endpoint_id":"vpce-1","route_table_id":"rtb-1"}}}]}`), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if r := s.RouteTables[0].Routes; len(r) != 1 || r[0].Destination.Or("") != "10.2.0.0/16" {
		t.Errorf("routes %+v", r)
	}
	if l := s.NetworkACLs[0]; len(l.Entries) != 1 || l.Entries[0].Number.Or(0) != 110 || len(l.Subnets) != 0 {
		t.Errorf("list %+v", l)
	}
	if e := s.Endpoints[0]; len(e.RouteTables) != 0 {
		t.Errorf("endpoint %+v", e)
	}
}

// What Terraform forgets stays in AWS.
func TestForgotten(t *testing.T) {
	s, err := Read("no/such/folder/plan.json", []byte(`{"format_version":"1.2","resource_changes":[
 {"address":"aws_subnet.s","type":"aws_subnet","name":"s","change":{"actions":["forget"],"before":{"id":"subnet-1","vpc_id":"vpc-1","cidr_block":"10.0.1.0/24"},"after":null}},
 {"address":"aws_security_group.g","type":"aws_security_group","name":"g","change":{"actions":["no-op"],"after":{"id":"sg-1","egress":[],"ingress":[
   {"protocol":"tcp","from_port":6379,"to_port":6379,"cidr_blocks":["10.0.0.0/16"]}]}}},
 {"address":"aws_vpc_security_group_ingress_rule.r","type":"aws_vpc_security_group_ingress_rule","name":"r","change":{"actions":["forget"],"after":null,
   "before":{"security_group_id":"sg-1","ip_protocol":"tcp","from_port":6379,"to_port":6379,"cidr_ipv4":"10.0.0.0/16"}}}]}`), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if s.Subnet("aws_subnet.s") == nil || s.Subnet("aws_subnet.s").VPC.Or("") != "vpc-1" {
		t.Error("the subnet is gone")
	}
	if n := len(s.SecurityGroups[0].Ingress); n != 1 {
		t.Errorf("%d rules", n)
	}
}

// A state lists the old object of a replacement that was not finished beside
// the new one, under the same address.
func TestDeposed(t *testing.T) {
	s, err := Read("no/such/folder/state.json", []byte(`{"format_version":"1.0","values":{"root_module":{"resources":[
 {"address":"aws_subnet.s","mode":"managed","type":"aws_subnet","name":"s","values":{"id":"subnet-2","vpc_id":"vpc-1","cidr_block":"10.0.2.0/24"}},
 {"address":"aws_subnet.s","mode":"managed","type":"aws_subnet","name":"s","deposed_key":"0a1b2c3d","values":{"id":"subnet-1","vpc_id":"vpc-1","cidr_block":"10.0.1.0/24"}}]}}}`), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Subnets) != 1 || s.Subnets[0].CIDR.Or(netip.Prefix{}).String() != "10.0.2.0/24" {
		t.Errorf("subnets %+v", s.Subnets)
	}
}
