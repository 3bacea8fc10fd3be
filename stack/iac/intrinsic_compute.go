package iac

import (
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/netip"
	"strconv"
	"strings"
)

// zones stands for Fn::GetAZs: which zones an account has differs by account.
func (t *template) zones(arg *node) value {
	region := t.eval(arg)
	name, ok := region.known()
	if !ok && region.kind != absent {
		name = region.orReason("a list")
	}
	if name == "" {
		name = t.opts.Region
	}
	return unknownValue("Fn::GetAZs " + name)
}

func (t *template) base64(n, arg *node) value {
	v := t.eval(arg)
	s, ok := v.known()
	if !ok {
		return unknownValue("Fn::Base64 of " + v.orReason("a list or mapping"))
	}
	if !t.spend(n.position, len(s)/bytesPerUnit) {
		return unknownValue("the template is too large to evaluate")
	}
	return derived(v.text, base64.StdEncoding.EncodeToString([]byte(s)))
}

// cidr works out Fn::Cidr [block, count, bits]: count ranges of 2^bits
// addresses each, from the start of block. bits is 8 if it is not given.
func (t *template) cidr(n, arg *node) value {
	args := t.arguments("Fn::Cidr", arg, 2, 3)
	if args == nil {
		return unknownValue("a call that is not valid")
	}
	given := [3]string{2: "8"}
	for i, a := range args {
		v := t.eval(a)
		s, ok := v.known()
		if !ok {
			return unknownValue("Fn::Cidr of " + v.orReason("a list"))
		}
		given[i] = s
	}
	block, err := netip.ParsePrefix(given[0])
	if err != nil {
		return t.misuse(n, "Fn::Cidr: %q is not a CIDR block", given[0])
	}
	block = block.Masked()
	count, err1 := strconv.Atoi(given[1])
	bits, err2 := strconv.Atoi(given[2])
	room := block.Addr().BitLen() - block.Bits()
	if err1 != nil || err2 != nil || count < 1 || count > 256 || bits < 0 || bits > room {
		return t.misuse(n, "Fn::Cidr: takes a count of 1 to 256 and up to %d bits for %s", room, block)
	}
	if room-bits < 8 && count > 1<<(room-bits) {
		return t.misuse(n, "Fn::Cidr: %s has no room for %d ranges of %d bits", block, count, bits)
	}
	out := value{kind: sequence}
	for i := range count {
		item := literal(nth(block, i, bits).String())
		item.at = n.position
		out.items = append(out.items, item)
	}
	return out
}

// nth returns the i-th range of 2^bits addresses in block.
func nth(block netip.Prefix, i, bits int) netip.Prefix {
	start := new(big.Int).SetBytes(block.Addr().AsSlice())
	start.Add(start, new(big.Int).Lsh(big.NewInt(int64(i)), uint(bits)))
	raw := start.FillBytes(make([]byte, block.Addr().BitLen()/8))
	addr, _ := netip.AddrFromSlice(raw)
	return netip.PrefixFrom(addr, addr.BitLen()-bits)
}

// lengthOf works out Fn::Length of language extensions.
func (t *template) lengthOf(n, arg *node) value {
	v := t.eval(arg)
	switch {
	case v.kind == sequence:
		return literal(strconv.Itoa(len(v.items)))
	case v.reason() != "":
		return unknownValue("Fn::Length of " + v.reason())
	}
	return t.misuse(n, "Fn::Length takes a list")
}

// toJSON works out Fn::ToJsonString of language extensions, if all of the
// value is known.
func (t *template) toJSON(n, arg *node) value {
	v := t.eval(arg)
	if why := v.reason(); why != "" {
		return unknownValue("Fn::ToJsonString of " + why)
	}
	var b strings.Builder
	secret := writeJSON(&b, v)
	if !t.spend(n.position, b.Len()/bytesPerUnit) {
		return unknownValue("the template is too large to evaluate")
	}
	out := literal(b.String())
	out.text[0].Secret = secret
	return out
}

// writeJSON writes a known value with its keys in the order of the template,
// and reports whether it holds a secret. Scalars are strings: the template
// does not tell a number from its text once it was a parameter.
func writeJSON(b *strings.Builder, v value) (secret bool) {
	switch v.kind {
	case sequence:
		b.WriteByte('[')
		for i, item := range v.items {
			if i > 0 {
				b.WriteByte(',')
			}
			secret = writeJSON(b, item) || secret
		}
		b.WriteByte(']')
	case object:
		b.WriteByte('{')
		for i, k := range v.keys {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(quote(k) + ":")
			secret = writeJSON(b, v.fields[k]) || secret
		}
		b.WriteByte('}')
	default:
		s, _ := v.known()
		b.WriteString(quote(s))
		secret = isSecret(v.text)
	}
	return secret
}

// quote writes a JSON string.
func quote(s string) string {
	out, _ := json.Marshal(s)
	return string(out)
}
