package check

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/thawdev/thaw/stack/reach"
)

// The elements of a JUnit report, as CI servers read them.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Skipped  int          `xml:"skipped,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		File    string        `xml:"file,attr,omitempty"`
		Line    int           `xml:"line,attr,omitempty"`
		Time    string        `xml:"time,attr"`
		Failure *junitFailure `xml:"failure"`
		Skipped *junitSkipped `xml:"skipped"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
	junitSkipped struct {
		Message string `xml:"message,attr"`
	}
)

// WriteJUnit writes the report for a CI server: a test case for each path and
// for each rule. A path fails if it is closed and is skipped if it cannot be
// proven; a rule fails, once for each finding, if a finding is as bad as
// failAt.
func (r *Report) WriteJUnit(w io.Writer, failAt Severity) error {
	suites := []junitSuite{r.pathCases(), r.ruleCases(failAt)}
	all := junitSuites{Name: "thaw check " + r.Name, Suites: suites}
	for i, s := range suites {
		for _, c := range s.Cases {
			suites[i].Tests++
			if c.Failure != nil {
				suites[i].Failures++
			}
			if c.Skipped != nil {
				suites[i].Skipped++
			}
		}
		all.Tests += suites[i].Tests
		all.Failures += suites[i].Failures
		all.Skipped += suites[i].Skipped
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (r *Report) pathCases() junitSuite {
	s := junitSuite{Name: "paths", Time: "0"}
	for _, p := range r.Paths {
		c := junitCase{Name: fmt.Sprintf("%s reaches %s on port %s", p.From, p.To, portLabel(p)), Class: "thaw.paths", Time: "0"}
		switch p.Verdict {
		case reach.Closed:
			c.Failure = &junitFailure{p.Deciding().Reason, "closed", factorLines(p)}
		case reach.Unknown:
			c.Skipped = &junitSkipped{p.Deciding().Reason}
		}
		s.Cases = append(s.Cases, c)
	}
	return s
}

func factorLines(p Path) string {
	var b strings.Builder
	for _, f := range p.Factors {
		fmt.Fprintf(&b, "%-8s %-24s %s: %s\n", f.Verdict, hopName(f.Kind), f.Resource, f.Reason)
	}
	return b.String()
}

func (r *Report) ruleCases(failAt Severity) junitSuite {
	s := junitSuite{Name: "rules", Time: "0"}
	for _, rule := range Rules() {
		found := false
		for _, f := range r.Findings {
			if f.ID != rule.ID || !f.Severity.AtLeast(failAt) {
				continue
			}
			found = true
			s.Cases = append(s.Cases, junitCase{Name: rule.ID + " " + f.Place(), Class: "thaw.rules." + rule.Name, File: f.File, Line: f.Line, Time: "0",
				Failure: &junitFailure{f.Message, string(f.Severity), f.Message + "\n" + f.Why + "\n\n" + f.Fix + "\n"}})
		}
		if !found {
			s.Cases = append(s.Cases, junitCase{Name: rule.ID + " " + rule.Doc.Title, Class: "thaw.rules." + rule.Name, Time: "0"})
		}
	}
	return s
}
