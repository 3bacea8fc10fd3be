package wire

import (
	"strings"
	"testing"
)

func benchScanner(b *testing.B, reply string) {
	stream := []byte(strings.Repeat(reply, 1000))
	var s ReplyScanner
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	for b.Loop() {
		for rest := stream; len(rest) > 0; {
			n, _, err := s.Scan(rest)
			if err != nil {
				b.Fatal(err)
			}
			rest = rest[n:]
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/reply")
}

func BenchmarkScanBulk64(b *testing.B) {
	benchScanner(b, "$64\r\n"+strings.Repeat("x", 64)+"\r\n")
}
func BenchmarkScanOK(b *testing.B)   { benchScanner(b, "+OK\r\n") }
func BenchmarkScanNull(b *testing.B) { benchScanner(b, "$-1\r\n") }
func BenchmarkScanArray(b *testing.B) {
	benchScanner(b, "*10\r\n"+strings.Repeat("$4\r\nname\r\n", 10))
}

// BenchmarkScanPieces cuts the stream as reads of 4 KiB would.
func BenchmarkScanPieces(b *testing.B) {
	stream := []byte(strings.Repeat("$64\r\n"+strings.Repeat("x", 64)+"\r\n", 1000))
	var s ReplyScanner
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	for b.Loop() {
		for at := 0; at < len(stream); at += 4096 {
			for piece := stream[at:min(at+4096, len(stream))]; len(piece) > 0; {
				n, _, err := s.Scan(piece)
				if err != nil {
					b.Fatal(err)
				}
				piece = piece[n:]
			}
		}
	}
}

func benchParser(b *testing.B, args ...string) {
	const commands = 100
	stream := []byte(strings.Repeat(string(AppendCommand(nil, args...)), commands))
	var p CommandParser
	b.SetBytes(int64(len(stream)))
	b.ReportAllocs()
	for b.Loop() {
		for rest := stream; len(rest) > 0; {
			_, n, err := p.Next(rest)
			if err != nil {
				b.Fatal(err)
			}
			rest = rest[n:]
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/commands, "ns/command")
}

func BenchmarkParseGet(b *testing.B) { benchParser(b, "GET", "user:1234:profile") }
func BenchmarkParseSet(b *testing.B) {
	benchParser(b, "SET", "user:1234:profile", strings.Repeat("x", 64))
}

func BenchmarkLookup(b *testing.B) {
	for _, name := range []string{"GET", "set", "ZRANGEBYSCORE", "nosuchcommand"} {
		b.Run(name, func(b *testing.B) {
			arg := []byte(name)
			b.ReportAllocs()
			for b.Loop() {
				Lookup(arg)
			}
		})
	}
}

func BenchmarkResolveSub(b *testing.B) {
	args := [][]byte{[]byte("CLIENT"), []byte("SETINFO")}
	b.ReportAllocs()
	for b.Loop() {
		Resolve(args)
	}
}

func BenchmarkKeys(b *testing.B) {
	args := [][]byte{[]byte("MGET"), []byte("a"), []byte("b"), []byte("c")}
	s := Lookup(args[0])
	var dst []int
	b.ReportAllocs()
	for b.Loop() {
		dst = s.Keys(args, dst[:0])
	}
}

func BenchmarkAppendCommand(b *testing.B) {
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendCommand(buf[:0], "SET", "user:1234:profile", "value")
	}
}
