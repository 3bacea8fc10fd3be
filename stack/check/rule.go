package check

import (
	"fmt"
	"slices"
	"strings"
)

// Severity says how bad a finding is.
type Severity string

// The severities, from the worst.
const (
	Error   Severity = "error"   // it does not work, or lets anybody in
	Warning Severity = "warning" // it works until something happens, or is wider than it needs to be
	Info    Severity = "info"    // worth knowing; no reason to stop a pipeline
)

// severities are all of them, from the worst.
func severities() []Severity { return []Severity{Error, Warning, Info} }

// AtLeast reports whether s is as bad as other or worse.
func (s Severity) AtLeast(other Severity) bool {
	return slices.Index(severities(), s) <= slices.Index(severities(), other)
}

// Rule is one thing to look for. A rule reads the stack and reports findings;
// it holds no state.
type Rule struct {
	ID       string // THAW-R01; the letter is the group, and neither ever changes its meaning
	Name     string // for people and for SARIF: function-not-in-vpc
	Severity Severity
	Doc      Doc
	Run      func(*Pass)
}

// Doc explains a rule in full sentences; docs/checks.md is made of it.
type Doc struct {
	Title   string   // one line, what is wrong
	Why     string   // why it hurts, with the figures
	Fix     string   // how to fix it
	Sources []string // where the figures and the behaviour come from
	Unseen  string   // what an input cannot show, so that the rule is silent there; "" is nothing
}

// Group is a family of rules.
type Group struct {
	Letter byte // the letter of the IDs
	Title  string
}

// Groups lists the families in the order of the documentation.
func Groups() []Group {
	return []Group{
		{'R', "Reachability"},
		{'P', "Least privilege"},
		{'A', "Agreement between application and cache"},
		{'V', "After joining the VPC"},
		{'C', "Capacity"},
		{'I', "Infrastructure code"},
	}
}

// group returns the letter of a rule's family.
func (r *Rule) group() byte { return r.ID[len("THAW-")] }

// Rules returns all rules in the order of their groups and IDs.
func Rules() []*Rule {
	return slices.Concat(reachability(), leastPrivilege(), agreement(), afterJoining(), capacity(), declarations())
}

// ruleByID returns the rule with that ID, written in any case, or an error that
// names the nearest.
func ruleByID(id string) (*Rule, error) {
	for _, r := range Rules() {
		if strings.EqualFold(r.ID, id) {
			return r, nil
		}
	}
	return nil, fmt.Errorf("there is no rule %q; the rules are THAW-R01 and so on, see docs/checks.md or thaw check --rules", id)
}
