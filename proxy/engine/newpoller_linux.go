package engine

import (
	"errors"

	"golang.org/x/sys/unix"
)

func newPoller(l *Loop, goroutines bool) (poller, error) {
	if goroutines {
		return newPortable(l), nil
	}
	return newEpoll(l)
}

func closeFD(fd int) { unix.Close(fd) }

// outOfResources says whether an error of accept means that the process or the
// system has no descriptors or memory left.
func outOfResources(err error) bool {
	for _, e := range []error{unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
