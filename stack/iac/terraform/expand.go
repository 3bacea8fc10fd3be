package terraform

import (
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// splitKey splits data.aws_vpc.main into its parts.
func splitKey(key string) (mode, typ, name string) {
	mode = "managed"
	if rest, ok := strings.CutPrefix(key, "data."); ok {
		mode, key = "data", rest
	}
	typ, name, _ = strings.Cut(key, ".")
	return mode, typ, name
}

// suffix writes the key of an instance as Terraform does.
func suffix(key value) string {
	switch key.kind {
	case number:
		return "[" + key.lit + "]"
	case str:
		return "[" + strconv.Quote(key.lit) + "]"
	}
	return ""
}

// expansion is what count or for_each make of a block.
type expansion struct {
	scopes []scope
	keys   []value
	keying keying
	why    string
}

// expand works out count and for_each. What it cannot decide gives one instance
// that stands for all, and the reason.
func (e *engine) expand(count, forEach hclsyntax.Expression, sc scope) expansion {
	switch {
	case count != nil:
		v := e.eval(count, sc)
		n, err := strconv.Atoi(v.lit)
		if err != nil || n > maxCount {
			s := sc
			s.key, s.keying = unknownValue("count.index of an unknown number"), counted
			return expansion{[]scope{s}, []value{{}}, counted, orElse(v.reason(), "count")}
		}
		out := expansion{keying: counted}
		for i := range min(n, maxInstances-e.instances) {
			s := sc
			s.key, s.keying = value{kind: number, lit: strconv.Itoa(i)}, counted
			out.scopes, out.keys = append(out.scopes, s), append(out.keys, s.key)
		}
		return out
	case forEach != nil:
		return e.expandEach(e.eval(forEach, sc), sc)
	}
	return expansion{scopes: []scope{sc}, keys: []value{{}}}
}

func (e *engine) expandEach(v value, sc scope) expansion {
	v = sorted(v)
	out := expansion{keying: keyed}
	for i, item := range v.items {
		key := item
		if v.kind == object {
			key = literal(v.keys[i])
		}
		s, known := key.scalar()
		if !known || v.kind != list && v.kind != object || v.why != "" || len(out.keys) >= maxInstances-e.instances {
			v = unknownValue(orElse(v.reason(), "for_each"))
			break
		}
		one := sc
		one.key, one.each, one.keying = literal(s), item, keyed
		out.scopes, out.keys = append(out.scopes, one), append(out.keys, one.key)
	}
	if v.kind != list && v.kind != object || v.why != "" {
		s := sc
		s.key, s.each, s.keying = unknownValue("each.key of "+orElse(v.reason(), "for_each")), unknownValue("each.value of "+orElse(v.reason(), "for_each")), keyed
		return expansion{[]scope{s}, []value{{}}, keyed, orElse(v.reason(), "for_each")}
	}
	return out
}

func orElse(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}
