package wire

import "bytes"

// The kinds of a Value: the type byte of RESP.
const (
	KindSimple    byte = '+'
	KindError     byte = '-'
	KindInt       byte = ':'
	KindBulk      byte = '$'
	KindArray     byte = '*'
	KindNull      byte = '_'
	KindBool      byte = '#'
	KindDouble    byte = ','
	KindBig       byte = '('
	KindBulkError byte = '!'
	KindVerbatim  byte = '='
	KindMap       byte = '%'
	KindSet       byte = '~'
	KindPush      byte = '>'
)

// A Value is a whole reply or message as a tree: for handshakes, messages of
// subscriptions and tests. What passes through a proxy is scanned, not parsed.
type Value struct {
	// Kind is the type byte. A streamed string or aggregate has the kind of a whole one.
	Kind byte
	// Null marks the nulls of RESP2, which are of KindBulk or KindArray, and KindNull.
	Null bool
	// Str is the text of the kinds Simple, Error, Bulk, BulkError, Verbatim (without
	// its format) and Big (the digits).
	Str []byte
	// Format is the three letters of a verbatim string, "txt" or "mkd".
	Format string
	// Int is an integer, and 1 or 0 of a boolean.
	Int int64
	// Float is a double.
	Float float64
	// Elems are the elements of an array, set or push message. The keys and values of
	// a map alternate.
	Elems []Value
	// Attr are the keys and values of the attributes in front of the value.
	Attr []Value
}

// IsError reports an error reply; its code and text are in Str.
func (v Value) IsError() bool { return v.Kind == KindError || v.Kind == KindBulkError }

// Get returns the value of a key in a map, or in the flat array that stands for one
// in RESP2.
func (v Value) Get(key string) (Value, bool) {
	for i := 0; i+1 < len(v.Elems); i += 2 {
		if string(v.Elems[i].Str) == key {
			return v.Elems[i+1], true
		}
	}
	return Value{}, false
}

// AppendValue appends v in the form that its kinds name: nothing is converted
// between the protocol versions, and nothing is streamed.
func AppendValue(b []byte, v Value) []byte {
	if len(v.Attr) > 0 {
		b = appendHeader(b, '|', int64(len(v.Attr)/2))
		for _, a := range v.Attr {
			b = AppendValue(b, a)
		}
	}
	if v.Null {
		return appendNull(b, v.Kind)
	}
	switch v.Kind {
	case KindSimple, KindError, KindBig:
		return appendLine(b, v.Kind, v.Str)
	case KindInt:
		return AppendInt(b, v.Int)
	case KindBool:
		return AppendBool(b, 3, v.Int != 0)
	case KindDouble:
		return AppendDouble(b, 3, v.Float)
	case KindBulk, KindBulkError:
		b = appendHeader(b, v.Kind, int64(len(v.Str)))
		return append(append(b, v.Str...), '\r', '\n')
	case KindVerbatim:
		return AppendVerbatim(b, 3, v.Format, string(v.Str))
	case KindArray, KindSet, KindPush:
		b = appendHeader(b, v.Kind, int64(len(v.Elems)))
	case KindMap:
		b = appendHeader(b, v.Kind, int64(len(v.Elems)/2))
	default:
		return AppendNull(b, 3)
	}
	for _, e := range v.Elems {
		b = AppendValue(b, e)
	}
	return b
}

func appendNull(b []byte, kind byte) []byte {
	switch kind {
	case KindBulk:
		return AppendNull(b, 2)
	case KindArray:
		return AppendNullArray(b, 2)
	}
	return AppendNull(b, 3)
}

// ParseValue parses the value at the start of b and returns its length n; n is 0
// when the value is not complete. The value points into b. It starts from the
// beginning at each call: where replies arrive in pieces, find the end with a
// ReplyScanner first. An error is a *ProtocolError.
func ParseValue(b []byte, l ReplyLimits) (v Value, n int, err error) {
	p := valueParser{b: b, limits: l, depth: or(l.Depth, defaultValueDepth)}
	v, perr := p.value()
	switch {
	case perr != nil:
		return Value{}, 0, perr
	case p.short:
		return Value{}, 0, nil
	}
	return v, p.pos, nil
}

// valueParser is a recursive descent. Once short is set every method returns.
type valueParser struct {
	b      []byte
	pos    int
	depth  int
	limits ReplyLimits
	short  bool // b ends before the value does
}

// line returns the next line without its end.
func (p *valueParser) line() ([]byte, *ProtocolError) {
	rest := p.b[p.pos:]
	i := bytes.IndexByte(rest, '\r')
	if i > 0 && int64(i) > p.limits.bulk() || i < 0 && int64(len(rest)) > p.limits.bulk() {
		return nil, badReply("a line is too long")
	}
	if i < 0 || i+1 == len(rest) {
		p.short = true
		return nil, nil
	}
	if rest[i+1] != '\n' {
		return nil, badReply("a carriage return without a line feed")
	}
	p.pos += i + 2
	return rest[:i:i], nil
}

// take returns the next n bytes, which CR LF must follow.
func (p *valueParser) take(n int64) ([]byte, *ProtocolError) {
	if n > p.limits.bulk() {
		return nil, badReply("a string is too long")
	}
	rest := p.b[p.pos:]
	if int64(len(rest)) < n+2 {
		p.short = true
		return nil, nil
	}
	if rest[n] != '\r' || rest[n+1] != '\n' {
		return nil, badReply("a string is not ended by CR LF")
	}
	p.pos += int(n) + 2
	return rest[:n:n], nil
}
