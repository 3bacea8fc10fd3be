package wire

import "bytes"

// A ReplyScanner finds where the replies of one connection end, while their bytes
// pass through: it takes any piece of a stream, down to single bytes, holds none of
// it, and so lets a reply of any size go by in constant memory.
//
//	         ┌──────────────────────────────────────────────┐
//	         ▼                                              │ element ended
//	type ──▶ number ──▶ CR LF ──▶ bytes of a bulk ──▶ CR LF ─┤
//	  │        └──▶ CR LF ──▶ (opens an aggregate: type) ───┤
//	  └──▶ line ──▶ CR LF ──────────────────────────────────┘
//
// What it checks is what decides the boundaries: types, lengths, line ends, the
// ends of streamed parts. It does not read numbers, booleans and text; ParseValue
// does.
//
// It does not allocate once its stack has grown to the depth of the replies. It is
// not safe for concurrent use. The zero value is ready.
type ReplyScanner struct {
	Limits ReplyLimits

	state  scanState
	kind   byte // of the message, see Kind
	typ    byte // of the element whose header is being read
	neg    bool
	stream bool  // the length is "?"
	digits uint8 // of num
	num    int64 // the length being read, then the bytes left of a bulk or line
	frames []frame
}

type scanState uint8

const (
	atMessage scanState = iota
	atType
	inNumber
	atNumberLF
	inLine
	atLineLF
	inBulk
	atBulkCR
	atBulkLF
)

// A frame is an open aggregate. The lowest is the message itself.
type frame struct {
	left int64 // elements to come; counts below zero when streamed
	form form
}

type form uint8

const (
	counted       form = iota
	streamed           // ends with "."
	streamedPairs      // the same, with an even number of elements
	chunks             // a streamed string: only ";" parts, ends with ";0"
)

// maxDigits keeps every length far from overflow; the limits are stricter.
const maxDigits = 18

// Kind returns the type byte of the message that Scan is in, or ended last: '+',
// '-', ':', '$', '*', '_', ',', '#', '!', '=', '(', '%', '~' for a reply, '>' for a
// push message. It is '|' while an attribute passes by, which belongs to the reply
// that follows, and then the type of that reply. 0 before the first byte.
func (s *ReplyScanner) Kind() byte { return s.kind }

// Pending reports whether the scanner is inside a message.
func (s *ReplyScanner) Pending() bool { return s.state != atMessage }

// Reset makes the scanner ready for a new connection.
func (s *ReplyScanner) Reset() {
	s.state, s.kind, s.frames = atMessage, 0, s.frames[:0]
}

// Scan consumes bytes of the current message and returns how many. done reports
// that the message ended with byte n; otherwise n is len(b). The byte behind a
// message begins the next one: call Scan again with b[n:]. An error is a
// *ProtocolError; what follows on this connection cannot be trusted.
func (s *ReplyScanner) Scan(b []byte) (n int, done bool, err error) {
	if s.state == atMessage {
		if len(b) == 0 {
			return 0, false, nil
		}
		if n := scalar(b, s.Limits.bulk()); n > 0 {
			s.kind = b[0]
			return n, true, nil
		}
		s.kind, s.state = 0, atType
		s.frames = append(s.frames[:0], frame{left: 1})
	}
	for n < len(b) {
		used, ended, perr := s.step(b[n:])
		n += used
		if perr != nil {
			return n, false, perr
		}
		if ended && s.elementEnded() {
			s.state = atMessage
			return n, true, nil
		}
	}
	return n, false, nil
}

// scalar returns the length of the reply at the start of b if it is one of the
// common kinds and complete, otherwise 0. It is the fast path; what it does not
// take, the states below decide.
func scalar(b []byte, limit int64) int {
	switch b[0] {
	case '$':
		return bulk(b, limit)
	case '+', '-', ':', ',', '#', '_', '(':
		i := bytes.IndexByte(b, '\r')
		if i > 0 && i+1 < len(b) && b[i+1] == '\n' && int64(i) <= limit {
			return i + 2
		}
	}
	return 0
}

// bulk is scalar for "$5\r\nhello\r\n" and "$-1\r\n".
func bulk(b []byte, limit int64) int {
	n, i := 0, 1
	for i < len(b) && i < maxDigits && b[i]-'0' < 10 {
		n = n*10 + int(b[i]-'0')
		i++
	}
	if i == 1 || i+1 >= len(b) || b[i] != '\r' || b[i+1] != '\n' {
		if len(b) >= 5 && string(b[:5]) == "$-1\r\n" {
			return 5
		}
		return 0
	}
	end := i + 2 + n
	if int64(n) > limit || end > len(b)-2 || b[end] != '\r' || b[end+1] != '\n' {
		return 0
	}
	return end + 2
}

// step consumes at least one byte; ended reports that an element ended with it.
func (s *ReplyScanner) step(b []byte) (n int, ended bool, err *ProtocolError) {
	switch s.state {
	case atType:
		return s.readType(b)
	case inNumber:
		return 1, false, s.readNumber(b[0])
	case inLine:
		return s.readLine(b)
	case inBulk:
		return s.skipBulk(b), false, nil
	case atBulkCR:
		s.state = atBulkLF
		if b[0] != '\r' {
			return 1, false, badReply("a string is not ended by CR LF")
		}
		return 1, false, nil
	}
	// A line feed ends all that is left.
	if b[0] != '\n' {
		return 1, false, badReply("a carriage return without a line feed")
	}
	state := s.state
	s.state = atType
	switch state {
	case atNumberLF:
		ended, err = s.header()
		return 1, ended, err
	case atBulkLF:
		return 1, s.typ != ';', nil
	}
	return 1, true, nil
}

