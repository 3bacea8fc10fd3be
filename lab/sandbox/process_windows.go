//go:build !unix

package sandbox

import (
	"errors"
	"syscall"
)

const (
	sigKill = syscall.SIGKILL
	sigTerm = syscall.SIGTERM
	sigStop = syscall.Signal(19)
	sigCont = syscall.Signal(18)
)

func signalGroup(int, syscall.Signal)   {}
func signalProcess(int, syscall.Signal) {}

func readNow(uintptr, []byte) (n int, more bool) { return 0, false }

type launcher struct{}

func newLauncher() *launcher { return &launcher{} }
func (*launcher) close()     {}

func (*launcher) start(*process, command) error {
	return errors.New("process groups cannot be stopped on this system: run the lab on Linux, macOS or WSL")
}
