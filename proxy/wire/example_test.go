package wire_test

import (
	"fmt"

	"github.com/thawdev/thaw/proxy/wire"
)

// A proxy's two directions: commands are taken whole and looked up, replies are
// followed to their end.
func Example() {
	input := []byte("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nhello\r\n" + // as clients send it
		"xread block 0 streams s $\r\n" + // as people type it
		"*2\r\n$3\r\nGET\r\n") // the rest has not come yet
	var p wire.CommandParser
	for {
		cmd, n, err := p.Next(input)
		if err != nil {
			fmt.Printf("-ERR %v, and close\n", err)
			return
		}
		if n == 0 {
			break
		}
		input = input[n:]
		if cmd == nil {
			continue // an empty line
		}
		spec := wire.Resolve(cmd.Args)
		_, blocks := spec.Blocks(cmd.Args)
		fmt.Printf("%s: keys at %v, writes %v, blocks %v\n", spec.Name,
			spec.Keys(cmd.Args, nil), spec.Flags.Has(wire.Write), blocks)
	}
	fmt.Printf("unfinished: %d bytes, at least %d needed\n", len(input), p.Need())

	var s wire.ReplyScanner
	for _, piece := range []string{"$5\r\nhe", "llo\r", "\n+OK\r\n"} {
		n, done, _ := s.Scan([]byte(piece))
		fmt.Printf("%d bytes of %q, type %c, done %v\n", n, piece, s.Kind(), done)
	}
	// Output:
	// set: keys at [1], writes true, blocks false
	// xread: keys at [4], writes false, blocks true
	// unfinished: 13 bytes, at least 19 needed
	// 6 bytes of "$5\r\nhe", type $, done false
	// 4 bytes of "llo\r", type $, done false
	// 1 bytes of "\n+OK\r\n", type $, done true
}

// A value that is built, written and read again.
func ExampleParseValue() {
	b := wire.AppendMapHeader(nil, 3, 2)
	b = wire.AppendBulk(b, "proto")
	b = wire.AppendInt(b, 3)
	b = wire.AppendBulk(b, "mode")
	b = wire.AppendBulk(b, "standalone")

	v, n, err := wire.ParseValue(b, wire.ReplyLimits{})
	proto, _ := v.Get("proto")
	mode, _ := v.Get("mode")
	fmt.Println(n == len(b), err, proto.Int, string(mode.Str))
	// Output: true <nil> 3 standalone
}
