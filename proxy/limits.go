package proxy

import "time"

// beat is how often the limits that depend on time are looked at.
const beat = 250 * time.Millisecond

// beat enforces the limits that depend on time and on all sessions together.
func (w *worker) beat() {
	w.loop.AfterFunc(beat, w.beat)
	now := w.now()
	if len(w.pins) > 0 {
		w.checkPins(now)
	}
	if w.beats++; w.beats%4 == 0 {
		w.sweep(now)
	}
	if w.draining {
		w.drain()
	}
}

// sweep looks at every session once a second.
func (w *worker) sweep(now int64) {
	o := &w.proxy.opts
	total := 0
	var most *session
	mostBytes := 0
	for s := w.first; s != nil; {
		next := s.next
		if n := s.conn.Unsent() + s.conn.Unread() + s.held(); n > 0 {
			total += n
			if n > mostBytes {
				most, mostBytes = s, n
			}
		}
		switch {
		case s.has(leaving):
		case s.parser != nil && nanos(now-s.x.partialSince) > o.PartialTimeout && nanos(now-s.active) < o.PartialTimeout,
			s.parser != nil && nanos(now-s.active) > o.PartialTimeout:
			w.stats.Shed.Partial++
			s.kill("ERR proxy: command not complete within partial_timeout (" + shortDuration(o.PartialTimeout) + ")")
		case o.IdleTimeout > 0 && nanos(now-s.active) > o.IdleTimeout && s.inFlight() == 0 && !s.has(subscribed|blocked):
			w.stats.Shed.Idle++
			s.conn.Close()
		case s.has(subscribed) && s.conn.Unsent() > o.MaxMessages:
			w.stats.Shed.SlowClients++
			s.conn.Close()
		}
		s = next
	}
	w.stats.Buffered = total
	if most != nil && w.proxy.buffered(w, total) > o.MaxMemory {
		w.stats.Shed.Memory++
		w.proxy.log.Warn("client disconnected: all clients together queue more than max_memory", "client", most.conn.RemoteAddr(), "bytes", mostBytes)
		most.conn.Close()
	}
}

// held is how much of an open MULTI is kept here.
func (s *session) held() int {
	if s.x == nil || s.x.tx == nil {
		return 0
	}
	return len(s.x.tx.buf)
}

// buffered returns the bytes queued for clients on all loops.
func (p *Proxy) buffered(w *worker, mine int) int {
	delta := mine - int(w.lastSweep)
	w.lastSweep = int64(mine)
	return int(p.queuedBytes.Add(int64(delta)))
}
