package proxy

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"github.com/thawdev/thaw/proxy/wire"
)

// info passes INFO on, and appends a section about the proxy to the answer.
func (s *session) info(cmd *wire.Command, pl *plan) bool {
	if len(cmd.Args) == 2 && fold(cmd.Args[1], "proxy") {
		s.answerText(s.w.proxy.section())
		return true
	}
	whole := len(cmd.Args) == 1
	for _, a := range cmd.Args[1:] {
		whole = whole || fold(a, "all") || fold(a, "everything") || fold(a, "default") || fold(a, "proxy")
	}
	if !whole {
		return s.forwardMuted(cmd, pl)
	}
	return s.forwardCaptured(cmd, pl, tagCapture)
}

// section is what INFO says about the proxy. It names no user and no secret.
func (p *Proxy) section() []byte {
	shared, owned := p.up.Budgets()
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Proxy\r\n")
	fmt.Fprintf(&b, "proxy_pool_mode:%s\r\n", p.opts.PoolMode)
	fmt.Fprintf(&b, "proxy_clients:%d\r\n", p.clients.Load())
	fmt.Fprintf(&b, "proxy_max_clients:%d\r\n", p.opts.MaxClients)
	fmt.Fprintf(&b, "proxy_loops:%d\r\n", len(p.workers))
	fmt.Fprintf(&b, "proxy_upstream_shared:%d\r\n", shared.Used())
	fmt.Fprintf(&b, "proxy_upstream_max:%d\r\n", shared.Limit())
	fmt.Fprintf(&b, "proxy_upstream_owned:%d\r\n", owned.Used())
	fmt.Fprintf(&b, "proxy_upstream_owned_max:%d\r\n", owned.Limit())
	fmt.Fprintf(&b, "proxy_uptime_in_seconds:%d\r\n", int(time.Since(p.started).Seconds()))
	return b.Bytes()
}

// withProxySection appends the section to a reply to INFO.
func (s *session) withProxySection(reply []byte) []byte {
	v, n, err := wire.ParseValue(reply, wire.ReplyLimits{})
	if err != nil || n != len(reply) || v.Kind != wire.KindBulk && v.Kind != wire.KindVerbatim || v.Null {
		return reply
	}
	text := append(append(append([]byte(nil), v.Str...), "\r\n"...), s.w.proxy.section()...)
	if v.Kind == wire.KindVerbatim {
		b := append([]byte("="), strconv.Itoa(len(v.Format)+1+len(text))...)
		b = append(append(b, "\r\n"...), v.Format...)
		return append(append(append(b, ':'), text...), "\r\n"...)
	}
	return wire.AppendBulk(nil, text)
}

// address is the first address the proxy listens on.
func (p *Proxy) address() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.listeners) == 0 {
		return ""
	}
	return p.listeners[0].Addr().String()
}
