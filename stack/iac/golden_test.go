package iac

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the expected stacks of testdata/stacks")

const scenarios = "../../testdata/stacks"

// TestScenarios reads every scenario and compares the stack with stack.json
// next to the template.
func TestScenarios(t *testing.T) {
	templates, err := filepath.Glob(filepath.Join(scenarios, "*", "template.*"))
	if err != nil || len(templates) < 10 {
		t.Fatalf("found %d templates, error %v", len(templates), err)
	}
	for _, path := range templates {
		if strings.HasPrefix(filepath.Base(filepath.Dir(path)), "check-") {
			continue // the checker's scenarios hold the findings that they expect instead
		}
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) {
			s, err := ReadFile(path, Options{StackName: "app", Region: "eu-west-1"})
			if err != nil {
				t.Fatal(err)
			}
			got := portable(t, s, filepath.Dir(path))
			golden := filepath.Join(filepath.Dir(path), "stack.json")
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("stack differs from %s (-want +got); run with -update if it should:\n%s", golden, diff)
			}
			if strings.Contains(string(got), "correct-horse") {
				t.Error("the auth token is in the JSON of the stack")
			}
		})
	}
}

// portable marshals a stack with paths relative to the scenario's folder.
func portable(t *testing.T, s any, dir string) []byte {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(s); err != nil {
		t.Fatal(err)
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := strings.ReplaceAll(b.String(), filepath.ToSlash(abs)+"/", "")
	return []byte(strings.ReplaceAll(out, filepath.ToSlash(dir)+"/", ""))
}
