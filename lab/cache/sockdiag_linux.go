package cache

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Sizes and offsets of sock_diag's messages. Source: sock_diag(7),
// linux/inet_diag.h and linux/netlink.h.
const (
	diagRequestSize = unix.SizeofNlMsghdr + 56 // struct inet_diag_req_v2
	diagIDOffset    = unix.SizeofNlMsghdr + 8  // struct inet_diag_sockid in the request
	diagInodeOffset = unix.SizeofNlMsghdr + 68 // idiag_inode in struct inet_diag_msg
	diagReplySize   = diagInodeOffset + 4
	diagByFamily    = 20 // SOCK_DIAG_BY_FAMILY
)

var errNoSocket = errors.New("no such connection")

// diagnose finds the sockets of wanted connections whose two ends are known. It
// returns those that must be looked for in the tables: where an end is unknown,
// or all of them if this kernel answers no such question.
func diagnose(wanted map[netip.AddrPort]owner, sockets inodes) (rest []netip.AddrPort) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err == nil {
		defer unix.Close(fd)
		// The kernel answers before send returns; the bound is for the unforeseen.
		err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 50_000})
	}
	works := err == nil && answersAtAll(fd)
	for client, o := range wanted {
		if !works || !o.server.IsValid() {
			rest = append(rest, client)
			continue
		}
		if inode, err := ask(fd, client, o.server); err == nil && inode > 0 {
			sockets[uint64(inode)] = client
		}
	}
	return rest
}

// answersAtAll looks for a socket that surely exists, a listener of our own: a
// kernel without the module for TCP says "no such socket" to every question.
func answersAtAll(fd int) bool {
	l, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(l)
	if unix.Bind(l, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}) != nil || unix.Listen(l, 1) != nil {
		return false
	}
	name, err := unix.Getsockname(l)
	if err != nil {
		return false
	}
	at, ok := name.(*unix.SockaddrInet4)
	if !ok {
		return false
	}
	self := netip.AddrPortFrom(netip.AddrFrom4(at.Addr), uint16(at.Port))
	nobody := netip.AddrPortFrom(self.Addr(), 1)
	inode, err := ask(fd, self, nobody)
	return err == nil && inode > 0
}

// ask finds the inode of the socket whose own end is client and whose other end
// is server.
func ask(fd int, client, server netip.AddrPort) (uint32, error) {
	request := diagRequest(client, server)
	if err := unix.Sendto(fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return 0, err
	}
	var reply [4096]byte
	n, _, err := unix.Recvfrom(fd, reply[:], 0)
	if err != nil {
		return 0, err
	}
	kind := binary.NativeEndian.Uint16(reply[4:])
	if n < diagReplySize || kind != diagByFamily {
		return 0, errNoSocket
	}
	return binary.NativeEndian.Uint32(reply[diagInodeOffset:]), nil
}

func diagRequest(client, server netip.AddrPort) []byte {
	b := make([]byte, diagRequestSize)
	binary.NativeEndian.PutUint32(b[0:], diagRequestSize)
	binary.NativeEndian.PutUint16(b[4:], diagByFamily)
	binary.NativeEndian.PutUint16(b[6:], unix.NLM_F_REQUEST)
	body := b[unix.SizeofNlMsghdr:]
	body[1] = unix.IPPROTO_TCP
	binary.NativeEndian.PutUint32(body[4:], 0xffffffff) // any state

	id := b[diagIDOffset:]
	binary.BigEndian.PutUint16(id[0:], client.Port())
	binary.BigEndian.PutUint16(id[2:], server.Port())
	if client.Addr().Is4() && server.Addr().Is4() {
		body[0] = unix.AF_INET
		copy(id[4:], client.Addr().AsSlice())
		copy(id[20:], server.Addr().AsSlice())
	} else {
		body[0] = unix.AF_INET6
		from, to := client.Addr().As16(), server.Addr().As16()
		copy(id[4:], from[:])
		copy(id[20:], to[:])
	}
	// INET_DIAG_NOCOOKIE: the socket's cookie is not known.
	binary.NativeEndian.PutUint64(id[40:], 0xffffffffffffffff)
	return b
}
