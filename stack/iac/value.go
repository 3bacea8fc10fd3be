package iac

import (
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// value is what a node evaluates to. It may be known in part: a list with one
// unknown item, a text that mentions an attribute.
type value struct {
	kind   valueKind
	text   stack.Text       // of a literal, or of a reference
	items  []value          // of a sequence
	keys   []string         // of an object, in the order of the template
	fields map[string]value // of an object
	why    string           // of an unknown: what it depends on
	either []value          // of an unknown Fn::If: both branches
	at     position
}

type valueKind int

const (
	absent valueKind = iota // AWS::NoValue, or a property that is not there
	text
	sequence
	object
	unknown
)

func literal(s string) value { return value{kind: text, text: stack.Literal(s)} }

func reference(id, attribute string) value {
	return value{kind: text, text: stack.Text{{Resource: id, Attribute: attribute}}}
}

func unknownValue(why string) value { return value{kind: unknown, why: why} }

// known returns the string of a text without references, and whether it is one.
func (v value) known() (string, bool) {
	if v.kind != text {
		return "", false
	}
	return v.text.Resolve(nil).Get()
}

// reason says what v depends on; it is empty for a value known in full.
func (v value) reason() string {
	switch v.kind {
	case unknown:
		return v.why
	case text:
		return v.text.Resolve(nil).Why()
	case sequence:
		for _, item := range v.items {
			if why := item.reason(); why != "" {
				return why
			}
		}
	case object:
		for _, k := range v.keys {
			if why := v.fields[k].reason(); why != "" {
				return why
			}
		}
	}
	return ""
}

// namesResource reports whether a branch of an Fn::If that is not decided names a
// resource.
func (v value) namesResource() bool {
	return slices.ContainsFunc(v.either, func(b value) bool { return b.namesResource() || len(b.text.References()) > 0 })
}

// asText returns v as a text; ok is false for lists and mappings.
func (v value) asText() (t stack.Text, ok bool) {
	switch v.kind {
	case absent:
		return nil, true
	case text:
		return v.text, true
	case unknown:
		return stack.Text{{Unknown: v.why}}, true
	}
	return nil, false
}

// concat joins texts, and merges neighbours that are literal. A secret stays a
// part of its own, so that only it is withheld.
func concat(texts ...stack.Text) stack.Text {
	var out stack.Text
	var run strings.Builder
	flush := func() {
		if run.Len() > 0 {
			out = append(out, stack.Part{Literal: run.String()})
			run.Reset()
		}
	}
	for _, t := range texts {
		for _, p := range t {
			if p.Resource == "" && p.Unknown == "" && !p.Secret {
				run.WriteString(p.Literal)
				continue
			}
			flush()
			out = append(out, p)
		}
	}
	flush()
	return out
}

// isSecret reports whether a part of t must not be shown.
func isSecret(t stack.Text) bool {
	return slices.ContainsFunc(t, func(p stack.Part) bool { return p.Secret })
}

// derived returns s as the result of working on the known text t: what comes
// from a secret is secret.
func derived(t stack.Text, s string) value {
	v := literal(s)
	if isSecret(t) && s != "" {
		v.text[0].Secret = true
	}
	return v
}

// length is the number of bytes that t holds, which is charged to the budget.
func length(t stack.Text) int {
	n := 0
	for _, p := range t {
		n += len(p.Literal) + len(p.Unknown) + 1
	}
	return n
}

// dynamic replaces dynamic references such as {{resolve:ssm:/path}}, which
// CloudFormation looks up at deployment, by unknown parts.
func dynamic(t stack.Text) stack.Text {
	var out stack.Text
	for _, p := range t {
		rest := p.Literal
		for {
			begin := strings.Index(rest, "{{resolve:")
			end := strings.Index(rest[max(begin, 0):], "}}")
			if begin < 0 || end < 0 {
				break
			}
			end += begin + len("}}")
			if begin > 0 {
				out = append(out, stack.Part{Literal: rest[:begin], Secret: p.Secret})
			}
			out = append(out, stack.Part{Unknown: "dynamic reference " + rest[begin:end]})
			rest = rest[end:]
		}
		if rest != p.Literal && rest == "" {
			continue
		}
		p.Literal = rest
		out = append(out, p)
	}
	return out
}
