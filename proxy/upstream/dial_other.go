//go:build !linux

package upstream

import "syscall"

// boundUnacked does nothing where the system has no such limit; StallTimeout
// finds a node that is gone.
func boundUnacked(string, string, syscall.RawConn) error { return nil }
