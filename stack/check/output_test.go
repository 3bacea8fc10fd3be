package check

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/thawdev/thaw/stack"
	"github.com/thawdev/thaw/stack/iac"
)

func scenarioReport(t *testing.T, name string) *Report {
	t.Helper()
	return run(t, readTemplate(t, filepath.Join(stacks, name)))
}

// Programs read these keys; they must not change.
func TestJSONKeys(t *testing.T) {
	var b bytes.Buffer
	if err := scenarioReport(t, "check-r06-fail").Encode(&b); err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths []struct {
			From, To, Verdict string
			Port              int
			Factors           []struct{ Resource, Verdict, Reason string }
		}
		Findings []struct {
			ID, Severity, Message, File, Resource, Fix string
			Line                                       int
		}
	}
	if err := json.Unmarshal(b.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.Paths) != 1 || len(doc.Findings) != 1 {
		t.Fatalf("%d paths and %d findings", len(doc.Paths), len(doc.Findings))
	}
	if p := doc.Paths[0]; p.From != "Handler" || p.To != "Cache" || p.Port != 6379 || p.Verdict != "closed" || len(p.Factors) < 5 || p.Factors[0].Reason == "" {
		t.Errorf("path %+v", p)
	}
	if f := doc.Findings[0]; f.ID != "THAW-R06" || f.Severity != "error" || f.Message == "" || !strings.HasSuffix(f.File, "template.yaml") || f.Line == 0 || f.Resource != "CacheGroup" || !strings.Contains(f.Fix, "SecurityGroupIngress") {
		t.Errorf("finding %+v", f)
	}
}

// A report without findings still has lists, not null, in every format that
// programs read.
func TestEmptyReport(t *testing.T) {
	r := run(t, &stack.Stack{Name: "empty"})
	var b bytes.Buffer
	if err := r.Encode(&b); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "null") {
		t.Errorf("null in %s", b.String())
	}
	b.Reset()
	if err := r.WriteSARIF(&b, SARIFOptions{}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), `"results": []`) {
		t.Error("code scanning wants results, also when there are none")
	}
	b.Reset()
	if err := r.WriteText(&b, TextOptions{}); err != nil || !strings.Contains(b.String(), "there is no path to check") {
		t.Errorf("%v %s", err, b.String())
	}
	if err := r.WriteSVG(&b); err != nil {
		t.Error(err)
	}
	if err := r.WriteMarkdown(&b); err != nil {
		t.Error(err)
	}
}

// Every rule that a result names must be described, at the index that it names,
// and places must be relative to the repository.
func TestSARIF(t *testing.T) {
	root, err := filepath.Abs(stacks)
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range scenarioFolders(t) {
		var b bytes.Buffer
		if err := run(t, readTemplate(t, folder)).WriteSARIF(&b, SARIFOptions{Version: "1.0.0", Root: root}); err != nil {
			t.Fatal(err)
		}
		var log sarifLog
		if err := json.Unmarshal(b.Bytes(), &log); err != nil {
			t.Fatal(err)
		}
		if log.Version != "2.1.0" || len(log.Runs) != 1 || len(log.Runs[0].Tool.Driver.Rules) != len(Rules()) {
			t.Fatalf("%s: %d runs", folder, len(log.Runs))
		}
		seen := map[string]bool{}
		for _, result := range log.Runs[0].Results {
			place := result.Locations[0].Physical
			switch {
			case log.Runs[0].Tool.Driver.Rules[result.RuleIndex].ID != result.RuleID:
				t.Errorf("%s has the index of another rule", result.RuleID)
			case place.Artifact.URI != filepath.Base(folder)+"/template.yaml" || place.Region.StartLine < 1:
				t.Errorf("%s at %+v", result.RuleID, place)
			case seen[result.Fingerprints["thaw/v1"]]:
				t.Errorf("%s: two results have one fingerprint", folder)
			}
			seen[result.Fingerprints["thaw/v1"]] = true
		}
	}
}

