package workload

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// Limits of Events. 6 MiB is Lambda's limit for the payload of a synchronous
// invocation (AWS Lambda quotas).
const (
	maxEvent     = 6 << 20  // bytes, after the placeholders are filled in
	maxEventFile = 64 << 20 // bytes
	maxTemplates = 100_000
)

// Events are templates of events. Each request takes one of them at random,
// each as likely as the others; repeat a template to give it more weight.
// Events do not change after ParseEvents and may be shared.
type Events struct {
	templates []template
}

// Len returns the number of templates.
func (e *Events) Len() int { return len(e.templates) }

// ParseEvents reads templates: one JSON document, a JSON array of documents,
// or documents one after the other, as in JSON lines. Templates are valid JSON
// themselves; placeholders stand inside strings:
//
//	{{key}}            the request's key
//	{{seq}}            the request's number, from 0
//	{{uuid}}           a random UUID
//	{{int 1 100}}      a random integer, both ends included
//	{{choice a b c}}   one of the words
//	{{time}}           the intended send time, RFC 3339 with milliseconds
//
// A string that is nothing but "{{int 1 100 | number}}" becomes a number; this
// works for key, seq, int and, when every word is a number, for choice. To
// send two literal braces write the first as \u007b.
//
// name is the name of the file, for errors: they have the form
// name:line:column. Bounds: 64 MiB, 100,000 templates, and 6 MiB an event.
func ParseEvents(name string, data []byte) (*Events, error) {
	e, at, err := parseEvents(data)
	if err != nil {
		line := 1 + bytes.Count(data[:at], []byte{'\n'})
		column := 1 + utf8.RuneCount(data[bytes.LastIndexByte(data[:at], '\n')+1:at])
		return nil, fmt.Errorf("workload: %s:%d:%d: %w", name, line, column, err)
	}
	return e, nil
}

// parseEvents also returns the offset of the error.
func parseEvents(data []byte) (*Events, int, error) {
	if len(data) > maxEventFile {
		return nil, 0, fmt.Errorf("%d bytes are more than %d", len(data), maxEventFile)
	}
	if at := invalidUTF8(data); at >= 0 {
		return nil, at, errors.New("no UTF-8")
	}
	text := bytes.TrimPrefix(data, []byte("\ufeff"))
	skipped := len(data) - len(text)
	docs, at, err := splitDocuments(text)
	if err == nil && len(docs) == 1 && text[docs[0].from] == '[' {
		docs, at, err = splitArray(text, docs[0])
	}
	if err == nil && len(docs) == 0 {
		err = errors.New("no event: write a JSON document, an array of them, or one on each line")
	}
	if err != nil {
		return nil, skipped + at, err
	}
	e := &Events{templates: make([]template, 0, len(docs))}
	for _, d := range docs {
		t, at, err := parseTemplate(text[d.from:d.to])
		if err != nil {
			return nil, skipped + d.from + at, err
		}
		e.templates = append(e.templates, t)
	}
	return e, 0, nil
}

// span is a document as offsets into the file.
type span struct{ from, to int }

// splitDocuments finds the documents that follow each other.
func splitDocuments(data []byte) (docs []span, at int, err error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	for len(docs) <= maxTemplates {
		var raw json.RawMessage
		err := dec.Decode(&raw)
		if err == io.EOF {
			return docs, 0, nil
		}
		if err != nil {
			at, err := syntaxError(data, err)
			return nil, at, err
		}
		end := int(dec.InputOffset())
		docs = append(docs, span{end - len(raw), end})
	}
	return nil, docs[maxTemplates].from, tooMany()
}

// splitArray finds the elements of an array that is known to be valid.
func splitArray(data []byte, array span) (docs []span, at int, err error) {
	dec := json.NewDecoder(bytes.NewReader(data[array.from:array.to]))
	if _, err := dec.Token(); err != nil {
		return nil, array.from, err
	}
	for dec.More() {
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return nil, array.from, err
		}
		end := array.from + int(dec.InputOffset())
		docs = append(docs, span{end - len(raw), end})
		if len(docs) > maxTemplates {
			return nil, end, tooMany()
		}
	}
	return docs, array.from, nil
}

func tooMany() error { return fmt.Errorf("more than %d events", maxTemplates) }

// syntaxError returns the offset of the byte that the decoder stumbled over.
func syntaxError(data []byte, err error) (int, error) {
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return min(max(int(syntax.Offset)-1, 0), len(data)), errors.New(syntax.Error())
	case errors.Is(err, io.ErrUnexpectedEOF):
		return len(data), errors.New("the JSON document ends too early")
	}
	return 0, err
}

// invalidUTF8 returns the offset of the first byte that is no UTF-8, or -1.
func invalidUTF8(data []byte) int {
	if utf8.Valid(data) {
		return -1
	}
	at := 0
	for {
		r, size := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && size <= 1 {
			return at
		}
		at += size
	}
}
