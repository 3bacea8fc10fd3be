package proxy

import "github.com/thawdev/thaw/proxy/wire"

// watch needs a connection of its own: the server remembers the keys with it.
func (s *session) watch(cmd *wire.Command, pl *plan) bool {
	return s.borrowed(becauseWatch, cmd, pl)
}

// unwatch without WATCH has nothing to do.
func (s *session) unwatch(*wire.Command, *plan) bool { return s.ok() }

// checkPins ends the pins of sessions that sit on them.
func (w *worker) checkPins(now int64) {
	o := &w.proxy.opts
	for s := range w.pins {
		p := s.x.pin
		switch idle := nanos(now - max(s.active, p.since)); {
		case s.inFlight() > 0:
			if s.has(blocked) && o.BlockTimeout > 0 && idle > o.BlockTimeout {
				w.stats.Shed.Blocked++
				s.kill("ERR proxy: blocked longer than block_timeout (" + shortDuration(o.BlockTimeout) + "); command was sent and may have been executed")
			}
		case p.watched > 0 && idle > o.WatchTimeout:
			w.stats.Shed.Watches++
			s.kill("ERR proxy: WATCH held longer than pin_timeout (" + shortDuration(o.WatchTimeout) + ")")
		case p.multi && idle > o.WatchTimeout:
			w.stats.Shed.Watches++
			s.kill("ERR proxy: MULTI held longer than pin_timeout (" + shortDuration(o.WatchTimeout) + ")")
		}
	}
}
