package wire

import "bytes"

// A Command is one command of a client. Its slices point into the buffer given to
// CommandParser.Next, or into the parser, and are valid until the next call.
type Command struct {
	// Raw is the command as it came.
	Raw []byte
	// Args are its arguments, the name first; at least one.
	Args [][]byte
	// Inline reports that it came as a line of text.
	Inline bool
	// Exact reports that Raw is what AppendCommand makes of Args, so that Raw can be
	// passed on as it is. Servers do not look at the two bytes behind a length and
	// behind an argument. Another server may: pass such a command, and an inline one,
	// on with AppendCommand, or the two sides may disagree where it ends.
	Exact bool
}

// A CommandParser finds the commands at the start of a buffer, as the server does:
// what it accepts, what it refuses and with which words is the behaviour of Redis 7
// and Valkey 8, whichever way the bytes are split.
//
// It remembers where in an unfinished command it stopped, so a command that
// arrives in many pieces is scanned once. The buffer of the next call must begin
// with the same unfinished command; it may have moved in memory. While Pending is
// false the parser holds nothing of a connection, and one parser may serve all
// connections of a goroutine in turn.
//
// It does not allocate once its tables have grown to the size of the commands. It
// is not safe for concurrent use. The zero value is ready.
type CommandParser struct {
	Limits Limits
	// Unauthenticated holds the connection to what servers let a client send before
	// it has authenticated: 10 arguments of 16 KiB each.
	Unauthenticated bool

	cmd   Command
	spans []span // arguments found so far: offsets, for the buffer may move
	text  []byte // arguments of an inline command, without quotes and escapes

	pos     int  // where the next line or argument begins
	scanned int  // the line at pos has no end before this offset
	seen    int  // length of the buffer of the last call
	args    int  // arguments still to come; 0 = at the start of a command
	bulk    int  // length of the argument at pos; -1 = its length line is at pos
	odd     bool // a line end was not CR LF
	hidden  bool // the line has a zero byte, behind which no end is seen
}

type span struct{ start, end int }

// keepSpans is how many entries the tables keep from one command to the next: a
// command with a million arguments must not cost memory for ever.
const keepSpans = 1024

// keepText is the same for the bytes of inline commands.
const keepText = 4 << 10

// Reset forgets an unfinished command, whose connection is gone.
func (p *CommandParser) Reset() { p.restart() }

// Pending reports whether the parser is inside an unfinished command.
func (p *CommandParser) Pending() bool {
	return p.args > 0 || p.scanned > 0
}

// Need returns how long the buffer must at least be before Next can return the
// unfinished command; 0 if none is pending. A reader can size its buffer with it.
func (p *CommandParser) Need() int {
	switch {
	case !p.Pending():
		return 0
	case p.args > 0 && p.bulk >= 0:
		return p.pos + p.bulk + 2 + (p.args-1)*len("$0\r\n\r\n")
	case p.args > 0:
		return max(p.seen+1, p.pos+p.args*len("$0\r\n\r\n"))
	}
	return p.seen + 1 // the rest of a line: nobody knows
}

// Next returns the command at the start of b and its length n. n is 0 while the
// command is not complete. A nil command with n > 0 is nothing to answer: an empty
// line, or a count of 0 or less. An error is a *ProtocolError, and the end of the
// connection; n is then 0.
func (p *CommandParser) Next(b []byte) (cmd *Command, n int, err error) {
	if len(b) == 0 {
		return nil, 0, nil
	}
	var perr *ProtocolError
	if b[0] == '*' {
		cmd, n, perr = p.multibulk(b)
	} else {
		cmd, n, perr = p.inline(b)
	}
	p.seen = len(b)
	if perr == nil && n == 0 && len(b) >= p.Limits.command() {
		perr = &ProtocolError{CommandTooBig, "Protocol error: command is over the query buffer limit"}
	}
	if perr == nil && cmd != nil && crossProtocol(cmd.Args[0]) {
		perr = &ProtocolError{CrossProtocol, "Protocol error: possible cross-protocol attack"}
	}
	if perr != nil {
		p.restart()
		return nil, 0, perr
	}
	return cmd, n, nil
}

// crossProtocol recognises the two names that servers look for. The comparison
// ends at a zero byte as theirs does.
func crossProtocol(name []byte) bool {
	if len(name) < len("POST") || name[0]|0x20 != 'p' && name[0]|0x20 != 'h' {
		return false
	}
	if i := bytes.IndexByte(name, 0); i >= 0 {
		name = name[:i]
	}
	return equalFold(name, "post") || equalFold(name, "host:")
}

func (p *CommandParser) restart() {
	p.pos, p.scanned, p.args, p.odd, p.hidden = 0, 0, 0, false, false
	p.spans = p.spans[:0]
	if cap(p.spans) > keepSpans {
		p.spans = nil
	}
}

// finish makes the command of b[:n] from the spans, which are offsets in text, and
// leaves the parser at the start of the next.
func (p *CommandParser) finish(b []byte, n int, text []byte, inline bool) (*Command, int, *ProtocolError) {
	args := p.cmd.Args[:0]
	if cap(args) > keepSpans && len(p.spans) <= keepSpans {
		args = nil
	}
	for _, s := range p.spans {
		args = append(args, text[s.start:s.end:s.end])
	}
	p.cmd.Raw, p.cmd.Args = b[:n:n], args
	p.cmd.Inline, p.cmd.Exact = inline, !inline && !p.odd
	p.restart()
	return &p.cmd, n, nil
}
