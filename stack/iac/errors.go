package iac

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Error is one problem of a template.
type Error struct {
	File    string
	Line    int    // 1 is the first line; 0: the file as a whole
	Column  int    // 1 is the first character; 0: the line as a whole
	Address string // logical id with the path of the property, or ""
	Message string // what is wrong and what to do
}

// Error returns "file:line:column: address: message", leaving out what is not
// known.
func (e *Error) Error() string {
	s := e.File
	if e.Line > 0 {
		s = fmt.Sprintf("%s:%d:%d", s, e.Line, max(e.Column, 1))
	}
	if e.Address != "" {
		s += ": " + e.Address
	}
	return s + ": " + e.Message
}

// position is a place in the template; the zero position is the whole file.
type position struct{ line, column int }

// problems gathers what is wrong with one template, so that a user sees all of
// it at once.
type problems struct {
	file string
	all  []*Error
	seen map[Error]bool // the same node may be evaluated for two resources
}

// maxProblems bounds the report: nobody reads more, and a hostile template
// could make millions.
const maxProblems = 100

func (p *problems) add(at position, address, format string, args ...any) {
	if len(p.all) >= maxProblems {
		return
	}
	e := Error{File: p.file, Line: at.line, Column: at.column, Address: address, Message: fmt.Sprintf(format, args...)}
	if p.seen[e] {
		return
	}
	if p.seen == nil {
		p.seen = map[Error]bool{}
	}
	p.seen[e] = true
	p.all = append(p.all, &e)
}

// err joins the problems in the order of their lines, or returns nil.
func (p *problems) err() error {
	slices.SortStableFunc(p.all, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	joined := make([]error, len(p.all))
	for i, e := range p.all {
		joined[i] = e
	}
	return errors.Join(joined...)
}
