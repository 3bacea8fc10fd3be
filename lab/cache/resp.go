package cache

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// maxReply bounds one answer: CLIENT LIST has about 400 bytes a client, so this
// is enough for 160,000 clients.
const maxReply = 64 << 20

var errReply = errors.New("not an answer of the Redis protocol")

// respError is an error answer of the server.
type respError string

func (e respError) Error() string { return string(e) }

// own counts what the lab's connections did to the server's counters.
type own struct{ conns, commands, sent, received int64 }

func (o own) plus(p own) own {
	return own{o.conns + p.conns, o.commands + p.commands, o.sent + p.sent, o.received + p.received}
}

// wireConn is a connection of the lab that counts itself.
type wireConn struct {
	net.Conn
	r   *bufio.Reader
	own own
	buf []byte // of the last answer
}

func newWireConn(c net.Conn) *wireConn {
	w := &wireConn{Conn: c, own: own{conns: 1}}
	w.r = bufio.NewReaderSize(countedReader{w}, 64<<10)
	return w
}

// countedReader counts what the server sent.
type countedReader struct{ w *wireConn }

func (c countedReader) Read(p []byte) (int, error) {
	n, err := c.w.Conn.Read(p)
	c.w.own.received += int64(n)
	return n, err
}

// until bounds everything that follows by ctx.
func (w *wireConn) until(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Time{}
	}
	return w.SetDeadline(deadline)
}

func (w *wireConn) send(b []byte, commands int) error {
	n, err := w.Write(b)
	w.own.sent += int64(n)
	w.own.commands += int64(commands)
	return err
}

// appendCommand encodes one command.
func appendCommand(b []byte, args ...string) []byte {
	b = fmt.Appendf(b, "*%d\r\n", len(args))
	for _, a := range args {
		b = fmt.Appendf(b, "$%d\r\n%s\r\n", len(a), a)
	}
	return b
}

// do sends commands in one write and reads all answers. It returns the last
// one, or the first error answer as a respError.
func (w *wireConn) do(cmds ...[]string) ([]byte, error) {
	var b []byte
	for _, c := range cmds {
		b = appendCommand(b, c...)
	}
	if err := w.send(b, len(cmds)); err != nil {
		return nil, err
	}
	var last []byte
	var failed error
	for range cmds {
		reply, err := w.reply()
		var said respError
		switch {
		case errors.As(err, &said):
			if failed == nil {
				failed = said
			}
		case err != nil:
			return nil, err
		}
		last = reply
	}
	return last, failed
}

// reply reads a simple string, an error, an integer or a bulk string. The bytes
// are valid until the next reply.
func (w *wireConn) reply() ([]byte, error) {
	var err error
	w.buf, err = readReply(w.r, w.buf)
	return w.buf, err
}

// readReply reads one answer into buf, which it may grow.
func readReply(r *bufio.Reader, buf []byte) ([]byte, error) {
	line, err := r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return buf[:0], errReply
	case err != nil:
		return buf[:0], err
	case len(line) < 3 || line[len(line)-2] != '\r':
		return buf[:0], errReply
	}
	kind, line := line[0], line[1:len(line)-2]
	switch kind {
	case '+', ':':
		return append(buf[:0], line...), nil
	case '-':
		return buf[:0], respError(line)
	case '$':
	default:
		return buf[:0], errReply
	}
	n, err := strconv.Atoi(string(line))
	if err != nil || n < -1 || n > maxReply {
		return buf[:0], errReply
	}
	if n == -1 {
		return buf[:0], nil
	}
	return readBulk(r, buf, n)
}

// readBulk grows the buffer as the bytes arrive, so that a length alone cannot
// make the lab allocate.
func readBulk(r *bufio.Reader, buf []byte, n int) ([]byte, error) {
	const step = 1 << 20
	buf = buf[:0]
	for len(buf) < n+2 {
		have := len(buf)
		want := min(n+2-have, max(step, cap(buf)-have))
		if cap(buf)-have < want {
			buf = append(buf, make([]byte, want)...)
		}
		buf = buf[:have+want]
		if _, err := io.ReadFull(r, buf[have:]); err != nil {
			return buf[:0], err
		}
	}
	if buf[n] != '\r' || buf[n+1] != '\n' {
		return buf[:0], errReply
	}
	return buf[:n], nil
}
