package terraform

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/thawdev/thaw/stack"
)

// planner writes a plan by hand, one resource after the other.
type planner struct {
	changes, configured []any
	variables           tree
	calls               tree // of modules
}

// add adds instances of a block. after and unknown are JSON of each, and
// expressions is JSON of the block.
func (p *planner) add(t *testing.T, typ, name string, n int, after, unknown, expressions string) {
	t.Helper()
	parse := func(text string) (x any) {
		if err := json.Unmarshal([]byte(text), &x); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return x
	}
	for i := range max(n, 1) {
		c := tree{"address": typ + "." + name, "mode": "managed", "type": typ, "name": name,
			"change": tree{"actions": []string{"create"}, "after": parse(strings.ReplaceAll(after, "#", fmt.Sprint(i))), "after_unknown": parse(unknown)}}
		if n > 0 {
			c["address"], c["index"] = fmt.Sprintf("%s.%s[%d]", typ, name, i), i
		}
		p.changes = append(p.changes, c)
	}
	p.configured = append(p.configured, tree{"address": typ + "." + name, "expressions": parse(expressions)})
}

// module adds a module m with an input, a function that is in these subnets, and a
// route table with two associations by index.
func (p *planner) module(t *testing.T, input string) {
	t.Helper()
	inner := &planner{}
	inner.add(t, "aws_lambda_function", "f", 0, `{"function_name":"inner","vpc_config":[{}]}`, `{"vpc_config":[{"subnet_ids":true}]}`,
		`{"vpc_config":[{"subnet_ids":{"references":["var.in"]}}]}`)
	inner.add(t, "aws_route_table", "t", 0, `{}`, `{"id":true,"vpc_id":true}`, `{}`)
	inner.add(t, "aws_route_table_association", "s", 2, `{}`, `{"subnet_id":true,"route_table_id":true}`,
		`{"subnet_id":{"references":["var.in","count.index"]},"route_table_id":{"references":["aws_route_table.t.id","aws_route_table.t"]}}`)
	for _, c := range inner.changes {
		c := c.(tree)
		c["address"], c["module_address"] = "module.m."+c["address"].(string), "module.m"
		p.changes = append(p.changes, c)
	}
	p.calls = tree{"m": tree{"source": "./m", "expressions": tree{"in": json.RawMessage(input)},
		"module": tree{"resources": inner.configured, "variables": tree{"in": tree{}}}}}
}

