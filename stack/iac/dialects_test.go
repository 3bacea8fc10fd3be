package iac

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/thawdev/thaw/stack"
	"github.com/thawdev/thaw/stack/iac/terraform"
	"github.com/thawdev/thaw/stack/iac/terraform/tfwrite"
)

// TestDialectsAgree reads each scenario as a template, as a Terraform plan with
// and without its source beside it, and as source alone: the same stack, up to
// names, types and origins.
func TestDialectsAgree(t *testing.T) {
	templates, err := filepath.Glob(filepath.Join(scenarios, "*", "template.*"))
	if err != nil || len(templates) < 10 {
		t.Fatalf("found %d templates, error %v", len(templates), err)
	}
	for _, path := range templates {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) {
			read := func() *stack.Stack {
				s, err := ReadFile(path, Options{StackName: "app", Region: "eu-west-1"})
				if err != nil {
					t.Fatal(err)
				}
				return s
			}
			plan, source := tfwrite.Plan(read()), tfwrite.HCL(read())
			folder := func(files map[string][]byte) *stack.Stack {
				dir := t.TempDir()
				for name, data := range files {
					if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				s, err := terraform.ReadFolder(dir, terraform.Options{})
				if err != nil {
					t.Fatal(err)
				}
				for _, g := range s.Gaps {
					t.Errorf("a gap: %+v", g)
				}
				return s
			}
			exact := view{conditional: true, text: true}
			want := exact.of(t, read())
			fromSource := folder(map[string][]byte{"main.tf": source})
			if diff := gocmp.Diff(want, exact.of(t, fromSource)); diff != "" {
				t.Errorf("source (-template +source):\n%s", diff)
			}
			if diff := gocmp.Diff(unordered(read()), unordered(fromSource)); diff != "" {
				t.Errorf("functions whose permissions may go first (-template +source):\n%s", diff)
			}
			if diff := gocmp.Diff(unordered(read()), unordered(folder(map[string][]byte{"plan.json": plan}))); diff != "" {
				t.Errorf("functions whose permissions may go first (-template +plan):\n%s", diff)
			}
			// A plan holds no conditional resources.
			planned := view{text: true}
			want = planned.of(t, read())
			if diff := gocmp.Diff(want, planned.of(t, folder(map[string][]byte{"plan.json": plan, "main.tf": source}))); diff != "" {
				t.Errorf("plan with source (-template +plan):\n%s", diff)
			}
			// Without the source a plan does not say what surrounds a reference.
			loose := view{}
			want = loose.of(t, read())
			if diff := gocmp.Diff(want, loose.of(t, folder(map[string][]byte{"plan.json": plan}))); diff != "" {
				t.Errorf("plan alone (-template +plan):\n%s", diff)
			}
		})
	}
}

// view says what of a stack is compared.
type view struct {
	conditional bool // which resources may not exist
	text        bool // environments in full, not only which caches they mention
}

