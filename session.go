package thaw

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valkey-io/valkey-go"
)

// session is one life of the connection to a node (or, in cluster mode, of the
// connections to a cluster): a valkey-go client and the sockets under it.
//
// In single mode a session dies with its connection and a new one is made: then
// valkey-go never dials while a command waits. In cluster mode it lives on and
// valkey-go redials node by node, in goroutines that no caller waits for longer
// than its budget: see do.
type session struct {
	link    *link
	client  valkey.Client
	cluster bool
	tracked bool // the server sends invalidations

	authAt   atomic.Int64           // wall time in ns of the last authentication
	contact  atomic.Int64           // wall time in ns of the last reply
	asked    atomic.Int64           // wall time in ns at which that was asked for
	broken   atomic.Bool            // the connection is gone
	opened   atomic.Bool            // connecting is over
	hadTLS   atomic.Bool            // a connection began with a TLS alert
	greeting atomic.Pointer[string] // an error before the server hung up
	proving  atomic.Bool            // by a PING after a gap
	suspect  atomic.Bool            // a command was not answered in time, and nothing was since

	listening atomic.Bool // a PING for announcements is under way

	mu    sync.Mutex
	conns map[*conn]struct{}
}

// errNotConnected is what a command gets that would have had to dial. It was
// surely not sent.
var errNotConnected = errors.New("thaw: the connection was lost before the command was sent")

var errNoReply = errors.New("thaw: the node did not reply to the first command")

// dial is valkey-go's DialCtxFn. The context is of a command only in single mode,
// where the session is over when its connection is.
func (s *session) dial(ctx context.Context, addr string) (net.Conn, error) {
	if ctx.Value(commandKey{}) != nil {
		return nil, errNotConnected
	}
	var raw net.Conn
	var err error
	redialled := s.opened.Load() && s.cluster
	if redialled {
		err = s.link.reachable(addr)
	} else if !s.opened.Load() {
		raw = s.link.parkedSocket(addr)
	}
	if err != nil {
		return nil, err
	}
	if raw == nil {
		s.link.stats.dials.Add(1)
		if raw, err = s.link.dialer.dial(addr); err != nil {
			if redialled {
				s.link.lose(addr, err)
			}
			return nil, err
		}
	}
	c := &conn{Conn: raw, addr: addr, session: s}
	c.heard.Store(time.Now().UnixNano())
	c.extra = s.opened.Load()
	s.mu.Lock()
	if s.conns == nil {
		s.conns = map[*conn]struct{}{}
	}
	s.conns[c] = struct{}{}
	s.mu.Unlock()
	return c, nil
}

// closed takes note that valkey-go gave a connection up. It reports whether the
// socket was parked and so must stay open.
func (s *session) closed(c *conn, park bool) bool {
	opened := s.opened.Load() // what the session is, is known from then on
	if opened && s.cluster && s.tracked {
		s.link.onInvalidate(nil) // before it is off the list of those that must be heard
	}
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	if c.sawTLS.Load() {
		s.hadTLS.Store(true)
	}
	if g := c.greeting.Load(); g != nil && !opened {
		s.greeting.Store(g)
	}
	if opened && s.cluster && !c.retired.Load() {
		if err := c.refused(); err != nil {
			s.link.lose(c.addr, s.redact(err))
		}
	}
	if opened && s.cluster || c.extra {
		return false
	}
	s.broken.Store(true)
	return park && !s.proving.Load() && s.link.park(c)
}

// sockets returns the open connections.
func (s *session) sockets() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	conns := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	return conns
}

// retire closes everything without waiting for it.
func (s *session) retire() {
	s.broken.Store(true)
	for _, c := range s.sockets() {
		c.retire()
	}
	if s.client != nil {
		go s.client.Close() // waits up to a second for commands in flight
	}
}

// touch notes that the server has answered what was asked then. A freeze may lie
// between the reply and this note.
func (s *session) touch(asked time.Time) {
	s.contact.Store(time.Now().UnixNano())
	if s.tracked {
		s.asked.Store(asked.UnixNano())
	}
	if s.suspect.Load() {
		s.suspect.Store(false)
	}
}

