package main

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// status is what became of a test.
type status string

const (
	passed  status = "ok"
	failed  status = "failed"
	ignored status = "ignored" // by a tag: not for external servers, slow, large memory
	notRun  status = "not run" // passed directly, but the unit ended before it
)

// result is one test of a unit.
type result struct {
	Test   string `json:"test"` // unique in its unit: the second of one name is "name (2)"
	Status status `json:"status"`
	Detail string `json:"detail,omitempty"` // the first lines of why it failed
}

// outsideAnyTest names a failure in the setup between a unit's tests. What it
// kept from running is found by comparison with the direct run.
const outsideAnyTest = "(outside any test)"

var (
	okLine     = regexp.MustCompile(`^\[ok\]: (.*) \(\d+ ms\)$`)
	okLineOld  = regexp.MustCompile(`^\[ok\]: (.*)$`)
	errLine    = regexp.MustCompile(`^\[err\]: (.*)$`)
	errName    = regexp.MustCompile(`^(.*) in tests/\S+\.tcl$`)
	ignoreLine = regexp.MustCompile(`^\[(?:ignore|skip)\]: (.*)$`)
	exception  = regexp.MustCompile(`^\[exception\]: (.*)$`)
	inProgress = regexp.MustCompile(`=> \(IN PROGRESS\) (.*)$`)
	otherLine  = regexp.MustCompile(`^(\[(ready|testing|done|TIMEOUT|\d+/\d+ done)\]|Testing |Cleanup|\s+The End)`)
)

// Lines of detail kept of one failure, and characters of each.
const (
	detailLines = 3
	detailWidth = 300
)

// parsed is what one run of one unit printed.
type parsed struct {
	results []result
	stuck   string // the test that was running when the suite gave up
	ended   bool   // the unit ran to its end
}

// parse reads runtest's output. Names come from the suite, so nothing here
// depends on what they contain, except for the ends of the lines.
func parse(r io.Reader) (parsed, error) {
	p := parser{seen: map[string]int{}}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20) // some assertions print whole values
	for lines.Scan() {
		p.line(strings.ToValidUTF8(lines.Text(), "?"))
	}
	return p.parsed, lines.Err()
}

type parser struct {
	parsed
	seen    map[string]int
	detail  int  // lines still to add to the last failure
	summary bool // past the end: failures are printed a second time
}

func (p *parser) line(s string) {
	switch {
	case strings.Contains(s, "done]: "):
		p.ended = p.ended || strings.HasPrefix(s, "[")
	case strings.HasSuffix(s, "The End"):
		p.summary, p.detail = true, 0
	}
	if p.summary {
		return
	}
	if m := okLine.FindStringSubmatch(s); m != nil {
		p.add(m[1], passed, "")
	} else if m := okLineOld.FindStringSubmatch(s); m != nil {
		p.add(m[1], passed, "")
	} else if m := ignoreLine.FindStringSubmatch(s); m != nil {
		p.add(m[1], ignored, "")
	} else if m := exception.FindStringSubmatch(s); m != nil {
		p.add(outsideAnyTest, failed, m[1])
	} else if m := errLine.FindStringSubmatch(s); m != nil {
		if name := errName.FindStringSubmatch(m[1]); name != nil {
			p.add(name[1], failed, "")
		} else {
			p.add(outsideAnyTest, failed, m[1])
		}
	} else if m := inProgress.FindStringSubmatch(s); m != nil {
		p.stuck = m[1]
	} else if otherLine.MatchString(s) {
		p.detail = 0
	} else {
		p.addDetail(s)
	}
}

func (p *parser) add(name string, st status, detail string) {
	p.detail = 0
	p.seen[name]++
	if n := p.seen[name]; n > 1 {
		name = fmt.Sprintf("%s (%d)", name, n)
	}
	p.results = append(p.results, result{Test: name, Status: st, Detail: shorten(detail)})
	if st == failed {
		p.detail = detailLines
	}
}

func (p *parser) addDetail(s string) {
	if p.detail == 0 || strings.TrimSpace(s) == "" {
		return
	}
	p.detail--
	last := &p.results[len(p.results)-1]
	if last.Detail != "" {
		last.Detail += "\n"
	}
	last.Detail += shorten(strings.TrimSpace(s))
}

func shorten(s string) string {
	if len(s) <= detailWidth {
		return s
	}
	return strings.ToValidUTF8(s[:detailWidth], "") + "…"
}
