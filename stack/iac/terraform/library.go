package terraform

import (
	"encoding/json"
	"net/netip"
	"strconv"
	"strings"

	"github.com/thawdev/thaw/stack"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// library works out the functions of plain values, all of whose arguments must
// be known in full. It holds none that reads a file, asks the network or the
// clock, or can make a large value of a small one.
func library(name string, args []value) value {
	f, ok := libraryFunction(name)
	if !ok {
		return unknownValue("the function " + name)
	}
	in := make([]cty.Value, len(args))
	for i, a := range args {
		if !a.literalOnly() || a.why != "" {
			return unknownValue(orElse(a.reason(), orElse(a.why, "an argument of "+name)))
		}
		in[i] = toCty(a)
	}
	if strings.HasPrefix(name, "format") && len(args) > 0 && wide(args[0].lit) {
		return unknownValue("a format with a large width")
	}
	out, err := safely(f, in)
	if err != nil {
		return failure(name + ": " + err.Error())
	}
	return fromCty(out)
}

// wide reports whether a format asks for a width of a thousand or more.
func wide(format string) bool {
	digits := 0
	for _, c := range format {
		if c < '0' || c > '9' {
			digits = 0
			continue
		}
		if digits++; digits > 3 {
			return true
		}
	}
	return false
}

// safely runs a function of the library, of which a panic becomes an error:
// its authors expect arguments that were checked for their types.
func safely(f function.Function, args []cty.Value) (out cty.Value, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = function.NewArgErrorf(0, "the arguments do not fit")
		}
	}()
	return f.Call(args)
}

func libraryFunction(name string) (function.Function, bool) {
	f, ok := map[string]function.Function{
		"abs": stdlib.AbsoluteFunc, "ceil": stdlib.CeilFunc, "floor": stdlib.FloorFunc, "log": stdlib.LogFunc,
		"max": stdlib.MaxFunc, "min": stdlib.MinFunc, "parseint": stdlib.ParseIntFunc, "signum": stdlib.SignumFunc,
		"lower": stdlib.LowerFunc, "upper": stdlib.UpperFunc, "title": stdlib.TitleFunc, "chomp": stdlib.ChompFunc,
		"trim": stdlib.TrimFunc, "trimprefix": stdlib.TrimPrefixFunc, "trimsuffix": stdlib.TrimSuffixFunc, "trimspace": stdlib.TrimSpaceFunc,
		"substr": stdlib.SubstrFunc, "split": stdlib.SplitFunc, "regex": stdlib.RegexFunc, "regexall": stdlib.RegexAllFunc,
		"strrev": stdlib.ReverseFunc, "format": stdlib.FormatFunc, "formatlist": stdlib.FormatListFunc, "jsondecode": stdlib.JSONDecodeFunc,
		"reverse": stdlib.ReverseListFunc, "sort": stdlib.SortFunc, "slice": stdlib.SliceFunc, "chunklist": stdlib.ChunklistFunc,
		"setintersection": stdlib.SetIntersectionFunc, "setsubtract": stdlib.SetSubtractFunc,
		"csvdecode": stdlib.CSVDecodeFunc, "timeadd": stdlib.TimeAddFunc,
	}[name]
	switch name {
	case "replace":
		return replaceFunction(), true
	case "startswith", "endswith", "strcontains":
		return affixFunction(name), true
	}
	return f, ok
}

// replaceFunction is Terraform's replace: a pattern between slashes is a
// regular expression.
func replaceFunction() function.Function {
	text := func(name string) function.Parameter { return function.Parameter{Name: name, Type: cty.String} }
	return function.New(&function.Spec{
		Params: []function.Parameter{text("string"), text("substring"), text("replacement")},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if s := args[1].AsString(); len(s) > 1 && s[0] == '/' && s[len(s)-1] == '/' {
				return stdlib.RegexReplace(args[0], cty.StringVal(s[1:len(s)-1]), args[2])
			}
			return stdlib.Replace(args[0], args[1], args[2])
		},
	})
}

func affixFunction(name string) function.Function {
	test := map[string]func(string, string) bool{"startswith": strings.HasPrefix, "endswith": strings.HasSuffix, "strcontains": strings.Contains}[name]
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "string", Type: cty.String}, {Name: "part", Type: cty.String}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return cty.BoolVal(test(args[0].AsString(), args[1].AsString())), nil
		},
	})
}

// encode works out jsonencode. The value is kept beside the text, because a
// policy that mentions an ARN known after apply is still read.
func (e *engine) encode(v value) value {
	t, ok := encodeText(v)
	if !ok || !e.spend(size(t)/8) {
		return unknownValue(orElse(v.reason(), "what jsonencode encodes"))
	}
	out := textValue(t)
	out.from = &v
	return out
}

