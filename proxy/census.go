package proxy

import (
	"bytes"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/thawdev/thaw/proxy/wire"
)

// census knows of which topics fewer, or more, connections of the proxy listen
// than sessions: by that much is wrong what PUBLISH and PUBSUB NUMSUB say. A topic
// with one listener is not among them, so mostly there is nothing to look up.
type census struct {
	uneven atomic.Int64 // topics in extra

	mu    sync.RWMutex
	extra [3]map[string]int // sessions minus connections, where that is not 0
}

// add counts n sessions, or -n connections, to a topic.
func (c *census) add(t topic, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.extra[t.kind] == nil {
		c.extra[t.kind] = map[string]int{}
	}
	of := c.extra[t.kind]
	before := len(of)
	if of[t.name] += n; of[t.name] == 0 {
		delete(of, t.name)
	}
	c.uneven.Add(int64(len(of) - before))
}

// missing is how many more sessions than connections hear what is published on a
// channel. Patterns count for what is published, not for who has subscribed.
func (c *census) missing(k kind, name string, published bool) int {
	if c.uneven.Load() == 0 {
		return 0
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	n := c.extra[k][name]
	if k == channels && published {
		for pattern, extra := range c.extra[patterns] {
			if globMatch(pattern, name) {
				n += extra
			}
		}
	}
	return n
}

// publish has the number of receivers count sessions.
func (s *session) publish(cmd *wire.Command, pl *plan) bool {
	k := channels
	if pl.name == "spublish" {
		k = shards
	}
	missing := 0
	if len(cmd.Args) == 3 {
		missing = s.w.proxy.census.missing(k, string(cmd.Args[1]), true)
	}
	if missing == 0 {
		return s.forwardMuted(cmd, pl)
	}
	tag := uint32(tagCount)
	if s.flags&(muted|skipping) != 0 {
		tag |= tagMute
	}
	before := s.sent
	if !s.forward(cmd, pl, tag) {
		return false
	}
	s.clear(skipping)
	if s.sent != before {
		s.extra().missing = append(s.x.missing, missing)
	}
	return true
}

// corrected takes the oldest correction and applies it to an answer to PUBLISH.
func (s *session) corrected(reply []byte) []byte {
	n, err := strconv.Atoi(string(bytes.TrimSuffix(reply[1:], []byte("\r\n"))))
	missing := s.nextMissing()
	if reply[0] != ':' || err != nil {
		return reply
	}
	return wire.AppendInt(nil, int64(max(0, n+missing)))
}

func (s *session) nextMissing() int {
	n := s.x.missing[0]
	if s.x.missing = s.x.missing[1:]; len(s.x.missing) == 0 {
		s.x.missing = nil
	}
	return n
}

// pubSub has PUBSUB NUMSUB count sessions.
func (s *session) pubSub(cmd *wire.Command, pl *plan) bool {
	if len(cmd.Args) > 2 && s.w.proxy.census.uneven.Load() > 0 {
		switch {
		case fold(cmd.Args[1], "numsub"):
			return s.forwardCaptured(cmd, pl, tagNumSub)
		case fold(cmd.Args[1], "shardnumsub"):
			return s.forwardCaptured(cmd, pl, tagShardNumSub)
		}
	}
	return s.forwardMuted(cmd, pl)
}

// withSessions puts the numbers of an answer to NUMSUB right.
func (p *Proxy) withSessions(k kind, reply []byte) []byte {
	v, n, err := wire.ParseValue(reply, wire.ReplyLimits{})
	if err != nil || n != len(reply) || v.IsError() {
		return reply
	}
	for i := 0; i+1 < len(v.Elems); i += 2 {
		e := &v.Elems[i+1]
		e.Int = max(0, e.Int+int64(p.census.missing(k, string(v.Elems[i].Str), false)))
	}
	return wire.AppendValue(nil, v)
}
