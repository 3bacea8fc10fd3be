package sandbox

import (
	"os"
	"syscall"
)

// process is one incarnation of the handler's main process; a reset ends it and
// the suppressed init makes the next. It leads a process group of its own, so
// that what it forks dies with it.
type process struct {
	pid    int
	group  *group        // never nil; may be empty
	exited chan struct{} // closed once the main process is reaped
	status string        // valid after exited: "exit status 1", "signal: killed"
	output *os.File      // read end of the pipe that is stdout and stderr
	raw    syscall.RawConn
}

// command is what launch needs to know. The output's write end stays the
// caller's.
type command struct {
	path  string
	args  []string
	env   []string
	dir   string
	files uint64 // RLIMIT_NOFILE; 0 leaves the lab's
	group *group
	null  *os.File
	write *os.File
}

// launch starts the process with one pipe as stdout and stderr: one pipe keeps
// the order between the two, as a log stream does.
func (l *launcher) launch(c command) (*process, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer write.Close()
	c.write = write
	raw, err := read.SyscallConn()
	if err != nil {
		read.Close()
		return nil, err
	}
	p := &process{group: c.group, exited: make(chan struct{}), output: read, raw: raw}
	if err := l.start(p, c); err != nil {
		read.Close()
		return nil, err
	}
	return p, nil
}

// hasExited reports whether the main process is gone.
func (p *process) hasExited() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// end kills everything that belongs to the process and returns when it is
// gone. It may be called more than once, and after the main process has left.
func (p *process) end() {
	if p.group.canKill() {
		p.group.kill()
	}
	// Without a control group this is what reaches the children, also when the
	// main process is gone. The number cannot mean another group unless the
	// system ran through all process ids in the few milliseconds since.
	if !p.group.canKill() || !p.hasExited() {
		signalGroup(p.pid, sigKill)
	}
	<-p.exited
	p.group.waitEmpty()
}
