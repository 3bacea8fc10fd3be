package upstream

import (
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// unackedLimit ends a connection whose bytes the other side has not acknowledged:
// a node that is gone without a word shows in seconds and not after the kernel's
// quarter of an hour.
const unackedLimit = 10 * time.Second

// boundUnacked is a net.Dialer's Control.
func boundUnacked(network, _ string, c syscall.RawConn) error {
	if !strings.HasPrefix(network, "tcp") {
		return nil
	}
	var err error
	if e := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(unackedLimit/time.Millisecond))
	}); e != nil {
		return e
	}
	return err
}
