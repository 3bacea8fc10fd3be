package check

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/thawdev/thaw/stack"
	"github.com/thawdev/thaw/stack/iac"
	"github.com/thawdev/thaw/stack/iac/account"
	"github.com/thawdev/thaw/stack/iac/account/awswrite"
	"github.com/thawdev/thaw/stack/iac/terraform"
	"github.com/thawdev/thaw/stack/iac/terraform/tfwrite"
)

var update = flag.Bool("update", false, "write the Terraform and account forms of the scenarios, and docs/checks.md")

const stacks = "../../testdata/stacks"

// scenarioFolders lists the folders of this package's scenarios: each rule has
// one in which it fails and one, as similar as can be, in which it does not.
func scenarioFolders(t *testing.T) []string {
	t.Helper()
	folders, err := filepath.Glob(filepath.Join(stacks, "check-*"))
	if err != nil || len(folders) < 2*len(Rules()) {
		t.Fatalf("found %d scenarios for %d rules, error %v", len(folders), len(Rules()), err)
	}
	return folders
}

func readTemplate(t *testing.T, folder string) *stack.Stack {
	t.Helper()
	s, err := iac.ReadFile(filepath.Join(folder, "template.yaml"), iac.Options{StackName: "app", Region: "eu-west-1"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func run(t *testing.T, s *stack.Stack) *Report {
	t.Helper()
	r, err := Run(s, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Each finding must stand at a line that says "# want ID", and each such
// comment must have its finding.
func TestScenarios(t *testing.T) {
	want := regexp.MustCompile(`# want((?: THAW-[A-Z]\d\d)+)`)
	for _, folder := range scenarioFolders(t) {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(folder, "template.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			var expected, got []string
			for i, line := range strings.Split(string(data), "\n") {
				if m := want.FindStringSubmatch(line); m != nil {
					for id := range strings.FieldsSeq(m[1]) {
						expected = append(expected, fmt.Sprintf("%d: %s", i+1, id))
					}
				}
			}
			r := run(t, readTemplate(t, folder))
			for _, f := range r.Findings {
				got = append(got, fmt.Sprintf("%d: %s", f.Line, f.ID))
				checkFinding(t, f)
			}
			slices.Sort(expected)
			slices.Sort(got)
			if diff := cmp.Diff(expected, got); diff != "" {
				t.Errorf("findings (-in the template +found):\n%s", diff)
				for _, f := range r.Findings {
					t.Logf("%d: %s %s", f.Line, f.ID, f.Message)
				}
			}
		})
	}
}

// checkFinding asks of every finding what its reader needs.
func checkFinding(t *testing.T, f Finding) {
	t.Helper()
	if !strings.HasSuffix(f.Message, ".") || strings.Contains(f.Message, "\n") || strings.Contains(f.Message, "..") {
		t.Errorf("%s: the message is not one sentence: %q", f.ID, f.Message)
	}
	if f.Why == "" || f.Fix == "" || f.Title == "" || f.Resource == "" || f.File == "" || f.Line == 0 {
		t.Errorf("%s: something is missing: %+v", f.ID, f)
	}
}

// Every rule needs a scenario that it finds and one that it does not find.
func TestEveryRuleHasScenarios(t *testing.T) {
	for _, rule := range Rules() {
		base := filepath.Join(stacks, "check-"+strings.ToLower(strings.TrimPrefix(rule.ID, "THAW-")))
		for kind, want := range map[string]bool{"-fail": true, "-pass": false} {
			r := run(t, readTemplate(t, base+kind))
			if got := slices.Contains(ids(r), rule.ID); got != want {
				t.Errorf("%s in %s%s: found %v, want %v", rule.ID, base, kind, got, want)
			}
		}
	}
}

func ids(r *Report) []string {
	out := []string{}
	for _, f := range r.Findings {
		out = append(out, f.ID)
	}
	slices.Sort(out)
	return out
}

// dialect is one form of a scenario beside the template.
type dialect struct {
	name  string
	file  string
	write func(*stack.Stack) []byte
	read  func(t *testing.T, folder string) (*stack.Stack, error)
}

func dialects() []dialect {
	return []dialect{
		{"source", "main.tf", tfwrite.HCL, func(_ *testing.T, folder string) (*stack.Stack, error) {
			return iac.ReadFile(filepath.Join(folder, "main.tf"), iac.Options{})
		}},
		{"plan", "plan.json", tfwrite.Plan, func(t *testing.T, folder string) (*stack.Stack, error) {
			// Beside its source, as a pipeline has it.
			both := t.TempDir()
			for _, name := range []string{"main.tf", "plan.json"} {
				data, err := os.ReadFile(filepath.Join(folder, name))
				if err != nil {
					return nil, err
				}
				if err := os.WriteFile(filepath.Join(both, name), data, 0o600); err != nil {
					return nil, err
				}
			}
			return iac.ReadFile(both, iac.Options{})
		}},
		{"plan alone", "plan.json", tfwrite.Plan, func(_ *testing.T, folder string) (*stack.Stack, error) {
			data, err := os.ReadFile(filepath.Join(folder, "plan.json"))
			if err != nil {
				return nil, err
			}
			return terraform.Read("plan.json", data, terraform.Options{})
		}},
		{"account", "account.json", awswrite.Snapshot, func(_ *testing.T, folder string) (*stack.Stack, error) {
			data, err := os.ReadFile(filepath.Join(folder, "account.json"))
			if err != nil {
				return nil, err
			}
			return account.Read("account.json", data)
		}},
	}
}

// notIn are the findings that a form of a scenario cannot give, with the
// reason; the key is the rule and the form.
func notIn() map[string]string {
	return map[string]string{
		"THAW-A01 plan alone": "a plan does not say what surrounds a reference in a text; its source does",
		"THAW-A02 plan alone": "the same",
		"THAW-A03 plan alone": "the same",
		"THAW-I01 plan alone": "Terraform refuses a cycle, so there is no plan of one",
		"THAW-R11 account":    "a live account has no values that only deployment decides",
		"THAW-I01 plan":       "Terraform refuses a cycle, so there is no plan of one",
		"THAW-C01 account":    "a snapshot keeps no number that could be a secret; --connections says how many",
		"THAW-I01 account":    "the groups exist, and nobody sees how they were declared",
		"THAW-I03 account":    "an account has no declarations",
		"THAW-I05 account":    "EC2 refuses a rule without ports",
		"THAW-C05 account":    "Lambda refuses such a function",
	}
}

// The three dialects of one deployment must give the same findings. The forms
// in the folder are those that the writers make of the template; -update
// writes them.
func TestDialectsGiveTheSameFindings(t *testing.T) {
	for _, folder := range scenarioFolders(t) {
		template := run(t, readTemplate(t, folder))
		for _, d := range dialects() {
			if filepath.Base(folder) == "check-r11-fail" && d.name == "account" {
				continue // the writer has to make up what another stack exports
			}
			t.Run(filepath.Base(folder)+"/"+d.name, func(t *testing.T) {
				s := readTemplate(t, folder)
				s.Region = "eu-west-1"
				written := d.write(s)
				path := filepath.Join(folder, d.file)
				if *update {
					if err := os.WriteFile(path, written, 0o644); err != nil {
						t.Fatal(err)
					}
				}
				if have, err := os.ReadFile(path); err != nil || !bytes.Equal(have, written) {
					t.Fatalf("%s is not what its writer makes of the template (error %v); run with -update", path, err)
				}
				got, err := d.read(t, folder)
				if err != nil {
					t.Fatal(err)
				}
				r := run(t, got)
				want := slices.DeleteFunc(ids(template), func(id string) bool { return notIn()[id+" "+d.name] != "" })
				have := slices.DeleteFunc(ids(r), func(id string) bool { return notIn()[id+" "+d.name] != "" })
				if diff := cmp.Diff(want, have); diff != "" {
					t.Errorf("findings (-template +%s):\n%s", d.name, diff)
					for _, f := range r.Findings {
						t.Logf("%s %s %s", f.ID, f.Place(), f.Message)
					}
				}
			})
		}
	}
}

// Leaving out the functions that no rule is about must not change what reaches
// a cache.
func TestExposuresAreComplete(t *testing.T) {
	folders, err := filepath.Glob(filepath.Join(stacks, "*", "template.*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range folders {
		s, err := iac.ReadFile(path, iac.Options{StackName: "app", Region: "eu-west-1"})
		if err != nil {
			t.Fatal(err)
		}
		p := newPass(s, Options{})
		for _, c := range s.Caches {
			want := fmt.Sprintf("%+v", p.network.Sources(c, c.Port))
			if got := fmt.Sprintf("%+v", p.exposures(c)); got != want {
				t.Errorf("%s %s:\n%s\nwant\n%s", path, c.ID, got, want)
			}
		}
	}
}
