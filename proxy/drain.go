package proxy

// drain closes the sessions that are at rest. The others come to rest with their
// next answer, or when what pins them ends; beat calls drain again until then.
func (w *worker) drain() {
	w.draining = true
	for s := w.first; s != nil; {
		next := s.next
		if s.atRest() {
			s.set(leaving)
			s.conn.CloseAfterFlush()
		}
		s = next
	}
}

// atRest reports that the client waits for nothing and nothing waits for it.
func (s *session) atRest() bool {
	return s.inFlight() == 0 && !s.has(holding|transacting|pinned|queued|leaving|gone) && s.conn.Unread() == 0
}
