package check

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/thawdev/thaw/stack/iac"
)

// Whatever a reader accepts must be checked, written in every format and fixed
// without a panic, and the fix of a template must be JSON or YAML that its
// reader takes apart again.
func FuzzRun(f *testing.F) {
	templates, err := filepath.Glob(filepath.Join(stacks, "*", "template.*"))
	if err != nil || len(templates) == 0 {
		f.Fatalf("%d templates, error %v", len(templates), err)
	}
	for _, path := range templates {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := iac.Read("template.yaml", data, iac.Options{})
		if err != nil {
			return
		}
		r, err := Run(s, Options{})
		if err != nil {
			return // a comment that names no rule
		}
		for _, write := range []func(io.Writer) error{
			r.Encode, r.WriteMarkdown, r.WriteSVG,
			func(w io.Writer) error { return r.WriteText(w, TextOptions{}) },
			func(w io.Writer) error { return r.WriteSARIF(w, SARIFOptions{}) },
			func(w io.Writer) error { return r.WriteJUnit(w, Warning) },
		} {
			if err := write(io.Discard); err != nil {
				t.Fatal(err)
			}
		}
		for _, p := range r.Paths {
			if err := r.WriteExplanation(io.Discard, p.From, p.To, TextOptions{}); err != nil && s.Function(p.From) != nil {
				t.Fatal(err)
			}
		}
		if p := r.Fixes(); len(p.Main) > 0 {
			decodeYAML(t, p.Main)
		}
		if _, err := json.Marshal(r); err != nil {
			t.Fatal(err)
		}
	})
}
