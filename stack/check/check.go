// Package check reads a stack and finds what will not work, what is too open
// and what will not hold under load.
//
//	                 ┌─ reach: every function × every cache it uses ─┐
//	*stack.Stack ────┤                                               ├─▶ rules ─▶ *Report ─▶ text, JSON, SARIF, JUnit,
//	                 └─ environments, roles, limits of AWS ──────────┘                       Markdown, SVG, fixes
//
// A rule is a value: ID, what it means, and a function that looks. Findings are
// not errors; an error means that the analysis could not run. What deployment
// decides is unknown, and no finding is built on a guess: a rule that cannot
// know is silent, except THAW-R11, which lists the paths that nobody can prove.
package check

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack"
	"github.com/thawdev/thaw/stack/reach"
)

// Options choose what is checked. The zero Options checks everything.
type Options struct {
	// Disabled maps the IDs of rules that are not wanted to the reason.
	Disabled map[string]string
	// Connections is how many connections one execution environment holds to
	// each node of a cache, if its environment variables do not say; 0 is 1.
	Connections int
}

// Report is what a check found.
type Report struct {
	Name    string        `json:"name"`
	Dialect stack.Dialect `json:"dialect"`
	Region  string        `json:"region,omitempty"`
	Summary Summary       `json:"summary"`
	// Paths holds one path for each function and each cache that the stack
	// suggests it uses, and one more for the port of a serverless cache's
	// readers.
	Paths    []Path    `json:"paths"`
	Findings []Finding `json:"findings"`
	// Ignored are findings that a comment at the resource, or a flag, sets aside.
	Ignored []Suppressed `json:"ignored"`
	Gaps    []stack.Gap  `json:"gaps"`

	stack   *stack.Stack
	network *reach.Network
}

// Summary counts.
type Summary struct {
	Functions int `json:"functions"`
	Caches    int `json:"caches"`
	Open      int `json:"open"` // paths
	Closed    int `json:"closed"`
	Unknown   int `json:"unknown"`
	Errors    int `json:"errors"` // findings
	Warnings  int `json:"warnings"`
	Infos     int `json:"infos"`
	Ignored   int `json:"ignored"`  // findings set aside by comments
	Disabled  int `json:"disabled"` // rules that a flag switched off
	Unread    int `json:"unread"`   // resources of types that no rule looks at
}

// Path is a path with the reason why it was looked at.
type Path struct {
	reach.Path
	Evidence string `json:"evidence"`
	// Assumed means that nothing in the stack says that the function uses the
	// cache; they only share a VPC.
	Assumed bool `json:"assumed,omitempty"`
}

// Run checks a stack. The error names rules in opts, or in comments of the
// stack, that do not exist or have no reason.
func Run(s *stack.Stack, opts Options) (*Report, error) {
	disabled, err := disabledRules(opts.Disabled)
	if err := errors.Join(err, checkIgnores(s)); err != nil {
		return nil, err
	}
	p := newPass(s, opts)
	r := &Report{Name: s.Name, Dialect: s.Dialect, Region: s.Region, Paths: []Path{}, Findings: []Finding{}, Ignored: []Suppressed{},
		Gaps: append([]stack.Gap{}, s.Gaps...), stack: s, network: p.network}
	for _, c := range p.clients {
		r.Paths = append(r.Paths, c.path)
	}
	for _, rule := range Rules() {
		p.rule = rule
		rule.Run(p)
	}
	for _, f := range sortFindings(p.found) {
		f.Fix = snippet(s, f.fix)
		by, reason := disabledBy(f, disabled, p)
		if by != "" {
			r.Ignored = append(r.Ignored, Suppressed{f, reason, by})
			continue
		}
		r.Findings = append(r.Findings, f)
	}
	r.Summary = summarize(r, s)
	r.Summary.Disabled = len(disabled)
	return r, nil
}

// disabledRules checks the IDs and reasons of rules that a flag switches off.
func disabledRules(given map[string]string) (map[string]string, error) {
	var errs []error
	out := map[string]string{}
	for _, id := range slices.Sorted(maps.Keys(given)) {
		rule, err := ruleByID(id)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("check: cannot disable %s: %w", id, err))
		case strings.TrimSpace(given[id]) == "":
			errs = append(errs, fmt.Errorf("check: cannot disable %s without a reason: write %s=why", id, id))
		default:
			out[rule.ID] = given[id]
		}
	}
	return out, errors.Join(errs...)
}

// checkIgnores finds comments that name no rule, or give no reason.
func checkIgnores(s *stack.Stack) error {
	var errs []error
	for _, res := range resources(s) {
		for _, ignore := range res.Ignored {
			_, err := ruleByID(ignore.Rule)
			switch {
			case err != nil:
				errs = append(errs, fmt.Errorf("check: %v: %w", cmp.Or(ignore.Origin, res.Origin), err))
			case strings.TrimSpace(ignore.Reason) == "":
				errs = append(errs, fmt.Errorf("check: %v: say after %s why it is ignored", cmp.Or(ignore.Origin, res.Origin), ignore.Rule))
			}
		}
	}
	return errors.Join(errs...)
}

// disabledBy returns who set a finding aside, and why; "" is nobody.
func disabledBy(f Finding, disabled map[string]string, p *Pass) (by, reason string) {
	if reason, ok := disabled[f.ID]; ok {
		return "--disable", reason
	}
	res := p.index[f.Resource]
	if res == nil {
		return "", ""
	}
	for _, ignore := range res.Ignored {
		if strings.EqualFold(ignore.Rule, f.ID) {
			return cmp.Or(ignore.Origin.String(), res.Origin.String(), res.ID), ignore.Reason
		}
	}
	return "", ""
}

func summarize(r *Report, s *stack.Stack) Summary {
	sum := Summary{Functions: len(s.Functions), Caches: len(s.Caches), Unread: len(s.Others)}
	for _, p := range r.Paths {
		switch p.Verdict {
		case reach.Open:
			sum.Open++
		case reach.Closed:
			sum.Closed++
		default:
			sum.Unknown++
		}
	}
	for _, f := range r.Findings {
		switch f.Severity {
		case Error:
			sum.Errors++
		case Warning:
			sum.Warnings++
		default:
			sum.Infos++
		}
	}
	for _, f := range r.Ignored {
		if f.By != "--disable" {
			sum.Ignored++
		}
	}
	return sum
}

// Fails reports whether the report holds a finding of that severity or worse.
func (r *Report) Fails(at Severity) bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Severity.AtLeast(at) })
}
