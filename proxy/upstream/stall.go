package upstream

import (
	"context"
	"errors"
	"time"

	"github.com/thawdev/thaw/proxy/wire"
)

// A connection that owes replies and delivers nothing is either cut off, in a way
// that no error shows, or has a server behind it that takes its time. The replies
// do not tell, and a PING on it would wait with them. So a second connection asks:
//
//	cannot be opened          the node is gone     the first one is dropped
//	PING is answered          the first is cut off   dropped
//	PING is refused: -BUSY    a script runs         kept, and asked again
//	PING is not answered      a long command runs   kept, but not for ever
//
// A server that pauses its clients (CLIENT PAUSE) answers PING as well; commands
// that wait for it longer than the limit are told that their connection was lost.

// defaultStall is the limit of silence, and maxStalls how many limits a server
// that takes connections and answers nothing is given.
const (
	defaultStall = time.Minute
	maxStalls    = 5
)

// verdict is what the second connection says.
type verdict uint8

const (
	cutOff verdict = iota
	busy
	mute
)

// suspect asks about a connection that owes a reply and has been silent.
func (s *Set) suspect(c *Conn, silent time.Duration) {
	c.suspected = true
	up, key := s.up, Key{Node: c.pool.key.Node, Login: c.pool.key.Login, RESP: 2}
	read := c.read
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), up.opts.DialTimeout)
		defer cancel()
		v := up.examine(ctx, key)
		s.loop.Post(func() { s.judge(c, v, read, silent) })
	}()
}

// judge ends the connection if the verdict is against it and nothing has come
// meanwhile.
func (s *Set) judge(c *Conn, v verdict, read int64, silent time.Duration) {
	c.suspected = false
	if c.role == ended || c.read != read || c.queue.len() == 0 {
		return
	}
	c.examined = s.now()
	if v == cutOff || v == mute && silent >= maxStalls*s.up.opts.StallTimeout {
		s.up.opts.Log.Warn("upstream connection dropped: it owes answers and is silent", "upstream", c.pool.key.Node.Address, "silent", silent)
		c.fail(ErrLost)
	}
}

// examine opens a connection and sends PING.
func (u *Upstream) examine(ctx context.Context, k Key) verdict {
	nc, _, err := u.dial(ctx, k, false)
	var refusal ServerError
	var connected loginError
	switch {
	case errors.As(err, &refusal):
		return busy
	case errors.As(err, &connected):
		return mute
	case err != nil:
		return cutOff
	}
	defer nc.Close()
	if deadline, ok := ctx.Deadline(); ok {
		nc.SetDeadline(deadline)
	}
	if _, err := nc.Write(pingCommand); err != nil {
		return cutOff
	}
	in := answers{nc: nc}
	v, err := in.next()
	switch {
	case err != nil:
		return mute
	case v.Kind == wire.KindError:
		return busy
	}
	return cutOff
}

// loginError is a failure after the connection was established.
type loginError struct{ error }

func (e loginError) Unwrap() error { return e.error }
