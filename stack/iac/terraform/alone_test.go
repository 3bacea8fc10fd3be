package terraform

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/thawdev/thaw/stack"
)

// write puts a scene into a new folder.
func (r *scene) write(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "m"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]string{"main.tf": r.hcl.String(), "m/main.tf": r.child.String(), "plan.json": string(r.plan())} {
		if !slices.Contains(files, name) {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Whatever a plan alone says is known equals what the source says, which is
// exact: whichever of the ways to write an expression was taken that look alike
// in a plan.
func TestPlanAloneNeverGuessesWrong(t *testing.T) {
	single, lists, total := 0, 0, 0
	for seed := range uint64(400) {
		r := newScene(seed, true)
		exact := loadEngine(t, r.write(t, "main.tf", "m/main.tf"), "")
		alone := r.write(t, "plan.json")
		plan := loadEngine(t, alone, filepath.Join(alone, "plan.json"))
		truth, b := instancesOf(exact), &builder{e: plan, instances: instancesOf(plan), alike: map[*group]bool{}}
		eb := &builder{e: exact, instances: truth}
		for address, want := range r.want {
			if got := show(truth[address].arg("input")); got != want.show() {
				t.Fatalf("seed %d: the source says of %s %s, and it is %s\n%s\n%s", seed, address, got, want.show(), &r.hcl, &r.child)
			}
			a, w := b.attrs(b.instances[address]), truth[address].arg("input")
			v := a.get("input")
			fail := func(as string, got any) {
				t.Errorf("seed %d: %s is known as %s to be %v, and it is %s\n%s\n%s", seed, address, as, got, want.show(), &r.hcl, &r.child)
			}
			total++
			if id := a.id("input"); id.IsKnown() && w.kind != list {
				single++
				// A single reference is an id, or the argument is a text.
				if id != eb.id(w) && !(want.id == id.Or("") && want.text != "") {
					fail("an id", id)
				}
			}
			if text := b.asText(v).Resolve(named); v.kind != list && text.IsKnown() && text != eb.asText(w).Resolve(named) {
				fail("a text", text)
			}
			ids, right := a.ids("input"), eb.ids(w)
			if w.kind == list && subset(ids, nil) && !(subset(ids, right) && subset(right, ids)) {
				fail("a list", ids)
			}
			if w.kind == list && !subset(known(ids), right) {
				fail("items of a list", ids)
			}
			if all := known(a.superset("input")); w.kind == list && v.guess != nil && len(all) > 0 {
				lists++
				if beside := known(right); !subset(slices.DeleteFunc(beside, isConstant), all) {
					fail("a superset", all)
				}
			}
		}
	}
	if single*20 < total || lists*20 < total {
		t.Errorf("of %d arguments %d are known as an id and %d as a superset, so this test shows little", total, single, lists)
	}
	t.Logf("of %d arguments %d are known as an id and %d as a superset", total, single, lists)
}

// known returns the ids that are known.
func known(ids []stack.Value[string]) []stack.Value[string] {
	return slices.DeleteFunc(slices.Clone(ids), func(v stack.Value[string]) bool { return !v.IsKnown() })
}

// isConstant reports whether an id is the constant that random lists hold beside
// others: in a plan alone "unknown" stands for it.
func isConstant(v stack.Value[string]) bool { return v.Or("") == "constant" }

func named(resource, attribute string) (string, bool) { return resource + "." + attribute, true }

// subset reports whether all of a are known, and are in b unless that is nil.
func subset(a, b []stack.Value[string]) bool {
	return !slices.ContainsFunc(a, func(v stack.Value[string]) bool { return !v.IsKnown() || b != nil && !slices.Contains(b, v) })
}

func instancesOf(e *engine) map[string]*instance {
	all := map[string]*instance{}
	for _, i := range e.collect(e.root, nil) {
		all[i.address] = i
	}
	return all
}

// The plans above list references and unknown places as Terraform does.
func TestPlansAsTerraformWritesThem(t *testing.T) {
	if _, err := exec.LookPath("terraform"); err != nil {
		if os.Getenv("THAW_REQUIRE_REAL") != "" {
			t.Fatal(err)
		}
		t.Skip("terraform is not installed")
	}
	for seed := range uint64(4) {
		r := newScene(seed, false)
		dir := r.write(t, "main.tf", "m/main.tf")
		terraform := func(args ...string) []byte {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, "terraform", args...)
			cmd.Dir, cmd.Env = dir, append(os.Environ(), "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1")
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("terraform %s: %v\n%s\n%s", strings.Join(args, " "), err, out, &r.hcl)
			}
			return out
		}
		terraform("init", "-input=false", "-no-color")
		terraform("plan", "-input=false", "-no-color", "-out=saved")
		if diff := cmp.Diff(essence(t, terraform("show", "-json", "saved")), essence(t, r.plan())); diff != "" {
			t.Errorf("seed %d (-terraform +test):\n%s\n%s", seed, diff, &r.hcl)
		}
	}
}

// essence is what a plan says of the arguments "input": values, unknown places
// and references.
func essence(t *testing.T, plan []byte) map[string]any {
	t.Helper()
	var p struct {
		Changes []struct {
			Address string
			Change  struct{ After, AfterUnknown map[string]any }
		} `json:"resource_changes"`
		Configuration struct {
			Root map[string]any `json:"root_module"`
		}
	}
	plan = []byte(strings.ReplaceAll(string(plan), `"after_unknown"`, `"AfterUnknown"`))
	if err := json.Unmarshal(plan, &p); err != nil {
		t.Fatal(err)
	}
	all := map[string]any{}
	for _, c := range p.Changes {
		all[c.Address] = []any{c.Change.After["input"], falseToNil(c.Change.AfterUnknown["input"])}
	}
	var walk func(at string, module map[string]any)
	walk = func(at string, module map[string]any) {
		for _, x := range module["resources"].([]any) {
			x := x.(map[string]any)
			expressions, _ := x["expressions"].(map[string]any)
			all[at+"config "+x["address"].(string)] = expressions["input"]
		}
		for name, x := range asObject(module["outputs"]) {
			all[at+"output "+name] = asObject(x)["expression"]
		}
		for name, x := range asObject(module["module_calls"]) {
			all[at+"call "+name] = asObject(x)["expressions"]
			walk(at+name+".", asObject(asObject(x)["module"]))
		}
	}
	walk("", p.Configuration.Root)
	return all
}

func asObject(x any) map[string]any {
	o, _ := x.(map[string]any)
	return o
}

// falseToNil makes a mask that marks nothing the same as none.
func falseToNil(mask any) any {
	if mask == false {
		return nil
	}
	if list, ok := mask.([]any); ok && !slices.Contains(list, any(true)) {
		return nil
	}
	return mask
}
