package wire

// inline parses a command given as a line of text, ended by LF or CR LF:
//
//	SET "a key" 'it''s'    → error: a quote must be followed by a space
//	SET key "line\r\n\x00" → SET, key, and 7 bytes
func (p *CommandParser) inline(b []byte) (*Command, int, *ProtocolError) {
	end, found := p.find(b, '\n')
	if !found {
		if end > p.Limits.line() {
			return nil, 0, badCommand("too big inline request")
		}
		return nil, 0, nil
	}
	line := b[:end]
	if end > 0 && b[end-1] == '\r' {
		line = b[:end-1]
	}
	if cap(p.text) > keepText && len(line) <= keepText {
		p.text = nil
	}
	p.text, p.spans = p.text[:0], p.spans[:0]
	if !p.split(line) {
		return nil, 0, badCommand("unbalanced quotes in request")
	}
	if len(p.spans) == 0 {
		p.restart()
		return nil, end + 1, nil
	}
	return p.finish(b, end+1, p.text, true)
}

// split cuts a line into arguments by the rules of the server's sdssplitargs;
// false means unbalanced quotes.
func (p *CommandParser) split(line []byte) bool {
	for {
		for len(line) > 0 && isSpace(line[0]) {
			line = line[1:]
		}
		if len(line) == 0 {
			return true
		}
		start := len(p.text)
		rest, ok := p.token(line)
		if !ok {
			return false
		}
		p.spans = append(p.spans, span{start, len(p.text)})
		line = rest
	}
}

// token appends the first argument of the line to text. A quoted part may stand
// anywhere in it, and must be its last.
func (p *CommandParser) token(line []byte) (rest []byte, ok bool) {
	for i, c := range line {
		switch c {
		case ' ', '\n', '\r', '\t':
			return line[i+1:], true
		case '"':
			return p.doubleQuoted(line[i+1:])
		case '\'':
			return p.singleQuoted(line[i+1:])
		}
		p.text = append(p.text, c)
	}
	return nil, true
}

func (p *CommandParser) doubleQuoted(s []byte) (rest []byte, ok bool) {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '"':
			return closed(s[i+1:])
		case c == '\\' && i+3 < len(s) && s[i+1] == 'x' && isHex(s[i+2]) && isHex(s[i+3]):
			c = unhex(s[i+2])<<4 | unhex(s[i+3])
			i += 3
		case c == '\\' && i+1 < len(s):
			i++
			c = unescape(s[i])
		}
		p.text = append(p.text, c)
	}
	return nil, false
}

func (p *CommandParser) singleQuoted(s []byte) (rest []byte, ok bool) {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\'':
			return closed(s[i+1:])
		case c == '\\' && i+1 < len(s) && s[i+1] == '\'':
			i++
			c = '\''
		}
		p.text = append(p.text, c)
	}
	return nil, false
}

// closed checks that a closing quote is followed by a space or by nothing.
func closed(rest []byte) ([]byte, bool) {
	return rest, len(rest) == 0 || isSpace(rest[0])
}

func unescape(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'b':
		return '\b'
	case 'a':
		return '\a'
	}
	return c
}

// isSpace is isspace of the C locale.
func isSpace(c byte) bool { return c == ' ' || c-'\t' < 5 }

func isHex(c byte) bool { return c-'0' < 10 || (c|0x20)-'a' < 6 }

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}
