package check

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/thawdev/thaw/stack"
)

// A rule that a flag switches off must be counted, and its findings kept apart
// with the reason.
func TestDisable(t *testing.T) {
	s := readTemplate(t, filepath.Join(stacks, "check-c02-fail"))
	r, err := Run(s, Options{Disabled: map[string]string{"thaw-c02": "a test environment"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Findings) != 0 || r.Summary.Disabled != 1 || len(r.Ignored) != 1 || r.Ignored[0].Reason != "a test environment" || r.Ignored[0].By != "--disable" {
		t.Errorf("findings %v, ignored %+v, summary %+v", ids(r), r.Ignored, r.Summary)
	}
}

// A comment at the resource sets its findings aside, and those of no other.
func TestIgnore(t *testing.T) {
	s := readTemplate(t, filepath.Join(stacks, "check-p05-fail"))
	s.Cache("Cache").Ignored = []stack.Ignore{{Rule: "THAW-P05", Reason: "for the test", Origin: stack.Origin{File: "template.yaml", Line: 7}}}
	r := run(t, s)
	if len(r.Findings) != 1 || r.Findings[0].Resource != "Handler" || r.Summary.Ignored != 1 || r.Ignored[0].By != "template.yaml:7" {
		t.Errorf("findings %v, ignored %+v", r.Findings, r.Ignored)
	}
}

// A rule that does not exist, or no reason, is a mistake that must not pass in
// silence.
func TestIgnoreMistakes(t *testing.T) {
	ignoring := func(rule, reason string) *stack.Stack {
		return &stack.Stack{Caches: []*stack.Cache{{Resource: stack.Resource{ID: "C", Ignored: []stack.Ignore{{Rule: rule, Reason: reason}}}}}}
	}
	for _, test := range []struct {
		s    *stack.Stack
		opts Options
		want string
	}{
		{&stack.Stack{}, Options{Disabled: map[string]string{"THAW-X99": "why"}}, "there is no rule"},
		{&stack.Stack{}, Options{Disabled: map[string]string{"THAW-R01": " "}}, "without a reason"},
		{ignoring("THAW-X99", "why"), Options{}, "there is no rule"},
		{ignoring("THAW-R01", ""), Options{}, "say after THAW-R01 why"},
	} {
		if _, err := Run(test.s, test.opts); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("error %v, want %q", err, test.want)
		}
	}
}

// Hostile names must not reach a shell or a template unquoted.
func TestFixesQuoteNames(t *testing.T) {
	const evil = `x'; rm -rf ~; echo "$(id)` + "`id`"
	w := &script{stack: &stack.Stack{Region: evil}, made: map[string]string{}}
	if err := (addRule{group: evil, protocol: "tcp", from: 6379, to: 6379, peer: evil}).commands(w); err != nil {
		t.Fatal(err)
	}
	cli := &fakeCLI{variables: map[string]string{}}
	words, err := cli.split(w.lines[0])
	if err != nil {
		t.Fatal(err)
	}
	if words[4] != evil || words[6] != evil {
		t.Errorf("%q", words)
	}
	if got := quoteHCL(`a"${b}%{c}` + "\n"); got != `"a\"$${b}%%{c}\n"` {
		t.Errorf("HCL: %s", got)
	}
	for _, s := range []string{"on", "1.0", "- x", "a: b", "#c", "", "*x", "{{resolve}}", "null", "10.0.0.0/16"} {
		if got := yamlString(s); !strings.HasPrefix(got, `"`) {
			t.Errorf("YAML: %q is written as %s", s, got)
		}
	}
}
