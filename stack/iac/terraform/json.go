package terraform

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// maxDepth bounds the nesting of JSON and HCL. Plans nest four levels for each
// level of modules, and values some ten more.
const maxDepth = 200

// scanner reads JSON without building what nobody asks for: a plan is mostly
// resources that the model does not describe, and those are only skipped. It
// checks all of the syntax on the way.
type scanner struct {
	data []byte
	pos  int
}

var errTruncated = errors.New("the JSON ends in the middle; was the file cut off?")

func (s *scanner) fail(format string, args ...any) error {
	if s.pos >= len(s.data) {
		return errTruncated
	}
	return fmt.Errorf("not valid JSON at byte %d: %s", s.pos, fmt.Sprintf(format, args...))
}

func (s *scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return
		}
	}
}

// peek returns the first byte of the next value, or 0 at the end.
func (s *scanner) peek() byte {
	s.space()
	if s.pos >= len(s.data) {
		return 0
	}
	return s.data[s.pos]
}

// object calls field for each key; field must read the value. A value that is
// not an object is skipped, null included.
func (s *scanner) object(depth int, field func(key string) error) error {
	if s.peek() != '{' {
		return s.skip(depth)
	}
	if depth > maxDepth {
		return fmt.Errorf("the JSON is nested more than %d levels deep", maxDepth)
	}
	s.pos++
	if s.peek() == '}' {
		s.pos++
		return nil
	}
	for {
		if s.peek() != '"' {
			return s.fail("expected a key")
		}
		key, err := s.str()
		if err != nil {
			return err
		}
		if s.peek() != ':' {
			return s.fail("expected a colon")
		}
		s.pos++
		if err := field(key); err != nil {
			return err
		}
		if done, err := s.next('}'); done || err != nil {
			return err
		}
	}
}

// array calls item for each item; item must read the value.
func (s *scanner) array(depth int, item func() error) error {
	if s.peek() != '[' {
		return s.skip(depth)
	}
	if depth > maxDepth {
		return fmt.Errorf("the JSON is nested more than %d levels deep", maxDepth)
	}
	s.pos++
	if s.peek() == ']' {
		s.pos++
		return nil
	}
	for {
		if err := item(); err != nil {
			return err
		}
		if done, err := s.next(']'); done || err != nil {
			return err
		}
	}
}

// next reads what stands between two values: a comma, or the end.
func (s *scanner) next(end byte) (done bool, err error) {
	switch s.peek() {
	case ',':
		s.pos++
		return false, nil
	case end:
		s.pos++
		return true, nil
	}
	return false, s.fail("expected a comma or %q", end)
}

// skip checks the next value and forgets it.
func (s *scanner) skip(depth int) error {
	switch c := s.peek(); c {
	case '{':
		return s.object(depth, func(string) error { return s.skip(depth + 1) })
	case '[':
		return s.array(depth, func() error { return s.skip(depth + 1) })
	case '"':
		_, err := s.rawString()
		return err
	}
	_, err := s.atom()
	return err
}

// raw returns the bytes of the next value.
func (s *scanner) raw(depth int) ([]byte, error) {
	s.space()
	begin := s.pos
	err := s.skip(depth)
	return s.data[begin:s.pos], err
}

// value reads the next value.
func (s *scanner) value(depth int) (value, error) {
	switch s.peek() {
	case '{':
		v := value{kind: object}
		err := s.object(depth, func(key string) error {
			item, err := s.value(depth + 1)
			v.keys = append(v.keys, key)
			v.items = append(v.items, item)
			return err
		})
		return v, err
	case '[':
		v := value{kind: list}
		err := s.array(depth, func() error {
			item, err := s.value(depth + 1)
			v.items = append(v.items, item)
			return err
		})
		return v, err
	case '"':
		text, err := s.str()
		return literal(text), err
	}
	return s.atom()
}

// atom reads a number, a truth value or null.
func (s *scanner) atom() (value, error) {
	begin := s.pos
	for s.pos < len(s.data) && isAtom(s.data[s.pos]) {
		s.pos++
	}
	word := s.data[begin:s.pos]
	switch string(word) {
	case "null":
		return value{}, nil
	case "true", "false":
		return value{kind: boolean, lit: string(word)}, nil
	}
	if len(word) == 0 || !json.Valid(word) {
		s.pos = begin
		if begin+len(word) >= len(s.data) {
			s.pos = len(s.data)
		}
		return value{}, s.fail("expected a value")
	}
	return value{kind: number, lit: string(word)}, nil
}

func isAtom(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c == '-' || c == '+' || c == '.' || c == 'E'
}

// rawString returns a string with its quotes and escapes.
func (s *scanner) rawString() ([]byte, error) {
	begin := s.pos
	for s.pos++; s.pos < len(s.data); s.pos++ {
		switch c := s.data[s.pos]; {
		case c == '"':
			s.pos++
			return s.data[begin:s.pos], nil
		case c == '\\':
			s.pos++
		case c < ' ':
			return nil, s.fail("a control character in a string")
		}
	}
	s.pos = len(s.data)
	return nil, errTruncated
}

// str reads a string.
func (s *scanner) str() (string, error) {
	raw, err := s.rawString()
	if err != nil {
		return "", err
	}
	plain := raw[1 : len(raw)-1]
	for i, c := range plain {
		if c == '\\' || c >= utf8.RuneSelf {
			break
		}
		if i == len(plain)-1 {
			return string(plain), nil
		}
	}
	if len(plain) == 0 {
		return "", nil
	}
	var out string
	if err := json.Unmarshal(raw, &out); err != nil {
		return "", s.fail("a string that cannot be read")
	}
	return out, nil
}

// end checks that nothing follows.
func (s *scanner) end() error {
	if s.peek() != 0 || s.pos < len(s.data) {
		return s.fail("something follows the end")
	}
	return nil
}

// parseJSON reads a whole document.
func parseJSON(data []byte) (value, error) {
	s := &scanner{data: data}
	v, err := s.value(1)
	if err == nil {
		err = s.end()
	}
	return v, err
}