func encodeText(v value) (stack.Text, bool) {
	switch v.kind {
	case null:
		return stack.Literal("null"), true
	case number, boolean:
		return stack.Literal(v.lit), true
	case str:
		if v.text == nil {
			return stack.Literal(quoteJSON(v.lit)), true
		}
		out := stack.Text{{Literal: `"`}}
		for _, p := range v.text {
			if p.Literal != "" {
				q := quoteJSON(p.Literal)
				p.Literal = q[1 : len(q)-1]
			}
			out = append(out, p)
		}
		return concat(out, stack.Text{{Literal: `"`}}), true
	case unknown:
		return stack.Text{{Unknown: v.why}}, true
	case list, object:
		begin, end := "[", "]"
		if v.kind == object {
			begin, end = "{", "}"
		}
		texts := []stack.Text{stack.Literal(begin)}
		for i, item := range v.items {
			if i > 0 {
				texts = append(texts, stack.Literal(","))
			}
			if v.kind == object {
				texts = append(texts, stack.Literal(quoteJSON(v.keys[i])+":"))
			}
			t, ok := encodeText(item)
			if !ok {
				return nil, false
			}
			texts = append(texts, t)
		}
		return concat(append(texts, stack.Literal(end))...), true
	}
	return nil, false
}

func quoteJSON(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return `""` // a string can always be encoded
	}
	return string(b)
}

// cidrFunction works out the functions of address ranges.
func cidrFunction(name string, args []value) value {
	var words []string
	for _, a := range args {
		s, ok := a.scalar()
		if !ok || isSecret(a.text) {
			return unknownValue(orElse(a.reason(), name+" of a sensitive value"))
		}
		words = append(words, s)
	}
	if len(words) == 0 {
		return failure(name + " needs a range")
	}
	base, err := netip.ParsePrefix(words[0])
	if err != nil {
		return failure(words[0] + " is not an address range")
	}
	var numbers []int
	for _, w := range words[1:] {
		n, err := strconv.Atoi(w)
		if err != nil {
			return failure(w + " is not a whole number")
		}
		numbers = append(numbers, n)
	}
	switch {
	case name == "cidrsubnet" && len(numbers) == 2:
		return subnet(base, numbers[0], numbers[1])
	case name == "cidrsubnets":
		return subnets(base, numbers)
	case name == "cidrhost" && len(numbers) == 1:
		return host(base, numbers[0])
	}
	return unknownValue("the function " + name)
}

// subnet returns the range with the given number among those that are newbits
// longer than base.
func subnet(base netip.Prefix, newbits, n int) value {
	bits := base.Bits() + newbits
	if newbits < 0 || bits > base.Addr().BitLen() || n < 0 || newbits < 62 && n >= 1<<newbits {
		return failure("the range " + base.String() + " does not hold that subnet")
	}
	return literal(netip.PrefixFrom(plus(base.Masked().Addr(), n, base.Addr().BitLen()-bits), bits).String())
}

// subnets returns ranges that follow each other, each as early as its size
// allows.
func subnets(base netip.Prefix, newbits []int) value {
	out := value{kind: list}
	next := base.Masked().Addr()
	for _, n := range newbits {
		bits := base.Bits() + n
		if n < 0 || bits > base.Addr().BitLen() {
			return failure("the range " + base.String() + " does not hold those subnets")
		}
		p := netip.PrefixFrom(next, bits)
		shift := base.Addr().BitLen() - bits
		if p.Masked().Addr() != next { // round up to a multiple of the size
			p = netip.PrefixFrom(plus(p.Masked().Addr(), 1, shift), bits)
		}
		if !base.Contains(p.Addr()) {
			return failure("the range " + base.String() + " does not hold those subnets")
		}
		out.items = append(out.items, literal(p.String()))
		next = plus(p.Addr(), 1, shift)
	}
	return out
}

func host(base netip.Prefix, n int) value {
	if n < 0 {
		return unknownValue("cidrhost that counts from the end")
	}
	a := plus(base.Masked().Addr(), n, 0)
	if !base.Contains(a) {
		return failure("the range " + base.String() + " does not hold that host")
	}
	return literal(a.String())
}

// plus returns a + n × 2^shift.
func plus(a netip.Addr, n, shift int) netip.Addr {
	b := a.AsSlice()
	for i, carry := len(b)-1-shift/8, uint64(n)<<(shift%8); i >= 0 && carry > 0; i-- {
		sum := uint64(b[i]) + carry&0xff
		b[i] = byte(sum)
		carry = carry>>8 + sum>>8
	}
	out, _ := netip.AddrFromSlice(b)
	return out
}
