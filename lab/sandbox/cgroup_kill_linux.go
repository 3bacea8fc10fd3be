package sandbox

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// kill sends SIGKILL to every process of the group.
func (g *group) kill() {
	if g.unified != "" && write(g.unified, "cgroup.kill", "1") == nil {
		g.mu.Lock()
		g.used = true
		g.mu.Unlock()
		return
	}
	// v1 has no such file. Processes may fork while the list is read, so it is
	// repeated until empty; the v1 freezer defers even SIGKILL until the thaw.
	for range 100 {
		left := g.pids()
		if len(left) == 0 {
			return
		}
		for _, pid := range left {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		_ = g.freeze(false)
		time.Sleep(200 * time.Microsecond)
	}
}

// waitEmpty returns when no process is left in the group, or after 2 s.
func (g *group) waitEmpty() {
	if !g.canKill() {
		return
	}
	pause := 50 * time.Microsecond
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); {
		if len(g.pids()) == 0 {
			return
		}
		time.Sleep(pause)
		pause = min(2*pause, 10*time.Millisecond)
	}
}

// pids lists the processes in the group.
func (g *group) pids() []int {
	folders := g.folders()
	if len(folders) == 0 {
		return nil
	}
	data, err := os.ReadFile(filepath.Join(folders[0], "cgroup.procs"))
	if err != nil {
		return nil
	}
	var out []int
	for s := range strings.FieldsSeq(string(data)) {
		if pid, err := strconv.Atoi(s); err == nil && pid > 0 {
			out = append(out, pid)
		}
	}
	return out
}

// remove deletes the group, which must hold no process.
func (g *group) remove() error {
	g.mu.Lock()
	if g.gate != nil {
		g.gate.Close()
		g.gate = nil
	}
	g.mu.Unlock()
	var errs []error
	for _, f := range g.folders() {
		errs = append(errs, removeFolder(f))
	}
	return errors.Join(errs...)
}

// removeFolder removes one control group. For a moment after the last process
// has gone the kernel may still call it busy.
func removeFolder(path string) error {
	for end := time.Now().Add(time.Second); ; time.Sleep(time.Millisecond) {
		err := unix.Rmdir(path)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if time.Now().After(end) {
			return &os.PathError{Op: "rmdir", Path: path, Err: err}
		}
	}
}
