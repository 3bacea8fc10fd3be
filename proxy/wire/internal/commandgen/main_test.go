package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func generate(t *testing.T, files map[string]string) (text, problem string, code int) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(t.TempDir(), "table.go")
	var stderr strings.Builder
	code = run([]string{"-commands", dir, "-source", "Test 1.0", "-out", out}, &stderr)
	b, _ := os.ReadFile(out)
	return string(b), stderr.String(), code
}

// A container stands before its subcommands and before names that begin like it,
// and every form of key positions is written.
func TestGenerate(t *testing.T) {
	text, problem, code := generate(t, map[string]string{
		"clients.json":   `{"CLIENTS": {"arity": 1, "since": "9.0"}}`,
		"client-id.json": `{"ID": {"container": "CLIENT", "arity": 2, "since": "5.0", "command_flags": ["LOADING", "SENTINEL"]}}`,
		"client.json":    `{"CLIENT": {"arity": -2, "since": "2.4", "acl_categories": ["CONNECTION"]}}`,
		"x.json": `{"X": {"arity": -4, "since": "1.0", "command_flags": ["WRITE"], "key_specs": [
			{"flags": ["RO"], "begin_search": {"index": {"pos": 1}}, "find_keys": {"range": {"lastkey": -1, "step": 2, "limit": 0}}},
			{"flags": ["RW", "ACCESS"], "begin_search": {"index": {"pos": 2}}, "find_keys": {"keynum": {"keynumidx": 0, "firstkey": 1, "step": 1}}},
			{"flags": ["OW"], "begin_search": {"keyword": {"keyword": "STREAMS", "startfrom": 1}}, "find_keys": {"range": {"lastkey": -1, "step": 1, "limit": 2}}},
			{"flags": ["OW"], "begin_search": {"unknown": null}, "find_keys": {"unknown": null}}]}}`,
	})
	if code != 0 || problem != "" {
		t.Fatalf("exit %d: %s", code, problem)
	}
	want := []string{
		"from the command metadata of Test 1.0; DO NOT EDIT.",
		`{"client", -2, "2.4", 0, catConnection, nil},`,
		`{"client|id", 2, "5.0", Loading, 0, nil},`,
		`{"clients", 1, "9.0", 0, 0, nil},`,
		`{"x", -4, "1.0", Write, 0, []KeySpec{keysAt(KeyRead, 1, -1, 2), keysCounted(KeyReadWrite|KeyAccess, 2, 0, 1, 1), ` +
			`keysAfter("streams", KeyOverwrite, 1, -1, 1, 2), keysUnknown(KeyOverwrite)}},`,
	}
	at := 0
	for _, line := range want {
		i := strings.Index(text[at:], line)
		if i < 0 {
			t.Fatalf("%s is missing or out of order in\n%s", line, text)
		}
		at += i + len(line)
	}
}

// What the generator does not understand it refuses: a new flag or a new form of
// key positions must not be dropped in silence.
func TestGenerateRefuses(t *testing.T) {
	for name, file := range map[string]string{
		"an unknown flag":         `{"X": {"arity": 1, "command_flags": ["SHINY"]}}`,
		"an unknown ACL category": `{"X": {"arity": 1, "acl_categories": ["SHINY"]}}`,
		"an unknown key flag":     `{"X": {"arity": 1, "key_specs": [{"flags": ["SHINY"]}]}}`,
		"a new form":              `{"X": {"arity": 1, "key_specs": [{"flags": ["RO"], "begin_search": {"index": {"pos": 1}}}]}}`,
		"no arity":                `{"X": {}}`,
		"invalid character":       `x`,
	} {
		if _, problem, code := generate(t, map[string]string{"x.json": file}); code != 2 || !strings.Contains(problem, name) {
			t.Errorf("%s: exit %d, %q", name, code, problem)
		}
	}
	if _, problem, code := generate(t, nil); code != 2 || !strings.Contains(problem, "no JSON files") {
		t.Errorf("an empty folder: exit %d, %q", code, problem)
	}
}
