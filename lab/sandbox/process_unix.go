//go:build unix

package sandbox

import (
	"errors"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	sigKill = syscall.SIGKILL
	sigTerm = syscall.SIGTERM
	sigStop = syscall.SIGSTOP
	sigCont = syscall.SIGCONT
)

// signalGroup sends a signal to the process group that pid leads. That nobody
// is left is not an error.
func signalGroup(pid int, sig syscall.Signal) { _ = syscall.Kill(-pid, sig) }

func signalProcess(pid int, sig syscall.Signal) { _ = syscall.Kill(pid, sig) }

// wait4 reaps pid, through interruptions.
func wait4(pid int, ws *unix.WaitStatus) (int, error) {
	for {
		n, err := unix.Wait4(pid, ws, 0, nil)
		if err != unix.EINTR {
			return n, err
		}
	}
}

// reap waits for the end of the main process and publishes its status.
func (p *process) reap() {
	var ws unix.WaitStatus
	_, err := wait4(p.pid, &ws)
	switch {
	case err != nil:
		p.status = "unknown: " + err.Error()
	case ws.Signaled():
		p.status = "signal: " + ws.Signal().String()
	default:
		p.status = "exit status " + strconv.Itoa(ws.ExitStatus())
	}
	close(p.exited)
}

// readNow reads what is in the pipe without waiting. more is false at the end
// of the stream; n is 0 with more when the pipe is empty.
func readNow(fd uintptr, buf []byte) (n int, more bool) {
	for {
		n, err := unix.Read(int(fd), buf)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return 0, true
		case err != nil || n <= 0:
			return 0, false
		}
		return n, true
	}
}

// alive reports whether a process with this id exists.
func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, os.ErrPermission)
}
