package terraform

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/thawdev/thaw/stack"
	"github.com/thawdev/thaw/stack/iac/terraform/tfwrite"
)

// FuzzPlan feeds anything to the reader of plans. It must not panic, must come
// back soon, and returns a stack that can be written, or an error.
func FuzzPlan(f *testing.F) {
	real, err := os.ReadFile(filepath.Join("testdata", "modules", "plan.json"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(real)
	f.Add(tfwrite.Plan(sample(2)))
	f.Add([]byte(`{"format_version":"1.0","values":{"root_module":{"child_modules":[{"address":"module.a","resources":[{"address":"module.a.aws_vpc.x[0]","type":"aws_vpc","name":"x","index":0,"values":{"id":"vpc-1"}}]}]}}}`))
	f.Add([]byte(loop))
	f.Add([]byte(noModule))
	f.Fuzz(func(t *testing.T, data []byte) {
		judge(t, func() (*stack.Stack, error) { return Read("no/such/folder/plan.json", data, Options{}) })
	})
}

// FuzzSource feeds anything to the reader of source.
func FuzzSource(f *testing.F) {
	for _, path := range []string{"main.tf", "net/main.tf", "app/main.tf"} {
		data, err := os.ReadFile(filepath.Join("testdata", "modules", path))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	f.Add(string(tfwrite.HCL(sample(2))))
	f.Add("locals {\n a = local.b\n b = local.a\n}\nresource \"aws_vpc\" \"v\" {\n cidr_block = local.a\n}\n")
	f.Add("resource \"aws_vpc\" \"v\" {\n count = 1e9\n cidr_block = format(\"%99999999d\", 1)\n}\n")
	f.Fuzz(func(t *testing.T, source string) {
		judge(t, func() (*stack.Stack, error) {
			e := newEngine(Options{})
			e.root.source = newFolder("no/such/folder")
			if err := e.root.source.parse("main.tf", []byte(source)); err != nil {
				return nil, err
			}
			return build(e, ""), nil
		})
	})
}

func judge(t *testing.T, read func() (*stack.Stack, error)) {
	t.Helper()
	start := time.Now()
	s, err := read()
	if (s == nil) == (err == nil) {
		t.Fatalf("stack %v, error %v", s, err)
	}
	if s != nil {
		if _, err := json.Marshal(s); err != nil {
			t.Fatalf("the stack cannot be written: %v", err)
		}
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Fatalf("took %v", took)
	}
}

// noModule is a plan whose configuration calls a module and does not hold it.
const noModule = `{"format_version":"1.2","terraform_version":"1.11.4","resource_changes":[
 {"address":"module.m.aws_vpc.v","module_address":"module.m","type":"aws_vpc","name":"v","change":{"actions":["create"],"after":{},"after_unknown":{"id":true,"cidr_block":true}}}],
 "configuration":{"root_module":{"module_calls":{"m":{"source":"./m"}}}}}`

// loop is a plan whose references go in a circle, through modules too.
const loop = `{"format_version":"1.2","terraform_version":"1.11.4","resource_changes":[
 {"address":"aws_security_group.a","type":"aws_security_group","name":"a","change":{"actions":["create"],"after":{},"after_unknown":{"id":true,"vpc_id":true}}},
 {"address":"module.m.aws_vpc.v","module_address":"module.m","type":"aws_vpc","name":"v","change":{"actions":["create"],"after":{},"after_unknown":{"id":true,"cidr_block":true}}}],
 "configuration":{"root_module":{"resources":[{"address":"aws_security_group.a","expressions":{"vpc_id":{"references":["aws_security_group.a.vpc_id","aws_security_group.a"]}}}],
 "module_calls":{"m":{"source":"./m","expressions":{"x":{"references":["module.m.y","module.m"]}},"module":{"outputs":{"y":{"expression":{"references":["var.x"]}}},
 "variables":{"x":{}},"resources":[{"address":"aws_vpc.v","expressions":{"cidr_block":{"references":["var.x"]}}}]}}}}}}`

// sample is a stack of n functions, each with a cache of its own behind a pair
// of groups, in one VPC.
func sample(n int) *stack.Stack {
	known := stack.Known[string]
	s := &stack.Stack{VPCs: []*stack.VPC{{Resource: stack.Resource{ID: "Vpc"}}}, Region: "eu-west-1"}
	for i := range n {
		id := func(kind string) stack.Resource {
			return stack.Resource{ID: fmt.Sprintf("%s%d", kind, i), Origin: stack.Origin{Address: fmt.Sprintf("%s%d", kind, i)}}
		}
		rule := func(peer string) stack.Rule {
			return stack.Rule{Protocol: known("tcp"), FromPort: stack.Known(6379), ToPort: stack.Known(6379), SecurityGroup: known(peer), Origin: stack.Origin{Address: fmt.Sprintf("Rule%s", peer)}}
		}
		inside, outside := id("Inside"), id("Outside")
		s.Subnets = append(s.Subnets, &stack.Subnet{Resource: id("Subnet"), VPC: known("Vpc")})
		s.SecurityGroups = append(s.SecurityGroups,
			&stack.SecurityGroup{Resource: inside, VPC: known("Vpc"), Ingress: []stack.Rule{rule(outside.ID)}},
			&stack.SecurityGroup{Resource: outside, VPC: known("Vpc"), Egress: []stack.Rule{rule(inside.ID)}})
		cache := id("Cache")
		subnets := []stack.Value[string]{known(id("Subnet").ID)}
		s.Caches = append(s.Caches, &stack.Cache{Resource: cache, Kind: stack.ReplicationGroup, Engine: stack.Known(stack.Valkey), Port: stack.Known(6379),
			Subnets: subnets, SecurityGroups: []stack.Value[string]{known(inside.ID)}})
		s.Functions = append(s.Functions, &stack.Function{Resource: id("Function"), VPC: &stack.VPCConfig{Subnets: subnets, SecurityGroups: []stack.Value[string]{known(outside.ID)}},
			Environment: map[string]stack.Text{"HOST": {{Resource: cache.ID, Attribute: stack.EndpointAddress}}}})
	}
	return s
}

// Input that is cut off, foreign, too new or built to hurt gives an error that
// says what to do, or a stack in which the affected values are unknown.
func TestBadPlans(t *testing.T) {
	good := string(tfwrite.Plan(sample(1)))
	for name, tt := range map[string]struct{ data, want string }{
		"empty":            {"", "the JSON ends in the middle"},
		"cut off":          {good[:len(good)/2], "the JSON ends in the middle"},
		"more than one":    {good + "{}", "something follows the end"},
		"not JSON":         {"{format_version: 1}", "expected a key"},
		"a list":           {"[]", "a plan is one object"},
		"foreign":          {`{"name": "package"}`, "not a Terraform plan"},
		"a state file":     {`{"version": 4, "terraform_version": "1.11.4"}`, "this is a state file"},
		"a saved plan":     {"PK\x03\x04", "terraform show -json"},
		"newer":            {strings.Replace(good, `"1.2"`, `"2.0"`, 1), "format_version 2.0 is newer"},
		"strange version":  {strings.Replace(good, `"1.2"`, `"one"`, 1), "is not a version"},
		"deep":             {`{"format_version":"1.2","x":` + strings.Repeat("[", 100_000), "nested more than 200 levels"},
		"deep in a module": {`{"format_version":"1.2","values":{"root_module":` + strings.Repeat(`{"child_modules":[`, 50_000), "nested more than 200 levels"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Read("plan.json", []byte(tt.data), Options{})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
		})
	}
	for version := range strings.FieldsSeq("0.1 1.0 1.1 1.9") {
		if _, err := Read("plan.json", []byte(strings.Replace(good, `"1.2"`, `"`+version+`"`, 1)), Options{}); err != nil {
			t.Errorf("format %s: %v", version, err)
		}
	}
}

func TestLoops(t *testing.T) {
	s, err := Read("no/such/folder/plan.json", []byte(loop), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if v := s.SecurityGroups[0].VPC; v.IsKnown() {
		t.Errorf("the VPC of a group that refers to itself is %q", v.Or(""))
	}
	if v := s.VPCs[0].CIDRs[0]; v.IsKnown() {
		t.Errorf("a range that depends on itself is %v", v)
	}
	source := "locals {\n a = local.b\n b = \"${local.a}/16\"\n}\nresource \"aws_vpc\" \"v\" {\n cidr_block = local.a\n}\n" +
		"resource \"aws_subnet\" \"s\" {\n for_each = aws_subnet.s\n vpc_id = aws_vpc.v.id\n}\n"
	s = readText(t, source)
	if v := s.VPCs[0].CIDRs[0]; v.IsKnown() || !strings.Contains(v.Why(), "depends on itself") {
		t.Errorf("%+v, want unknown because of the circle", v)
	}
	if s.Subnets[0].Conditional == "" {
		t.Error("how many subnets there are depends on itself")
	}
}

// readText reads source from one file.
func readText(t *testing.T, source string) *stack.Stack {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := ReadFolder(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestBadSource(t *testing.T) {
	for name, tt := range map[string]struct{ source, want string }{
		"syntax":   {"resource \"aws_vpc\" \"v\" {\n  cidr_block = \n}\n", "main.tf:2: "},
		"brackets": {"locals {\n a = " + strings.Repeat("[", 100_000) + "\n}\n", "main.tf:2: the source is nested too deeply"},
		"unary":    {"locals {\n a = " + strings.Repeat("!", 100_000) + "true\n}\n", "main.tf:2: the source is nested too deeply"},
		"choices":  {"locals {\n a = " + strings.Repeat("true ? 1 : ", 100_000) + "1\n}\n", "main.tf:2: the source is nested too deeply"},
		"nothing":  {"# nothing\n", "declares no resource and calls no module"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(tt.source), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := ReadFolder(dir, Options{}); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
		})
	}
	// A module that calls itself, and work that doubles at each step, end.
	s := readText(t, "module \"m\" {\n source = \"./\"\n}\nresource \"aws_vpc\" \"v\" {\n}\n")
	if len(s.Gaps) == 0 {
		t.Error("a module that calls itself leaves no gap")
	}
	var b strings.Builder
	b.WriteString("resource \"aws_vpc\" \"v\" {\n cidr_block = local.x40\n}\nlocals {\n x0 = \"xxxxxxxx\"\n")
	for i := range 40 {
		fmt.Fprintf(&b, " x%d = \"${local.x%d}${local.x%d}\"\n", i+1, i, i)
	}
	if s := readText(t, b.String()+"}\n"); s.VPCs[0].CIDRs[0].IsKnown() {
		t.Error("a text of a terabyte is known")
	}
}

// BenchmarkPlan reads a plan of 5,000 resources with 200 functions and 20
// caches' worth of groups.
func BenchmarkPlan(b *testing.B) {
	s := sample(200)
	for i := len(s.SecurityGroups); len(s.SecurityGroups) < 3600; i++ {
		s.SecurityGroups = append(s.SecurityGroups, &stack.SecurityGroup{Resource: stack.Resource{ID: fmt.Sprintf("More%d", i)}, VPC: stack.Known("Vpc")})
	}
	data := tfwrite.Plan(s)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		s, err := Read("no/such/folder/plan.json", data, Options{})
		if err != nil || len(s.Functions) != 200 {
			b.Fatal(err)
		}
	}
}
