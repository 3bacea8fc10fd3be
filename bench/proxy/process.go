package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Time for a program to start, and to end before it is killed.
const (
	startLimit = 20 * time.Second
	stopLimit  = 5 * time.Second
)

// process is a program that is measured.
type process struct {
	cmd  *exec.Cmd
	log  *os.File
	done chan struct{}
}

// start runs a program with its output in folder/name.log; errTo, if not nil,
// sees its standard error too.
func start(folder, name string, errTo io.Writer, binary string, args ...string) (*process, error) {
	log, err := os.Create(filepath.Join(folder, name+".log"))
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(binary, args...), log: log, done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if errTo != nil {
		p.cmd.Stderr = io.MultiWriter(log, errTo)
	}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		log.Close()
		return nil, fmt.Errorf("bench: start %s: %w", name, err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// stop ends the process by its own pid and group.
func (p *process) stop() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(stopLimit):
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.done
	p.log.Close()
}

// cpu is the time that all threads of the process have run, those that ended
// included, in user and system mode.
func (p *process) cpu() (time.Duration, error) { return processCPU(p.cmd.Process.Pid) }

// rss is the resident memory, in bytes, as the operating system counts it.
func (p *process) rss() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(v)[0], 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("bench: /proc/PID/status has no VmRSS")
}

// waitForPort returns when something accepts connections there.
func (p *process) waitForPort(port int) error {
	deadline := time.Now().Add(startLimit)
	for time.Now().Before(deadline) {
		c, err := net.Dial("tcp", address(port))
		if err == nil {
			return c.Close()
		}
		select {
		case <-p.done:
			return fmt.Errorf("bench: %s ended at once, see %s", p.cmd.Path, p.log.Name())
		case <-time.After(20 * time.Millisecond):
		}
	}
	return fmt.Errorf("bench: %s does not listen on port %d, see %s", p.cmd.Path, port, p.log.Name())
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// freePort returns a port that was free a moment ago.
func freePort() (int, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port, nil
}

// firstMatch is a writer that waits for a line and remembers its submatch.
type firstMatch struct {
	found chan string
	w     *io.PipeWriter
}

func watchFor(pattern *regexp.Regexp) *firstMatch {
	r, w := io.Pipe()
	f := &firstMatch{found: make(chan string, 1), w: w}
	go func() {
		lines := bufio.NewScanner(r)
		for lines.Scan() {
			if m := pattern.FindStringSubmatch(lines.Text()); m != nil {
				select {
				case f.found <- m[1]:
				default:
				}
			}
		}
		_, _ = io.Copy(io.Discard, r) // never block the program
	}()
	return f
}

func (f *firstMatch) Write(b []byte) (int, error) { return f.w.Write(b) }

// wait returns the submatch, or an error when the process ended or is silent.
func (f *firstMatch) wait(p *process) (string, error) {
	select {
	case s := <-f.found:
		return s, nil
	case <-p.done:
		return "", fmt.Errorf("bench: %s ended at once, see %s", p.cmd.Path, p.log.Name())
	case <-time.After(startLimit):
		return "", fmt.Errorf("bench: %s does not say that it is ready, see %s", p.cmd.Path, p.log.Name())
	}
}
