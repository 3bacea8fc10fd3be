package sandbox

import (
	"errors"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// launcher forks all processes of a host from one OS thread, because two things
// are bound to the thread that forks: PR_SET_PDEATHSIG fires when that thread
// ends, not when the process does (go.dev/issue/27505), so the thread must live
// as long as the host; and only the tracing thread may ptrace.
type launcher struct {
	jobs chan func()
	quit chan struct{}
}

func newLauncher() *launcher {
	l := &launcher{jobs: make(chan func()), quit: make(chan struct{})}
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		for {
			select {
			case job := <-l.jobs:
				job()
			case <-l.quit:
				return
			}
		}
	}()
	return l
}

// close ends the thread; every process of it that still lives is killed by the
// kernel.
func (l *launcher) close() { close(l.quit) }

// start forks and executes c and fills in p.
func (l *launcher) start(p *process, c command) error {
	done := make(chan struct{})
	pidfd, err := -1, error(nil)
	job := func() {
		p.pid, pidfd, err = fork(c)
		close(done)
	}
	select {
	case l.jobs <- job:
		<-done
	case <-l.quit:
		return os.ErrClosed
	}
	if err != nil {
		return err
	}
	go p.watch(pidfd)
	return nil
}

// fork starts the process inside its control groups. No child of the handler
// may be born outside of them, so moving a running process is not enough:
//
//	unified hierarchy   clone3 with CLONE_INTO_CGROUP: it is born inside
//	v1 hierarchies      there is no such flag. The process is traced, so that
//	                    the kernel stops it on return from exec, before its
//	                    first instruction; it is moved, then released
//
// The second costs two context switches. Where clone3 or ptrace are forbidden
// (old container runtimes) the weaker way is taken; the last one is the race.
func fork(c command) (pid, pidfd int, err error) {
	inside, release := c.group.cloneInto()
	defer release()
	for _, way := range []struct{ clone, trace bool }{
		{inside >= 0, c.group.hasV1()},
		{false, c.group.canKill()},
		{false, false},
	} {
		pidfd = -1
		sys := &syscall.SysProcAttr{
			Setpgid:   true,
			Pdeathsig: syscall.SIGKILL,
			PidFD:     &pidfd,
			Ptrace:    way.trace,
		}
		if way.clone {
			sys.UseCgroupFD, sys.CgroupFD = true, inside
		}
		pid, err = syscall.ForkExec(c.path, c.args, &syscall.ProcAttr{
			Dir:   c.dir,
			Env:   c.env,
			Files: []uintptr{c.null.Fd(), c.write.Fd(), c.write.Fd()},
			Sys:   sys,
		})
		if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
			continue
		}
		if err == nil {
			err = settle(pid, c, way.clone, way.trace)
		}
		return pid, pidfd, err
	}
	return pid, pidfd, err
}

// settle finishes what must happen before the new process runs. On an error the
// process is dead and reaped.
func settle(pid int, c command, inside, traced bool) error {
	if traced {
		var ws unix.WaitStatus
		if _, err := wait4(pid, &ws); err != nil || !ws.Stopped() {
			return errors.Join(errors.New("the process did not stop after exec"), err)
		}
	}
	err := c.group.adopt(pid, inside)
	if err == nil && c.files > 0 {
		// AWS's limit of open files: a handler that leaks connections must
		// fail here as it does there.
		limit := unix.Rlimit{Cur: c.files, Max: c.files}
		err = unix.Prlimit(pid, unix.RLIMIT_NOFILE, &limit, nil)
	}
	if traced {
		err = errors.Join(err, unix.PtraceDetach(pid))
	}
	if err != nil {
		signalGroup(pid, sigKill)
		wait4(pid, nil)
	}
	return err
}

// watch reaps the process. It parks in the network poller: a wait system call
// would hold an OS thread for each environment.
func (p *process) watch(pidfd int) {
	if pidfd >= 0 && unix.SetNonblock(pidfd, true) == nil {
		f := os.NewFile(uintptr(pidfd), "pidfd")
		if conn, err := f.SyscallConn(); err == nil {
			_ = conn.Read(func(fd uintptr) bool {
				poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
				n, err := unix.Poll(poll, 0)
				return n > 0 && err == nil
			})
		}
		f.Close()
	}
	p.reap()
}