// TestSARIFSchema holds reports against the schema of OASIS, which Python's
// packages jsonschema and schemastore bring along.
func TestSARIFSchema(t *testing.T) {
	if out, err := exec.Command("python3", "-c", "import jsonschema, schemastore").CombinedOutput(); err != nil {
		if os.Getenv("THAW_REQUIRE_REAL") != "" {
			t.Fatalf("THAW_REQUIRE_REAL is set: %v\n%s", err, out)
		}
		t.Skip("Python's jsonschema and schemastore are not installed")
	}
	dir := t.TempDir()
	for _, name := range []string{"check-r06-fail", "check-p05-fail", "check-v01-fail", "check-c02-pass"} {
		r := scenarioReport(t, name)
		r.Ignored = append(r.Ignored, Suppressed{Finding{ID: "THAW-C02", Severity: Info, Message: "m", Resource: "Cache"}, "a test", "--disable"})
		r.Gaps = append(r.Gaps, stack.Gap{What: "a module", Why: "no source"})
		var b bytes.Buffer
		if err := r.WriteSARIF(&b, SARIFOptions{Version: "1.0.0"}); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name+".sarif"), b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const program = `
import glob, json, pathlib, sys, jsonschema, requests_cache, schemastore
stored = requests_cache.CachedSession(pathlib.Path(schemastore.__file__).parent / "cache").cache.responses.values()
schema = next(r.json() for r in stored if r.url == "https://json.schemastore.org/sarif-2.1.0.json")
validator = jsonschema.validators.validator_for(schema)(schema)
assert list(validator.iter_errors({"version": "2.1.0"})), "the schema accepts a log without runs"
wrong = 0
files = glob.glob(sys.argv[1] + "/*.sarif")
assert files, "no files"
for f in files:
    for e in validator.iter_errors(json.load(open(f))):
        wrong += 1
        print(f, list(e.absolute_path), e.message[:200])
sys.exit(wrong > 0)`
	if out, err := exec.Command("python3", "-c", program, dir).CombinedOutput(); err != nil {
		t.Errorf("not valid: %v\n%s", err, out)
	}
}

// The fingerprint of a finding must survive lines that are added above it.
func TestFingerprintIgnoresLines(t *testing.T) {
	a := Finding{ID: "THAW-R06", Resource: "CacheGroup", Message: "m", File: "a.yaml", Line: 3}
	b := a
	b.Line = 30
	if a.fingerprint() != b.fingerprint() {
		t.Error("it changes with the line")
	}
	b.Resource = "OtherGroup"
	if a.fingerprint() == b.fingerprint() {
		t.Error("two resources have one")
	}
}

// JUnit must count what it holds.
func TestJUnit(t *testing.T) {
	var b bytes.Buffer
	if err := scenarioReport(t, "check-r06-fail").WriteJUnit(&b, Warning); err != nil {
		t.Fatal(err)
	}
	var all junitSuites
	if err := xml.Unmarshal(b.Bytes(), &all); err != nil {
		t.Fatal(err)
	}
	if all.Failures != 2 || all.Tests != 1+len(Rules()) || all.Suites[0].Cases[0].Failure == nil {
		t.Errorf("%d tests, %d failures", all.Tests, all.Failures)
	}
}

// The text must fit its columns, and hold no colours unless asked.
func TestTextFits(t *testing.T) {
	column := regexp.MustCompile(`(?m)^.{101,}$`)
	for _, folder := range scenarioFolders(t) {
		r := run(t, readTemplate(t, folder))
		var b bytes.Buffer
		if err := r.WriteText(&b, TextOptions{}); err != nil {
			t.Fatal(err)
		}
		for _, line := range column.FindAllString(b.String(), -1) {
			if !strings.Contains(line, "arn:") && !strings.Contains(line, "Sub ") {
				t.Errorf("%s: too long: %s", folder, line)
			}
		}
		if strings.Contains(b.String(), "\x1b") {
			t.Errorf("%s: colours in a file", folder)
		}
		b.Reset()
		if err := r.WriteText(&b, TextOptions{Color: true}); err != nil || !strings.Contains(b.String(), "\x1b[1m") {
			t.Errorf("%s: no colours on a terminal, error %v", folder, err)
		}
	}
}

