package engine

import (
	"net"
	"net/netip"
	"time"
)

// poller is what a loop needs of the system: the seam between the loops and
// epoll, goroutines, or what may follow. All methods but wake and take run on the
// goroutine of the loop.
type poller interface {
	// wait reports events with Loop.canRead and Loop.canWrite. It blocks for at
	// most timeout, without limit when that is negative, and not at all when it
	// is 0 or Loop.sleep says that something was posted meanwhile.
	wait(timeout time.Duration)
	// wake ends a wait that blocks.
	wake()
	// take makes nc this poller's own; nc must not be used after that. When it
	// fails nc still belongs to the caller.
	take(nc net.Conn) (socket, error)
	// add begins to report events of c.
	add(c *Conn) error
	// read and write never block: they return errWouldBlock instead. read
	// returns 0 without an error at the end of the stream. A write that takes
	// less than all is followed by a canWrite when more can be taken.
	read(c *Conn, p []byte) (int, error)
	write(c *Conn, p []byte) (int, error)
	// local is the address of this side; not valid for a Unix socket.
	local(c *Conn) netip.AddrPort
	// shutdown ends the output of c, which goes on reading.
	shutdown(c *Conn)
	// remove closes the socket of c; no event of it is reported after that.
	remove(c *Conn)
	// close releases what the poller itself holds.
	close()
}

// socket is a connection in the form that its poller keeps.
type socket struct {
	remote   netip.AddrPort
	portable *portableConn // portable: the goroutines' side
	// epoll: the descriptor, ours alone, its place in the table of events, and
	// whether the kernel was asked to tell when it takes output again.
	fd       int
	slot     int32
	wantsOut bool
}

// close releases a socket that never became a connection.
func (s socket) close() {
	if s.portable != nil {
		s.portable.nc.Close()
		return
	}
	closeFD(s.fd)
}

// wouldBlock is the error of a transport that has nothing at the moment.
// crypto/tls keeps a partial record across errors that are temporary.
type wouldBlock struct{}

func (wouldBlock) Error() string   { return "engine: would block" }
func (wouldBlock) Timeout() bool   { return true }
func (wouldBlock) Temporary() bool { return true }

var errWouldBlock net.Error = wouldBlock{}

func addrPort(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := t.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
