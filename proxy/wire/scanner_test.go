package wire

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// replyTests are replies and what both the scanner and the parser make of them.
var replyTests = []struct {
	reply string
	want  string // as describe writes it; "error: …" for what is refused
}{
	{"+OK\r\n", "+OK"},
	{"+\r\n", "+"},
	{"-ERR no\r\n", "-ERR no"},
	{":-12\r\n", ":-12"},
	{"$5\r\nhello\r\n", "$hello"},
	{"$0\r\n\r\n", "$"},
	{"$2\r\n\r\n\r\n", "$\r\n"},
	{"$-1\r\n", "$null"},
	{"*-1\r\n", "*null"},
	{"_\r\n", "_null"},
	{"#t\r\n", "#1"},
	{"#f\r\n", "#0"},
	{",3.25\r\n", ",3.25"},
	{",-inf\r\n", ",-Inf"},
	{",nan\r\n", ",NaN"},
	{"(12345678901234567890123\r\n", "(12345678901234567890123"},
	{"!9\r\nERR\r\n bad\r\n", "!ERR\r\n bad"},
	{"=8\r\ntxt:text\r\n", "=txt:text"},
	{"*0\r\n", "*[]"},
	{"*2\r\n+a\r\n*1\r\n:1\r\n", "*[+a *[:1]]"},
	{"~2\r\n+a\r\n+b\r\n", "~[+a +b]"},
	{"%2\r\n+a\r\n:1\r\n+b\r\n*0\r\n", "%[+a :1 +b *[]]"},
	{">2\r\n+message\r\n+x\r\n", ">[+message +x]"},
	{"|1\r\n+ttl\r\n:3\r\n$1\r\nx\r\n", "$x|[+ttl :3]"},
	{"|0\r\n+x\r\n", "+x"},
	{"*2\r\n|1\r\n+a\r\n:1\r\n+x\r\n+y\r\n", "*[+x|[+a :1] +y]"},
	{"|1\r\n+a\r\n*1\r\n+b\r\n|1\r\n+c\r\n:2\r\n*1\r\n+d\r\n", "*[+d]|[+a *[+b] +c :2]"},
	{"$?\r\n;4\r\nHell\r\n;3\r\no w\r\n;0\r\n", "$Hello w"},
	{"$?\r\n;0\r\n", "$"},
	{"*?\r\n:1\r\n*?\r\n.\r\n.\r\n", "*[:1 *[]]"},
	{"%?\r\n+a\r\n:1\r\n.\r\n", "%[+a :1]"},
	{"~?\r\n+a\r\n$?\r\n;1\r\nb\r\n;0\r\n.\r\n", "~[+a $b]"},
	{">?\r\n+a\r\n.\r\n", ">[+a]"},
	{"%?\r\n|1\r\n+x\r\n+y\r\n+a\r\n:1\r\n.\r\n", "%[+a|[+x +y] :1]"},
	{"|?\r\n+x\r\n+y\r\n.\r\n+a\r\n", "+a|[+x +y]"},

	{"HTTP/1.1 400\r\n", "error: unknown type 'H'"},
	{"\x80\r\n", "error: unknown type 0x80"},
	{"\r\n", "error: unknown type 0x0d"},
	{"+OK\rx", "error: a carriage return without a line feed"},
	{"$1\r\nabc", "error: a string is not ended by CR LF"},
	{"$1\r\na\rx", "error: "},
	{"$x\r\n", "error: a bad length of type '$'"},
	{"$\r\n", "error: a bad length of type '$'"},
	{"$1?\r\n", "error: a bad length of type '$'"},
	{"$?1\r\n", "error: a bad length of type '$'"},
	{"$-\r\n", "error: a bad length of type '$'"},
	{"$9999999999999999999\r\n", "error: a bad length of type '$'"},
	{"$999999999999\r\n", "error: a string is too long"},
	{"*999999999999\r\n", "error: an aggregate has too many elements"},
	{"%-1\r\n", "error: "},
	{"*-2\r\n", "error: "},
	{"=?\r\n", "error: "},
	{"$?\r\n+a\r\n", "error: a part of a streamed string is missing or misplaced"},
	{";1\r\na\r\n", "error: "},
	{".\r\n", "error: "},
	{"*1\r\n.\r\n", "error: "},
	{"%?\r\n+a\r\n.\r\n", "error: a misplaced end of a streamed aggregate"},
	{"|1\r\n+a\r\n+b\r\n>1\r\n+c\r\n", "error: an attribute before a push message"},
	{"|1\r\n+a\r\n+b\r\n|1\r\n+a\r\n+b\r\n>1\r\n+c\r\n", "error: an attribute before a push message"},
	{strings.Repeat("*1\r\n", 2000) + "+x\r\n", "error: aggregates are nested too deep"},
}

