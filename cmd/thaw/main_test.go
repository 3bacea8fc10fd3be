package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"thaw": main})
}

// TestScripts runs the CLI as a user types it. Each script says what it guards.
func TestScripts(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	goEnv := goEnvironment(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("REPO", root)
			// Handlers are built with the caches of the user who runs the tests.
			for name, value := range goEnv {
				env.Setenv(name, value)
			}
			return nil
		},
		Condition: func(name string) (bool, error) {
			if program, ok := strings.CutPrefix(name, "real:"); ok {
				_, err := exec.LookPath(program)
				if err != nil && os.Getenv("THAW_REQUIRE_REAL") != "" {
					t.Fatalf("%s is not installed and THAW_REQUIRE_REAL is set", program)
				}
				return err == nil, nil
			}
			if module, ok := strings.CutPrefix(name, "module:"); ok { // of Python
				err := exec.Command("python3", "-c", "import "+module).Run()
				if err != nil && os.Getenv("THAW_REQUIRE_REAL") != "" {
					t.Fatalf("Python's %s is not installed and THAW_REQUIRE_REAL is set", module)
				}
				return err == nil, nil
			}
			if folder, ok := strings.CutPrefix(name, "folder:"); ok {
				_, err := os.Stat(filepath.Join(root, folder))
				if err != nil && os.Getenv("THAW_REQUIRE_REAL") != "" {
					t.Fatalf("%s is not there and THAW_REQUIRE_REAL is set", folder)
				}
				return err == nil, nil
			}
			return false, nil
		},
	})
}

func goEnvironment(t *testing.T) map[string]string {
	t.Helper()
	values := map[string]string{}
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPROXY", "GOFLAGS", "GOSUMDB"} {
		out, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		values[name] = strings.TrimSpace(string(out))
	}
	return values
}

func TestCommandLineHidesSecrets(t *testing.T) {
	got := commandLine([]string{"thaw", "lab", "--env", "PASSWORD=hunter2", "--parameter=Token=hunter2",
		"--cache", "rediss://user:hunter2@host:6379", "--cache=redis://:hunter2@host", "--expect", "warm.p99<25ms"})
	if strings.Contains(got, "hunter2") {
		t.Errorf("a secret is in the result: %s", got)
	}
	for _, part := range []string{"PASSWORD=***", "Token=***", "user:xxxxx@host:6379", "'warm.p99<25ms'"} {
		if !strings.Contains(got, part) {
			t.Errorf("%s: no %s", got, part)
		}
	}
}
