package thaw

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// conn is a connection as valkey-go sees it. It adds two things.
//
// It keeps the socket when a caller runs out of time. While commands come one at a
// time, valkey-go reads the reply in the caller's goroutine and gives the whole
// connection up when that caller's deadline passes. A TLS handshake for every
// short deadline is how connection storms begin (go-redis#1912), so Close after a
// timeout does not close: it parks the socket, and drain makes it usable again.
//
// And it looks at the beginning of the first reply, which tells a server that speaks
// TLS, or one that has no connection left, to a client that is hung up on.
type conn struct {
	net.Conn
	addr    string
	session *session
	extra   bool // made later, for a blocking command of a user of Valkey()

	heard    atomic.Int64           // cluster: wall time in ns of the last PING that was answered, at first of the dial
	ready    atomic.Bool            // the protocol's handshake is done
	timedOut atomic.Bool            // a read ran out of time
	dirty    atomic.Bool            // a write failed: part of a command may be on the wire
	retired  atomic.Bool            // to be closed for good
	answered atomic.Bool            // a byte has been read
	sawTLS   atomic.Bool            // the first byte was that of a TLS alert
	greeting atomic.Pointer[string] // an error with which the server began, before it hung up
	once     sync.Once
}

// tlsAlert begins a TLS record of type alert (RFC 8446, section 5.1); no RESP
// reply begins with it.
const tlsAlert = 0x15

func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 && !c.answered.Load() {
		c.answered.Store(true)
		c.sawTLS.Store(b[0] == tlsAlert)
		if b[0] == '-' { // valkey-go reports the hanging up, and not what was said before
			line, _, _ := bytes.Cut(b[1:n], []byte("\r\n"))
			text := string(line)
			c.greeting.Store(&text)
		}
	}
	if err != nil && isTimeout(err) {
		c.timedOut.Store(true)
	}
	return n, err
}

func (c *conn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if err != nil {
		c.dirty.Store(true)
	}
	return n, err
}

// Close closes the socket, or parks it if all that happened is that a caller ran
// out of time.
func (c *conn) Close() (err error) {
	c.once.Do(func() {
		park := c.ready.Load() && c.timedOut.Load() && !c.dirty.Load() && !c.retired.Load()
		if !c.session.closed(c, park) {
			err = c.Conn.Close()
		}
	})
	return err
}

// refused is why the server never took the connection, or nil if it did.
func (c *conn) refused() error {
	if !c.answered.Load() {
		return errNoReply
	}
	if g := c.greeting.Load(); g != nil && serverCause(*g) != CauseUnknown {
		return &ReplyError{Stage: StageAuth, Cause: serverCause(*g), Text: *g}
	}
	return nil
}

// retire closes the socket for good.
func (c *conn) retire() {
	c.retired.Store(true)
	c.Conn.Close() // wakes the readers, who then call Close
	c.Close()
}

var errDrain = errors.New("the outstanding replies did not come")

// drain reads the replies that nobody waits for any more, and proves that the
// server answers: it sends a PING with a random argument and discards everything
// up to that argument. Nothing sent before can contain it, for it was not known.
//
//	… late replies …  $32\r\n<nonce>\r\n
func drain(c net.Conn, budget time.Duration) error {
	var raw [16]byte
	rand.Read(raw[:]) // never fails (crypto/rand, since Go 1.24)
	nonce := hex.EncodeToString(raw[:])
	c.SetDeadline(time.Now().Add(budget))
	defer c.SetDeadline(time.Time{})
	if _, err := fmt.Fprintf(c, "*2\r\n$4\r\nPING\r\n$%d\r\n%s\r\n", len(nonce), nonce); err != nil {
		return err
	}
	end := []byte(nonce + "\r\n")
	buf := make([]byte, 0, 4<<10)
	for {
		n, err := c.Read(buf[len(buf):cap(buf)])
		if err != nil {
			return fmt.Errorf("%w: %w", errDrain, err)
		}
		buf = buf[:len(buf)+n]
		if i := bytes.Index(buf, end); i >= 0 {
			if i+len(end) != len(buf) {
				return fmt.Errorf("%w: there is more after them", errDrain) // a push: its start may be lost
			}
			return nil
		}
		if keep := len(end) - 1; len(buf) > keep { // the end may be cut in two
			buf = buf[:copy(buf[:keep], buf[len(buf)-keep:])]
		}
	}
}
