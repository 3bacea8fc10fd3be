package wire

import (
	"bytes"
	"math"
)

// multibulk parses "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n".
func (p *CommandParser) multibulk(b []byte) (*Command, int, *ProtocolError) {
	if p.args == 0 {
		count, ok, err := p.count(b)
		if err != nil || !ok {
			return nil, 0, err
		}
		if count <= 0 {
			n := p.pos
			p.restart()
			return nil, n, nil
		}
		p.args, p.bulk = count, -1
	}
	for p.args > 0 {
		if p.bulk < 0 {
			ok, err := p.bulkLength(b)
			if err != nil || !ok {
				return nil, 0, err
			}
		}
		end := p.pos + p.bulk
		if len(b)-2 < end {
			return nil, 0, nil
		}
		if b[end] != '\r' || b[end+1] != '\n' {
			p.odd = true
		}
		p.spans = append(p.spans, span{p.pos, end})
		p.pos, p.bulk = end+2, -1
		p.args--
	}
	return p.finish(b, p.pos, b, false)
}

// count reads the line "*2\r\n" at the start of b; !ok means that it is not complete.
func (p *CommandParser) count(b []byte) (count int, ok bool, err *ProtocolError) {
	if len(b) >= 4 && b[1]-'1' < 9 && b[2] == '\r' && b[3] == '\n' && p.Limits.args() >= 9 {
		p.pos, p.scanned = 4, 0
		return int(b[1] - '0'), true, nil
	}
	line, ok, tooLong := p.line(b)
	if tooLong {
		return 0, false, badCommand("too big mbulk count string")
	}
	if !ok {
		return 0, false, nil
	}
	v, ok := parseInt(line[1:])
	if !ok || v > int64(p.Limits.args()) {
		return 0, false, badCommand("invalid multibulk length")
	}
	if p.Unauthenticated && v > unauthenticatedArgs {
		return 0, false, beforeLogin("unauthenticated multibulk length")
	}
	return int(max(v, math.MinInt32)), true, nil
}

// bulkLength reads the line "$3\r\n" at pos; !ok means that it is not complete.
func (p *CommandParser) bulkLength(b []byte) (ok bool, err *ProtocolError) {
	// The common case first: one or two digits.
	if s := b[p.pos:]; len(s) >= 5 && s[0] == '$' && s[1]-'1' < 9 && p.Limits.bulk() >= 99 {
		if s[2] == '\r' && s[3] == '\n' {
			p.bulk, p.pos, p.scanned = int(s[1]-'0'), p.pos+4, 0
			return true, nil
		}
		if s[2]-'0' < 10 && s[3] == '\r' && s[4] == '\n' {
			p.bulk, p.pos, p.scanned = int(s[1]-'0')*10+int(s[2]-'0'), p.pos+5, 0
			return true, nil
		}
	}
	line, ok, tooLong := p.line(b)
	if tooLong {
		return false, badCommand("too big bulk count string")
	}
	if !ok {
		return false, nil
	}
	if len(line) == 0 || line[0] != '$' {
		return false, expectedDollar(line)
	}
	v, ok := parseInt(line[1:])
	if !ok || v < 0 || v > int64(p.Limits.bulk()) {
		return false, badCommand("invalid bulk length")
	}
	if p.Unauthenticated && v > unauthenticatedBulk {
		return false, beforeLogin("unauthenticated bulk length")
	}
	p.bulk = int(v)
	return true, nil
}

// expectedDollar quotes the first byte of the line as the server does: line ends
// become spaces in its errors. An empty line begins with its own carriage return.
func expectedDollar(line []byte) *ProtocolError {
	c := byte(' ')
	if len(line) > 0 && line[0] != '\n' {
		c = line[0]
	}
	return badCommand("expected '$', got '" + string([]byte{c}) + "'")
}

// line returns the line at pos up to its carriage return, and moves pos behind it
// and the byte that follows, whatever that is, as the server does. The line is too
// long when its first Limits.Line+1 bytes have no carriage return. Servers look
// for it with strchr: nothing is found behind a zero byte.
func (p *CommandParser) line(b []byte) (line []byte, ok, tooLong bool) {
	end, found := p.find(b, '\r')
	if !found {
		return nil, false, end-p.pos > p.Limits.line()
	}
	if end+1 == len(b) {
		p.scanned = end
		return nil, false, false
	}
	if b[end+1] != '\n' {
		p.odd = true
	}
	line = b[p.pos:end]
	p.pos, p.scanned = end+2, 0
	return line, true, false
}

// find returns the offset of c in the line at pos. Without one it returns the
// length of what it has seen, at most one byte more than a line may have.
func (p *CommandParser) find(b []byte, c byte) (at int, found bool) {
	from := max(p.pos, p.scanned)
	to := min(len(b), p.pos+p.Limits.line()+1)
	if from < to && !p.hidden {
		s := b[from:to]
		i := bytes.IndexByte(s, c)
		if i >= 0 {
			s = s[:i]
		}
		p.hidden = bytes.IndexByte(s, 0) >= 0
		if i >= 0 && !p.hidden {
			return from + i, true
		}
	}
	p.scanned = max(from, to)
	return to, false
}

// parseInt reads a number as strictly as the server: no plus sign, no leading
// zero, no "-0", nothing empty, nothing over 64 bits.
func parseInt(s []byte) (v int64, ok bool) {
	neg := false
	switch {
	case len(s) == 1 && s[0] == '0':
		return 0, true
	case len(s) > 0 && s[0] == '-':
		neg, s = true, s[1:]
	}
	if len(s) == 0 || len(s) > 19 || s[0] == '0' {
		return 0, false
	}
	var u uint64
	for _, c := range s {
		if c-'0' > 9 {
			return 0, false
		}
		u = u*10 + uint64(c-'0')
	}
	switch {
	case neg && u <= 1<<63:
		return -int64(u), true
	case !neg && u <= math.MaxInt64:
		return int64(u), true
	}
	return 0, false
}
