package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// outcome is one unit against one target.
type outcome struct {
	Unit    string        `json:"unit"`
	Target  string        `json:"target"`
	Results []result      `json:"results"`
	Took    time.Duration `json:"took_ns"`
	Problem string        `json:"problem,omitempty"` // the unit did not end by itself, and where it was
}

// tree is a worker's own copy of the suite: units that run at the same time
// would clean up each other's files.
type tree struct {
	dir  string
	src  *source
	port int // runtest's own first port
}

// The suite's test server looks for a free port in the 32 below --baseport.
const (
	firstBasePort = 21111
	portsPerTree  = 40
)

func newTree(work string, src *source, n int) (*tree, error) {
	t := &tree{
		dir: filepath.Join(work, fmt.Sprintf("%s-%d-%d", src.name, os.Getpid(), n)), src: src,
		port: firstBasePort + portsPerTree*(n+8*(os.Getpid()%16)),
	}
	entries, err := os.ReadDir(src.dir)
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(t.dir, 0o755); err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.Name() == "tests" {
			continue
		}
		if err := os.Symlink(filepath.Join(src.dir, e.Name()), filepath.Join(t.dir, e.Name())); err != nil {
			return nil, err
		}
	}
	if err := copyFolder(filepath.Join(t.dir, "tests"), filepath.Join(src.dir, "tests")); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(t.dir, "tests", "tmp"), 0o755); err != nil {
		return nil, err
	}
	return t, writeCertificates(filepath.Join(t.dir, "tests", "tls"), src.name)
}

func (t *tree) remove() { _ = os.RemoveAll(t.dir) }

func copyFolder(to, from string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		dest := filepath.Join(to, rel)
		switch {
		case d.IsDir():
			return os.MkdirAll(dest, 0o755)
		case d.Type().IsRegular():
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(dest, data, 0o755)
		}
		return nil // sockets and links that an earlier run left
	})
}

// silence is how long the suite may report no finished test before it says
// which one it is in, and gives up.
const silence = 100 * time.Second

// runUnit runs one unit against a fresh server behind the target.
func (t *tree) runUnit(ctx context.Context, o options, unit, target, variant string) (outcome, error) {
	out := outcome{Unit: unit, Target: target}
	folder := filepath.Join(o.work, "logs", t.src.name+"-"+variant)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return out, err
	}
	logs := filepath.Join(folder, strings.ReplaceAll(unit, "/", "-")+"."+target)
	e, err := openEndpoint(ctx, o, t.src, target, variant, t.dir, logs)
	if err != nil {
		return out, fmt.Errorf("suite: %s through %s: %w", unit, target, err)
	}
	defer e.stop()
	begin := time.Now()
	late, err := t.runtest(ctx, o, unit, variant, e.port, logs+".log")
	out.Took = time.Since(begin)
	if err != nil {
		return out, fmt.Errorf("suite: %s through %s: %w", unit, target, err)
	}
	text, err := os.Open(logs + ".log")
	if err != nil {
		return out, err
	}
	defer text.Close()
	p, err := parse(text)
	out.Results = p.results
	switch {
	case late:
		out.Problem = "stopped at the time limit " + after(p.results)
	case p.stuck != "":
		out.Problem = "no progress in " + p.stuck
	case !p.ended:
		out.Problem = "ended early " + after(p.results)
	}
	return out, err
}

func after(results []result) string {
	if len(results) == 0 {
		return "before its first test"
	}
	return "after " + results[len(results)-1].Test
}

// runtest runs the suite's own script; late says that it was killed at the
// unit's time limit.
func (t *tree) runtest(ctx context.Context, o options, unit, variant string, port int, logFile string) (late bool, err error) {
	args := []string{
		"--host", "127.0.0.1", "--port", strconv.Itoa(port), "--durable", "--single", unit, "--tags", "-slow",
		"--baseport", strconv.Itoa(t.port), "--dont-clean", "--timeout", strconv.Itoa(int(silence.Seconds())),
	}
	switch variant {
	case "resp3":
		args = append(args, "--force-resp3")
	case "tls":
		args = append(args, "--tls")
	}
	log, err := os.Create(logFile)
	if err != nil {
		return false, err
	}
	defer log.Close()
	limit, cancel := context.WithTimeout(ctx, o.limit)
	defer cancel()
	cmd := exec.CommandContext(limit, "./runtest", args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = t.dir, log, log
	cmd.Env = append(os.Environ(), "TERM=dumb") // no colours
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	err = cmd.Run()
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what the suite left behind
	}
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return false, err
	}
	return limit.Err() != nil, nil
}
