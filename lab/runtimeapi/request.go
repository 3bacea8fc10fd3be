package runtimeapi

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// The part of HTTP/1.1 that clients of these APIs speak, read without
// net/http: the routes are few, and the server's share of an invocation is
// what the lab adds to a handler's time. It is stricter than net/http where a
// request is ambiguous (both lengths given, folded headers, spaces in names)
// and otherwise takes the same requests; FuzzRequest compares the two.

// field is a header or trailer that the APIs look at.
type field uint8

const (
	fieldUnknown field = iota
	fieldContentType
	fieldErrorType
	fieldResponseMode
	fieldXRayCause
	fieldExtensionName
	fieldExtensionID
	fieldExtensionFeature
	fieldExtensionErrorType
	fieldTrailerErrorType // the same names in the trailer
	fieldTrailerErrorBody
	numFields
)

// request is a parsed head. After the body is read it has the trailers too.
type request struct {
	method, path string // the path without the query
	fields       [numFields]string
	length       int64 // of the body, in bytes; -1 means chunked
	sized        bool  // Content-Length was given
	old          bool  // HTTP/1.0, which has no chunks
	close        bool  // the client wants no further request on the connection
	expect       bool  // the client waits for 100 Continue before the body
}

var (
	errMalformed   = errors.New("malformed HTTP request")
	errVersion     = errors.New("HTTP version is not 1.0 or 1.1")
	errCoding      = errors.New("transfer coding is not chunked")
	errBothLengths = errors.New("request has Content-Length and Transfer-Encoding, or two lengths")
)

// readRequest reads a request line and headers. io.EOF means that the
// connection ended between requests; other errors are the client's.
func readRequest(w *wire, req *request) error {
	*req = request{}
	budget := maxHeader
	line, err := w.line(&budget)
	if err != nil {
		return err
	}
	if len(line) == 0 { // some clients end a body with an extra line end
		if line, err = w.line(&budget); err != nil {
			return err
		}
	}
	if err := req.parseLine(line); err != nil {
		return err
	}
	for {
		line, err := w.line(&budget)
		if err != nil {
			return err
		}
		if len(line) == 0 {
			req.expect = req.expect && req.length != 0
			return nil
		}
		if err := req.parseField(line); err != nil {
			return err
		}
	}
}

func (req *request) parseLine(line []byte) error {
	method, rest, ok1 := bytes.Cut(line, []byte(" "))
	target, version, ok2 := bytes.Cut(rest, []byte(" "))
	if !ok1 || !ok2 || len(target) == 0 || target[0] != '/' || !isToken(method) {
		return errMalformed
	}
	switch string(version) {
	case "HTTP/1.1":
	case "HTTP/1.0":
		req.close, req.old = true, true
	default:
		return errVersion
	}
	for _, c := range target {
		if c <= ' ' || c >= 0x7f {
			return errMalformed
		}
	}
	switch string(method) { // constants save an allocation
	case "GET":
		req.method = "GET"
	case "POST":
		req.method = "POST"
	default:
		req.method = string(method)
	}
	path, _, _ := bytes.Cut(target, []byte("?"))
	if string(path) == pathNext {
		req.path = pathNext
	} else {
		req.path = string(path)
	}
	return nil
}

// parseField takes one header.
func (req *request) parseField(line []byte) error {
	name, value, err := splitField(line)
	if err != nil {
		return err
	}
	var lower [48]byte
	if len(name) > len(lower) {
		return nil
	}
	switch known := string(lowercase(lower[:0], name)); known {
	case "content-length":
		return req.setLength(value)
	case "transfer-encoding":
		if req.old || req.length < 0 || !bytes.EqualFold(value, []byte("chunked")) {
			return errCoding
		}
		if req.sized {
			return errBothLengths
		}
		req.length = -1
	case "connection":
		for option := range bytes.SplitSeq(value, []byte(",")) {
			if bytes.EqualFold(bytes.TrimSpace(option), []byte("close")) {
				req.close = true
			}
		}
	case "expect":
		req.expect = bytes.EqualFold(value, []byte("100-continue"))
	default:
		if f := headerField(known); f != fieldUnknown && req.fields[f] == "" {
			req.fields[f] = intern(value)
		}
	}
	return nil
}

func headerField(lower string) field {
	switch lower {
	case "content-type":
		return fieldContentType
	case "lambda-runtime-function-error-type":
		return fieldErrorType
	case "lambda-runtime-function-response-mode":
		return fieldResponseMode
	case "lambda-runtime-function-xray-error-cause":
		return fieldXRayCause
	case "lambda-extension-name":
		return fieldExtensionName
	case "lambda-extension-identifier":
		return fieldExtensionID
	case "lambda-extension-accept-feature":
		return fieldExtensionFeature
	case "lambda-extension-function-error-type":
		return fieldExtensionErrorType
	}
	return fieldUnknown
}

// parseTrailer takes one field behind a chunked body.
func (req *request) parseTrailer(line []byte) error {
	name, value, err := splitField(line)
	if err != nil {
		return err
	}
	switch strings.ToLower(string(name)) {
	case "lambda-runtime-function-error-type":
		req.fields[fieldTrailerErrorType] = string(value)
	case "lambda-runtime-function-error-body":
		req.fields[fieldTrailerErrorBody] = string(value)
	}
	return nil
}

func (req *request) setLength(value []byte) error {
	if len(value) == 0 {
		return errMalformed
	}
	for _, c := range value { // ParseInt would take a sign
		if c < '0' || c > '9' {
			return errMalformed
		}
	}
	n, err := strconv.ParseInt(string(value), 10, 63)
	if err != nil {
		return fmt.Errorf("%w: Content-Length out of range", errMalformed)
	}
	if req.length < 0 || req.sized && req.length != n {
		return errBothLengths
	}
	req.length, req.sized = n, true
	return nil
}

// splitField cuts "Name: value" and trims the value.
func splitField(line []byte) (name, value []byte, err error) {
	name, value, ok := bytes.Cut(line, []byte(":"))
	if !ok || !isToken(name) {
		return nil, nil, errMalformed
	}
	value = bytes.Trim(value, " \t")
	for _, c := range value {
		if c < ' ' && c != '\t' || c == 0x7f {
			return nil, nil, errMalformed
		}
	}
	return name, value, nil
}

// isToken tells whether b is a token of RFC 9110, section 5.6.2.
func isToken(b []byte) bool {
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9', c|0x20 >= 'a' && c|0x20 <= 'z':
		case strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return len(b) > 0
}

func lowercase(dst, src []byte) []byte {
	for _, c := range src {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		dst = append(dst, c)
	}
	return dst
}

// intern saves the allocation for the two content types that runtimes send.
func intern(value []byte) string {
	switch string(value) {
	case "application/json":
		return "application/json"
	case "application/octet-stream":
		return "application/octet-stream"
	}
	return string(value)
}
