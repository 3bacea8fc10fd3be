package terraform

import (
	"strings"

	"github.com/thawdev/thaw/stack"
)

// value is what an expression evaluates to. It may be known in part: a list
// with one unknown item, a text that mentions an attribute.
type value struct {
	kind    kind
	lit     string     // of a known string, number or truth value
	text    stack.Text // of a string that mentions resources or holds a secret; lit is "" then; of an unknown, what it may mention
	items   []value    // of a list, and of an object in the order of keys
	keys    []string   // of an object
	why     string     // of an unknown: what it depends on
	failed  bool       // of an unknown: Terraform would refuse the expression; try() goes on
	settled bool       // of an unknown: Terraform knows it before apply, only we do not
	from    *value     // of a string that jsonencode made: what it encodes
	inst    *instance  // of a resource
	mod     *module    // of a module
	guess   *guess     // of what a plan alone says; nil is exact
	at      place
}

type kind uint8

const (
	null kind = iota
	str
	number
	boolean
	list // tuples and sets too
	object
	resource // one instance of a resource, whose attributes are looked up when asked for
	call     // one instance of a module, whose outputs are
	unknown
)

// place is where a value was written; line 0 is unknown.
type place struct {
	file string
	line int
}

func literal(s string) value { return value{kind: str, lit: s} }

func truth(b bool) value {
	if b {
		return value{kind: boolean, lit: "true"}
	}
	return value{kind: boolean, lit: "false"}
}

func textValue(t stack.Text) value {
	if plain, ok := t.Resolve(nil).Get(); ok && !isSecret(t) {
		return literal(plain)
	}
	return value{kind: str, text: t}
}

func reference(address, attribute string) value {
	return value{kind: str, text: stack.Text{{Resource: address, Attribute: attribute}}}
}

func listOf(items ...value) value { return value{kind: list, items: items} }

func unknownValue(why string) value { return value{kind: unknown, why: why} }

// failure is the value of an expression that Terraform would refuse.
func failure(why string) value { return value{kind: unknown, why: why, failed: true} }

// get returns a field of an object, or null.
func (v value) get(key string) value {
	f, _ := v.field(key)
	return f
}

func (v value) field(key string) (value, bool) {
	for i, k := range v.keys {
		if k == key {
			return v.items[i], true
		}
	}
	return value{}, false
}

// set replaces or appends a field of an object under construction.
func (v *value) set(key string, f value) {
	for i, k := range v.keys {
		if k == key {
			v.items[i] = f
			return
		}
	}
	v.keys = append(v.keys, key)
	v.items = append(v.items, f)
}

// scalar returns the text of a known string, number or truth value.
func (v value) scalar() (string, bool) {
	switch v.kind {
	case str:
		if v.text != nil {
			return v.text.Resolve(nil).Get()
		}
		return v.lit, true
	case number, boolean:
		return v.lit, true
	}
	return "", false
}

// isTrue reports the truth of a condition, and whether it is known.
func (v value) isTrue() (is, known bool) {
	s, ok := v.scalar()
	return s == "true", ok && (s == "true" || s == "false")
}

// asText returns v as a text; ok is false for lists and objects.
func (v value) asText() (t stack.Text, ok bool) {
	switch v.kind {
	case null:
		return nil, true
	case str, number, boolean:
		if v.guess != nil {
			return mentionOf(v.guess.why, v), true
		}
		if v.text != nil {
			return v.text, true
		}
		return stack.Literal(v.lit), true
	case unknown:
		if v.text != nil {
			return v.text, true
		}
		return stack.Text{{Unknown: v.why}}, true
	}
	return nil, false
}

// complete reports whether v holds no unknown. References count as known: they
// name what will be there.
func (v value) complete() bool {
	switch v.kind {
	case unknown:
		return false
	case str:
		for _, p := range v.text {
			if p.Unknown != "" {
				return false
			}
		}
	case list, object:
		for _, item := range v.items {
			if !item.complete() {
				return false
			}
		}
	}
	return true
}

// literalOnly reports whether v is known in full, without references.
func (v value) literalOnly() bool {
	switch v.kind {
	case unknown, resource, call:
		return false
	case str:
		return v.text == nil
	case list, object:
		for _, item := range v.items {
			if !item.literalOnly() {
				return false
			}
		}
	}
	return true
}

// reason says what v depends on; it is empty for a value known in full.
func (v value) reason() string {
	switch v.kind {
	case unknown:
		return v.why
	case str:
		if v.text != nil {
			return v.text.Resolve(nil).Why()
		}
	case list, object:
		for _, item := range v.items {
			if why := item.reason(); why != "" {
				return why
			}
		}
	case resource:
		return v.inst.address
	case call:
		return v.mod.address
	}
	return ""
}

// secret marks every text in v as one that must not be written out.
func (v value) secret() value {
	switch v.kind {
	case str, number, boolean:
		t, _ := v.asText()
		out := append(stack.Text(nil), t...)
		for i := range out {
			out[i].Secret = out[i].Literal != ""
		}
		if len(out) > 0 {
			v.kind, v.lit, v.text, v.from = str, "", out, nil
		}
	case list, object:
		items := make([]value, len(v.items))
		for i, item := range v.items {
			items[i] = item.secret()
		}
		v.items = items
	}
	return v
}

func isSecret(t stack.Text) bool {
	for _, p := range t {
		if p.Secret {
			return true
		}
	}
	return false
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