// of returns a stack as text that is the same in all dialects.
func (v view) of(t *testing.T, s *stack.Stack) string {
	t.Helper()
	ids := map[string]string{}
	for _, f := range s.Functions {
		for name, text := range f.Environment {
			f.Environment[name] = plainPorts(s, text)
		}
	}
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var tree map[string]any
	if err := json.Unmarshal(raw, &tree); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"name", "dialect", "region", "others", "database", "gaps"} {
		delete(tree, key)
	}
	for _, all := range tree {
		for _, r := range all.([]any) {
			id := r.(map[string]any)["id"].(string)
			ids[id] = canonical(id)
		}
	}
	out, err := json.MarshalIndent(v.normal(tree, ids), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// unordered lists the functions that do not depend on all that gives their role
// permissions.
func unordered(s *stack.Stack) map[string]bool {
	out := map[string]bool{}
	for _, f := range s.Functions {
		for _, r := range s.Roles {
			if r.ID == f.Role.Or("") && slices.ContainsFunc(r.Grants, func(id string) bool { return !slices.Contains(f.DependsOn, id) }) {
				out[canonical(f.ID)] = true
			}
		}
	}
	return out
}

// plainPorts replaces the port of a cache by its number, as Terraform does
// before apply.
func plainPorts(s *stack.Stack, text stack.Text) stack.Text {
	var out strings.Builder
	var parts stack.Text
	for _, p := range text {
		if c := s.Cache(p.Resource); c != nil && p.Attribute == stack.EndpointPort && c.Port.IsKnown() {
			p = stack.Part{Literal: fmt.Sprint(c.Port.Or(0))}
		}
		if p.Resource != "" && s.Cache(p.Resource) == nil && s.Subnet(p.Resource) == nil && s.Function(p.Resource) == nil {
			p = stack.Part{Unknown: "an attribute of what the model does not describe"}
		}
		if p.Literal != "" && !p.Secret {
			out.WriteString(p.Literal)
			continue
		}
		parts = append(append(parts, stack.Literal(out.String())...), p)
		out.Reset()
	}
	return append(parts, stack.Literal(out.String())...)
}

var words = regexp.MustCompile(`([a-z0-9])([A-Z])`)

// canonical gives a logical id and an address one spelling.
func canonical(id string) string {
	id = strings.TrimSuffix(id, "[0]")
	if vpc, ok := strings.CutSuffix(id, ".DefaultSecurityGroup"); ok {
		return canonical(vpc) + ".default"
	}
	if vpc, ok := strings.CutSuffix(id, ".default_security_group_id"); ok {
		return canonical(vpc) + ".default"
	}
	id = id[strings.LastIndexByte(id, '.')+1:]
	return strings.ToLower(words.ReplaceAllString(id, "${1}_$2"))
}

func (v view) normal(x any, ids map[string]string) any {
	switch x := x.(type) {
	case string:
		return cmp.Or(ids[x], x)
	case []any:
		var out []any
		for _, item := range x {
			out = append(out, v.normal(item, ids))
		}
		if len(out) == 0 || !isText(out) {
			slices.SortFunc(out, func(a, b any) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		}
		return out
	case map[string]any:
		if _, ok := x["unknown"]; ok {
			return map[string]any{"unknown": "?"}
		}
		out := map[string]any{}
		for key, item := range x {
			switch key {
			case "origin", "type", "implicit", "code", "inline_code", "name", "subnet_group", "description",
				"grants", "depends_on": // Terraform has no policies inside a role
			case "conditional":
				if v.conditional {
					out[key] = true
				}
			case "environment":
				if !v.text {
					item = mentions(item)
				}
				out[key] = v.normal(item, ids)
			case "ignored": // is written in the source
				if v.text {
					out[key] = v.normal(item, ids)
				}
			case "statements", "complete":
				if v.text { // a policy that mentions a resource is one text of a plan
					out[key] = v.normal(item, ids)
				}
			default:
				out[key] = v.normal(item, ids)
			}
		}
		return out
	}
	return x
}

// isText reports whether a list is the parts of a text, whose order counts.
func isText(all []any) bool {
	part, ok := all[0].(map[string]any)
	if !ok {
		return false
	}
	_, literal := part["literal"]
	_, resource := part["resource"]
	_, unknown := part["unknown"]
	_, secret := part["secret"]
	return literal || resource || secret || unknown && len(part) == 1
}

// mentions keeps the names of the variables, and all that they mention
// together.
func mentions(env any) any {
	var names, mentioned []any
	for name, text := range env.(map[string]any) {
		names = append(names, name)
		parts, _ := text.([]any)
		for _, p := range parts {
			if id, ok := p.(map[string]any)["resource"].(string); ok && !slices.Contains(mentioned, any(id)) {
				mentioned = append(mentioned, id)
			}
		}
	}
	return map[string]any{"names": names, "mentioned": mentioned}
}
