package wire

import "strconv"

// value parses one value with the attributes in front of it.
func (p *valueParser) value() (v Value, err *ProtocolError) {
	var attr []Value
	for {
		if p.pos == len(p.b) {
			p.short = true
			return Value{}, nil
		}
		kind := p.b[p.pos]
		p.pos++
		if kind != '|' {
			v, err = p.body(kind)
			v.Attr = attr
			return v, err
		}
		more, err := p.attribute()
		if err != nil || p.short {
			return Value{}, err
		}
		attr = append(attr, more...)
		if p.depth == or(p.limits.Depth, defaultValueDepth) && p.pos < len(p.b) && p.b[p.pos] == KindPush {
			return Value{}, badReply("an attribute before a push message")
		}
	}
}

func (p *valueParser) attribute() ([]Value, *ProtocolError) {
	n, stream, err := p.length('|')
	if err != nil || p.short {
		return nil, err
	}
	return p.elements(n*2, stream, true)
}

func (p *valueParser) body(kind byte) (Value, *ProtocolError) {
	v := Value{Kind: kind}
	switch kind {
	case KindSimple, KindError, KindInt, KindBool, KindDouble, KindBig, KindNull:
		line, err := p.line()
		if err != nil || p.short {
			return v, err
		}
		return v, v.setLine(line)
	case KindBulk, KindBulkError, KindVerbatim, KindArray, KindSet, KindPush, KindMap:
	default:
		return v, badReply("unknown type " + quoteByte(kind))
	}
	n, stream, err := p.length(kind)
	switch {
	case err != nil || p.short:
	case n < 0:
		v.Null = true
	case kind == KindBulk && stream:
		v.Str, err = p.parts()
	case kind == KindBulk || kind == KindBulkError:
		v.Str, err = p.take(n)
	case kind == KindVerbatim:
		err = p.verbatim(&v, n)
	case kind == KindMap:
		v.Elems, err = p.elements(n*2, stream, true)
	default:
		v.Elems, err = p.elements(n, stream, false)
	}
	return v, err
}

// setLine sets the value of a kind that is one line.
func (v *Value) setLine(line []byte) *ProtocolError {
	var err error
	switch text := string(line); v.Kind {
	case KindInt:
		v.Int, err = strconv.ParseInt(text, 10, 64)
	case KindDouble:
		v.Float, err = strconv.ParseFloat(text, 64)
	case KindNull:
		v.Null = true
		if text != "" {
			err = strconv.ErrSyntax
		}
	case KindBool:
		switch text {
		case "t":
			v.Int = 1
		case "f":
		default:
			err = strconv.ErrSyntax
		}
	default:
		v.Str = line
	}
	if err != nil {
		return badReply("a bad value of type " + quoteByte(v.Kind))
	}
	return nil
}

// length reads the line behind a type: a number, -1 for a null, or "?".
func (p *valueParser) length(kind byte) (n int64, stream bool, err *ProtocolError) {
	line, err := p.line()
	if err != nil || p.short {
		return 0, false, err
	}
	if string(line) == "?" && kind != KindBulkError && kind != KindVerbatim && kind != ';' {
		return 0, true, nil
	}
	if string(line) == "-1" && (kind == KindBulk || kind == KindArray) {
		return -1, false, nil
	}
	if len(line) == 0 || len(line) > maxDigits {
		return 0, false, badReply("a bad length of type " + quoteByte(kind))
	}
	for _, c := range line {
		if c-'0' > 9 {
			return 0, false, badReply("a bad length of type " + quoteByte(kind))
		}
		n = n*10 + int64(c-'0')
	}
	return n, false, nil
}

// parts reads a streamed string.
func (p *valueParser) parts() (s []byte, err *ProtocolError) {
	s = []byte{}
	for {
		if p.pos == len(p.b) {
			p.short = true
			return nil, nil
		}
		if p.b[p.pos] != ';' {
			return nil, badReply("a part of a streamed string is missing or misplaced")
		}
		p.pos++
		n, _, err := p.length(';')
		if err != nil || p.short || n == 0 {
			return s, err
		}
		part, err := p.take(n)
		if err != nil || p.short {
			return nil, err
		}
		s = append(s, part...)
	}
}

func (p *valueParser) verbatim(v *Value, n int64) *ProtocolError {
	text, err := p.take(n)
	if err != nil || p.short {
		return err
	}
	if len(text) < 4 || text[3] != ':' {
		return badReply("a verbatim string without a format")
	}
	v.Format, v.Str = string(text[:3]), text[4:]
	return nil
}

// elements reads n elements, or all up to "." of a streamed aggregate.
func (p *valueParser) elements(n int64, stream, pairs bool) (list []Value, err *ProtocolError) {
	if n > p.limits.elements() {
		return nil, badReply("an aggregate has too many elements")
	}
	if p.depth--; p.depth < 0 {
		return nil, badReply("aggregates are nested too deep")
	}
	defer func() { p.depth++ }()
	list = make([]Value, 0, min(n, 16)) // a header must not cost more than its bytes
	for stream || int64(len(list)) < n {
		if stream && p.pos < len(p.b) && p.b[p.pos] == '.' {
			p.pos++
			return list, p.endStream(list, pairs)
		}
		v, err := p.value()
		if err != nil || p.short {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

func (p *valueParser) endStream(list []Value, pairs bool) *ProtocolError {
	line, err := p.line()
	if err == nil && (len(line) > 0 || pairs && len(list)%2 != 0) {
		return badReply("a misplaced end of a streamed aggregate")
	}
	return err
}
