package proxy

import "github.com/thawdev/thaw/proxy/engine"

// panicked goes on after a bug that one client's command, or one reply, has found.
// Nobody knows what it left half done, so no connection to the server that this
// loop uses is trusted any more: who waits for an answer on one is told that it is
// lost. If it was a reply, its client is one answer short, and not known: all of
// the loop's clients leave.
func (p *Proxy) panicked(c *engine.Conn, value any, stack []byte) {
	w := p.worker(c.Loop())
	w.stats.Panics++
	p.log.Error("a bug of the proxy, please report it: the connection is closed, and all of its loop to the server with it",
		"address", c.RemoteAddr(), "panic", value, "stack", string(stack))
	w.parser, w.spare = w.newParser(), nil
	w.set.Close()
	if w.isClient(c) {
		return
	}
	for s := w.first; s != nil; s = s.next {
		s.conn.Close()
	}
}

func (w *worker) isClient(c *engine.Conn) bool {
	for s := w.first; s != nil; s = s.next {
		if s.conn == c {
			return true
		}
	}
	return false
}
