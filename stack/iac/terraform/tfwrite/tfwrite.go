// Package tfwrite writes a stack as Terraform: as source (HCL), and as the JSON
// of the plan that `terraform show -json` would print for that source before
// anything exists.
//
// It serves the tests: each scenario of testdata/stacks is kept in every
// dialect, and this makes the Terraform ones. What a stack does not know is
// written as the output of a terraform_data resource, which is the same in a
// plan: known only after apply. Code of functions and Thaw's own database are
// not part of what is written.
//
//	*stack.Stack ──▶ resources with expressions ──▶ main.tf
//	                                            └─▶ plan.json
package tfwrite

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/thawdev/thaw/stack"
)

// HCL writes a stack as one main.tf in canonical format.
func HCL(s *stack.Stack) []byte { return renderHCL(newDocument(s, true)) }

// Plan writes a stack as the JSON of a plan, format version 1.2, that creates
// everything. A plan has no conditional resources: they are written as if their
// condition held.
func Plan(s *stack.Stack) []byte { return renderPlan(newDocument(s, false)) }

// document is what both forms are rendered from.
type document struct {
	s           *stack.Stack
	conditional bool // write conditions as counts over variables without a value
	region      string
	variables   []variable
	resources   []*resource
	names       map[string]*resource   // by the ID that the stack uses
	taken       map[string]bool        // addresses in use
	unknowns    map[string]*resource   // by the reason
	grants      map[string][]*resource // what gives a role its permissions, by the ID of the role
}

// variable is an input of the root module. One without a value has no default.
type variable struct {
	name      string
	typ       string
	value     any
	sensitive bool
}

// resource is one resource block.
type resource struct {
	typ, name string
	count     string // the variable that decides whether it exists, or ""
	comments  []string
	attrs     []attr
	dependsOn []*resource
	computed  []string // attributes that only AWS knows
}

func (r *resource) address() string { return r.typ + "." + r.name }

// reference is how other resources name r.
func (r *resource) reference() string {
	if r.count != "" {
		return r.address() + "[0]"
	}
	return r.address()
}

func (r *resource) set(name string, e expr) {
	if e.kind != omitted {
		r.attrs = append(r.attrs, attr{name, e})
	}
}

func newDocument(s *stack.Stack, conditional bool) *document {
	d := &document{s: s, conditional: conditional, region: s.Region,
		names: map[string]*resource{}, taken: map[string]bool{}, unknowns: map[string]*resource{}, grants: map[string][]*resource{}}
	if d.region == "" {
		d.region = "us-east-1"
	}
	// Names first, because any resource may refer to any other.
	d.nameAll()
	d.network()
	d.routing()
	d.groups()
	d.edges()
	d.roles()
	d.caches()
	d.functions()
	d.interfaces()
	return d
}

// declare names a resource of the stack; its attributes come later.
func (d *document) declare(typ string, r stack.Resource) {
	res := &resource{typ: typ, name: d.free(typ, snake(r.ID)), computed: computed(typ)}
	if r.Conditional != "" && d.conditional {
		res.count = "create_" + res.name
		d.variables = append(d.variables, variable{name: res.count, typ: "bool"})
	}
	for _, i := range r.Ignored {
		res.comments = append(res.comments, "thaw:ignore "+i.Rule+" "+i.Reason)
	}
	d.names[r.ID] = res
}

// add appends a resource that nothing refers to.
func (d *document) add(typ, name string) *resource {
	r := &resource{typ: typ, name: d.free(typ, snake(name)), computed: computed(typ)}
	d.resources = append(d.resources, r)
	return r
}

// begin appends the declared resource with that ID, to be filled.
func (d *document) begin(id string) *resource {
	r := d.names[id]
	d.resources = append(d.resources, r)
	return r
}

func (d *document) free(typ, name string) string {
	free := name
	for n := 2; d.taken[typ+"."+free]; n++ {
		free = fmt.Sprintf("%s_%d", name, n)
	}
	d.taken[typ+"."+free] = true
	return free
}

// snake spells a logical id as Terraform users do: PrivateSubnetA is
// private_subnet_a.
func snake(id string) string {
	var b strings.Builder
	before := '_'
	for i, r := range id {
		switch {
		case unicode.IsUpper(r):
			if i > 0 && before != '_' && !unicode.IsUpper(before) {
				b.WriteByte('_')
			}
			b.WriteRune(unicode.ToLower(r))
		case r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_'):
			b.WriteRune(r)
		default:
			r = '_'
			if before != '_' {
				b.WriteByte('_')
			}
		}
		before = r
	}
	name := strings.Trim(b.String(), "_")
	if name == "" || unicode.IsDigit(rune(name[0])) {
		name = "r" + name
	}
	return name
}

// unknown is an expression that only apply decides, for the reason given.
func (d *document) unknown(why string) expr {
	r := d.unknowns[why]
	if r == nil {
		r = d.add("terraform_data", "decided_later")
		r.comments = []string{strings.Join(strings.Fields(why), " ")}
		d.unknowns[why] = r
	}
	return reference(r, "output")
}

// computed lists attributes of a type that only AWS knows before apply, as far
// as resources refer to them.
func computed(typ string) []string {
	switch typ {
	case "terraform_data":
		return []string{"id", "output"}
	case "aws_vpc":
		return []string{"arn", "default_network_acl_id", "default_route_table_id", "default_security_group_id", "id", "main_route_table_id", "owner_id"}
	case "aws_elasticache_replication_group":
		return []string{"arn", "configuration_endpoint_address", "id", "member_clusters", "primary_endpoint_address", "reader_endpoint_address"}
	case "aws_elasticache_cluster":
		return []string{"arn", "cache_nodes", "cluster_address", "configuration_endpoint", "id"}
	case "aws_elasticache_serverless_cache":
		return []string{"arn", "create_time", "endpoint", "full_engine_version", "id", "reader_endpoint", "status"}
	case "aws_lambda_function":
		return []string{"arn", "code_sha256", "id", "invoke_arn", "last_modified", "qualified_arn", "version"}
	case "aws_iam_role":
		return []string{"arn", "create_date", "id", "unique_id"}
	case "aws_vpc_security_group_ingress_rule", "aws_vpc_security_group_egress_rule":
		return []string{"arn", "id", "security_group_rule_id"}
	case "aws_iam_role_policy_attachment", "aws_iam_role_policy", "aws_route", "aws_route_table_association", "aws_main_route_table_association",
		"aws_vpc_ipv4_cidr_block_association", "aws_lambda_provisioned_concurrency_config", "aws_cloudwatch_event_target":
		return []string{"id"}
	}
	return []string{"arn", "id"}
}
