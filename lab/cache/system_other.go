//go:build !linux

package cache

import (
	"syscall"
	"time"
)

// childAttr puts a server in a process group of its own, so that Ctrl-C in the
// terminal lets the lab read the server's last state.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// settle gives the threads of a process that got SIGSTOP time to stop; the
// system does not tell when they have.
func settle(int) { time.Sleep(settleWithin / 10) }

// machineMemory is unknown.
func machineMemory() int64 { return 0 }

// loopbackHosts proposes the one address that is configured everywhere.
func loopbackHosts() []string { return []string{"127.0.0.1"} }
