package check

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/thawdev/thaw/stack"
	"github.com/thawdev/thaw/stack/iac"
	"github.com/thawdev/thaw/stack/iac/account"
)

// saidInWords are the rules whose fix is a decision of people, so that nothing
// is written. The text says which decision.
func saidInWords() map[string]string {
	return map[string]string{
		"THAW-R02": "join the VPC, or peer the two",
		"THAW-R11": "the input does not hold the value",
		"THAW-P10": "other subnets for the cache",
		"THAW-A03": "which credentials",
		"THAW-C02": "a larger node costs more",
		"THAW-C03": "which range the subnet gets",
		"THAW-C05": "which groups to merge",
		"THAW-C06": "a replica costs more",
	}
}

// notWritten are the fixes that one dialect cannot express.
func notWritten() map[string]string {
	account := "the AWS CLI replaces all variables at once, and a snapshot holds no secrets"
	return map[string]string{
		"THAW-A01 account": account, "THAW-A02 account": account, "THAW-A04 account": account,
		"THAW-A05 account": account, "THAW-A06 account": account, "THAW-A07 account": account,
		"THAW-I03 source": "Terraform takes no depends_on in an override",
		"THAW-I01 source": "the inline blocks must be deleted by hand; the resources in their place are written",
	}
}

// failing visits each rule's failing scenario in a dialect, with the findings
// of that rule only.
func failing(t *testing.T, dialectName string, visit func(t *testing.T, rule *Rule, folder string, s *stack.Stack, r *Report)) {
	for _, rule := range Rules() {
		folder := filepath.Join(stacks, "check-"+strings.ToLower(strings.TrimPrefix(rule.ID, "THAW-"))+"-fail")
		if notIn()[rule.ID+" "+dialectName] != "" {
			continue
		}
		t.Run(rule.ID, func(t *testing.T) {
			var s *stack.Stack
			if dialectName == "template" {
				s = readTemplate(t, folder)
			}
			for _, d := range dialects() {
				if d.name != dialectName {
					continue
				}
				var err error
				if s, err = d.read(t, folder); err != nil {
					t.Fatal(err)
				}
			}
			r := run(t, s)
			if !slices.Contains(ids(r), rule.ID) {
				t.Fatalf("%s is not found in the first place", rule.ID)
			}
			r.Findings = slices.DeleteFunc(r.Findings, func(f Finding) bool { return f.ID != rule.ID })
			p := r.Fixes()
			nothing := len(p.Main)+len(p.Override) == 0
			switch {
			case saidInWords()[rule.ID] != "" || notWritten()[rule.ID+" "+dialectName] != "":
				if len(p.Words) == 0 && nothing {
					t.Error("there is neither a fix nor a word about one")
				}
				return
			case nothing:
				t.Fatalf("nothing is written; in words: %q", p.Words)
			}
			visit(t, rule, folder, s, r)
		})
	}
}

// judge checks the stack after the fixes: the finding is gone, and no error
// came that was not there.
func judge(t *testing.T, rule *Rule, before, after *stack.Stack, patch Patch) {
	t.Helper()
	old, r := run(t, before), run(t, after)
	for _, f := range r.Findings {
		switch {
		case f.ID == rule.ID:
			t.Errorf("still there: %s", f.Message)
		case f.Severity == Error && !slices.Contains(ids(old), f.ID):
			t.Errorf("new: %s %s", f.ID, f.Message)
		}
	}
	if t.Failed() {
		t.Logf("the fix:\n%s\n%s\nin words: %q", patch.Main, patch.Override, patch.Words)
	}
}

