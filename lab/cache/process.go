package cache

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	politeFor    = 500 * time.Millisecond // from SIGTERM to SIGKILL; nothing is saved, so little is at stake
	settleWithin = 200 * time.Millisecond // from SIGSTOP to stopped
	tailLines    = 8                      // of the log in an error
	tailBytes    = 4 << 10
)

// process is a server program. It is killed by the kernel, on Linux, when the
// lab dies without closing it.
type process struct {
	path   string
	args   []string
	dir    string
	log    string
	secret string // never shown, even if the program logs it

	mu      sync.Mutex
	os      *os.Process
	done    chan struct{} // closed when the process has ended
	result  error         // of the wait; valid after done
	paused  bool
	stopped bool // by us
}

func newProcess(path string, args []string, dir, secret string) *process {
	return &process{path: path, args: args, dir: dir, log: filepath.Join(dir, "server.log"), secret: secret}
}

func (p *process) start() error {
	log, err := os.Create(p.log)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(p.path, p.args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.dir, log, log
	cmd.SysProcAttr = childAttr()

	// The kernel sends the parent-death signal when the thread that started
	// the child ends, not the process. So a thread of our own starts the child
	// and stays until it has ended.
	started, done := make(chan error, 1), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.result = cmd.Wait()
			close(done)
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.os, p.done, p.paused, p.stopped = cmd.Process, done, false, false
	return nil
}

func (p *process) running() bool {
	if p.os == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

func (p *process) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.running() {
		return 0
	}
	return p.os.Pid
}

func (p *process) down() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.os == nil || (p.stopped && !p.running()):
		return fmt.Errorf("%w: not running", ErrDown)
	case !p.running():
		why := "it ended"
		if p.result != nil {
			why = p.result.Error()
		}
		return fmt.Errorf("%w: %s\n%s", ErrDown, why, p.tail())
	case p.paused:
		return fmt.Errorf("%w: paused", ErrDown)
	}
	return nil
}

// signal sends a signal to a running process; to one that ended it does
// nothing.
func (p *process) signal(sig os.Signal, note func()) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.running() {
		return ErrDown
	}
	err := p.os.Signal(sig)
	if err == nil {
		note()
	}
	return err
}

func (p *process) pause() error {
	return p.signal(syscall.SIGSTOP, func() {
		p.paused = true
		settle(p.os.Pid)
	})
}

func (p *process) resume() error {
	return p.signal(syscall.SIGCONT, func() { p.paused = false })
}

func (p *process) kill() error {
	if err := p.signal(syscall.SIGKILL, func() { p.stopped = true }); err != nil {
		return err
	}
	<-p.done
	return nil
}

func (p *process) stop() error {
	err := p.signal(syscall.SIGTERM, func() { p.stopped = true })
	if errors.Is(err, ErrDown) {
		return nil
	}
	if err == nil {
		// A stopped process gets the signal only when it goes on. If it cannot
		// be told to, the kill below still ends it.
		_ = p.resume()
	}
	timer := time.NewTimer(politeFor)
	defer timer.Stop()
	select {
	case <-p.done:
		return nil
	case <-timer.C:
		if err = p.kill(); errors.Is(err, ErrDown) {
			err = nil
		}
		return err
	}
}

// tail is the end of the log, indented, without the secret.
func (p *process) tail() string {
	f, err := os.Open(p.log)
	if err != nil {
		return "  (no log)"
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && st.Size() > tailBytes {
		f.Seek(-tailBytes, io.SeekEnd)
	}
	text, _ := io.ReadAll(io.LimitReader(f, tailBytes))
	return lastLines(text, p.secret)
}

func lastLines(log []byte, secret string) string {
	text := string(bytes.TrimSpace(log))
	if secret != "" {
		text = strings.ReplaceAll(text, secret, "***")
		text = strings.ReplaceAll(text, confQuote(secret), "***")
	}
	lines := strings.Split(text, "\n")
	if len(lines) > tailLines {
		lines = lines[len(lines)-tailLines:]
	}
	if len(lines) == 1 && lines[0] == "" {
		return "  (its log is empty)"
	}
	return "  " + strings.Join(lines, "\n  ")
}
