package sandbox

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cleanStale removes what labs left behind that were killed with SIGKILL:
// control groups with the daemonised processes in them, and temporary folders.
// A folder that belongs to another user is left alone.
func cleanStale(h hierarchies, temp string) {
	places := append([]string(nil), h.unified...)
	for _, dirs := range h.v1 {
		places = append(places, dirs...)
	}
	for _, dir := range places {
		for _, run := range staleIn(dir) {
			_ = removeRun([]string{run})
		}
	}
	for _, dir := range staleIn(temp) {
		_ = os.RemoveAll(dir)
	}
}

func staleIn(dir string) []string {
	found, err := filepath.Glob(filepath.Join(dir, "thaw-*"))
	if err != nil {
		return nil
	}
	var out []string
	for _, path := range found {
		var st unix.Stat_t
		if isStale(filepath.Base(path)) && unix.Lstat(path, &st) == nil &&
			st.Mode&unix.S_IFMT == unix.S_IFDIR && int(st.Uid) == os.Geteuid() {
			out = append(out, path)
		}
	}
	return out
}

// removeRun kills every process in the run's groups and removes them, the
// environments' first.
func removeRun(folders []string) error {
	var errs []error
	for _, run := range folders {
		groups, _ := filepath.Glob(filepath.Join(run, "*", "cgroup.procs"))
		for _, procs := range groups {
			dir := filepath.Dir(procs)
			killFolder(dir)
			errs = append(errs, removeFolder(dir))
		}
		errs = append(errs, removeFolder(run))
	}
	return errors.Join(errs...)
}

// killFolder kills every process in one control group of either version and
// waits until it is empty, 2 s at most.
func killFolder(dir string) {
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		_ = write(dir, "cgroup.kill", "1")
		data, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		left := strings.Fields(string(data))
		if len(left) == 0 {
			return
		}
		for _, s := range left {
			if pid, err := strconv.Atoi(s); err == nil && pid > 1 {
				_ = unix.Kill(pid, unix.SIGKILL)
			}
		}
		_ = write(dir, "freezer.state", "THAWED")
	}
}

// startTime is the time a process began, in clock ticks since boot; 0 when it
// does not exist. proc(5): field 22 of stat, counted after the name, which may
// hold blanks and brackets.
func startTime(pid int) uint64 {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	_, rest, ok := strings.Cut(string(data[strings.LastIndexByte(string(data), ')')+1:]), " ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 20 {
		return 0
	}
	n, _ := strconv.ParseUint(fields[19], 10, 64)
	return n
}