// The CloudFormation fragment, merged into the template, must turn the finding
// off, and cfn-lint must accept the result.
func TestFixesCloudFormation(t *testing.T) {
	merged := t.TempDir()
	failing(t, "template", func(t *testing.T, rule *Rule, folder string, s *stack.Stack, r *Report) {
		p := r.Fixes()
		source, err := os.ReadFile(filepath.Join(folder, "template.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		template := decodeYAML(t, source).(map[string]any)
		text := string(r.FixHeader()) + string(p.Main)
		mergePatch(template, decodeYAML(t, []byte(text)).(map[string]any))
		data, err := json.MarshalIndent(template, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(merged, rule.ID+".json")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		after, err := iac.Read(path, data, iac.Options{StackName: "app", Region: "eu-west-1"})
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		judge(t, rule, s, after, p)
	})
	t.Run("cfn-lint", func(t *testing.T) { lint(t, merged) })
}

// lint runs cfn-lint over the templates of a folder. Only errors count: the
// scenarios have warnings of their own.
func lint(t *testing.T, folder string) {
	program, err := exec.LookPath("cfn-lint")
	if err != nil {
		if os.Getenv("THAW_REQUIRE_REAL") != "" {
			t.Fatal("cfn-lint is not installed and THAW_REQUIRE_REAL is set")
		}
		t.Skip("cfn-lint is not installed")
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil || len(files) < 15 {
		t.Fatalf("%d merged templates, error %v", len(files), err)
	}
	out, _ := exec.Command(program, append([]string{"--format", "parseable", "--regions", "eu-west-1", "--"}, files...)...).CombinedOutput()
	for line := range strings.SplitSeq(string(out), "\n") {
		if parts := strings.Split(line, ":"); len(parts) > 5 && strings.HasPrefix(parts[5], "E") {
			t.Error(strings.TrimPrefix(line, folder))
		}
	}
	if strings.Contains(string(out), "Traceback") {
		t.Errorf("cfn-lint did not run: %s", out)
	}
}

// mergePatch is RFC 7396.
func mergePatch(target, patch map[string]any) {
	for key, value := range patch {
		p, isObject := value.(map[string]any)
		old, wasObject := target[key].(map[string]any)
		switch {
		case value == nil:
			delete(target, key)
		case isObject && wasObject && !isCall(p) && !isCall(old):
			mergePatch(old, p)
		default:
			target[key] = value
		}
	}
}

// isCall recognizes an intrinsic function, which is a value and no object.
func isCall(o map[string]any) bool {
	for key := range o {
		return len(o) == 1 && (key == "Ref" || strings.HasPrefix(key, "Fn::"))
	}
	return false
}

func decodeYAML(t *testing.T, data []byte) any {
	t.Helper()
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	for _, doc := range file.Docs {
		if doc.Body != nil && doc.Body.Type() != ast.CommentType {
			return fromYAML(t, doc.Body)
		}
	}
	return map[string]any{}
}

// fromYAML writes tags in their long form.
func fromYAML(t *testing.T, n ast.Node) any {
	t.Helper()
	switch n := n.(type) {
	case *ast.TagNode:
		name := strings.TrimPrefix(n.Start.Value, "!")
		arg := fromYAML(t, n.Value)
		switch {
		case name == "Ref":
			return map[string]any{"Ref": arg}
		case name == "GetAtt":
			id, attribute, _ := strings.Cut(arg.(string), ".")
			return map[string]any{"Fn::GetAtt": []any{id, attribute}}
		}
		return map[string]any{"Fn::" + name: arg}
	case *ast.MappingNode:
		out := map[string]any{}
		for _, v := range n.Values {
			out[v.Key.String()] = fromYAML(t, v.Value)
		}
		return out
	case *ast.MappingValueNode:
		return map[string]any{n.Key.String(): fromYAML(t, n.Value)}
	case *ast.SequenceNode:
		out := []any{}
		for _, v := range n.Values {
			out = append(out, fromYAML(t, v))
		}
		return out
	case *ast.StringNode:
		return n.Value
	case *ast.IntegerNode:
		return n.Value
	case *ast.BoolNode:
		return n.Value
	case *ast.NullNode:
		return nil
	case *ast.LiteralNode:
		return n.Value.Value
	case *ast.FloatNode:
		return n.Value
	}
	t.Fatalf("YAML node %T", n)
	return nil
}

// The Terraform files, beside main.tf, must turn the finding off.
func TestFixesTerraform(t *testing.T) {
	failing(t, "source", func(t *testing.T, rule *Rule, folder string, s *stack.Stack, r *Report) {
		p := r.Fixes()
		source, err := os.ReadFile(filepath.Join(folder, "main.tf"))
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		source = mergeOverride(t, source, p.Override)
		for name, data := range map[string][]byte{"main.tf": source, "fixes.tf": p.Main} {
			if len(data) == 0 {
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		after, err := iac.ReadFile(dir, iac.Options{})
		if err != nil {
			t.Fatalf("%v\n%s\n%s", err, p.Main, p.Override)
		}
		judge(t, rule, s, after, p)
		checkFormat(t, p)
	})
}

// checkFormat asks terraform fmt whether the files are in its layout, if it is
// installed.
func checkFormat(t *testing.T, p Patch) {
	program, err := exec.LookPath("terraform")
	if err != nil {
		return
	}
	for _, data := range [][]byte{p.Main, p.Override} {
		if len(data) == 0 {
			continue
		}
		cmd := exec.Command(program, "fmt", "-")
		cmd.Stdin = strings.NewReader(string(data))
		if out, err := cmd.Output(); err != nil || string(out) != string(data) {
			t.Errorf("terraform fmt: %v\n--- written\n%s\n--- formatted\n%s", err, data, out)
		}
	}
}

// The commands of the AWS CLI, carried out on the snapshot, must turn the
// finding off.
func TestFixesAccount(t *testing.T) {
	failing(t, "account", func(t *testing.T, rule *Rule, folder string, s *stack.Stack, r *Report) {
		p := r.Fixes()
		data, err := os.ReadFile(filepath.Join(folder, "account.json"))
		if err != nil {
			t.Fatal(err)
		}
		cli := &fakeCLI{variables: map[string]string{}}
		if err := json.Unmarshal(data, &cli.snapshot); err != nil {
			t.Fatal(err)
		}
		if err := cli.script(string(r.FixHeader()) + string(p.Main)); err != nil {
			t.Fatalf("%v\n%s", err, p.Main)
		}
		changed, err := json.Marshal(cli.snapshot)
		if err != nil {
			t.Fatal(err)
		}
		after, err := account.Read("account.json", changed)
		if err != nil {
			t.Fatal(err)
		}
		judge(t, rule, s, after, p)
	})
}

// What a fix says must not depend on the order of a map.
func TestFixesAreStable(t *testing.T) {
	for _, folder := range scenarioFolders(t) {
		first := run(t, readTemplate(t, folder)).Fixes()
		for range 3 {
			if again := run(t, readTemplate(t, folder)).Fixes(); string(again.Main) != string(first.Main) || fmt.Sprint(again.Words) != fmt.Sprint(first.Words) {
				t.Fatalf("%s: two runs give two fixes:\n%s\n%s", folder, first.Main, again.Main)
			}
		}
	}
}
