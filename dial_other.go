//go:build !linux

package thaw

import (
	"syscall"
	"time"
)

// setUserTimeout does nothing where the system has no such option; keep-alives
// and the operation timeout remain.
func setUserTimeout(syscall.RawConn, time.Duration) error { return nil }
