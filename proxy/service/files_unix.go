//go:build unix

package service

import (
	"log/slog"
	"syscall"
)

// warnOfFiles warns when the process may not open as many connections as the
// configuration allows. Go has raised the soft limit to the hard one already.
func warnOfFiles(log *slog.Logger, connections int) {
	const spare = 64 // log, listeners, epoll, resolver
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil || uint64(limit.Cur) >= uint64(connections+spare) {
		return
	}
	log.Warn("fewer file descriptors than connections allowed; raise ulimit -n (ECS: ulimits nofile, systemd: LimitNOFILE)", "limit", limit.Cur, "needed", connections+spare)
}
