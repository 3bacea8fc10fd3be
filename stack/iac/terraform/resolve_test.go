package terraform

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// loadEngine reads a configuration without building a stack of it.
func loadEngine(t *testing.T, dir, plan string) *engine {
	t.Helper()
	e := newEngine(Options{})
	f, err := readFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.blocks) > 0 {
		e.root.source, e.folders[dir] = f, f
	}
	if plan == "" {
		e.collect(e.root, nil)
		return e
	}
	data, err := os.ReadFile(plan)
	if err != nil {
		t.Fatal(err)
	}
	d, err := readDocument(data)
	if err != nil {
		t.Fatal(err)
	}
	for i, k := range d.variables.keys {
		e.opts.variables[k] = d.variables.items[i].get("value")
	}
	e.planned = true
	e.plant(d)
	return e
}

// show writes a value for people: references as ${address.attribute}, what is
// not known as ?. In front of a guess stands ~, or some of a list.
func show(v value) string {
	if g := v.guess; g != nil && v.complete() {
		v.guess = nil
		if g.some {
			return "some of " + show(v)
		}
		return "~" + show(v)
	}
	switch v.kind {
	case null:
		return "null"
	case unknown:
		return "?"
	case resource:
		return "${" + v.inst.address + "}"
	case call:
		return "${" + v.mod.address + "}"
	case list:
		var items []string
		for _, item := range v.items {
			items = append(items, show(item))
		}
		if v.why != "" {
			items = append(items, "…")
		}
		return "[" + strings.Join(items, " ") + "]"
	case object:
		var items []string
		for i, item := range v.items {
			items = append(items, v.keys[i]+"="+show(item))
		}
		return "{" + strings.Join(items, " ") + "}"
	}
	t, _ := v.asText()
	return t.String()
}

// inputs returns the argument "input" of every terraform_data, as text.
func inputs(e *engine) map[string]string {
	got := map[string]string{}
	var walk func(m *module)
	walk = func(m *module) {
		for _, g := range m.groups {
			for _, i := range g.instances {
				got[i.address] = show(i.arg("input"))
			}
		}
		for _, c := range m.children {
			for _, x := range c.modules {
				walk(x)
			}
		}
	}
	walk(e.root)
	return got
}

const netSubnets = "${module.net.terraform_data.subnet[0].id} ${module.net.terraform_data.subnet[1].id}"

