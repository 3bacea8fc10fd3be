package check

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// The tree of a CloudFormation fragment: an object keeps the order of its
// fields, a call is an intrinsic function. Other values are string, int, bool,
// nil and []any.
type (
	object []field
	field  struct {
		key   string
		value any
	}
	call struct {
		name string // Ref, GetAtt, Sub
		arg  string // X, X.Attribute, text
	}
)

// child returns the object under key, and makes it if there is none.
func (o *object) child(key string) *object {
	for i := range *o {
		if (*o)[i].key == key {
			if c, ok := (*o)[i].value.(*object); ok {
				return c
			}
			c := &object{}
			(*o)[i].value = c
			return c
		}
	}
	c := &object{}
	*o = append(*o, field{key, c})
	return c
}

// set puts a value under key, in place of one that is there.
func (o *object) set(key string, value any) {
	for i := range *o {
		if (*o)[i].key == key {
			(*o)[i].value = value
			return
		}
	}
	*o = append(*o, field{key, value})
}

// setNonzero puts a string under key unless it is empty.
func (o *object) setNonzero(key, value string) {
	if value != "" {
		o.set(key, value)
	}
}

// yaml writes a value after its key, at a depth of indentation.
func yaml(b *strings.Builder, value any, depth int) {
	indent := strings.Repeat("  ", depth)
	switch v := value.(type) {
	case *object:
		if len(*v) == 0 {
			b.WriteString(" {}\n")
			return
		}
		b.WriteByte('\n')
		for _, f := range *v {
			b.WriteString(indent + yamlString(f.key) + ":")
			yaml(b, f.value, depth+1)
		}
	case []any:
		yamlList(b, v, indent, depth)
	default:
		b.WriteString(" " + yamlScalar(v) + "\n")
	}
}

func yamlList(b *strings.Builder, items []any, indent string, depth int) {
	if len(items) == 0 {
		b.WriteString(" []\n")
		return
	}
	b.WriteByte('\n')
	for _, item := range items {
		o, ok := item.(*object)
		if !ok {
			b.WriteString(indent + "- " + yamlScalar(item) + "\n")
			continue
		}
		for i, f := range *o {
			lead := indent + "  "
			if i == 0 {
				lead = indent + "- "
			}
			b.WriteString(lead + yamlString(f.key) + ":")
			yaml(b, f.value, depth+2)
		}
	}
}

func yamlScalar(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case call:
		return "!" + v.name + " " + yamlString(v.arg)
	case string:
		return yamlString(v)
	}
	return fmt.Sprint(value)
}

// plain matches strings that mean themselves in YAML without quotes.
var plain = regexp.MustCompile(`^[A-Za-z/_][A-Za-z0-9_./:-]*$`)

// yamlString quotes a string where YAML would read something else.
func yamlString(s string) string {
	switch strings.ToLower(s) {
	case "true", "false", "yes", "no", "on", "off", "null", "y", "n":
		return strconv.Quote(s)
	}
	if plain.MatchString(s) && !strings.HasSuffix(s, ":") {
		return s
	}
	quoted, _ := json.Marshal(s) // JSON's strings are YAML's double-quoted strings
	return string(quoted)
}

// MarshalJSON writes the fields in their order.
func (o *object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, f := range *o {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := json.Marshal(f.key)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(f.value)
		if err != nil {
			return nil, err
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// MarshalJSON writes the long form of an intrinsic function.
func (c call) MarshalJSON() ([]byte, error) {
	switch c.name {
	case "Ref":
		return json.Marshal(map[string]string{"Ref": c.arg})
	case "GetAtt":
		id, attribute, _ := strings.Cut(c.arg, ".")
		return json.Marshal(map[string][]string{"Fn::GetAtt": {id, attribute}})
	}
	return json.Marshal(map[string]string{"Fn::" + c.name: c.arg})
}