func (p *planner) read(t *testing.T) *stack.Stack {
	t.Helper()
	data, err := json.Marshal(tree{"format_version": "1.2", "terraform_version": "1.11.4", "resource_changes": p.changes, "variables": p.variables,
		"configuration": tree{"root_module": tree{"resources": p.configured, "module_calls": p.calls}}})
	if err != nil {
		t.Fatal(err)
	}
	s, err := Read("no/such/folder/plan.json", data, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// network is a VPC that the plan creates, with n subnets and n groups.
func network(t *testing.T, n int) *planner {
	p := &planner{}
	const inVPC = `{"vpc_id":{"references":["aws_vpc.v.id","aws_vpc.v"]}}`
	p.add(t, "aws_vpc", "v", 0, `{"cidr_block":"10.0.0.0/16"}`, `{"id":true}`, `{}`)
	p.add(t, "aws_subnet", "a", n, `{"cidr_block":"10.0.#.0/24"}`, `{"id":true,"vpc_id":true}`, inVPC)
	p.add(t, "aws_security_group", "g", n, `{"name":"g#"}`, `{"id":true,"vpc_id":true}`, inVPC)
	p.add(t, "aws_route_table", "t", n, `{}`, `{"id":true,"vpc_id":true}`, inVPC)
	return p
}

// all writes ids for comparison; what is not known is "?", and must say what to
// do.
func all(t *testing.T, ids []stack.Value[string]) string {
	t.Helper()
	var out []string
	for _, id := range ids {
		if !id.IsKnown() && !strings.Contains(id.Why(), needsSource) {
			t.Errorf("the reason does not say what to do: %s", id.Why())
		}
		out = append(out, id.Or("?"))
	}
	return strings.Join(out, " ")
}

// A list that is unknown as a whole may be a part of what it refers to. For
// subnets of a function and of a cache all of them are taken, for groups none,
// unless there is one only.
func TestWhollyUnknownList(t *testing.T) {
	for n, want := range map[int][2]string{1: {"aws_subnet.a[0]", "aws_security_group.g[0]"}, 2: {"aws_subnet.a[0] aws_subnet.a[1]", "?"}} {
		p := network(t, n)
		p.add(t, "aws_lambda_function", "f", 0, `{"function_name":"f","vpc_config":[{}]}`, `{"vpc_config":[{"subnet_ids":true,"security_group_ids":true}]}`,
			`{"vpc_config":[{"subnet_ids":{"references":["aws_subnet.a"]},"security_group_ids":{"references":["aws_security_group.g"]}}]}`)
		p.add(t, "aws_elasticache_subnet_group", "s", 0, `{"name":"s"}`, `{"subnet_ids":true}`, `{"subnet_ids":{"references":["aws_subnet.a"]}}`)
		p.add(t, "aws_elasticache_replication_group", "c", 0, `{"engine":"valkey","subnet_group_name":"s"}`, `{"security_group_ids":true}`,
			`{"security_group_ids":{"references":["aws_security_group.g"]}}`)
		p.add(t, "aws_network_acl", "l", 0, `{}`, `{"id":true,"vpc_id":true,"subnet_ids":true}`, `{"subnet_ids":{"references":["aws_subnet.a"]}}`)
		s := p.read(t)
		f, c := s.Functions[0].VPC, s.Caches[0]
		got := []string{all(t, f.Subnets), all(t, f.SecurityGroups), all(t, c.Subnets), all(t, c.SecurityGroups), all(t, s.NetworkACLs[0].Subnets)}
		one := want[0]
		if n > 1 {
			one = "?"
		}
		if diff := cmp.Diff([]string{want[0], want[1], want[0], want[1], one}, got); diff != "" {
			t.Errorf("%d of each (-want +got)\n%s", n, diff)
		}
	}
}

// The AWS provider leaves all variables of a function unknown as soon as one is.
// Which caches they mention is told all the same, and that their names are not.
func TestWhollyUnknownEnvironment(t *testing.T) {
	for refs, want := range map[string][]string{
		`"aws_elasticache_replication_group.c.primary_endpoint_address","aws_elasticache_replication_group.c"`: {"c"},
		`"aws_elasticache_replication_group.c.primary_endpoint_address","aws_elasticache_replication_group.c",
			"aws_elasticache_replication_group.d.primary_endpoint_address","aws_elasticache_replication_group.d"`: {"c", "d"},
		`"var.token","aws_elasticache_replication_group.d.port","aws_elasticache_replication_group.d"`: {"d"},
		`"aws_dynamodb_table.t.arn","aws_dynamodb_table.t"`:                                            nil,
	} {
		p := network(t, 1)
		p.variables = tree{"token": tree{"value": "hunter2"}}
		for _, name := range []string{"c", "d"} {
			p.add(t, "aws_elasticache_replication_group", name, 0, `{"engine":"valkey"}`, `{"primary_endpoint_address":true,"port":true}`, `{}`)
		}
		p.add(t, "aws_dynamodb_table", "t", 0, `{}`, `{"arn":true}`, `{}`)
		p.add(t, "aws_lambda_function", "f", 0, `{"function_name":"f","environment":[{}]}`, `{"environment":[{"variables":true}]}`,
			`{"environment":[{"variables":{"references":[`+refs+`]}}]}`)
		s := p.read(t)
		var got []string
		for _, c := range s.CachesOf(s.Functions[0]) {
			got = append(got, strings.TrimPrefix(c.ID, "aws_elasticache_replication_group."))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", refs, diff)
		}
		if !slices.ContainsFunc(s.Gaps, func(g stack.Gap) bool {
			return g.Kind == "functions" && strings.Contains(g.Why, needsSource)
		}) {
			t.Errorf("%s: no gap says that the names are not known: %v", refs, s.Gaps)
		}
	}
}

// Constants are not among the references. In a VPC that apply creates there are
// none; in one that exists there may be another subnet in the list.
func TestListBesideConstants(t *testing.T) {
	for vpc, want := range map[string]string{`{"references":["aws_vpc.v.id","aws_vpc.v"]}`: "aws_subnet.b", `{"constant_value":"vpc-1"}`: "aws_subnet.b ?"} {
		p := network(t, 1)
		after, unknown := `{}`, `{"id":true,"vpc_id":true}`
		if strings.Contains(vpc, "constant") {
			after, unknown = `{"vpc_id":"vpc-1"}`, `{"id":true}`
		}
		p.add(t, "aws_subnet", "b", 0, after, unknown, `{"vpc_id":`+vpc+`}`)
		p.add(t, "aws_lambda_function", "f", 0, `{"function_name":"f","vpc_config":[{}]}`, `{"vpc_config":[{"subnet_ids":true}]}`,
			`{"vpc_config":[{"subnet_ids":{"references":["aws_subnet.b.id","aws_subnet.b"]}}]}`)
		if got := all(t, p.read(t).Functions[0].VPC.Subnets); got != want {
			t.Errorf("in VPC %s: %s, want %s", vpc, got, want)
		}
	}
}

// One of two lists is not both of them, be it chosen where it is used or at the
// call of a module. What cannot be a subnet is not taken for one.
func TestChoiceOfLists(t *testing.T) {
	const two = `{"references":["aws_subnet.a","aws_subnet.b"]}`
	for given, want := range map[string]string{
		two: "aws_subnet.a[0] aws_subnet.b[0]",
		`{"references":["var.public","aws_subnet.a","aws_subnet.b"]}`:                                 "?",
		`{"references":["var.public","aws_subnet.a"]}`:                                                "aws_subnet.a[0]",
		`{"references":["aws_vpc.v.id","aws_vpc.v","aws_security_group.g","aws_subnet.a"]}`:           "aws_subnet.a[0]",
		`{"references":["aws_vpc.v.id","aws_vpc.v","aws_security_group.g"]}`:                          "?",
		`{"references":["var.public","aws_subnet.a[0].id","aws_subnet.a[0]","aws_subnet.a","var.x"]}`: "aws_subnet.a[0]",
	} {
		p := network(t, 1)
		p.add(t, "aws_subnet", "b", 1, `{"cidr_block":"10.0.9.0/24"}`, `{"id":true,"vpc_id":true}`, `{"vpc_id":{"references":["aws_vpc.v.id","aws_vpc.v"]}}`)
		p.variables = tree{"public": tree{"value": true}, "x": tree{"value": 1}}
		p.module(t, given)
		const user = `{"vpc_config":[{"subnet_ids":`
		p.add(t, "aws_lambda_function", "f", 0, `{"function_name":"f","vpc_config":[{}]}`, user+`true}]}`, user+given+`}]}`)
		for _, f := range p.read(t).Functions {
			if got := all(t, f.VPC.Subnets); got != want {
				t.Errorf("%s of %s: %s, want %s", f.ID, given, got, want)
			}
		}
	}
}

// As many unknown places as things that are referred to hold all of them, unless
// something may choose: then one of them may be there twice.
func TestAsManyPlaces(t *testing.T) {
	for refs, want := range map[string]string{
		`"aws_security_group.g"`:               "aws_security_group.g[0] aws_security_group.g[1]",
		`"aws_security_group.g","var.public"`:  "? ?",
		`"aws_security_group.g","count.index"`: "? ?",
	} {
		p := network(t, 2)
		p.variables = tree{"public": tree{"value": true}}
		p.add(t, "aws_lambda_function", "f", 1, `{"function_name":"f","vpc_config":[{"security_group_ids":[null,null]}]}`,
			`{"vpc_config":[{"security_group_ids":[true,true]}]}`, `{"vpc_config":[{"security_group_ids":{"references":[`+refs+`]}}]}`)
		if got := all(t, p.read(t).Functions[0].VPC.SecurityGroups); got != want {
			t.Errorf("%s: %s, want %s", refs, got, want)
		}
	}
}

// An index into a list that may hold a constant is not an index into what the
// list refers to, though there are as many.
func TestIndexOfUnknownList(t *testing.T) {
	p := network(t, 2)
	p.module(t, `{"references":["aws_subnet.a"]}`)
	for _, table := range p.read(t).RouteTables {
		if got := all(t, table.Subnets); table.ID == "module.m.aws_route_table.t" && got != "? ?" {
			t.Errorf("%s has subnets %s", table.ID, got)
		}
	}
}

// x[count.index] and x[(count.index+1)%2] look alike, so the instance is not
// known, but where AWS refuses two that are alike and it makes no difference.
func TestIndexIsNotTaken(t *testing.T) {
	const byIndex = `{"references":["aws_%s","count.index"]}`
	ref := func(of string) string { return fmt.Sprintf(byIndex, of) }
	p := network(t, 2)
	p.add(t, "aws_lambda_function", "f", 2, `{"function_name":"f#","vpc_config":[{"subnet_ids":[null],"security_group_ids":[null]}]}`,
		`{"vpc_config":[{"subnet_ids":[true],"security_group_ids":[true]}]}`,
		`{"vpc_config":[{"subnet_ids":`+ref("subnet.a")+`,"security_group_ids":`+ref("security_group.g")+`}]}`)
	p.add(t, "aws_nat_gateway", "n", 2, `{}`, `{"id":true,"subnet_id":true}`, `{"subnet_id":`+ref("subnet.a")+`}`)
	p.add(t, "aws_route_table", "one", 0, `{}`, `{"id":true,"vpc_id":true}`, `{}`)
	p.add(t, "aws_route_table_association", "alike", 2, `{}`, `{"subnet_id":true,"route_table_id":true}`,
		`{"subnet_id":`+ref("subnet.a")+`,"route_table_id":{"references":["aws_route_table.one.id","aws_route_table.one"]}}`)
	p.add(t, "aws_route", "nat", 2, `{"destination_cidr_block":"0.0.0.0/0"}`, `{"route_table_id":true,"nat_gateway_id":true}`,
		`{"route_table_id":`+ref("route_table.t")+`,"nat_gateway_id":`+ref("nat_gateway.n")+`}`)
	p.add(t, "aws_vpc_security_group_ingress_rule", "differ", 2, `{"ip_protocol":"tcp","from_port":6379,"to_port":6379,"cidr_ipv4":"10.#.0.0/16"}`, `{"security_group_id":true}`,
		`{"security_group_id":`+ref("security_group.g")+`}`)
	s := p.read(t)
	for _, f := range s.Functions {
		if got := all(t, f.VPC.Subnets) + " " + all(t, f.VPC.SecurityGroups); got != "? ?" {
			t.Errorf("%s is in %s", f.ID, got)
		}
	}
	for _, g := range s.Gateways {
		if g.Subnet.IsKnown() {
			t.Errorf("%s is in %s", g.ID, g.Subnet.Or(""))
		}
	}
	for _, table := range s.RouteTables {
		switch {
		case table.ID == "aws_route_table.one":
			if got := all(t, table.Subnets); got != "aws_subnet.a[0] aws_subnet.a[1]" {
				t.Errorf("associations that are alike: %s", got)
			}
		case len(table.Routes) != 1 || table.Routes[0].Target.IsKnown() || table.Routes[0].TargetKind != "nat":
			t.Errorf("%s has routes %+v, want one to a NAT gateway, and which is not known", table.ID, table.Routes)
		}
	}
	for _, g := range s.SecurityGroups {
		if len(g.Ingress) > 0 {
			t.Errorf("%s has a rule that another may have: %+v", g.ID, g.Ingress)
		}
	}
	if !slices.ContainsFunc(s.Gaps, func(g stack.Gap) bool {
		return g.Kind == "security_groups" && strings.Contains(g.Why, needsSource)
	}) {
		t.Errorf("no gap says that rules are missing: %+v", s.Gaps)
	}
}

// A different number of instances is not paired, though they are alike.
func TestIndexOfAnotherNumber(t *testing.T) {
	p := network(t, 3)
	p.add(t, "aws_route_table_association", "two", 2, `{}`, `{"subnet_id":true,"route_table_id":true}`,
		`{"subnet_id":{"references":["aws_subnet.a","count.index"]},"route_table_id":{"references":["aws_route_table.t[0].id","aws_route_table.t[0]","aws_route_table.t"]}}`)
	for _, table := range p.read(t).RouteTables {
		if got := all(t, table.Subnets); table.ID == "aws_route_table.t[0]" && got != "? ?" {
			t.Errorf("2 of 3 subnets: %s", got)
		}
	}
}

// One reference is not the whole text of a variable, but the function uses the
// cache.
func TestReferenceIsNotTheText(t *testing.T) {
	p := network(t, 1)
	p.add(t, "aws_elasticache_replication_group", "c", 0, `{"engine":"valkey"}`, `{"id":true,"primary_endpoint_address":true}`, `{}`)
	p.add(t, "aws_lambda_function", "f", 0, `{"function_name":"f","environment":[{"variables":{}}]}`, `{"environment":[{"variables":{"URL":true}}]}`,
		`{"environment":[{"variables":{"references":["aws_elasticache_replication_group.c.primary_endpoint_address","aws_elasticache_replication_group.c"]}}]}`)
	s := p.read(t)
	url := s.Functions[0].Environment["URL"]
	known := url.Resolve(func(string, string) (string, bool) { return "host", true })
	if known.IsKnown() || !strings.Contains(known.Why(), needsSource) {
		t.Errorf("URL is known in full as %s, or does not say what to do", url)
	}
	if got := s.CachesOf(s.Functions[0]); len(got) != 1 {
		t.Errorf("the function uses %d caches, want 1", len(got))
	}
}

// A plan sorts the blocks of a set, and its configuration does not: a block is
// found by its constants.
func TestBlocksAreNotTakenInOrder(t *testing.T) {
	p := network(t, 2)
	group := func(n int, port string) string {
		return fmt.Sprintf(`{"from_port":{"constant_value":%s},"security_groups":{"references":["aws_security_group.g[%d].id","aws_security_group.g[%d]","aws_security_group.g"]}}`, port, n, n)
	}
	p.add(t, "aws_security_group", "sorted", 0, `{"ingress":[{"protocol":"tcp","from_port":22,"to_port":22},{"protocol":"tcp","from_port":6379,"to_port":6379}]}`,
		`{"id":true,"ingress":[{"security_groups":true},{"security_groups":true}]}`, `{"ingress":[`+group(0, "6379")+`,`+group(1, "22")+`]}`)
	p.add(t, "aws_security_group", "alike", 0, `{"ingress":[{"protocol":"tcp","from_port":22,"to_port":22},{"protocol":"tcp","from_port":22,"to_port":23}]}`,
		`{"id":true,"ingress":[{"security_groups":true},{"security_groups":true}]}`, `{"ingress":[`+group(0, "22")+`,`+group(1, "22")+`]}`)
	s := p.read(t)
	var got []string
	for _, id := range []string{"aws_security_group.sorted", "aws_security_group.alike"} {
		for _, r := range s.SecurityGroup(id).Ingress {
			got = append(got, fmt.Sprint(r.FromPort.Or(0), " ", all(t, []stack.Value[string]{r.SecurityGroup})))
		}
	}
	if diff := cmp.Diff([]string{"22 aws_security_group.g[1]", "6379 aws_security_group.g[0]", "22 ?", "22 ?"}, got); diff != "" {
		t.Errorf("rules (-want +got)\n%s", diff)
	}
}

// What stands after the last prefix of a reference is one of its own.
func TestLeafReferences(t *testing.T) {
	for refs, want := range map[string]string{
		"a.b.id a.b":                                   "a.b.id",
		"a.b[0].id a.b[0] a.b":                         "a.b[0].id",
		"a.b[0].id a.b[0] a.b a.b":                     "a.b[0].id a.b",
		"a.b.id a.b a.b.arn a.b a.b.id a.b":            "a.b.id a.b.arn",
		"data.a.b.ids data.a.b count.index":            "data.a.b.ids count.index",
		`module.m["x.y"].out module.m["x.y"] module.m`: `module.m["x.y"].out module.m`,
		"module.m.out[0] module.m.out module.m":        "module.m.out[0]",
		"var.a.b var.a each.value.x each.value":        "var.a.b each.value.x",
	} {
		v := value{kind: list}
		for _, r := range strings.Fields(refs) {
			v.items = append(v.items, literal(r))
		}
		if got := strings.Join(leafReferences(v), " "); got != want {
			t.Errorf("%s: %s, want %s", refs, got, want)
		}
	}
}
