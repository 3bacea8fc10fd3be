package wire

import (
	"bytes"
	"reflect"
	"testing"
)

// Any bytes from a client: no panic, the same commands wherever the bytes are cut,
// and a command that is called exact is encoded to the same bytes again (checked in
// parseAll).
func FuzzCommands(f *testing.F) {
	for _, test := range commandTests {
		if len(test.stream) < 200 {
			f.Add([]byte(test.stream), uint16(len(test.stream)/2), false)
		}
	}
	f.Fuzz(func(t *testing.T, stream []byte, cut uint16, unauthenticated bool) {
		whole := CommandParser{Unauthenticated: unauthenticated}
		pieces := whole
		at := min(int(cut), len(stream))
		a := parseAll(t, &whole, string(stream))
		b := parseAll(t, &pieces, string(stream), at)
		if a.String() != b.String() {
			t.Errorf("whole: %s\ncut at %d: %s", a, at, b)
		}
	})
}

// Arguments of any bytes come back from the parser as they were given to
// AppendCommand.
func FuzzCommandRoundTrip(f *testing.F) {
	f.Add([]byte("SET"), []byte("k"), []byte("a\r\n\x00b"))
	f.Add([]byte(""), []byte("$1\r\n"), []byte(""))
	f.Fuzz(func(t *testing.T, name, a, b []byte) {
		if crossProtocol(name) {
			return
		}
		raw := AppendCommand(nil, name, a, b)
		var p CommandParser
		cmd, n, err := p.Next(raw)
		if err != nil || n != len(raw) || !cmd.Exact || cmd.Inline {
			t.Fatalf("%q: %d %v", raw, n, err)
		}
		for i, want := range [][]byte{name, a, b} {
			if !bytes.Equal(cmd.Args[i], want) {
				t.Errorf("argument %d is %q, want %q", i, cmd.Args[i], want)
			}
		}
	})
}

// Any bytes from a server: no panic, the same end wherever the bytes are cut, and the
// scanner and the parser agree about it. What the parser reads it can write.
func FuzzReplies(f *testing.F) {
	for _, test := range replyTests {
		if len(test.reply) < 200 {
			f.Add([]byte(test.reply), uint16(len(test.reply)/2))
		}
	}
	f.Fuzz(func(t *testing.T, stream []byte, cut uint16) {
		limits := ReplyLimits{Depth: 50, Bulk: 1 << 30, Elements: 1 << 30}
		s := ReplyScanner{Limits: limits}
		end, scanErr := scanAll(&s, stream)
		pieces := ReplyScanner{Limits: limits}
		end2, err2 := scanAll(&pieces, stream, min(int(cut), len(stream)))
		if end != end2 || (scanErr == nil) != (err2 == nil) || scanErr == nil && s.Kind() != pieces.Kind() {
			t.Fatalf("whole: %d %v, cut at %d: %d %v", end, scanErr, cut, end2, err2)
		}
		v, n, err := ParseValue(stream, limits)
		switch {
		case err != nil: // the parser also reads what is between the boundaries
		case scanErr != nil && n > 0:
			t.Fatalf("the scanner says %v, the parser found %d bytes", scanErr, n)
		case scanErr == nil && n != end:
			t.Fatalf("the scanner found %d bytes, the parser %d", end, n)
		}
		if err != nil || n == 0 {
			return
		}
		again := AppendValue(nil, v)
		w, m, err := ParseValue(again, limits)
		if err != nil || m != len(again) || !sameText(v, w) {
			t.Errorf("%q was read, written as %q and read again: %v", stream[:n], again, err)
		}
	})
}

// sameText compares what was written for two values; a line end in a line becomes a
// space.
func sameText(a, b Value) bool {
	return reflect.DeepEqual(AppendValue(nil, a), AppendValue(nil, b)) && a.Kind == b.Kind
}
