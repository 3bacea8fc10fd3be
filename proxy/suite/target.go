package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"time"
)

// Time for a server or proxy to start, and to end before it is killed.
const (
	startLimit = 20 * time.Second
	stopLimit  = 5 * time.Second
)

// process is a program of this run, ended by its own process group.
type process struct {
	cmd  *exec.Cmd
	log  *os.File
	done chan struct{} // closed when the process has ended
}

// start runs a program with its output in logFile; tee, if not nil, sees the
// standard error as well.
func start(logFile string, tee io.Writer, dir, name string, args ...string) (*process, error) {
	log, err := os.Create(logFile)
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(name, args...), log: log, done: make(chan struct{})}
	p.cmd.Dir = dir
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if tee != nil {
		p.cmd.Stderr = io.MultiWriter(log, tee)
	}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		log.Close()
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// stop ends the process and whatever it started.
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

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// freePort returns a port that was free a moment ago.
func freePort() (int, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port, nil
}

// endpoint is a fresh server, with what stands in front of it.
type endpoint struct {
	port  int // where the suite connects
	stops []func()
}

func (e *endpoint) stop() {
	for i := len(e.stops) - 1; i >= 0; i-- {
		e.stops[i]()
	}
}

// openEndpoint starts a server for one unit, and the target in front of it.
func openEndpoint(ctx context.Context, o options, src *source, target, variant, dir, logs string) (_ *endpoint, err error) {
	e := &endpoint{}
	defer func() {
		if err != nil {
			e.stop()
		}
	}()
	viaProxy := target != "direct" && target != "pass-through"
	serverTLS := variant == "tls" && !viaProxy
	port, err := startServer(ctx, e, src, dir, logs, serverTLS)
	if err != nil {
		return nil, err
	}
	switch {
	case target == "pass-through":
		ln, err := passThrough(port)
		if err != nil {
			return nil, err
		}
		e.stops = append(e.stops, func() { ln.Close() })
		e.port = ln.Addr().(*net.TCPAddr).Port
	case viaProxy:
		e.port, err = startProxy(ctx, e, o.thaw, target, port, variant == "tls", dir, logs)
	default:
		e.port = port
	}
	return e, err
}

func startServer(ctx context.Context, e *endpoint, src *source, dir, logs string, tls bool) (int, error) {
	port, err := freePort()
	if err != nil {
		return 0, err
	}
	data, err := os.MkdirTemp(dir, "data-")
	if err != nil {
		return 0, err
	}
	e.stops = append(e.stops, func() { os.RemoveAll(data) })
	args := []string{
		"--bind", "127.0.0.1", "--save", "", "--dir", data,
		"--enable-debug-command", "yes", "--enable-protected-configs", "yes", "--enable-module-command", "yes",
	}
	if tls {
		certs := filepath.Join(dir, "tests", "tls")
		args = append(args, "--port", "0", "--tls-port", strconv.Itoa(port),
			"--tls-cert-file", filepath.Join(certs, "server.crt"), "--tls-key-file", filepath.Join(certs, "server.key"),
			"--tls-ca-cert-file", filepath.Join(certs, "ca.crt"))
	} else {
		args = append(args, "--port", strconv.Itoa(port))
	}
	p, err := start(logs+".server.log", nil, dir, src.server, args...)
	if err != nil {
		return 0, fmt.Errorf("start %s: %w", src.server, err)
	}
	e.stops = append(e.stops, p.stop)
	return port, waitForPort(ctx, p, port)
}

// waitForPort returns when something accepts connections at the port.
func waitForPort(ctx context.Context, p *process, port int) error {
	deadline := time.Now().Add(startLimit)
	for time.Now().Before(deadline) && ctx.Err() == nil {
		c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return c.Close()
		}
		if p.ended() {
			return fmt.Errorf("%s ended at once, see %s", p.cmd.Path, p.log.Name())
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("%s does not listen on port %d, see %s", p.cmd.Path, port, p.log.Name())
}

var listening = regexp.MustCompile(`listening on [0-9a-fA-F.:\[\]]*:(\d+)`)

// startProxy starts thaw proxy in a pool mode and returns its port.
func startProxy(ctx context.Context, e *endpoint, thaw, mode string, upstream int, tls bool, dir, logs string) (int, error) {
	args := []string{
		"proxy", "--listen", "127.0.0.1:0", "--upstream", fmt.Sprintf("redis://127.0.0.1:%d", upstream),
		"--pool-mode", mode, "--admin", "allow", "--metrics", "127.0.0.1:0",
	}
	if tls {
		certs := filepath.Join(dir, "tests", "tls")
		args = append(args, "--tls-cert", filepath.Join(certs, "server.crt"), "--tls-key", filepath.Join(certs, "server.key"),
			"--tls-client-ca", filepath.Join(certs, "ca.crt"))
	}
	pr, pw := io.Pipe()
	p, err := start(logs+".proxy.log", pw, dir, thaw, args...)
	if err != nil {
		return 0, fmt.Errorf("start %s: %w", thaw, err)
	}
	e.stops = append(e.stops, p.stop)
	found := make(chan int, 1)
	go func() {
		lines := bufio.NewScanner(pr)
		for lines.Scan() {
			if m := listening.FindStringSubmatch(lines.Text()); m != nil {
				n, _ := strconv.Atoi(m[1])
				select {
				case found <- n:
				default:
				}
			}
		}
		_, _ = io.Copy(io.Discard, pr) // never block the proxy's log
	}()
	select {
	case port := <-found:
		return port, nil
	case <-p.done:
		return 0, fmt.Errorf("thaw proxy ended at once, see %s", p.log.Name())
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-time.After(startLimit):
		return 0, fmt.Errorf("thaw proxy does not say that it is listening, see %s", p.log.Name())
	}
}

// passThrough copies bytes between clients and a server, one connection for
// one: the best that anything in between can score.
func passThrough(port int) (net.Listener, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			down, err := ln.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				continue
			}
			up, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
			if err != nil {
				down.Close()
				continue
			}
			go forward(down, up)
			go forward(up, down)
		}
	}()
	return ln, nil
}

// forward copies until one side is done; then both are, as with a direct
// connection that the server closes. It does not splice, which would cost two
// pipes a direction.
func forward(dst, src net.Conn) {
	_, _ = io.Copy(struct{ io.Writer }{dst}, struct{ io.Reader }{src})
	src.Close()
	dst.Close()
}
