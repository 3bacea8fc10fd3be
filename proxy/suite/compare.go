package main

import "fmt"

// verdict compares one unit through a target with the same unit directly.
type verdict struct {
	unit, target string
	direct       int // tests that pass directly: what the rest is a share of
	good         int // of those, how many pass through the target
	listed       int // of those, how many fail as the list says
	unlisted     []failure
	surprising   []*expectation // listed, but passed
	stale        []*expectation // listed, but no such test passes directly
	problem      string
}

// failure is a test that passes directly, fails through the target, and is not
// on the list.
type failure struct{ unit, test, detail string }

func (v *verdict) asListed() bool { return len(v.unlisted) == 0 && len(v.surprising) == 0 }

// compare judges a target's outcome by the direct one and the list.
func compare(server, variant string, direct, through outcome, x *expectations) verdict {
	v := verdict{unit: direct.Unit, target: through.Target, problem: through.Problem}
	got := map[string]result{}
	for _, r := range through.Results {
		got[r.Test] = r
	}
	counts := map[string]bool{}
	for _, d := range direct.Results {
		if d.Status == passed {
			counts[d.Test] = true
			v.direct++
			v.count(server, variant, d.Test, got, x)
		}
	}
	if r, ok := got[outsideAnyTest]; ok && !hasResult(direct, outsideAnyTest) {
		v.judge(x.find(server, variant, v.unit, outsideAnyTest), r)
	}
	for i := range x.entries {
		e := &x.entries[i]
		if e.unit == v.unit && e.covers(server, variant) && !counts[e.test] && e.test != outsideAnyTest {
			v.stale = append(v.stale, e)
		}
	}
	return v
}

func (v *verdict) count(server, variant, test string, got map[string]result, x *expectations) {
	r, ok := got[test]
	if !ok {
		r = result{Test: test, Status: notRun, Detail: "the unit ended before this test"}
	}
	e := x.find(server, variant, v.unit, test)
	if r.Status == passed {
		v.good++
		if e != nil && !e.flaky() {
			v.surprising = append(v.surprising, e)
		}
		return
	}
	v.judge(e, r)
}

func (v *verdict) judge(e *expectation, r result) {
	if e != nil {
		v.listed++
		return
	}
	detail := r.Detail
	if r.Status != failed {
		detail = fmt.Sprintf("%s. %s", r.Status, r.Detail)
	}
	v.unlisted = append(v.unlisted, failure{v.unit, r.Test, detail})
}

func hasResult(o outcome, test string) bool {
	for _, r := range o.Results {
		if r.Test == test {
			return true
		}
	}
	return false
}

// improve takes from a second run what failed in the first without being
// listed: the suite has tests that measure time, and machines are busy. What
// is listed keeps its first result.
func improve(first, second outcome, keep func(test string) bool) outcome {
	better := map[string]result{}
	for _, r := range second.Results {
		if r.Status == passed {
			better[r.Test] = r
		}
	}
	known := map[string]bool{}
	merged := first
	merged.Results = nil
	clean := second.Problem == "" && !hasResult(second, outsideAnyTest)
	for _, r := range first.Results {
		known[r.Test] = true
		if b, ok := better[r.Test]; ok && r.Status != passed && !keep(r.Test) {
			r = b
		}
		if r.Test == outsideAnyTest && clean && !keep(r.Test) {
			continue
		}
		merged.Results = append(merged.Results, r)
	}
	for _, r := range second.Results {
		if !known[r.Test] && r.Status == passed && !keep(r.Test) {
			merged.Results = append(merged.Results, r)
		}
	}
	if second.Problem == "" {
		merged.Problem = ""
	}
	return merged
}
