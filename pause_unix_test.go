//go:build unix

package thaw

import "syscall"

// pause stops the server with its sockets open, as docker pause does, and returns
// when all its threads stand.
func (s *server) pause() {
	s.cmd.Process.Signal(syscall.SIGSTOP)
	var status syscall.WaitStatus
	for {
		_, err := syscall.Wait4(s.cmd.Process.Pid, &status, syscall.WUNTRACED, nil)
		if err != syscall.EINTR {
			break
		}
	}
	if !status.Stopped() {
		s.t.Fatalf("the server did not stop: %v", status)
	}
}

func (s *server) resume() { s.cmd.Process.Signal(syscall.SIGCONT) }
