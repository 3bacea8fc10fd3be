package thaw

import (
	"context"
	"time"
)

// announces reports whether the server tells this session of changes of what was
// read over it.
func (s *session) announces() bool {
	return s.tracked && !s.broken.Load() && !s.suspect.Load()
}

// heard returns the wall time in ns up to which the server has told this session
// of every change of what was read over it; 0 if it does not tell.
//
// Replies come in order behind the announcements, so with one connection it is the
// time at which the last one was asked for. In cluster mode each node announces on its own connection
// and the silent one decides.
func (s *session) heard() int64 {
	if !s.announces() {
		return 0
	}
	if !s.cluster {
		return s.asked.Load()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	oldest := s.asked.Load()
	for c := range s.conns {
		oldest = min(oldest, c.heard.Load())
	}
	return oldest
}

// listen asks the nodes of a cluster for what they have to announce if the answers
// read over s are about to lose that proof: a PING on each connection, whose reply
// comes behind the announcements. It runs beside the call that noticed, at most
// one at a time, and only while somebody calls.
func (s *session) listen(now int64, ttl time.Duration) {
	if !s.cluster || now-s.heard() < int64(ttl/2) || !s.listening.CompareAndSwap(false, true) {
		return
	}
	go func() {
		defer s.listening.Store(false)
		s.pingAll(min(s.link.opts.PingTimeout, s.link.opts.AuthTimeout), false)
	}()
}

// pingAll sends a PING on every open connection of a cluster at the same time. The
// silent ones are given up if it is a proof.
func (s *session) pingAll(budget time.Duration, proof bool) {
	ctx, cancel := context.WithTimeout(context.Background(), budget)
	defer cancel()
	nodes := s.client.Nodes()
	open := s.sockets()
	done := make(chan struct{}, len(open))
	for _, c := range open {
		go func() {
			defer func() { done <- struct{}{} }()
			node, ok := nodes[c.addr]
			if !ok {
				return
			}
			asked := time.Now().UnixNano()
			switch err := ping(ctx, node); {
			case err == nil:
				c.heard.Store(asked)
			case proof:
				c.retire()
			}
		}()
	}
	for range open {
		<-done
	}
}
