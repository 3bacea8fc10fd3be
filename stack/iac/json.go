package iac

import (
	"bytes"
	"encoding/json"
	"errors"
	"sort"
	"strings"
)

// parse turns the bytes into nodes. It returns nil after it reported why it
// could not.
func parse(name string, data []byte, report *problems) *node {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	// YAML is a superset of JSON, but only the JSON decoder knows JSON's own
	// escapes and gives exact positions. A YAML flow mapping starts with "{"
	// too, so the decoder must accept the whole file to be chosen.
	trimmed := bytes.TrimSpace(data)
	isJSON := hasExtension(name, ".json", ".template") && bytes.HasPrefix(trimmed, []byte("{"))
	if isJSON || bytes.HasPrefix(trimmed, []byte("{")) && json.Valid(trimmed) {
		return parseJSON(data, report)
	}
	return parseYAML(data, report)
}

// jsonReader reads JSON tokens and knows where each begins.
type jsonReader struct {
	data   []byte
	dec    *json.Decoder
	lines  []int // offsets at which lines begin
	end    int   // offset behind the last token
	report *problems
}

// errStop ends reading after a problem was reported; the syntax is checked
// before, so no other error comes from the decoder.
var errStop = errors.New("iac: stop")

func parseJSON(data []byte, report *problems) *node {
	r := &jsonReader{data: data, dec: json.NewDecoder(bytes.NewReader(data)), lines: []int{0}, report: report}
	r.dec.UseNumber()
	r.findLines()
	// Checking the syntax first gives one kind of message, with its place.
	var raw json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		r.syntaxError(err)
		return nil
	}
	n, err := r.value(1)
	if err != nil {
		return nil
	}
	return n
}

func (r *jsonReader) findLines() {
	for i, c := range r.data {
		if c == '\n' {
			r.lines = append(r.lines, i+1)
		}
	}
}

func (r *jsonReader) syntaxError(err error) {
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		r.report.add(position{}, "", "not valid JSON: %v", err)
		return
	}
	at := r.position(max(0, min(int(syntax.Offset), len(r.data))-1))
	if strings.HasPrefix(syntax.Error(), "unexpected end") {
		r.report.add(at, "", "the JSON ends too early; a bracket or a quote is not closed")
		return
	}
	r.report.add(at, "", "not valid JSON: %v", err)
}

// position translates an offset.
func (r *jsonReader) position(offset int) position {
	line := sort.SearchInts(r.lines, offset+1)
	return position{line, offset - r.lines[line-1] + 1}
}

// next returns the next token and where it begins.
func (r *jsonReader) next() (json.Token, position, error) {
	begin := r.end
	for begin < len(r.data) && bytes.IndexByte([]byte(" \t\r\n,:"), r.data[begin]) >= 0 {
		begin++
	}
	tok, err := r.dec.Token()
	r.end = int(r.dec.InputOffset())
	return tok, r.position(begin), err
}

func (r *jsonReader) value(depth int) (*node, error) {
	tok, at, err := r.next()
	if err != nil {
		return nil, err
	}
	if depth > maxDepth {
		r.report.add(at, "", "the template is nested more than %d levels deep", maxDepth)
		return nil, errStop
	}
	switch tok := tok.(type) {
	case json.Delim:
		if tok == '[' {
			return r.list(at, depth)
		}
		return r.object(at, depth)
	case string:
		return newScalar(at, tok), nil
	case json.Number:
		return newScalar(at, tok.String()), nil
	case bool:
		if tok {
			return newScalar(at, "true"), nil
		}
		return newScalar(at, "false"), nil
	}
	return newNull(at), nil
}

func (r *jsonReader) list(at position, depth int) (*node, error) {
	n := newList(at)
	for r.dec.More() {
		item, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		n.add(item)
		if err := r.bound(n); err != nil {
			return nil, err
		}
	}
	_, _, err := r.next()
	return n, err
}

func (r *jsonReader) object(at position, depth int) (*node, error) {
	n := newMapping(at)
	for r.dec.More() {
		tok, keyAt, err := r.next()
		if err != nil {
			return nil, err
		}
		key, _ := tok.(string)
		v, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		if first, twice := n.field(key); twice {
			r.report.add(keyAt, "", "key %q is declared twice; the first is at line %d", key, first.line)
			continue
		}
		n.set(field{keyAt, key, v})
		if err := r.bound(n); err != nil {
			return nil, err
		}
	}
	_, _, err := r.next()
	return n, err
}

func (r *jsonReader) bound(n *node) error {
	if n.size <= maxNodes {
		return nil
	}
	r.report.add(n.position, "", "the template holds more than %d values", maxNodes)
	return errStop
}