// The drawing of a path must mark the hop that blocks, and no other.
func TestExplanation(t *testing.T) {
	var b bytes.Buffer
	r := scenarioReport(t, "check-r08-fail")
	if err := r.WriteExplanation(&b, "Handler", "Cache", TextOptions{}); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, want := range []string{"CLOSED  Handler → Cache port 6379", "┼ ✗ answer: ACL out", "◀ blocks", "SubnetA (eu-west-1a) → SubnetD (eu-west-1b)  crosses zones", "What opens it", "PortRange"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Count(text, "◀ blocks") != 1 {
		t.Errorf("more than one hop blocks:\n%s", text)
	}
	for _, names := range [][2]string{{"Nobody", "Cache"}, {"Handler", "Nothing"}} {
		if err := r.WriteExplanation(&b, names[0], names[1], TextOptions{}); err == nil || !strings.Contains(err.Error(), "there are") {
			t.Errorf("%v: error %v", names, err)
		}
	}
}

// The picture must be well-formed, whatever names the input has.
func TestSVG(t *testing.T) {
	s := readTemplate(t, filepath.Join(stacks, "check-r04-fail"))
	s.Functions[0].ID = `<script>alert("&")</script>`
	for _, r := range []*Report{run(t, s), scenarioReport(t, "check-r02-fail"), scenarioReport(t, "check-r01-fail")} {
		var b bytes.Buffer
		if err := r.WriteSVG(&b); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(b.String(), "<script>") {
			t.Error("a name became an element")
		}
		if err := xml.Unmarshal(b.Bytes(), new(struct{})); err != nil {
			t.Error(err)
		}
		if !strings.Contains(b.String(), `class="mark closed"`) || !strings.Contains(b.String(), "prefers-color-scheme:dark") {
			t.Error("no hop is marked, or there is no dark scheme")
		}
	}
}

// docs/checks.md is made of the rules.
func TestDocumentation(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "checks.md")
	if *update {
		if err := os.WriteFile(path, Documentation(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(have, Documentation()) {
		t.Errorf("%s is stale (error %v); run go generate ./stack/check", path, err)
	}
}

// The output that docs/check.md shows must be what the program prints.
func TestWorkedExample(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "..", "docs", "check.md"))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Join(stacks, "check-r05-fail"))
	s, err := iac.ReadFile("template.yaml", iac.Options{StackName: "check-r05-fail"})
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, s)
	var report, path bytes.Buffer
	if err := r.WriteText(&report, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteExplanation(&path, "Handler", "Cache", TextOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{report.String(), path.String()} {
		if !strings.Contains(string(doc), "```\n"+text+"```\n") {
			t.Errorf("docs/check.md does not show:\n%s", text)
		}
	}
}

// Rules must be complete, in order, and known by one ID and one name.
func TestRules(t *testing.T) {
	seen := map[string]bool{}
	id := regexp.MustCompile(`^THAW-[RPAVCI]\d\d$`)
	for _, r := range Rules() {
		if !id.MatchString(r.ID) || seen[r.ID] || seen[r.Name] || r.Run == nil {
			t.Errorf("rule %s %s", r.ID, r.Name)
		}
		seen[r.ID], seen[r.Name] = true, true
		if r.Doc.Title == "" || strings.HasSuffix(r.Doc.Title, ".") || r.Doc.Why == "" || r.Doc.Fix == "" || len(r.Doc.Sources) == 0 {
			t.Errorf("%s: its documentation lacks something", r.ID)
		}
	}
}