// describe writes a value in short.
func describe(v Value) string {
	s := string(v.Kind)
	switch v.Kind {
	case KindArray, KindSet, KindMap, KindPush:
		s += list(v.Elems)
	case KindInt, KindBool:
		s += fmt.Sprint(v.Int)
	case KindDouble:
		s += fmt.Sprint(v.Float)
	case KindVerbatim:
		s += v.Format + ":" + string(v.Str)
	default:
		s += string(v.Str)
	}
	if v.Null {
		s = string(v.Kind) + "null"
	}
	if len(v.Attr) > 0 {
		s += "|" + list(v.Attr)
	}
	return s
}

func list(values []Value) string {
	var parts []string
	for _, v := range values {
		parts = append(parts, describe(v))
	}
	return "[" + strings.Join(parts, " ") + "]"
}

// scanAll feeds b, cut at the offset, and returns where the first message ended; 0 if
// it did not.
func scanAll(s *ReplyScanner, b []byte, cuts ...int) (end int, err error) {
	at := 0
	for _, to := range append(cuts, len(b)) {
		n, done, err := s.Scan(b[at:to])
		if err != nil || done {
			return at + n, err
		}
		if at += n; at != to {
			return 0, fmt.Errorf("took %d of the bytes up to %d without an end", at, to)
		}
	}
	return 0, nil
}

// The parser reads every kind of reply, what it writes means the same, and the
// scanner agrees about the end and about what is refused.
func TestReplies(t *testing.T) {
	for _, test := range replyTests {
		stream := []byte(test.reply + "+next\r\n")
		v, n, err := ParseValue(stream, ReplyLimits{})
		got := describe(v)
		if err != nil {
			got = "error: " + err.Error()
		}
		text, refused := strings.CutPrefix(test.want, "error: ")
		if refused && err == nil || !strings.Contains(got, text) || !refused && got != test.want {
			t.Errorf("%.60q: %s, want %s", test.reply, got, test.want)
		}
		if !refused && n != len(test.reply) {
			t.Errorf("%.60q: %d bytes, want %d", test.reply, n, len(test.reply))
		}
		var s ReplyScanner
		end, scanErr := scanAll(&s, stream)
		if refused != (scanErr != nil) || refused && !strings.Contains(scanErr.Error(), text) {
			t.Errorf("%.60q: the scanner says %v, want %s", test.reply, scanErr, test.want)
		}
		if refused {
			continue
		}
		if end != len(test.reply) || s.Kind() != v.Kind || s.Pending() {
			t.Errorf("%q: the scanner took %d bytes, kind %q", test.reply, end, s.Kind())
		}
		again := AppendValue(nil, v)
		w, _, err := ParseValue(again, ReplyLimits{})
		if err != nil || describe(w) != got {
			t.Errorf("%q is written as %q, %v", test.reply, again, err)
		}
	}
}

// What does not decide where a reply ends the scanner lets pass, and the parser
// refuses.
func TestBadValues(t *testing.T) {
	for _, reply := range []string{":x\r\n", ":\r\n", ":99999999999999999999\r\n", "#x\r\n", "#\r\n", "_x\r\n", ",x\r\n",
		"=3\r\ntxt\r\n", "=5\r\ntxt-a\r\n", "*1\r\n#x\r\n", "|1\r\n:x\r\n+a\r\n+b\r\n", "*?\r\n:x\r\n.\r\n"} {
		if v, _, err := ParseValue([]byte(reply), ReplyLimits{}); err == nil {
			t.Errorf("%q: %s", reply, describe(v))
		}
		if end, err := scanAll(new(ReplyScanner), []byte(reply)); err != nil || end != len(reply) {
			t.Errorf("%q: the scanner says %d %v", reply, end, err)
		}
	}
}

// It makes no difference to the scanner where a stream is cut.
func TestRepliesCutAnywhere(t *testing.T) {
	var s ReplyScanner // also: nothing of one reply is left in the next
	for _, test := range replyTests {
		if len(test.reply) > 1000 {
			continue
		}
		stream := []byte(test.reply + "+next\r\n")
		want, wantErr := scanAll(new(ReplyScanner), stream)
		var all []int
		for cut := range stream {
			all = append(all, cut)
			s.Reset()
			end, err := scanAll(&s, stream, cut)
			if end != want || fmt.Sprint(err) != fmt.Sprint(wantErr) {
				t.Fatalf("%q, cut at %d: %d %v, want %d %v", test.reply, cut, end, err, want, wantErr)
			}
		}
		s.Reset()
		if end, err := scanAll(&s, stream, all...); end != want || fmt.Sprint(err) != fmt.Sprint(wantErr) {
			t.Fatalf("%q, byte by byte: %d %v, want %d %v", test.reply, end, err, want, wantErr)
		}
	}
}

