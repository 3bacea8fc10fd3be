package upstream

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"

	"github.com/thawdev/thaw/proxy/wire"
)

// internal is a Receiver of this package, not of a session.
type internal interface{ internal() }

// nothing is embedded by receivers that need not know of a loss: the connection
// ends by itself.
type nothing struct{}

func (nothing) internal()                             {}
func (nothing) Lost(*Conn, uint32, bool, bool, error) {}

// probe is the answer to a PING on a silent connection. Any answer will do.
type probe struct{ nothing }

func (probe) Reply(c *Conn, _ uint32, _ []byte, done bool) {
	if done {
		c.probing = false
	}
}

// told is the answer to a request of which nobody needs to know the outcome.
type told struct{ nothing }

func (told) Reply(*Conn, uint32, []byte, bool) {}

// sentinel is the answer to an ECHO of a nonce: proof that replies and slots
// have not come apart. RESP has no request ids, so this is the only one there is.
type sentinel struct {
	nothing
	want, got []byte
}

func (s *sentinel) Reply(c *Conn, _ uint32, piece []byte, done bool) {
	if len(s.got) <= len(s.want) {
		s.got = append(s.got, piece...)
	}
	if done && !bytes.Equal(s.got, s.want) {
		c.fail(ErrDesync)
	}
}

// countToNonce sends a sentinel after every n requests.
func (c *Conn) countToNonce(n int) {
	if c.sinceNonce++; c.sinceNonce < n || c.role != shared {
		return
	}
	c.sinceNonce = 0
	var raw [8]byte
	binary.BigEndian.PutUint64(raw[:], c.pool.set.random.Uint64())
	nonce := []byte(hex.EncodeToString(raw[:]))
	c.Send(wire.AppendCommand(nil, []byte("ECHO"), nonce), &sentinel{want: wire.AppendBulk(nil, nonce)}, 0)
	c.sinceNonce = 0
}

// washing counts the answers to RESET and the login after it. When all are good
// the connection is as new.
type washing struct {
	nothing
	left int
}

func (w *washing) Reply(c *Conn, tag uint32, piece []byte, done bool) {
	if tag == mustSucceed && c.scan.Kind() == '-' {
		c.Close()
		return
	}
	if done {
		if w.left--; w.left == 0 {
			c.pool.washed(c)
		}
	}
}

// Tags of a login's requests.
const (
	mayFail uint32 = iota
	mustSucceed
)
