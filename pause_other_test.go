//go:build !unix

package thaw

func (s *server) pause()  { s.t.Skip("this system cannot stop a process") }
func (s *server) resume() {}