// While an attribute passes by, the kind says so: its reply is still to come.
func TestKindOfAttribute(t *testing.T) {
	var s ReplyScanner
	for _, part := range []struct {
		bytes string
		kind  byte
		done  bool
	}{
		{"|1\r\n+a\r\n", '|', false},
		{"+b\r\n", '|', false},
		{"*1", '*', false},
		{"\r\n:1\r\n", '*', true},
		{">1\r\n", '>', false},
		{"+x\r\n", '>', true},
	} {
		_, done, err := s.Scan([]byte(part.bytes))
		if err != nil || done != part.done || s.Kind() != part.kind {
			t.Errorf("%q: kind %q, done %v, %v", part.bytes, s.Kind(), done, err)
		}
	}
}

// A bulk of any length passes without being held, and the limits are the caller's.
func TestReplyLimits(t *testing.T) {
	l := ReplyLimits{Bulk: 5, Elements: 3, Depth: 2}
	for reply, want := range map[string]string{
		"$6\r\n":             "a string is too long",
		"$5\r\n":             "",
		"+123456789":         "a line is too long",
		"*4\r\n":             "an aggregate has too many elements",
		"%2\r\n":             "an aggregate has too many elements",
		"*1\r\n*1\r\n*1\r\n": "aggregates are nested too deep",
		"*1\r\n*1\r\n":       "",
	} {
		s := ReplyScanner{Limits: l}
		_, _, err := s.Scan([]byte(reply))
		_, _, parseErr := ParseValue([]byte(reply), l)
		for _, err := range []error{err, parseErr} {
			var pe *ProtocolError
			if want == "" && err != nil || want != "" && (!errors.As(err, &pe) || pe.Kind != BadReply || !strings.Contains(pe.Text, want)) {
				t.Errorf("%q: %v, want %q", reply, err, want)
			}
		}
	}
}

// A header of a few bytes must not make the parser reserve what it promises.
func TestHeadersAreCheap(t *testing.T) {
	b := []byte(strings.Repeat("*4000000000\r\n", 100))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, n, err := ParseValue(b, ReplyLimits{}); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
		t.Errorf("%d bytes for a stream of %d", used, len(b))
	}
}

// The steady state allocates nothing, whole or in pieces, nested or not.
func TestScannerAllocations(t *testing.T) {
	stream := []byte("$5\r\nhello\r\n+OK\r\n*2\r\n$1\r\na\r\n*1\r\n:1\r\n%1\r\n+a\r\n$?\r\n;1\r\nx\r\n;0\r\n")
	var s ReplyScanner
	allocs := testing.AllocsPerRun(100, func() {
		for b := stream; len(b) > 0; {
			n, _, err := s.Scan(b[:min(len(b), 7)])
			if err != nil {
				t.Fatal(err)
			}
			b = b[n:]
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// What the Append functions write for each version of the protocol.
func TestAppend(t *testing.T) {
	two := AppendNull(nil, 2)
	two = AppendNullArray(two, 2)
	two = AppendMapHeader(two, 2, 1)
	two = AppendSetHeader(two, 2, 1)
	two = AppendPushHeader(two, 2, 3)
	two = AppendBool(two, 2, true)
	two = AppendDouble(two, 2, 0.5)
	two = AppendVerbatim(two, 2, "txt", "hi")
	if want := "$-1\r\n*-1\r\n*2\r\n*1\r\n*3\r\n:1\r\n$3\r\n0.5\r\n$2\r\nhi\r\n"; string(two) != want {
		t.Errorf("RESP2: %q, want %q", two, want)
	}
	three := AppendNull(nil, 3)
	three = AppendNullArray(three, 3)
	three = AppendMapHeader(three, 3, 1)
	three = AppendSetHeader(three, 3, 1)
	three = AppendPushHeader(three, 3, 3)
	three = AppendBool(three, 3, true)
	three = AppendDouble(three, 3, 0.5)
	three = AppendVerbatim(three, 3, "txt", "hi")
	if want := "_\r\n_\r\n%1\r\n~1\r\n>3\r\n#t\r\n,0.5\r\n=6\r\ntxt:hi\r\n"; string(three) != want {
		t.Errorf("RESP3: %q, want %q", three, want)
	}
	if got := AppendError(nil, "ERR a\r\nb"); !bytes.Equal(got, []byte("-ERR a  b\r\n")) {
		t.Errorf("an error with a line end is written as %q", got)
	}
}
