package wire

// A ProtocolError says that a byte stream is not RESP. There is no way to go on:
// nobody can tell where the next command or reply begins, so the connection is
// answered (commands) and closed.
type ProtocolError struct {
	Kind ErrorKind
	// Text is the server's own text without the "ERR " in front.
	Text string
}

// Error returns the text that a server gives its client after "-ERR ".
func (e *ProtocolError) Error() string { return e.Text }

// Silent reports whether a server closes the connection without an answer.
func (e *ProtocolError) Silent() bool {
	return e.Kind == CrossProtocol || e.Kind == CommandTooBig
}

// An ErrorKind is the class of a ProtocolError.
type ErrorKind uint8

const (
	// BadCommand is a command that is not RESP, or over a limit of the server.
	BadCommand ErrorKind = iota
	// CrossProtocol is a command POST or Host:. A web page made a browser talk to
	// this port, and what follows is not to be believed. Servers log it and close.
	CrossProtocol
	// CommandTooBig is a command over Limits.Command, the server's
	// client-query-buffer-limit. Servers log it and close.
	CommandTooBig
	// BeforeLogin is a command over the limits of CommandParser.Unauthenticated.
	BeforeLogin
	// BadReply is a reply that is not RESP, or over a limit of the scanner.
	BadReply
)

func badCommand(text string) *ProtocolError {
	return &ProtocolError{Kind: BadCommand, Text: "Protocol error: " + text}
}

func beforeLogin(text string) *ProtocolError {
	return &ProtocolError{Kind: BeforeLogin, Text: "Protocol error: " + text}
}

func badReply(text string) *ProtocolError {
	return &ProtocolError{Kind: BadReply, Text: "proxy/wire: bad reply: " + text}
}
