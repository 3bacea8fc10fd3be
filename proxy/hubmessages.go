package proxy

import (
	"bytes"
	"slices"

	"github.com/thawdev/thaw/proxy/upstream"
	"github.com/thawdev/thaw/proxy/wire"
)

// Reply, Lost and Push implement upstream.Owner; a connection that is passed
// through has none of them.
func (h *hub) Reply(*upstream.Conn, uint32, []byte, bool)     {}
func (h *hub) Lost(*upstream.Conn, uint32, bool, bool, error) {}
func (h *hub) Push(*upstream.Conn, []byte, bool)              {}

// Bytes implements upstream.Owner: it cuts what comes into messages.
func (h *hub) Bytes(c *upstream.Conn, b []byte) {
	for len(b) > 0 {
		n, done, err := h.scan.Scan(b)
		if err != nil {
			c.Close()
			return
		}
		message := b[:n]
		b = b[n:]
		if !done || len(h.partial) > 0 {
			h.partial = append(h.partial, message...)
			message = h.partial
		}
		if !done {
			return
		}
		v, _, err := wire.ParseValue(message, wire.ReplyLimits{})
		if err != nil {
			c.Close()
			return
		}
		h.message(message, v)
		if len(h.partial) > 0 {
			h.partial = h.partial[:0]
		}
		if h.conn != c {
			return
		}
	}
}

// message hands out one message of the server.
func (h *hub) message(raw []byte, v wire.Value) {
	if v.IsError() {
		h.confirm(string(v.Str))
		return
	}
	if len(v.Elems) < 3 {
		return
	}
	name := string(v.Elems[1].Str)
	switch string(v.Elems[0].Str) {
	case "message":
		h.deliver(topic{channels, name}, raw)
	case "pmessage":
		h.deliver(topic{patterns, name}, raw)
	case "smessage":
		h.deliver(topic{shards, name}, raw)
	default:
		h.confirm("")
	}
}

func (h *hub) deliver(t topic, raw []byte) {
	e := h.topics[t]
	if e == nil {
		return
	}
	for s := range e.sessions {
		if r := s.x.request; r != nil && r.entries != nil {
			r.hear(raw)
		} else {
			s.message(raw)
		}
	}
}

// hear keeps a message until the confirmations that must come before it.
func (r *subRequest) hear(raw []byte) {
	if r.size += len(raw); r.size > r.s.w.proxy.opts.MaxMessages {
		r.s.tooSlow()
		return
	}
	r.heard = append(r.heard, bytes.Clone(raw))
}

// confirm ends the oldest ask, with an error if text is not empty.
func (h *hub) confirm(text string) {
	if len(h.pending) == 0 {
		return
	}
	a := h.pending[0]
	h.pending = h.pending[1:]
	e, r := a.entry, a.who
	if a.leave {
		h.setActive(e, false)
		if r != nil {
			r.answered()
		}
		return
	}
	e.asked--
	if text == "" {
		h.setActive(e, true)
	}
	i := slices.Index(e.waiting, r)
	if i < 0 {
		return // nobody waits, or not any more
	}
	e.waiting = slices.Delete(e.waiting, i, i+1)
	if text != "" {
		r.fail(text)
		return
	}
	h.attach(e, r)
	r.answered()
}
