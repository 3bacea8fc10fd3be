//go:build unix

package runtimeapi

import (
	"errors"
	"syscall"
)

// isExhausted tells whether an accept failed for want of file descriptors or
// because the client had gone already: both pass.
func isExhausted(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ECONNABORTED)
}
