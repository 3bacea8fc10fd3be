package cache

import (
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// busOffset lies between the port for clients and the port for the cluster bus.
// Source: Redis cluster specification.
const busOffset = 10_000

// busPort is the port of the cluster bus next to port.
func busPort(port int) int {
	if port+busOffset > 65535 {
		return port - busOffset
	}
	return port + busOffset
}

// pickLocation finds a loopback address on which the template's port is free,
// or else a free port.
func pickLocation(s *spec) (location, error) {
	for _, host := range loopbackHosts() {
		if at := (location{host, s.port}); free(at, s.cluster) {
			return at, nil
		}
	}
	for range 10 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return location{}, fmt.Errorf("no free port on 127.0.0.1: %w", err)
		}
		at := location{"127.0.0.1", l.Addr().(*net.TCPAddr).Port}
		l.Close()
		if free(at, s.cluster) {
			return at, nil
		}
	}
	return location{}, fmt.Errorf("no free port for the cache and its cluster bus on 127.0.0.1")
}

func free(at location, cluster bool) bool {
	ports := []int{at.port}
	if cluster {
		ports = append(ports, busPort(at.port))
	}
	for _, port := range ports {
		l, err := net.Listen("tcp", net.JoinHostPort(at.host, strconv.Itoa(port)))
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}

// openFilesLimit is how many files a process of this user may open at most,
// 0 if unknown.
func openFilesLimit() int {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 0
	}
	// macOS says "infinity" and then allows less; no table of ours needs more
	// than a million.
	return int(min(limit.Max, 1<<20))
}
