package wire

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
)

var (
	seedFlag    = flag.Uint64("wire.seed", 0, "seed of the random streams; 0 = from the clock")
	streamsFlag = flag.Int("wire.streams", 1500, "how many random streams are compared")
)

// The parser and a real server say the same of random streams: the same commands
// with the same arguments, the same error, the same end.
//
// The streams are made of PING, ECHO and commands that no server knows, whose
// answers repeat the arguments, and are then damaged. What the server should have
// answered is worked out from what the parser found.
func TestCommandsAgainstServer(t *testing.T) {
	seed, streams := *seedFlag, *streamsFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-wire.seed %d -wire.streams %d", seed, streams)
	r := rand.New(rand.NewPCG(seed, 1))
	for _, mode := range []struct {
		name            string
		unauthenticated bool
		args            []string
	}{
		{"open", false, nil},
		{"unauthenticated", true, []string{"--requirepass", "secret"}},
	} {
		t.Run(mode.name, func(t *testing.T) {
			socket := realServer(t, mode.args...)
			compared, failed, closed := 0, 0, 0
			for range streams {
				stream := randomStream(r)
				want, ok := expected(stream, mode.unauthenticated)
				if !ok {
					continue // damage made a real command of it, whose answer we do not know
				}
				got := exchange(t, socket, stream)
				if want.silent {
					// The server drops the answers that it has not sent yet.
					if closed++; !strings.HasPrefix(want.replies, got) {
						t.Errorf("stream %q\nserver   %q\nexpected at most %q", stream, got, want.replies)
					}
				} else if got != want.replies {
					t.Errorf("stream %q\nserver   %q\nexpected %q", stream, got, want.replies)
				}
				compared++
				if want.err != "" {
					failed++
				}
				if t.Failed() {
					return
				}
			}
			t.Logf("%d compared: %d protocol errors, %d of them silent", compared, failed, closed)
			if compared < streams*9/10 || failed < streams/20 {
				t.Errorf("%d compared, %d with errors: the generator is broken", compared, failed)
			}
		})
	}
}

type expectation struct {
	replies string
	err     string
	silent  bool
}

// expected works out the answers of a server to a stream from what the parser
// finds in it. !ok means that a command is in it whose answer is not known.
func expected(stream []byte, unauthenticated bool) (e expectation, ok bool) {
	p := CommandParser{Unauthenticated: unauthenticated}
	var out []byte
	for {
		cmd, n, err := p.Next(stream)
		if err != nil {
			e.err = err.Error()
			if e.silent = err.(*ProtocolError).Silent(); !e.silent {
				out = AppendError(out, "ERR "+err.Error())
			}
		}
		if err != nil || n == 0 {
			e.replies = string(out)
			return e, true
		}
		if cmd != nil {
			var known bool
			if out, known = appendAnswer(out, cmd.Args, unauthenticated); !known {
				return e, false
			}
		}
		stream = stream[n:]
	}
}

func appendAnswer(b []byte, args [][]byte, unauthenticated bool) (_ []byte, known bool) {
	s := Lookup(args[0])
	switch {
	case s == nil:
		return AppendError(b, unknownCommand(args)), true
	case s.Name != "ping" && s.Name != "echo":
		return b, false
	case !s.ArityOK(len(args)):
		return AppendError(b, "ERR wrong number of arguments for '"+s.Name+"' command"), true
	case unauthenticated:
		return AppendError(b, "NOAUTH Authentication required."), true
	case s.Name == "ping" && len(args) == 1:
		return AppendSimple(b, "PONG"), true
	case s.Name == "ping" && len(args) > 2:
		return AppendError(b, "ERR wrong number of arguments for 'ping' command"), true
	}
	return AppendBulk(b, args[1]), true
}

// unknownCommand is the server's error. It is built with the string functions of C,
// which end at a zero byte.
func unknownCommand(args [][]byte) string {
	var list strings.Builder
	for _, a := range args[1:] {
		room := 128 - list.Len()
		if room <= 0 {
			break
		}
		fmt.Fprintf(&list, "'%s' ", cString(a, room))
	}
	return fmt.Sprintf("ERR unknown command '%s', with args beginning with: %s", cString(args[0], 128), list.String())
}

func cString(b []byte, limit int) []byte {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return b[:min(len(b), limit)]
}

// exchange sends a stream, ends the sending side, and returns all that the server
// sends until it closes.
func exchange(t *testing.T, socket string, stream []byte) string {
	t.Helper()
	c, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	go func() {
		c.Write(stream) // fails when the server has closed: what it said tells
		c.(*net.UnixConn).CloseWrite()
	}()
	got, err := io.ReadAll(c)
	if err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("stream %q: %v after %q", stream, err, got)
	}
	return string(got)
}

// randomStream makes a few commands, and damages most of the streams. Lines are
// either well below the limit of 64 KiB or far above it: between, what a server does
// depends on how its reads cut the stream, which our parser does not.
func randomStream(r *rand.Rand) []byte {
	var b []byte
	for range 1 + r.IntN(5) {
		b = appendRandomCommand(b, r)
	}
	for range r.IntN(4) {
		b = damage(b, r)
	}
	if r.IntN(60) == 0 {
		b = append(b, strings.Repeat(string("*$x1"[r.IntN(4)]), 90<<10)...)
	}
	return b
}

func appendRandomCommand(b []byte, r *rand.Rand) []byte {
	names := []string{"PING", "ping", "ECHO", "eChO", "nothing", "x", "POSTAL", "host"}
	args := []string{names[r.IntN(len(names))]}
	if r.IntN(100) == 0 {
		args[0] = []string{"POST", "Host:"}[r.IntN(2)]
	}
	for range r.IntN(4) {
		args = append(args, randomText(r))
	}
	if r.IntN(2) == 0 {
		return AppendCommand(b, args...)
	}
	for i, a := range args {
		if i > 0 {
			b = append(b, " \t  \v\f"[r.IntN(6)])
		}
		b = append(b, quoted(a, r)...)
	}
	return append(b, []string{"\n", "\r\n", " \r\n"}[r.IntN(3)]...)
}

func randomText(r *rand.Rand) string {
	const alphabet = "abcxXnrt019 \t\"'\\\r\n\x00\x07*$:{}\x80\xff"
	b := make([]byte, r.IntN(12))
	if r.IntN(20) == 0 {
		b = make([]byte, r.IntN(3000))
	}
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b)
}

// quoted writes an argument for an inline command in one of the ways there are,
// right or not.
func quoted(s string, r *rand.Rand) string {
	switch r.IntN(4) {
	case 0:
		return s
	case 1:
		return "'" + strings.ReplaceAll(s, "'", `\'`) + "'"
	case 2:
		var b strings.Builder
		b.WriteByte('"')
		for i := range len(s) {
			fmt.Fprintf(&b, `\x%02x`, s[i])
		}
		return b.String() + `"`
	}
	return fmt.Sprintf("%q", s)
}

// damage changes a stream in one place.
func damage(b []byte, r *rand.Rand) []byte {
	const alphabet = "*$\r\n0123456789-+'\"\\x \x00aP"
	at := r.IntN(len(b) + 1)
	c := alphabet[r.IntN(len(alphabet))]
	switch {
	case r.IntN(3) == 0:
		return append(b[:at:at], append([]byte{c}, b[at:]...)...)
	case at == len(b):
		return b
	case r.IntN(3) == 0:
		return append(b[:at:at], b[at+1:]...)
	case r.IntN(4) == 0:
		return b[:at]
	}
	b[at] = c
	return b
}
