package engine

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// TLSOptions makes Serve speak TLS.
type TLSOptions struct {
	// Config is the server's; it must be able to find a certificate.
	// Config.GetConfigForClient serves to change certificates without a restart.
	Config *tls.Config
	// HandshakeTimeout bounds the whole handshake, so that a peer which sends a
	// byte now and then is cut too; 0 means 10 s.
	HandshakeTimeout time.Duration
	// MaxHandshakes bounds the handshakes under way, each of which holds a
	// goroutine with some 20 KiB; further connections wait in the kernel's
	// queue. 0 means 512.
	MaxHandshakes int
}

func (t TLSOptions) withDefaults() TLSOptions {
	if t.HandshakeTimeout <= 0 {
		t.HandshakeTimeout = 10 * time.Second
	}
	if t.MaxHandshakes <= 0 {
		t.MaxHandshakes = 512
	}
	return t
}

// ClientTLS makes the client's handshake over nc, in the caller's goroutine, and
// returns the session. It may be read and written as usual, until it is given to
// Loop.Adopt. (Adopt takes no other *tls.Conn: the transport under a session
// cannot be changed afterwards, and this one is made to be.) ctx bounds the
// handshake; when that fails nc is closed.
func ClientTLS(ctx context.Context, nc net.Conn, cfg *tls.Config) (*tls.Conn, error) {
	if cfg != nil && cfg.Renegotiation != tls.RenegotiateNever {
		// A handshake in the middle of the stream would block the loop.
		cfg = cfg.Clone()
		cfg.Renegotiation = tls.RenegotiateNever
	}
	tc := tls.Client(&transport{nc: nc}, cfg)
	if err := tc.HandshakeContext(ctx); err != nil {
		nc.Close()
		return nil, err
	}
	return tc, nil
}

// takeOver makes a socket of nc, and a session when nc is one.
func (l *Loop) takeOver(nc net.Conn) (socket, *tlsSession, error) {
	tc, ok := nc.(*tls.Conn)
	if !ok {
		s, err := l.poll.take(nc)
		return s, nil, err
	}
	t, ok := tc.NetConn().(*transport)
	if !ok {
		return socket{}, nil, errors.New("engine: cannot adopt this *tls.Conn: make it with ClientTLS")
	}
	if t.nc == nil {
		return socket{}, nil, errors.New("engine: this *tls.Conn was adopted already")
	}
	if !tc.ConnectionState().HandshakeComplete {
		return socket{}, nil, errors.New("engine: cannot adopt a *tls.Conn before its handshake")
	}
	if err := t.nc.SetDeadline(time.Time{}); err != nil {
		return socket{}, nil, fmt.Errorf("engine: %w", err)
	}
	s, err := l.poll.take(t.nc)
	if err != nil {
		return socket{}, nil, err
	}
	t.nc = nil
	return s, &tlsSession{conn: tc, transport: t}, nil
}

// transport is what crypto/tls reads from and writes to. During the handshake it
// is a net.Conn that blocks, in a goroutine; from join on it never blocks: it
// reads what the loop has read, and writes to the connection's output.
type transport struct {
	nc      net.Conn // until the loop has taken over
	c       *Conn    // from then on
	pending []byte   // read and not decrypted; only during decrypt
	eof     bool     // nothing follows pending
}

func (t *transport) join(c *Conn) { t.c = c }

func (t *transport) Read(p []byte) (int, error) {
	if t.c == nil {
		return t.nc.Read(p)
	}
	if len(t.pending) == 0 {
		if t.eof {
			return 0, io.EOF
		}
		return 0, errWouldBlock
	}
	n := copy(p, t.pending)
	t.pending = t.pending[n:]
	return n, nil
}

func (t *transport) Write(p []byte) (int, error) {
	c := t.c
	if c == nil {
		return t.nc.Write(p)
	}
	c.out = append(c.space(&c.out, len(p)), p...)
	return len(p), nil
}

func (t *transport) Close() error {
	if t.c != nil || t.nc == nil {
		return nil // the loop closes its sockets itself
	}
	return t.nc.Close()
}

func (t *transport) SetDeadline(d time.Time) error {
	if t.nc == nil {
		return nil
	}
	return t.nc.SetDeadline(d)
}

func (t *transport) SetReadDeadline(d time.Time) error {
	if t.nc == nil {
		return nil
	}
	return t.nc.SetReadDeadline(d)
}

func (t *transport) SetWriteDeadline(d time.Time) error {
	if t.nc == nil {
		return nil
	}
	return t.nc.SetWriteDeadline(d)
}

func (t *transport) LocalAddr() net.Addr {
	if t.nc == nil {
		return &net.TCPAddr{}
	}
	return t.nc.LocalAddr()
}

func (t *transport) RemoteAddr() net.Addr {
	if t.nc == nil {
		return &net.TCPAddr{}
	}
	return t.nc.RemoteAddr()
}

// tlsSession is what a connection has more when it speaks TLS.
type tlsSession struct {
	conn        *tls.Conn
	transport   *transport
	plain       []byte // to be encrypted at the end of the turn; a lent buffer
	saidGoodbye bool
}

// decrypt passes b, which was just read, through crypto/tls and delivers what
// comes out, all records of b at once.
func (c *Conn) decrypt(b []byte) {
	t := c.tls.transport
	t.pending, t.eof = b, c.eof
	for c.state == open {
		n, err := c.fill()
		if n > 0 {
			c.deliver(c.loop.plain[:n])
		}
		if err != nil {
			c.stopped(err)
			break
		}
	}
	t.pending = nil
	c.tls.trim()
	if len(c.out) > c.outAt { // an answer to a key update, or an alert
		c.touch()
	}
}

// fill decrypts until the loop's buffer is full, or there is an error.
func (c *Conn) fill() (n int, err error) {
	l := c.loop
	if l.plain == nil {
		l.plain = make([]byte, len(l.buf)+32<<10) // and a record that was begun before
	}
	for n < len(l.plain) && err == nil {
		var m int
		m, err = c.tls.conn.Read(l.plain[n:])
		n += m
	}
	return n, err
}

// stopped says what the end of decrypting means.
func (c *Conn) stopped(err error) {
	switch {
	case errors.Is(err, errWouldBlock):
	case err == io.EOF: // a close_notify, or the end of the stream between records
		c.eof = true
	default:
		c.failed(err)
	}
}

// encrypt turns what was written in this turn into records.
func (c *Conn) encrypt() {
	s := c.tls
	if len(s.plain) == 0 {
		return
	}
	_, err := s.conn.Write(s.plain)
	c.loop.buffers.put(s.plain)
	s.plain = nil
	if err != nil {
		c.failed(err)
	}
}

// goodbye puts a close_notify into the output.
func (s *tlsSession) goodbye() {
	s.saidGoodbye = true
	s.conn.CloseWrite() // it fails only after an error that was told already
}

// lastWords tries once to send the close_notify, or the alert that says what was
// wrong, of a connection that is closed now.
func (c *Conn) lastWords() {
	if c.waiting || c.eof && c.err == nil {
		return
	}
	if c.err == nil && !c.tls.saidGoodbye {
		c.dropOutput()
		c.tls.goodbye()
	}
	if rest := c.out[c.outAt:]; len(rest) > 0 {
		c.loop.poll.write(c, rest)
	}
}