// readType reads the first byte of an element, or all of a common one.
func (s *ReplyScanner) readType(b []byte) (n int, ended bool, err *ProtocolError) {
	s.typ = b[0]
	top := s.frames[len(s.frames)-1]
	if (top.form == chunks) != (s.typ == ';') {
		return 1, false, badReply("a part of a streamed string is missing or misplaced")
	}
	if len(s.frames) == 1 {
		if s.typ == '>' && s.kind == '|' {
			return 1, false, badReply("an attribute before a push message")
		}
		s.kind = s.typ
	}
	if n := scalar(b, s.Limits.bulk()); n > 0 {
		return n, true, nil
	}
	switch s.typ {
	case '+', '-', ':', ',', '#', '_', '(':
		s.state, s.num = inLine, 0
	case '$', '!', '=', '*', '%', '~', '>', '|', ';', '.':
		s.state, s.num, s.digits, s.neg, s.stream = inNumber, 0, 0, false, false
	default:
		return 1, false, badReply("unknown type " + quoteByte(s.typ))
	}
	return 1, false, nil
}

func (s *ReplyScanner) readLine(b []byte) (n int, ended bool, err *ProtocolError) {
	n = bytes.IndexByte(b, '\r')
	if n < 0 {
		n = len(b)
	} else {
		s.state = atLineLF
	}
	if s.num += int64(n); s.num >= s.Limits.bulk() {
		return n, false, badReply("a line is too long")
	}
	if s.state == atLineLF {
		n++
	}
	return n, false, nil
}

func (s *ReplyScanner) skipBulk(b []byte) int {
	if int64(len(b)) < s.num {
		s.num -= int64(len(b))
		return len(b)
	}
	n := int(s.num)
	s.num, s.state = 0, atBulkCR
	return n
}

// readNumber reads one byte of a length.
func (s *ReplyScanner) readNumber(c byte) *ProtocolError {
	first := s.digits == 0 && !s.neg && !s.stream
	switch {
	case c-'0' < 10 && s.typ != '.' && !s.stream && s.digits < maxDigits:
		s.num = s.num*10 + int64(c-'0')
		s.digits++
	case c == '-' && first && s.typ != '.':
		s.neg = true
	case c == '?' && first && s.typ != '.':
		s.stream = true
	case c == '\r' && (s.digits > 0 || s.stream || s.typ == '.'):
		s.state = atNumberLF
	default:
		return badReply("a bad length of type " + quoteByte(s.typ))
	}
	return nil
}

// header acts on a complete length; ended reports that the element is complete.
func (s *ReplyScanner) header() (ended bool, err *ProtocolError) {
	switch {
	case s.typ == '.':
		return s.endStream()
	case s.stream:
		return false, s.openStream()
	case s.neg:
		if s.num != 1 || s.typ != '$' && s.typ != '*' {
			return false, badReply("a negative length of type " + quoteByte(s.typ))
		}
		return true, nil
	}
	switch s.typ {
	case '$', '!', '=', ';':
		if s.num > s.Limits.bulk() {
			return false, badReply("a string is too long")
		}
		if s.typ == ';' && s.num == 0 {
			s.frames = s.frames[:len(s.frames)-1]
			return true, nil
		}
		s.state = inBulk
		if s.num == 0 {
			s.state = atBulkCR
		}
		return false, nil
	}
	return s.openAggregate()
}

func (s *ReplyScanner) openAggregate() (ended bool, err *ProtocolError) {
	n := s.num
	if s.typ == '%' || s.typ == '|' {
		n *= 2
	}
	if n > s.Limits.elements() {
		return false, badReply("an aggregate has too many elements")
	}
	if s.typ == '|' {
		// The attribute is an element that its owner did not count.
		s.frames[len(s.frames)-1].left++
	}
	if n == 0 {
		return true, nil
	}
	return false, s.push(frame{left: n})
}

func (s *ReplyScanner) openStream() *ProtocolError {
	switch s.typ {
	case '$':
		return s.push(frame{form: chunks})
	case '*', '~', '>':
		return s.push(frame{form: streamed})
	case '|':
		s.frames[len(s.frames)-1].left++
		return s.push(frame{form: streamedPairs})
	case '%':
		return s.push(frame{form: streamedPairs})
	}
	return badReply("type " + quoteByte(s.typ) + " cannot be streamed")
}

func (s *ReplyScanner) endStream() (ended bool, err *ProtocolError) {
	top := s.frames[len(s.frames)-1]
	if top.form == counted || top.form == streamedPairs && top.left%2 != 0 {
		return false, badReply("a misplaced end of a streamed aggregate")
	}
	s.frames = s.frames[:len(s.frames)-1]
	return true, nil
}

func (s *ReplyScanner) push(f frame) *ProtocolError {
	if len(s.frames) > or(s.Limits.Depth, defaultScanDepth) {
		return badReply("aggregates are nested too deep")
	}
	s.frames = append(s.frames, f)
	return nil
}

// elementEnded counts one element in the open aggregate, and closes those that are
// complete with it; true means that the message is.
func (s *ReplyScanner) elementEnded() bool {
	for {
		top := &s.frames[len(s.frames)-1]
		top.left--
		if top.form != counted || top.left > 0 {
			return false
		}
		s.frames = s.frames[:len(s.frames)-1]
		if len(s.frames) == 0 {
			return true
		}
	}
}

func quoteByte(c byte) string {
	const hex = "0123456789abcdef"
	if c > ' ' && c < 0x7f {
		return "'" + string(rune(c)) + "'"
	}
	return "0x" + string([]byte{hex[c>>4], hex[c&15]})
}
