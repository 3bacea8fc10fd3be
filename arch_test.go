package thaw

import (
	"go/build"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/thawdev/thaw"

// floors is the policy of docs/architecture.md: a package imports only packages
// of lower floors. Change it together with that page, never to make a build
// pass. The module root, package thaw, is written as "thaw".
var floors = []string{
	0: "stack stack/redact stack/snapshot/query fleet guard workload metrics proxy/wire proxy/engine lab/runtimeapi lab/runtimes lab/lambdaapi elasticacheiam",
	1: "stack/iac/terraform stack/iac/terraform/tfwrite stack/iac/account stack/iac/account/awswrite stack/snapshot stack/reach proxy/upstream plan lab/sandbox lab/cache lab/origin lab/vpc watch dash",
	2: "thaw proxy stack/iac stack/check",
	3: "lab proxy/service cmd/thaw-extension thawotel",
	4: "lab/experiment",
	5: "cmd/thaw",
}

// forbidden are imports that the floors alone would allow: the spines do not see
// each other below plan and lab.
var forbidden = map[string][]string{
	"stack/check": {"proxy", "proxy/wire", "proxy/upstream", "net"},
	"proxy":       {"stack", "stack/iac", "stack/reach"},
	"thaw":        {"proxy", "proxy/wire", "proxy/upstream", "stack", "stack/iac", "stack/reach"},
}

// oneLibrary lists the third-party modules that a package of floor 0 may
// import: at most one each.
var oneLibrary = map[string]string{
	"metrics":              "github.com/HdrHistogram/hdrhistogram-go",
	"lab/lambdaapi":        "github.com/google/uuid",
	"proxy/engine":         "golang.org/x/sys",
	"stack/snapshot/query": "github.com/aws/",
}

// inLambda is what runs inside a function: no test library, no template parser,
// no web page.
var inLambda = map[string][]string{
	"thaw":               {"testing", "github.com/goccy/go-yaml", "github.com/alicebob/miniredis/v2", "modernc.org/sqlite", "html/template"},
	"cmd/thaw-extension": {"testing", "github.com/goccy/go-yaml", "github.com/alicebob/miniredis/v2", "modernc.org/sqlite", "html/template", "github.com/aws/aws-sdk-go-v2"},
}

func TestFloors(t *testing.T) {
	floor := map[string]int{}
	for n, names := range floors {
		for name := range strings.FieldsSeq(names) {
			floor[name] = n
		}
	}
	packages := modulePackages(t)
	if len(packages) < 5 {
		t.Fatalf("found only %v: the walk is broken", packages)
	}
	for name, imports := range packages {
		if beside(name) {
			continue
		}
		mine, ok := floor[name]
		if !ok {
			t.Errorf("package %s is on no floor: add it to docs/architecture.md and to floors", name)
			continue
		}
		for _, imp := range imports {
			checkImport(t, name, mine, imp, floor)
		}
	}
}

// beside reports whether a package stands beside the floors: handlers of the
// user's side, comparisons with peers, and programs that only make or judge the
// code.
func beside(name string) bool {
	for _, prefix := range []string{"examples/", "bench/", "proxy/suite", "proxy/clients", "proxy/wire/internal/"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

func checkImport(t *testing.T, name string, mine int, imp string, floor map[string]int) {
	t.Helper()
	short, ours := inModule(imp)
	if slices.Contains(forbidden[name], short) || slices.Contains(forbidden[name], imp) {
		t.Errorf("%s imports %s, which docs/architecture.md forbids", name, imp)
	}
	switch {
	case ours:
		if theirs, ok := floor[short]; !ok || theirs >= mine {
			t.Errorf("%s (floor %d) imports %s (floor %d): imports go down only", name, mine, short, theirs)
		}
	case mine == 0 && strings.Contains(firstElement(imp), "."):
		if lib := oneLibrary[name]; lib == "" || !strings.HasPrefix(imp, lib) {
			t.Errorf("%s is on floor 0 and imports %s: floor 0 has the standard library and at most one library each", name, imp)
		}
	}
}

// What runs inside a function must not link what only a laptop needs.
func TestLambdaSide(t *testing.T) {
	packages := modulePackages(t)
	for root, banned := range inLambda {
		if packages[root] == nil {
			continue // not built yet
		}
		seen := map[string]bool{}
		var walk func(string)
		walk = func(name string) {
			for _, imp := range packages[name] {
				if seen[imp] {
					continue
				}
				seen[imp] = true
				for _, b := range banned {
					if imp == b || strings.HasPrefix(imp, b+"/") {
						t.Errorf("%s links %s through %s", root, imp, name)
					}
				}
				if short, ours := inModule(imp); ours {
					walk(short)
				}
			}
		}
		walk(root)
	}
}

// modulePackages maps each package of the module, named as in floors, to the
// imports of its non-test files on this platform.
func modulePackages(t *testing.T) map[string][]string {
	t.Helper()
	packages := map[string][]string{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.IsDir() {
			return nil
		}
		base := d.Name()
		if path != "." && (strings.HasPrefix(base, ".") || base == "testdata" || base == "node_modules") {
			return filepath.SkipDir
		}
		if path != "." {
			if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil {
				return filepath.SkipDir // a module of its own
			}
		}
		pkg, err := build.Default.ImportDir(path, 0)
		if err != nil || len(pkg.GoFiles) == 0 {
			return nil // no Go files here
		}
		name := filepath.ToSlash(path)
		if path == "." {
			name = "thaw"
		}
		packages[name] = pkg.Imports
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return packages
}

func inModule(imp string) (short string, ours bool) {
	if imp == module {
		return "thaw", true
	}
	return strings.CutPrefix(imp, module+"/")
}

func firstElement(imp string) string {
	first, _, _ := strings.Cut(imp, "/")
	return first
}
