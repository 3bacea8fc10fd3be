package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// epoll is the poller of Linux. Sockets are registered once, edge-triggered:
// pausing, resuming and stopping in the middle of the data change flags of the
// connection and cost no epoll_ctl. Only output that the kernel refuses does.
//
// To block, the loop does not call epoll_wait. It lets the Go runtime wait until
// the epoll descriptor itself is readable, as for any other file, and then asks
// for the events without blocking. A thread that blocks in a system call keeps
// the runtime busy taking its processor away and giving it back: at 2,000
// messages a second that was three quarters of all processor time spent.
type epoll struct {
	loop   *Loop
	fd     int
	waker  int // an eventfd
	events []unix.EpollEvent
	found  int // events of the last look

	file     *os.File        // owns fd
	raw      syscall.RawConn // of file
	look     func(uintptr) bool
	deadline time.Time // set on file; zero = none
	// slots finds the connection of an event. The kernel keeps an index and the
	// generation of its slot: an event of a connection that was closed earlier
	// in the same batch meets another generation, and no connection can be
	// mistaken for one that had the same descriptor before it.
	slots []slot
	free  []int32
}

type slot struct {
	c          *Conn
	generation int32
}

// wakerSlot marks events of the eventfd.
const wakerSlot = -1

func newEpoll(l *Loop) (*epoll, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("engine: epoll_create1: %w", err)
	}
	unix.SetNonblock(fd, true) // which tells os.NewFile that it can be waited for
	waker, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("engine: eventfd: %w", err)
	}
	p := &epoll{
		loop: l, fd: fd, waker: waker, events: make([]unix.EpollEvent, 256),
		file: os.NewFile(uintptr(fd), "epoll"),
	}
	p.look = func(uintptr) bool { p.found = pollNow(p.fd, p.events); return p.found > 0 }
	if err := p.prepare(); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *epoll) prepare() error {
	// Edge-triggered, the counter of the eventfd never needs to be read.
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: wakerSlot}
	if err := unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, p.waker, &ev); err != nil {
		return fmt.Errorf("engine: epoll_ctl: %w", err)
	}
	var err error
	if p.raw, err = p.file.SyscallConn(); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	// This fails when the runtime cannot wait for an epoll descriptor.
	if err := p.file.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("engine: epoll descriptors cannot be waited for here, use Options.Portable: %w", err)
	}
	return nil
}

func (p *epoll) close() {
	unix.Close(p.waker)
	p.file.Close()
}

func (p *epoll) wake() {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	unix.Write(p.waker, one[:])
}

// wait goes to sleep without having asked for events before, because going to
// sleep begins with asking. It does not give way to other processes first
// (sched_yield), so that there would be more events: with the scheduler of Linux
// 6.18 whoever yields waits until the others have used up their slices, some
// milliseconds, and a request costs more and not less.
func (p *epoll) wait(timeout time.Duration) {
	p.found = 0
	if timeout != 0 && p.loop.sleep() {
		p.park(timeout)
		p.loop.awake()
	} else {
		p.look(0)
	}
	for _, ev := range p.events[:p.found] {
		p.report(ev)
	}
}

// park blocks until there are events or timeout has passed. A deadline that is
// set already and comes earlier is left: timers are mostly set to later times,
// and a turn with nothing to do is cheaper than changing it each time.
func (p *epoll) park(timeout time.Duration) {
	now := time.Now()
	var when time.Time
	if timeout > 0 {
		when = now.Add(timeout)
	}
	early := !p.deadline.IsZero() && p.deadline.After(now) && !when.IsZero() && !p.deadline.After(when)
	if !early && p.deadline != when {
		p.deadline = when
		p.file.SetReadDeadline(when)
	}
	p.raw.Read(p.look) // its only error is that the deadline has passed
}

func (p *epoll) report(ev unix.EpollEvent) {
	if ev.Fd == wakerSlot {
		return
	}
	s := &p.slots[ev.Fd]
	if s.c == nil || s.generation != ev.Pad {
		return
	}
	c := s.c
	if ev.Events&unix.EPOLLERR != 0 && (c.paused || c.eof) {
		c.failed(socketError(c.socket.fd)) // nobody reads, so nobody would notice
		return
	}
	if ev.Events&unix.EPOLLOUT != 0 {
		p.canWrite(c)
	}
	const ends = unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR
	if ev.Events&(unix.EPOLLIN|ends) != 0 {
		p.loop.canRead(c, ev.Events&ends != 0)
	}
}