// do sends one command and waits for its reply until call ends.
//
// In cluster mode the command runs in a goroutine of its own with a budget that
// covers connecting to its node, for valkey-go connects on the way and would
// otherwise do so inside the caller's budget. The caller leaves when its time is
// up; the connection gets made, and the late command is harmless (see
// Client.server).
func (s *session) do(call *callContext, build func(valkey.Builder) valkey.Completed) (valkey.ValkeyMessage, error) {
	if !s.cluster {
		m, err := s.client.Do(call, build(s.client.B())).ToMessage()
		return s.settle(call, m, s.lost(call, err))
	}
	type reply struct {
		m   valkey.ValkeyMessage
		err error
	}
	got := make(chan reply, 1)
	cmd := build(s.client.B())
	go func() {
		o := s.link.opts
		ctx, cancel := context.WithTimeout(context.Background(), o.DialTimeout+o.TLSTimeout+o.AuthTimeout+o.OperationTimeout)
		defer cancel()
		m, err := s.client.Do(ctx, cmd).ToMessage()
		got <- reply{m, err}
	}()
	select {
	case r := <-got:
		return s.settle(call, r.m, r.err)
	case <-call.Done():
		return s.settle(call, valkey.ValkeyMessage{}, context.DeadlineExceeded)
	}
}

// doMulti sends several commands together, to each node its own. The error is the
// first of all of them; what other nodes have answered is in the results beside it.
func (s *session) doMulti(call *callContext, commands []valkey.Completed) (results []valkey.ValkeyResult, err error) {
	got := make(chan []valkey.ValkeyResult, 1)
	if !s.cluster {
		got <- s.client.DoMulti(call, commands...)
	} else {
		go func() {
			o := s.link.opts
			ctx, cancel := context.WithTimeout(context.Background(), o.DialTimeout+o.TLSTimeout+o.AuthTimeout+o.OperationTimeout)
			defer cancel()
			got <- s.client.DoMulti(ctx, commands...)
		}()
	}
	select {
	case results = <-got:
		for _, r := range results {
			if _, e := s.settle(call, valkey.ValkeyMessage{}, s.lost(call, r.Error())); err == nil && e != nil && !errors.Is(e, ErrMiss) {
				err = e
			}
		}
		return results, err
	case <-call.Done():
		_, err := s.settle(call, valkey.ValkeyMessage{}, context.DeadlineExceeded)
		return nil, err
	}
}

// lost is errNotConnected if another's time ran out, and the connection with it.
func (s *session) lost(call *callContext, err error) error {
	if !s.cluster && err != nil && isTimeout(err) && time.Now().Before(call.deadline) {
		return errNotConnected
	}
	return err
}

// settle learns from a reply and gives errors of the protocol their types.
//
// A timeout makes the session suspect if nobody was answered since the call began.
// In cluster mode it does not, for other nodes may be well; there the open
// connections are proved in the background and the silent ones given up.
func (s *session) settle(call *callContext, m valkey.ValkeyMessage, err error) (valkey.ValkeyMessage, error) {
	if err == nil {
		s.touch(call.began)
		return m, nil
	}
	if valkey.IsValkeyNil(err) {
		s.touch(call.began)
		return m, ErrMiss
	}
	if reply, ok := valkey.IsValkeyErr(err); ok {
		s.touch(call.began)
		return m, s.reply(reply)
	}
	if isTimeout(err) && !s.broken.Load() && (s.cluster || s.contact.Load() < call.began.UnixNano()) {
		s.suspect.Store(!s.cluster)
		s.link.prove()
	}
	return m, err
}

// reply gives an error reply its type. After a failover the old primary answers
// READONLY or CLUSTERDOWN: the session is given up, so that the next attempt, the
// retry of this very command, resolves the name again.
func (s *session) reply(e *valkey.ValkeyError) error {
	text := e.Error()
	word, _, _ := strings.Cut(text, " ")
	switch word {
	case "READONLY", "CLUSTERDOWN", "MASTERDOWN":
		s.link.failover(s)
		return fmt.Errorf("%w: the node answered %s", errNotConnected, word)
	case "MOVED":
		if !s.cluster && s.link.endpoint.mode == modeAuto {
			s.link.failover(s) // it became a cluster: the next session asks
			return fmt.Errorf("%w: the node answered MOVED", errNotConnected)
		}
	}
	if cause := serverCause(text); cause != CauseUnknown {
		stage := StageCommand
		if cause == CauseClusterMode || cause == CauseCrossSlot {
			stage = StageCluster
		}
		return &ReplyError{Stage: stage, Cause: cause, Text: text}
	}
	return &ReplyError{Stage: StageCommand, Text: text}
}