// What the source says is exact, whether a plan lies beside it or not: modules
// with for_each, a module without resources, count, splats, locals, for
// expressions, secrets.
func TestResolveExact(t *testing.T) {
	want := map[string]string{
		"terraform_data.group":                               "group",
		"terraform_data.splat":                               "[" + netSubnets + "]",
		"terraform_data.picked":                              "${module.net.terraform_data.subnet[1].id}",
		"terraform_data.counted[0]":                          "${module.net.terraform_data.subnet[0].id}",
		"terraform_data.counted[1]":                          "${module.net.terraform_data.subnet[1].id}",
		`terraform_data.keyed["a"]`:                          "${module.net.terraform_data.subnet[0].id}",
		`terraform_data.keyed["b"]`:                          "${module.net.terraform_data.subnet[1].id}",
		"terraform_data.one":                                 "${terraform_data.group.id}",
		"terraform_data.tried":                               "${terraform_data.group.id}",
		"terraform_data.rules":                               "[{port=6379 groups=[${terraform_data.group.id}]} {port=6380 groups=[${terraform_data.group.output}]}]",
		"module.net.terraform_data.vpc":                      "vpc",
		"module.net.terraform_data.subnet[0]":                "{vpc=${module.net.terraform_data.vpc.id} zone=a}",
		"module.net.terraform_data.subnet[1]":                "{vpc=${module.net.terraform_data.vpc.id} zone=b}",
		`module.app["orders"].terraform_data.cache`:          "{name=orders subnets=[" + netSubnets + "] groups=[${terraform_data.group.id}]}",
		`module.app["carts"].terraform_data.cache`:           "{name=carts subnets=[" + netSubnets + "] groups=[${terraform_data.group.id} sg-0123]}",
		`module.app["orders"].terraform_data.handler["get"]`: `{cache=${module.app["orders"].terraform_data.cache.id} subnets=[` + netSubnets + "] key=orders-get}",
		`module.app["carts"].terraform_data.handler["get"]`:  `{cache=${module.app["carts"].terraform_data.cache.id} subnets=[` + netSubnets + "] key=carts-get}",
		"terraform_data.environment": `{url=redis://${module.app["orders"].terraform_data.cache.id}:6379 host=${module.app["carts"].terraform_data.cache.id}` +
			` token=x-${secret} names=carts=${module.app["carts"].terraform_data.cache.id},orders=${module.app["orders"].terraform_data.cache.id}}`,
	}
	dir := filepath.Join("testdata", "modules")
	for name, plan := range map[string]string{"source": "", "plan with source": filepath.Join(dir, "plan.json")} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(want, inputs(loadEngine(t, dir, plan))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// Without the source, a plan gives what its references leave no doubt about;
// the rest is unknown, says what it may mention, and is never a wrong resource.
func TestResolvePlanAlone(t *testing.T) {
	got := inputs(loadEngine(t, t.TempDir(), filepath.Join("testdata", "modules", "plan.json")))
	const subnets = "${module.net.terraform_data.subnet[0]}${module.net.terraform_data.subnet[1]}"
	const either = "${?terraform_data.group.id, terraform_data.group.output}${terraform_data.group.id}${terraform_data.group.output}"
	const hosts = `${?module.app["orders"].host, module.app["orders"].port, module.app["carts"].host, var.token, module.app}` +
		`${module.app["orders"].terraform_data.cache.id}${module.app["carts"].terraform_data.cache.id}`
	want := map[string]string{
		"terraform_data.group":                      "group",
		"terraform_data.splat":                      "~[~${module.net.terraform_data.subnet[0]} ~${module.net.terraform_data.subnet[1]}]", // two of two
		"terraform_data.picked":                     "some of [${module.net.terraform_data.subnet[0]} ${module.net.terraform_data.subnet[1]}]",
		"terraform_data.counted[0]":                 "${?module.net.subnet_ids, count.index}" + subnets,
		"terraform_data.counted[1]":                 "${?module.net.subnet_ids, count.index}" + subnets,
		`terraform_data.keyed["a"]`:                 "${?module.net.by_zone, each.key}" + subnets,
		`terraform_data.keyed["b"]`:                 "${?module.net.by_zone, each.key}" + subnets,
		"terraform_data.one":                        "~${terraform_data.group.id}",
		"terraform_data.tried":                      "~${terraform_data.group.id}",
		"terraform_data.rules":                      "[{groups=[" + either + "] port=6379} {groups=[" + either + "] port=6380}]",
		"module.net.terraform_data.subnet[0]":       "{zone=a vpc=~${module.net.terraform_data.vpc.id}}",
		"terraform_data.environment":                `{token=${secret} host=` + hosts + ` names=` + hosts + ` url=` + hosts + `}`,
		`module.app["orders"].terraform_data.cache`: "{groups=[?] name=orders subnets=[? ?]}", // through a local
	}
	plain := strings.NewReplacer("an expression that refers to ", "", ", of which a plan does not say more; "+needsSource, "")
	for address, text := range want {
		if got := plain.Replace(got[address]); got != text {
			t.Errorf("%s: %s, want %s", address, got, text)
		}
	}
}

// A variable has its type, however its value is written: -var and tfvars write
// numbers as text, a type may leave out what is optional, and a count may be text.
func TestTypedVariables(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(`
variable "n" { type = number }
variable "on" { type = bool }
variable "text" { type = string }
variable "rules" {
  type = map(object({
    port = optional(number, 6379)
    note = optional(string)
    tags = optional(list(object({ x = optional(string, "y") })), [{}])
    cidr = string
    bad  = optional(string, var.rules)
  }))
  default = { a = { cidr = "10.0.0.0/8" }, b = { cidr = "10.1.0.0/16", port = "1", note = null } }
}
resource "terraform_data" "counted" {
  count = var.n
  input = var.n == 2
}
resource "terraform_data" "on" {
  count = var.on == true ? "1" : "0"
  input = var.text == "5"
}
resource "terraform_data" "rule" {
  for_each = var.rules
  input    = [each.value.port + 1, try(each.value.note, "none") == null, each.value.tags[0].x]
}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := readFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	e := newEngine(Options{Variables: map[string]string{"n": "2", "on": "true", "text": "5"}})
	e.root.source, e.folders[dir] = f, f
	if err := e.readVariables(dir); err != nil {
		t.Fatal(err)
	}
	e.collect(e.root, nil)
	want := map[string]string{
		"terraform_data.counted[0]": "true", "terraform_data.counted[1]": "true", "terraform_data.on[0]": "true",
		`terraform_data.rule["a"]`: "[6380 true y]", `terraform_data.rule["b"]`: "[2 true y]",
	}
	if diff := cmp.Diff(want, inputs(e)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
