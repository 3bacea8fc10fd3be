package stack

import (
	"encoding/json"
	"slices"
	"strings"
)

// Attributes of a resource that a Text may refer to. Readers translate the
// names of their own language (RedisEndpoint.Address, primary_endpoint_address)
// into these; any other attribute keeps the name it has in its language.
const (
	EndpointAddress = "endpoint.address" // where clients write: primary, configuration or serverless endpoint
	EndpointPort    = "endpoint.port"
	ReaderAddress   = "reader.address" // where clients may read
	ReaderPort      = "reader.port"
)

// The template parameter that a Database names refers to this resource and
// attribute, as if the origin were a resource of the stack.
const (
	DatabaseID  = "Thaw::Database"
	DatabaseURL = "url"
)

// Part is a piece of a Text: a literal, a reference to an attribute of a
// resource of the same stack, or something known only after deployment.
// Exactly one of Literal, Resource and Unknown is set.
type Part struct {
	Literal   string `json:"literal,omitempty"`
	Resource  string `json:"resource,omitempty"`  // ID of the resource referred to
	Attribute string `json:"attribute,omitempty"` // "" is the resource itself (Ref)
	Unknown   string `json:"unknown,omitempty"`   // what the piece depends on
	Secret    bool   `json:"secret,omitempty"`    // the Literal is a password or token: resolved, but never written out
}

// Text is a string that may mention attributes of resources, such as
// "redis://" + Cache endpoint address + ":6379". The zero Text is "".
type Text []Part

// Literal returns a Text that is known in full.
func Literal(s string) Text {
	if s == "" {
		return nil
	}
	return Text{{Literal: s}}
}

// Resolve asks lookup for each reference and returns the string, or an unknown
// Value that names the first piece that could not be resolved. A nil lookup
// resolves nothing.
func (t Text) Resolve(lookup func(resource, attribute string) (string, bool)) Value[string] {
	var b strings.Builder
	for _, p := range t {
		switch {
		case p.Unknown != "":
			return Unknown[string](p.Unknown)
		case p.Resource != "":
			if lookup == nil {
				return Unknown[string](p.String())
			}
			s, ok := lookup(p.Resource, p.Attribute)
			if !ok {
				return Unknown[string](p.String())
			}
			b.WriteString(s)
		default:
			b.WriteString(p.Literal)
		}
	}
	return Known(b.String())
}

// References lists the IDs of the resources that t mentions, in order.
func (t Text) References() []string {
	var ids []string
	for _, p := range t {
		if p.Resource != "" {
			ids = append(ids, p.Resource)
		}
	}
	return ids
}

// String shows t with references as ${Resource.attribute} and unknown pieces
// as ${?why} and secrets as ${secret}; it is for people, not for parsing.
func (t Text) String() string {
	var b strings.Builder
	for _, p := range t {
		b.WriteString(p.String())
	}
	return b.String()
}

// MarshalJSON writes a Text that is known in full and holds no secret as a
// plain string.
func (t Text) MarshalJSON() ([]byte, error) {
	secret := slices.ContainsFunc(t, func(p Part) bool { return p.Secret })
	if v := t.Resolve(nil); v.IsKnown() && !secret {
		return json.Marshal(v.Or(""))
	}
	return json.Marshal([]Part(t))
}

// MarshalJSON leaves the literal of a secret out.
func (p Part) MarshalJSON() ([]byte, error) {
	type plain Part // without this method, which would call itself
	if p.Secret {
		p.Literal = ""
	}
	return json.Marshal(plain(p))
}

func (p Part) String() string {
	switch {
	case p.Unknown != "":
		return "${?" + p.Unknown + "}"
	case p.Resource != "" && p.Attribute != "":
		return "${" + p.Resource + "." + p.Attribute + "}"
	case p.Resource != "":
		return "${" + p.Resource + "}"
	case p.Secret:
		return "${secret}"
	}
	return p.Literal
}
