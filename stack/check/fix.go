package check

import (
	"errors"
	"fmt"
	"strings"

	"github.com/thawdev/thaw/stack"
	"github.com/thawdev/thaw/stack/reach"
)

// Fix is what to do about a finding: changes that can be written down in the
// dialect of the input, and what remains to be said in words.
type Fix struct {
	edits []edit
	words string
}

// An edit is one change to a deployment that can be written in all three
// dialects. Each writer returns an error that says in words why this one
// cannot be written in its language; nothing was written then.
type edit interface {
	// key is equal for equal changes, so that two findings do not make one
	// change twice.
	key() string
	// sentence says the change in words.
	sentence() string
	cloudFormation(w *fragment) error
	terraform(w *configuration) error
	commands(w *script) error
}

// byHand is the error of an edit that has to be made by a person.
func byHand(format string, args ...any) error { return fmt.Errorf(format, args...) }

// change returns a Fix of edits.
func change(edits ...edit) Fix { return Fix{edits: edits} }

// inWords returns a Fix that only people can carry out.
func inWords(format string, args ...any) Fix { return Fix{words: fmt.Sprintf(format, args...)} }

// and adds a sentence to a Fix.
func (f Fix) and(format string, args ...any) Fix {
	f.words = strings.TrimSpace(f.words + " " + fmt.Sprintf(format, args...))
	return f
}

// Patch is a set of fixes, written down.
type Patch struct {
	// Main is a CloudFormation fragment, Terraform resources, or AWS CLI
	// commands; nil: there is nothing to write.
	Main []byte
	// Override is, for Terraform, the content of a file whose name must end in
	// _override.tf: changes of resources that are already declared.
	Override []byte
	// Words are the fixes that could not be written, one sentence each.
	Words []string
}

// write renders fixes as one patch. Changes that two fixes share are written
// once.
func write(s *stack.Stack, fixes []Fix) Patch {
	var edits []edit
	var words []string
	seen := map[string]bool{}
	for _, f := range fixes {
		for _, e := range f.edits {
			if !seen[e.key()] {
				seen[e.key()] = true
				edits = append(edits, e)
			}
		}
		if f.words != "" && !seen["words "+f.words] {
			seen["words "+f.words] = true
			words = append(words, f.words)
		}
	}
	var p Patch
	switch s.Dialect {
	case stack.Terraform:
		p = writeTerraform(s, edits)
	case stack.Live:
		p = writeCommands(s, edits)
	default:
		p = writeCloudFormation(s, edits)
	}
	p.Words = append(p.Words, words...)
	return p
}

// snippet is a Fix as one text, for a finding.
func snippet(s *stack.Stack, f Fix) string {
	p := write(s, []Fix{f})
	var b strings.Builder
	for _, w := range p.Words {
		comment(&b, w)
	}
	b.Write(p.Main)
	if len(p.Override) > 0 {
		if len(p.Main) > 0 {
			b.WriteByte('\n')
		}
		b.Write(p.Override)
	}
	return strings.TrimRight(b.String(), "\n")
}

// comment writes a sentence as lines that begin with #, in every dialect a
// comment.
func comment(b *strings.Builder, text string) {
	const width = 78
	line := "#"
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > width && line != "#" {
			b.WriteString(line + "\n")
			line = "#"
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
}

// Fixes writes the fixes of all findings as one patch.
func (r *Report) Fixes() Patch {
	var fixes []Fix
	for _, f := range r.Findings {
		fixes = append(fixes, f.fix)
	}
	return write(r.stack, fixes)
}

// errUnknownPiece is the error of a text that deployment decides.
var errUnknownPiece = errors.New("a part of it is known only after deployment")

// FixHeader is the comment at the top of a file of fixes; JSON has none.
func (r *Report) FixHeader() []byte {
	switch {
	case r.Dialect == stack.Terraform:
		return []byte("# Written by thaw check. New resources stand in this file; changes of resources that exist\n# are in the file whose name ends in _override.tf, which Terraform merges into their blocks.\n\n")
	case r.Dialect == stack.Live:
		return []byte("#!/bin/sh\n# Written by thaw check. Read each command before you run it.\nset -eu\n\n")
	case strings.HasSuffix(fileOf(r.stack), ".json"):
		return nil
	}
	return []byte("# Written by thaw check. Merge it into the template: a new resource is added, a property of one that\n# exists is replaced, a list replaces the list, and null deletes (JSON merge patch, RFC 7396).\n")
}

// Reaches reports whether the path from a function to a cache is open.
func (r *Report) Reaches(function, cache string) bool {
	f, c := r.stack.Function(function), r.cacheNamed(cache)
	return f != nil && c != nil && r.pathTo(f, c, c.Port).Verdict == reach.Open
}
