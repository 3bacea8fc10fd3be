package check

import (
	"cmp"
	"slices"

	"github.com/thawdev/thaw/stack"
)

// Finding is one thing that a rule found.
type Finding struct {
	ID       string   `json:"id"`
	Severity Severity `json:"severity"`
	Title    string   `json:"title"`
	Message  string   `json:"message"` // one sentence about this resource
	File     string   `json:"file"`    // "" in a live account
	Line     int      `json:"line"`    // 0 is unknown
	Resource string   `json:"resource"`
	Address  string   `json:"address,omitempty"` // the part of the resource, if it is a part: Group.SecurityGroupIngress[0]
	Why      string   `json:"why"`
	Fix      string   `json:"fix"`           // a snippet in the dialect of the input, or words
	AWSCode  string   `json:"aws,omitempty"` // explanation code of VPC Reachability Analyzer, where one matches

	fix Fix
}

// at fills in where the finding is.
func (f *Finding) at(r stack.Resource, origin stack.Origin) {
	f.Resource = r.ID
	if origin == (stack.Origin{}) {
		origin = r.Origin
	}
	f.File, f.Line = origin.File, origin.Line
	if origin.Address != r.ID && origin.Address != r.Origin.Address {
		f.Address = origin.Address
	}
}

// sortFindings orders findings by severity, rule, place and text, and takes
// out those that say the same twice.
func sortFindings(all []Finding) []Finding {
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(slices.Index(severities(), a.Severity), slices.Index(severities(), b.Severity)),
			cmp.Compare(a.ID, b.ID),
			cmp.Compare(a.File, b.File),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Resource, b.Resource),
			cmp.Compare(a.Address, b.Address),
			cmp.Compare(a.Message, b.Message),
		)
	})
	return slices.CompactFunc(all, func(a, b Finding) bool {
		return a.ID == b.ID && a.Resource == b.Resource && a.Address == b.Address && a.Message == b.Message && a.Line == b.Line
	})
}

// Suppressed is a finding that somebody decided to live with.
type Suppressed struct {
	Finding
	Reason string `json:"reason"`
	By     string `json:"by"` // flag, or the place of the comment
}
