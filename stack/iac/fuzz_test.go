package iac

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

// FuzzRead feeds anything to the reader. It must not panic, must come back
// soon, and returns a stack or an error, never both.
func FuzzRead(f *testing.F) {
	templates, err := filepath.Glob(filepath.Join(scenarios, "*", "template.*"))
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range templates {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(frame + "!Sub '${C}'\n"))
	f.Add([]byte(aliasBomb()))
	f.Fuzz(func(t *testing.T, data []byte) {
		start := time.Now()
		for _, name := range []string{"t.yaml", "t.json"} {
			s, err := Read(name, data, Options{})
			if (s == nil) == (err == nil) {
				t.Fatalf("stack %v, error %v", s, err)
			}
			if s == nil {
				continue
			}
			if _, err := json.Marshal(s); err != nil {
				t.Fatalf("the stack cannot be written: %v", err)
			}
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Fatalf("took %v", took)
		}
	})
}

// aliasBomb is a template of which each line doubles the one before.
func aliasBomb() string {
	var b strings.Builder
	b.WriteString("Resources: {R: {Type: X}}\nA0: &a0 [x, x]\n")
	for i := range 40 {
		fmt.Fprintf(&b, "A%d: &a%d [*a%d, *a%d]\n", i+1, i+1, i, i)
	}
	return b.String()
}

// TestBombs reads templates that are small and expand without bound.
func TestBombs(t *testing.T) {
	joins := "Resources:\n  R:\n    Type: X\n    Properties:\n      A: " +
		strings.Repeat("!Sub ['${a}${a}', {a: ", 30) + "x" + strings.Repeat("}]", 30) + "\n"
	quotes := "Resources:\n  R:\n    Type: X\n    Properties:\n      A: " +
		strings.Repeat("!ToJsonString [", 28) + `"\""` + strings.Repeat("]", 28) + "\n"
	params := "Parameters: {P: {Type: String, Default: " + strings.Repeat("x", 4000) + "}}\n" +
		"Resources:\n  R:\n    Type: X\n    Properties:\n      A: !Sub '" + strings.Repeat("${P}", 50_000) + "'\n"
	for name, template := range map[string]string{"aliases": aliasBomb(), "Sub": joins, "ToJsonString": quotes, "parameters": params} {
		t.Run(name, func(t *testing.T) {
			_, err := Read("t.yaml", []byte(template), Options{})
			if err == nil {
				t.Fatal("no error")
			}
			if m := err.Error(); !strings.Contains(m, "too large") && !strings.Contains(m, "too long") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestYAMLAndJSONAgree writes each YAML scenario as JSON, with long forms in
// place of tags, and compares the stacks but for the lines.
func TestYAMLAndJSONAgree(t *testing.T) {
	templates, err := filepath.Glob(filepath.Join(scenarios, "*", "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range templates {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			data = bytes.ReplaceAll(data, []byte("# "+ignoreWord), []byte("# ")) // JSON has no comments
			report := &problems{file: "t"}
			root := parse("t.yaml", data, report)
			var b strings.Builder
			writeNode(&b, root)
			if !json.Valid([]byte(b.String())) {
				t.Fatalf("not JSON: %s", b.String())
			}
			fromYAML, err := Read("t", data, Options{})
			if err != nil {
				t.Fatal(err)
			}
			fromJSON, err := Read("t", []byte(b.String()), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(withoutLines(t, fromYAML), withoutLines(t, fromJSON)); diff != "" {
				t.Errorf("YAML and JSON differ (-YAML +JSON):\n%s", diff)
			}
			// The same JSON is a YAML flow mapping too, and the YAML parser
			// must see the same nodes in it.
			var again strings.Builder
			writeNode(&again, parseYAML([]byte(b.String()), report))
			if diff := cmp.Diff(b.String(), again.String()); diff != "" {
				t.Errorf("the parsers differ (-JSON +YAML):\n%s", diff)
			}
		})
	}
}

func withoutLines(t *testing.T, v any) string {
	t.Helper()
	out, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`"line": \d+`).ReplaceAllString(string(out), `"line": 0`)
}

// writeNode writes a node as JSON.
func writeNode(b *strings.Builder, n *node) {
	switch n.kind {
	case null:
		b.WriteString("null")
	case scalar:
		b.WriteString(quote(n.text))
	case list:
		b.WriteByte('[')
		for i, item := range n.items {
			if i > 0 {
				b.WriteByte(',')
			}
			writeNode(b, item)
		}
		b.WriteByte(']')
	case mapping:
		b.WriteByte('{')
		for i, f := range n.fields {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(quote(f.key) + ":")
			writeNode(b, f.value)
		}
		b.WriteByte('}')
	}
}

// TestScalarsAgreeWithTheDecoder compares our reading of scalars with the
// decoder of the YAML library, which shares only its parser with us.
func TestScalarsAgreeWithTheDecoder(t *testing.T) {
	for _, text := range []string{"plain", `"a\tb"`, `'it''s'`, "|\n  two\n  lines\n", ">-\n  one\n  line\n", `""`, `"é"`} {
		var want struct{ V string }
		if err := yaml.Unmarshal([]byte("v: "+text), &want); err != nil {
			t.Fatal(err)
		}
		root := parseYAML([]byte("v: "+text), &problems{})
		if got := root.get("v").text; got != want.V {
			t.Errorf("%s: got %q, want %q", text, got, want.V)
		}
	}
}
