//go:build unix && !linux

package sandbox

import "syscall"

// launcher forks the processes of a host. Nothing here kills them when the lab
// itself is killed; Linux only has that.
type launcher struct{}

func newLauncher() *launcher { return &launcher{} }
func (*launcher) close()     {}

func (*launcher) start(p *process, c command) error {
	pid, err := syscall.ForkExec(c.path, c.args, &syscall.ProcAttr{
		Dir:   c.dir,
		Env:   c.env,
		Files: []uintptr{c.null.Fd(), c.write.Fd(), c.write.Fd()},
		Sys:   &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		return err
	}
	p.pid = pid
	go p.reap()
	return nil
}
