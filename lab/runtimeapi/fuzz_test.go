package runtimeapi

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

// FuzzRequest compares the parser with net/http's. What ours accepts net/http
// must accept and read alike; what only net/http accepts must be one of the
// things that ours refuses on purpose.
func FuzzRequest(f *testing.F) {
	for _, s := range []string{
		"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /x/response HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
		"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTrailer: Lambda-Runtime-Function-Error-Type\r\n\r\n3\r\nabc\r\n0\r\nLambda-Runtime-Function-Error-Type: A.B\r\n\r\n",
		"POST /x?q HTTP/1.0\nContent-Type:  a/b \nContent-Length: 1\n\nz",
		"POST /x HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3\r\nConnection: keep-alive, close\r\n\r\nab",
		"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
		"GET /x HTTP/1.1\r\nA: b\r\n c\r\n\r\n", "\r\nGET /x HTTP/1.1\r\n\r\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		const limit = 1 << 16
		var ours request
		w := &wire{src: bytes.NewReader(data)}
		err := readRequest(w, &ours)
		var got body
		if err == nil {
			got = readBody(w, &ours, limit)
		}
		var slow request // the same, one byte at a time
		sw := &wire{src: iotest.OneByteReader(bytes.NewReader(data))}
		if slowErr := readRequest(sw, &slow); (slowErr == nil) != (err == nil) {
			t.Fatalf("in pieces: %v, at once: %v", slowErr, err)
		} else if err == nil {
			if b := readBody(sw, &slow, limit); !bytes.Equal(b.bytes, got.bytes) || (b.broken == nil) != (got.broken == nil) || slow != ours {
				t.Fatalf("in pieces %+v %+v, at once %+v %+v", slow, b, ours, got)
			}
		}
		theirs, theirErr := http.ReadRequest(bufio.NewReader(bytes.NewReader(data)))
		if err != nil {
			if theirErr == nil && !refusedOnPurpose(data, theirs, err) {
				t.Fatalf("refused %q with %v; net/http takes it", data, err)
			}
			return
		}
		if theirErr != nil {
			if acceptedOnPurpose(data, theirErr) {
				return
			}
			t.Fatalf("took %q; net/http says %v", data, theirErr)
		}
		if theirs.Method != ours.method || theirs.URL.Path != ours.path && theirs.URL.EscapedPath() != ours.path && theirs.URL.RawPath != ours.path {
			t.Fatalf("%s %q, net/http has %s %q", ours.method, ours.path, theirs.Method, theirs.URL.Path)
		}
		if v := theirs.Header.Get("Content-Type"); v != ours.fields[fieldContentType] && len(theirs.Header.Values("Content-Type")) == 1 {
			t.Fatalf("Content-Type %q, net/http has %q", ours.fields[fieldContentType], v)
		}
		theirBody, theirErr := io.ReadAll(io.LimitReader(theirs.Body, limit+1))
		if got.tooLarge || len(theirBody) > limit {
			return
		}
		if got.broken == nil && (theirErr != nil || !bytes.Equal(theirBody, got.bytes)) {
			if theirErr != nil && strings.Contains(theirErr.Error(), "trailer") {
				return // it wants trailers announced and well named
			}
			t.Fatalf("body %q, net/http has %q, %v", got.bytes, theirBody, theirErr)
		}
		if got.broken != nil && theirErr == nil && !errors.Is(got.broken, errMalformed) {
			t.Fatalf("body broken: %v; net/http has %q", got.broken, theirBody)
		}
	})
}

// refusedOnPurpose lists where we are stricter than net/http.
func refusedOnPurpose(data []byte, theirs *http.Request, err error) bool {
	target := theirs.RequestURI
	head, _, _ := bytes.Cut(data, []byte("\n\r\n"))
	switch {
	case errors.Is(err, errBothLengths), errors.Is(err, errCoding), errors.Is(err, errVersion):
		return true // ambiguous framing; versions that nobody sends
	case !strings.HasPrefix(target, "/"):
		return true // absolute URLs and *
	case strings.ContainsFunc(target, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return true
	case bytes.Contains(head, []byte("\n ")), bytes.Contains(head, []byte("\n\t")), bytes.Contains(head, []byte("\r\n\r")):
		return true // folded headers
	case bytes.ContainsFunc(head, func(r rune) bool { return r < ' ' && r != '\r' && r != '\n' || r == 0x7f }):
		return true // control characters
	case bytes.Contains(bytes.ReplaceAll(data, []byte("\r\n"), nil), []byte("\r")):
		return true // CR inside a line
	case bytes.Contains(head, []byte(" :")), bytes.Contains(head, []byte("\n:")):
		return true // a space in or no name
	case errors.Is(err, errMalformed):
		for name, values := range theirs.Header { // what net/http leaves unread
			if !isToken([]byte(name)) || name == "Content-Length" && strings.Join(values, "") == "" {
				return true
			}
		}
	}
	return false
}

// acceptedOnPurpose lists where we are laxer.
func acceptedOnPurpose(data []byte, err error) bool {
	switch {
	case bytes.HasPrefix(data, []byte("\n")), bytes.HasPrefix(data, []byte("\r\n")):
		return true // one empty line before a request
	case strings.Contains(err.Error(), "invalid URL escape"), strings.Contains(err.Error(), "parse "):
		return true // the path is compared, not decoded
	case strings.Contains(err.Error(), "Host header"), strings.Contains(err.Error(), "trailer"), strings.Contains(err.Error(), "Trailer"):
		return true // not looked at
	}
	return false
}

// FuzzErrorBody posts any bytes as an error: the caller gets a document, and
// the class in log lines is one that cannot break the line.
func FuzzErrorBody(f *testing.F) {
	f.Add("application/json", "Runtime.Foo", `{"message":"m"}`, []byte(`{"errorMessage":"m","errorType":"T","stackTrace":["a"]}`))
	f.Add(causeContentType, "Function.", "{}", []byte(`{"errorCause":{"paths":["a"]},"errorMessage":"m"}`))
	f.Add(causeContentType, "Function.A1", "[1]", []byte(`null`))
	f.Add("", "Runtime.A\nb", "", []byte{0xff})
	f.Fuzz(func(t *testing.T, contentType, typ, cause string, b []byte) {
		e := postedError(contentType, typ, cause, b)
		class, name, _ := strings.Cut(e.Type, ".")
		if class != "Runtime" && class != "Function" || name == "" || strings.ContainsFunc(name, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
		}) {
			t.Fatalf("type %q", e.Type)
		}
		if contentType == causeContentType && !json.Valid(e.Payload) {
			t.Fatalf("payload %q", e.Payload)
		}
		if contentType != causeContentType && !bytes.Equal(e.Payload, b) {
			t.Fatalf("payload %q, posted %q", e.Payload, b)
		}
		if e.XRayCause != nil && (!json.Valid(e.XRayCause) || len(e.XRayCause) > maxXRayCause) {
			t.Fatalf("cause %q", e.XRayCause)
		}
		_ = e.Error()
	})
}
