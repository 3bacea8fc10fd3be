package cache

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// childAttr puts a server in a process group of its own, so that Ctrl-C in the
// terminal lets the lab read the server's last state, and asks the kernel to
// kill it with the lab.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// settle waits until each thread of a process that got SIGSTOP has stopped: the
// signal is delivered to all of them, but not before kill returns.
func settle(pid int) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for deadline := time.Now().Add(settleWithin); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		running := func(path string) bool {
			state, err := os.ReadFile(path)
			return err == nil && !bytes.Contains(state, []byte(") T "))
		}
		if !slices.ContainsFunc(tasks, running) {
			return
		}
	}
}

// machineMemory is the memory of this machine in bytes, 0 if unknown.
func machineMemory() int64 {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0
	}
	defer f.Close()
	var kib int64
	// MemTotal is the first line.
	if _, err := fmt.Fscanf(f, "MemTotal: %d kB", &kib); err != nil {
		return 0
	}
	return kib << 10
}

// loopbackHosts proposes addresses to bind. All of 127.0.0.0/8 is this machine,
// so that the port of the template is free on nearly each of them.
func loopbackHosts() []string {
	var hosts []string
	for range 4 {
		// Never 127.0.…, where other programs pick addresses by hand.
		hosts = append(hosts, fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254)))
	}
	return hosts
}
