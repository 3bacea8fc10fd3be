package tfwrite

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/thawdev/thaw/stack"
)

// sample has one resource of each kind, a value that nobody knows, a secret and
// a name that two resources share.
func sample() *stack.Stack {
	id := func(s string) stack.Resource {
		return stack.Resource{ID: s, Origin: stack.Origin{Address: s}}
	}
	ref := stack.Known[string]
	token := stack.Text{{Literal: "correct-horse", Secret: true}}
	group := &stack.SecurityGroup{Resource: id("CacheGroup"), VPC: ref("Vpc"), Description: ref("${not a template}")}
	group.Ingress = []stack.Rule{
		{Protocol: ref("tcp"), FromPort: stack.Known(6379), ToPort: stack.Known(6379), SecurityGroup: ref("FunctionGroup"), Origin: stack.Origin{Address: "CacheGroup.In[0]"}},
		{Protocol: ref("tcp"), FromPort: stack.Unknown[int]("parameter Port"), ToPort: stack.Known(6379), SecurityGroup: ref("CacheGroup"), Origin: stack.Origin{Address: "CacheGroup.In[1]"}},
	}
	return &stack.Stack{
		VPCs:           []*stack.VPC{{Resource: id("Vpc"), CIDRs: []stack.Value[netip.Prefix]{stack.Known(netip.MustParsePrefix("10.0.0.0/16"))}}},
		Subnets:        []*stack.Subnet{{Resource: id("SubnetA"), VPC: ref("Vpc"), CIDR: stack.Known(netip.MustParsePrefix("10.0.1.0/24"))}},
		SecurityGroups: []*stack.SecurityGroup{group, {Resource: id("FunctionGroup"), VPC: ref("Vpc")}},
		Caches: []*stack.Cache{{Resource: id("Cache"), Kind: stack.ReplicationGroup, Engine: stack.Known(stack.Valkey), Port: stack.Known(6379),
			Subnets: []stack.Value[string]{ref("SubnetA")}, AuthToken: &token}},
		Functions: []*stack.Function{{Resource: id("Handler"), VPC: &stack.VPCConfig{Subnets: []stack.Value[string]{ref("SubnetA")}},
			Environment: map[string]stack.Text{
				"URL":  {{Literal: "redis://"}, {Resource: "Cache", Attribute: stack.EndpointAddress}, {Literal: ":"}, {Resource: "Cache", Attribute: stack.EndpointPort}},
				"PORT": {{Resource: "Cache", Attribute: stack.EndpointPort}}, "TOKEN": token}}},
	}
}

// The source must be valid, canonical, and hold secrets and templates as such.
func TestHCL(t *testing.T) {
	src := HCL(sample())
	if _, diags := hclsyntax.ParseConfig(src, "main.tf", hcl.InitialPos); diags.HasErrors() {
		t.Fatal(diags)
	}
	for _, want := range []string{
		`"redis://${aws_elasticache_replication_group.cache.primary_endpoint_address}:${aws_elasticache_replication_group.cache.port}"`,
		`security_groups = [aws_security_group.function_group.id]`,
		`$${not a template}`, `sensitive = true`, `= var.auth_token`, `self`,
	} {
		if !strings.Contains(strings.Join(strings.Fields(string(src)), " "), want) {
			t.Errorf("the source lacks %s:\n%s", want, src)
		}
	}
	if !bytes.Equal(src, HCL(sample())) {
		t.Error("the same stack gives different sources")
	}
}

// The plan must show what Terraform knows before apply, mark the rest, and
// name its references with their prefixes.
func TestPlan(t *testing.T) {
	var plan struct {
		Changes []struct {
			Address string
			Change  struct {
				After     map[string]any
				Unknown   map[string]any `json:"after_unknown"`
				Sensitive map[string]any `json:"after_sensitive"`
			}
		} `json:"resource_changes"`
		Configuration struct {
			Root struct {
				Resources []struct {
					Address     string
					Expressions map[string]any
				}
			} `json:"root_module"`
		}
	}
	if err := json.Unmarshal(Plan(sample()), &plan); err != nil {
		t.Fatal(err)
	}
	show := func(v any) string { b, _ := json.Marshal(v); return string(b) }
	found := 0
	for i, c := range plan.Changes {
		if c.Address != "aws_lambda_function.handler" {
			continue
		}
		found++
		if got, want := show(c.Change.After["environment"]), `[{"variables":{"PORT":"6379","TOKEN":"correct-horse"}}]`; got != want {
			t.Errorf("after: %s, want %s", got, want)
		}
		if got, want := show(c.Change.Unknown["environment"]), `[{"variables":{"URL":true}}]`; got != want {
			t.Errorf("after_unknown: %s, want %s", got, want)
		}
		if got, want := show(c.Change.Sensitive["environment"]), `[{"variables":{"TOKEN":true}}]`; got != want {
			t.Errorf("after_sensitive: %s, want %s", got, want)
		}
		got := show(plan.Configuration.Root.Resources[i].Expressions["vpc_config"])
		want := `[{"security_group_ids":{"constant_value":[]},"subnet_ids":{"references":["aws_subnet.subnet_a.id","aws_subnet.subnet_a"]}}]`
		if got != want {
			t.Errorf("configuration: %s, want %s", got, want)
		}
	}
	if found != 1 {
		t.Errorf("%d functions, want 1", found)
	}
}

func TestSnake(t *testing.T) {
	for id, want := range map[string]string{"PrivateSubnetA": "private_subnet_a", "VPC": "vpc", "sg-0123": "sg_0123", "aws_x.y[0]": "aws_x_y_0", "1": "r1", "": "r"} {
		if got := snake(id); got != want {
			t.Errorf("%q: %q, want %q", id, got, want)
		}
	}
}
