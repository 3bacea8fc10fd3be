package iac

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// props reads the properties of one resource, or of one mapping inside it,
// into the types of the model.
type props struct {
	t     *template
	path  string // address in messages and origins: Handler.VpcConfig
	value value  // an object, or unknown as a whole
	at    position
}

// get returns a property. Each property of an unknown whole is unknown.
func (p props) get(key string) value {
	if p.value.kind == unknown {
		return unknownValue(p.value.why)
	}
	return p.value.fields[key]
}

func (p props) has(key string) bool { return p.get(key).kind != absent }

// errorf reports a problem of a property, at the property if it is there.
func (p props) errorf(key, format string, args ...any) {
	at := p.at
	if v := p.get(key); v.kind != absent && v.at.line > 0 {
		at = v.at
	}
	path := p.path
	if key != "" {
		path += "." + key
	}
	p.t.report.add(at, path, format, args...)
}

// origin is where the mapping itself was declared.
func (p props) origin() stack.Origin {
	return stack.Origin{File: p.t.report.file, Line: p.at.line, Address: p.path}
}

// sub returns the mapping under a key; ok is false if there is none.
func (p props) sub(key string) (props, bool) {
	v := p.get(key)
	out := props{t: p.t, path: p.path + "." + key, value: v, at: v.at}
	if v.at.line == 0 {
		out.at = p.at
	}
	switch v.kind {
	case object, unknown:
		return out, true
	case absent:
		return out, false
	}
	p.errorf(key, "must be a mapping")
	return out, false
}

// list returns the mappings of a list. A list that is unknown as a whole is
// one mapping of which all is unknown.
func (p props) list(key string) []props {
	v := p.get(key)
	items := v.items
	switch v.kind {
	case unknown, object:
		items = []value{v} // CloudFormation takes one mapping for a list of one
	case text:
		p.errorf(key, "must be a list")
	}
	var out []props
	for i, item := range items {
		sub := props{t: p.t, path: fmt.Sprintf("%s.%s[%d]", p.path, key, i), value: item, at: item.at}
		if item.at.line == 0 {
			sub.at = p.at
		}
		if item.kind != object && item.kind != unknown {
			p.t.report.add(sub.at, sub.path, "must be a mapping")
			continue
		}
		out = append(out, sub)
	}
	return out
}

// text returns a property that may mention resources.
func (p props) text(key string) stack.Text { return p.asText(key, p.get(key)) }

func (p props) asText(key string, v value) stack.Text {
	t, ok := v.asText()
	if !ok {
		p.errorf(key, "must be a string, not a list or a mapping")
	}
	return dynamic(t)
}

// str returns a string property, or fallback if it is not there. A Value is
// written out as it is, so a secret does not become one.
func (p props) str(key, fallback string) stack.Value[string] {
	if !p.has(key) {
		return stack.Known(fallback)
	}
	t := p.text(key)
	if isSecret(t) {
		return stack.Unknown[string]("a NoEcho parameter")
	}
	return t.Resolve(nil)
}

// name returns a property that CloudFormation makes up if it is not there.
func (p props) name(key string) stack.Value[string] {
	if !p.has(key) {
		return stack.Unknown[string]("the name that CloudFormation generates")
	}
	return p.str(key, "")
}

// id returns the id of a resource: a declared one by its logical id, any other
// as it is written.
func (p props) id(key string) stack.Value[string] { return p.asID(key, p.get(key)) }

func (p props) asID(key string, v value) stack.Value[string] {
	t := p.asText(key, v)
	if len(t) == 1 && t[0].Resource != "" {
		switch {
		case t[0].Attribute == "":
			return stack.Known(t[0].Resource)
		case (t[0].Attribute == defaultGroup || t[0].Attribute == defaultACL) && p.t.typeOf(t[0].Resource) == typeVPC:
			return stack.Known(t[0].Resource + "." + t[0].Attribute)
		}
	}
	return t.Resolve(nil)
}

// ids returns a list of ids. A list that is unknown as a whole is one unknown
// id, which stands for any number of them.
func (p props) ids(key string) []stack.Value[string] {
	v := p.get(key)
	switch v.kind {
	case absent:
		return nil
	case sequence:
		var out []stack.Value[string]
		for _, item := range v.items {
			out = append(out, p.asID(key, item))
		}
		return out
	}
	return []stack.Value[string]{p.asID(key, v)}
}

// integer returns a whole number, or fallback if it is not there.
func (p props) integer(key string, fallback int) stack.Value[int] {
	return scalarOf(p, key, fallback, "a whole number", func(s string) (int, error) {
		// 6379.0 is what some tools write for 6379.
		if whole, zeros, ok := strings.Cut(s, "."); ok && strings.Trim(zeros, "0") == "" {
			s = whole
		}
		return strconv.Atoi(s)
	})
}

// boolean returns a truth value, or fallback if it is not there.
func (p props) boolean(key string, fallback bool) stack.Value[bool] {
	return scalarOf(p, key, fallback, "true or false", func(s string) (bool, error) {
		switch strings.ToLower(s) {
		case "true", "yes", "on": // YAML 1.1, which CloudFormation reads
			return true, nil
		case "false", "no", "off":
			return false, nil
		}
		return false, strconv.ErrSyntax
	})
}

// prefix returns a CIDR block.
func (p props) prefix(key string) stack.Value[netip.Prefix] {
	return scalarOf(p, key, netip.Prefix{}, "a CIDR block such as 10.0.0.0/16", func(s string) (netip.Prefix, error) {
		block, err := netip.ParsePrefix(s)
		return block.Masked(), err
	})
}

// cidr returns a CIDR block as it is written, or "" if it is not there.
func (p props) cidr(key string) stack.Value[string] {
	if p.has(key) && p.prefix(key) == stack.Known(netip.Prefix{}) {
		return stack.Known("") // reported
	}
	return p.str(key, "")
}

// scalarOf reads a property by parse, and reports one that is not what it
// must be.
func scalarOf[T any](p props, key string, fallback T, what string, parse func(string) (T, error)) stack.Value[T] {
	if !p.has(key) {
		return stack.Known(fallback)
	}
	v := p.str(key, "")
	s, ok := v.Get()
	if !ok {
		return stack.Unknown[T](v.Why())
	}
	out, err := parse(strings.TrimSpace(s))
	if err != nil {
		p.errorf(key, "%q is not %s", s, what)
		return stack.Known(fallback)
	}
	return stack.Known(out)
}
