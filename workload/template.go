package workload

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// template is an event, cut at its placeholders.
type template struct {
	parts []part
	size  int // most bytes an event of it can have
}

// part is literal bytes, then the value of a placeholder.
type part struct {
	literal []byte
	value   value // zero: none
}

// value is a placeholder.
type value struct {
	kind     valueKind
	from, to int64    // of integer
	words    []string // of choice
}

type valueKind uint8

const (
	putNothing valueKind = iota
	putKey
	putSeq
	putUUID
	putInteger
	putChoice
	putTime
)

const placeholderForms = `accepted: {{key}}, {{seq}}, {{uuid}}, {{int 1 100}}, {{choice a b c}}, {{time}}; ` +
	`"{{int 1 100 | number}}" for a number; \u007b{ for two literal braces`

// parseTemplate cuts a valid JSON document. White space between tokens is
// dropped. On an error it returns the offset.
func parseTemplate(doc []byte) (template, int, error) {
	var t template
	literal := make([]byte, 0, len(doc))
	for i := 0; i < len(doc); {
		switch c := doc[i]; c {
		case ' ', '\t', '\r', '\n':
			i++
			continue
		case '"':
		default:
			literal = append(literal, c)
			i++
			continue
		}
		end := stringEnd(doc, i)
		rest := bytes.TrimLeft(doc[end:], " \t\r\n")
		isName := len(rest) > 0 && rest[0] == ':'
		var at int
		var err error
		if literal, at, err = t.cutString(literal, doc[i:end], isName); err != nil {
			return template{}, i + at, err
		}
		i = end
	}
	t.parts = append(t.parts, part{literal: literal})
	t.size += len(literal)
	if t.size > maxEvent {
		return template{}, 0, fmt.Errorf("the event can have %d bytes; Lambda takes %d", t.size, maxEvent)
	}
	return t, 0, nil
}

// stringEnd returns the offset behind the string that begins at i.
func stringEnd(doc []byte, i int) int {
	for i++; doc[i] != '"'; i++ {
		if doc[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// cutString adds the string, quotes included, to the literal so far, and cuts
// a part at each placeholder. It returns the literal to go on with.
func (t *template) cutString(literal, text []byte, isName bool) ([]byte, int, error) {
	pos := 0
	for {
		open := bytes.Index(text[pos:], []byte("{{"))
		if open < 0 {
			return append(literal, text[pos:]...), 0, nil
		}
		open += pos
		length := bytes.Index(text[open:], []byte("}}"))
		if length < 0 {
			return nil, open, fmt.Errorf("{{ without }}; %s", placeholderForms)
		}
		end := open + length + 2
		v, number, err := parsePlaceholder(string(text[open+2 : end-2]))
		if err == nil && number {
			switch {
			case open != 1 || end != len(text)-1:
				err = errors.New("a number must be all of its string")
			case isName:
				err = errors.New("a number cannot be the name of a member")
			}
		}
		if err != nil {
			return nil, open, fmt.Errorf("%s: %w; %s", text[open:end], err, placeholderForms)
		}
		if number { // drop both quotes
			t.cut(literal, v)
			return nil, 0, nil
		}
		t.cut(append(literal, text[pos:open]...), v)
		literal, pos = nil, end
	}
}

func (t *template) cut(literal []byte, v value) {
	t.parts = append(t.parts, part{literal, v})
	t.size += len(literal) + v.maxSize()
}

// parsePlaceholder reads the text between the braces.
func parsePlaceholder(text string) (v value, number bool, err error) {
	if strings.ContainsRune(text, '\\') {
		return value{}, false, errors.New("no escapes inside a placeholder")
	}
	text, filter, filtered := strings.Cut(text, "|")
	words := strings.Fields(text)
	if filtered && strings.TrimSpace(filter) != "number" {
		return value{}, false, fmt.Errorf("unknown filter %q", strings.TrimSpace(filter))
	}
	if len(words) == 0 {
		return value{}, false, errors.New("empty placeholder")
	}
	kind, ok := map[string]valueKind{"key": putKey, "seq": putSeq, "uuid": putUUID, "int": putInteger, "choice": putChoice, "time": putTime}[words[0]]
	if !ok {
		return value{}, false, fmt.Errorf("unknown placeholder %q", words[0])
	}
	v.kind = kind
	if err := v.arguments(words[1:]); err != nil {
		return value{}, false, err
	}
	if filtered && !v.numeric() {
		return value{}, false, fmt.Errorf("%s gives no number", words[0])
	}
	return v, filtered, nil
}

func (v *value) arguments(words []string) (err error) {
	switch {
	case v.kind == putChoice && len(words) > 0:
		v.words = words
		return nil
	case v.kind == putChoice:
		return errors.New("choice needs words")
	case v.kind != putInteger && len(words) > 0:
		return fmt.Errorf("unexpected %q", words[0])
	case v.kind != putInteger:
		return nil
	case len(words) != 2:
		return errors.New("int needs two ends")
	}
	if v.from, err = strconv.ParseInt(words[0], 10, 64); err != nil {
		return fmt.Errorf("%q is no integer", words[0])
	}
	if v.to, err = strconv.ParseInt(words[1], 10, 64); err != nil {
		return fmt.Errorf("%q is no integer", words[1])
	}
	if v.from > v.to {
		return fmt.Errorf("%d is more than %d", v.from, v.to)
	}
	return nil
}

// numeric tells whether every value is a JSON number.
func (v *value) numeric() bool {
	for _, w := range v.words {
		if c := w[0]; c != '-' && (c < '0' || c > '9') || !json.Valid([]byte(w)) {
			return false
		}
	}
	return v.kind != putUUID && v.kind != putTime
}

// maxSize returns the most bytes that render appends.
func (v *value) maxSize() int {
	switch v.kind {
	case putUUID:
		return 36
	case putTime:
		return len(clockLayout)
	case putChoice:
		longest := 0
		for _, w := range v.words {
			longest = max(longest, len(w))
		}
		return longest
	}
	return 20 // an int64 with its sign
}