// canWrite stops asking once output is refused no more: a Unix socket would
// report every read of its peer.
func (p *epoll) canWrite(c *Conn) {
	if c.waiting {
		p.loop.canWrite(c)
		return
	}
	if c.socket.wantsOut && p.control(c, unix.EPOLL_CTL_MOD, interest) == nil {
		c.socket.wantsOut = false
	}
}

func socketError(fd int) error {
	n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return fmt.Errorf("engine: getsockopt: %w", err)
	}
	if n == 0 {
		n = int(unix.ECONNRESET)
	}
	return fmt.Errorf("engine: %w", unix.Errno(n))
}

// take makes a descriptor of nc that nobody else has. There is no way to take
// the one that the Go runtime waits on away from it, so this is a duplicate.
func (p *epoll) take(nc net.Conn) (socket, error) {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return socket{}, fmt.Errorf("engine: %T has no file descriptor: use Options.Portable", nc)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return socket{}, fmt.Errorf("engine: %w", err)
	}
	fd, dupErr := -1, error(nil)
	err = raw.Control(func(old uintptr) {
		fd, dupErr = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err = errors.Join(err, dupErr); err != nil {
		return socket{}, fmt.Errorf("engine: %w", err)
	}
	s := socket{fd: fd, remote: addrPort(nc.RemoteAddr())}
	nc.Close()
	return s, nil
}

const interest = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET

func (p *epoll) add(c *Conn) error {
	if len(p.free) == 0 {
		p.slots = append(p.slots, slot{})
		p.free = append(p.free, int32(len(p.slots)-1))
	}
	i := p.free[len(p.free)-1]
	p.free = p.free[:len(p.free)-1]
	p.slots[i].c = c
	c.socket.slot = i
	return p.control(c, unix.EPOLL_CTL_ADD, interest)
}

func (p *epoll) control(c *Conn, op int, events uint32) error {
	i := c.socket.slot
	ev := unix.EpollEvent{Events: events, Fd: i, Pad: p.slots[i].generation}
	if err := unix.EpollCtl(p.fd, op, c.socket.fd, &ev); err != nil {
		return fmt.Errorf("engine: epoll_ctl: %w", err)
	}
	return nil
}

func (p *epoll) remove(c *Conn) {
	s := &p.slots[c.socket.slot]
	s.c = nil
	s.generation++
	p.free = append(p.free, c.socket.slot)
	unix.Close(c.socket.fd)
}

func (p *epoll) shutdown(c *Conn) {
	unix.Shutdown(c.socket.fd, unix.SHUT_WR)
}

func (p *epoll) read(c *Conn, b []byte) (int, error) {
	n, errno := readNow(c.socket.fd, b)
	if errno != 0 {
		return 0, failure("read", errno)
	}
	return n, nil
}

// write asks for an event when the kernel takes less than all. The modification
// itself raises the edge again, so room that appeared meanwhile is not missed.
func (p *epoll) write(c *Conn, b []byte) (int, error) {
	n, errno := writeNow(c.socket.fd, b)
	if errno != 0 {
		err := failure("write", errno)
		if err != errWouldBlock {
			return 0, err
		}
	}
	if n < len(b) && !c.socket.wantsOut {
		c.socket.wantsOut = true
		if err := p.control(c, unix.EPOLL_CTL_MOD, interest|unix.EPOLLOUT); err != nil {
			return n, err
		}
	}
	return n, nil
}

// failure is the error of a system call. A socket that does not block returns no
// EINTR.
func failure(call string, errno unix.Errno) error {
	if errno == unix.EAGAIN {
		return errWouldBlock
	}
	return fmt.Errorf("engine: %s: %w", call, errno)
}

func (p *epoll) local(c *Conn) netip.AddrPort {
	name, err := unix.Getsockname(c.socket.fd)
	if err != nil {
		return netip.AddrPort{}
	}
	switch a := name.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port))
	}
	return netip.AddrPort{} // a Unix socket
}
