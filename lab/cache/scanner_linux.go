package cache

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// namesTell: the kernel knows better than the client's name.
const namesTell = false

// scanner finds the process that holds a connection:
//
//	connection ─ sock_diag, or /proc/net/tcp and tcp6 ─▶ inode ─ /proc/PID/fd ─▶ process
//
// sock_diag answers for one connection in microseconds; reading the tables
// walks the kernel's whole hash table of connections, which takes milliseconds
// even when it is nearly empty. So the tables are for kernels and containers
// without sock_diag, and for servers that do not tell their own address.
//
// Source: proc(5), sock_diag(7).
type scanner struct {
	buf      *bufio.Reader
	dirs     []byte
	link     []byte
	round    uint64
	searched map[string]uint64 // round of an environment's last search
}

// inodes are sockets by their number.
type inodes map[uint64]netip.AddrPort

// maxProcesses bounds one search, to about 5 ms; the next one goes on where it
// ended.
const maxProcesses = 150

// owners sets the environment of each wanted address that a process of pids
// holds. held counts the connections known by environment: those without one
// are searched first, because new connections mostly come from them. more
// tells that it stopped before it had searched all.
func (s *scanner) owners(wanted map[netip.AddrPort]owner, pids map[string][]int, held map[string]int) (more bool) {
	if len(wanted) == 0 || len(pids) == 0 {
		return false
	}
	sockets := inodes{}
	if rest := diagnose(wanted, sockets); len(rest) > 0 {
		missing := addressesInHex(rest)
		s.table("/proc/self/net/tcp", missing, sockets)
		s.table("/proc/self/net/tcp6", missing, sockets)
	}
	s.round++
	processes := 0
	for _, id := range s.order(pids, held) {
		if len(sockets) == 0 {
			return false
		}
		if processes >= maxProcesses {
			return true
		}
		s.searched[id] = s.round
		for _, pid := range pids[id] {
			processes++
			s.holdings(pid, func(inode uint64) {
				if addr, ok := sockets[inode]; ok {
					o := wanted[addr]
					o.environment = id
					wanted[addr] = o
					delete(sockets, inode)
				}
			})
		}
	}
	return false
}

// order lists the environments: first those that hold nothing, and of these
// first those that were not searched for the longest time.
func (s *scanner) order(pids map[string][]int, held map[string]int) []string {
	searched := make(map[string]uint64, len(pids)) // forgets environments that ended
	ids := make([]string, 0, len(pids))
	for id := range pids {
		searched[id] = s.searched[id]
		ids = append(ids, id)
	}
	s.searched = searched
	slices.SortFunc(ids, func(a, b string) int {
		return cmp.Or(cmp.Compare(min(held[a], 1), min(held[b], 1)), cmp.Compare(searched[a], searched[b]))
	})
	return ids
}

// table looks up local addresses in a table of sockets.
func (s *scanner) table(path string, wanted map[string]netip.AddrPort, sockets inodes) {
	f, err := os.Open(path)
	if err != nil {
		return
	}
	defer f.Close()
	if s.buf == nil {
		s.buf = bufio.NewReaderSize(nil, 64<<10)
	}
	s.buf.Reset(f)
	parseTable(s.buf, wanted, sockets)
	s.buf.Reset(nil)
}

// parseTable reads lines of the form
//
//	sl: local remote state tx:rx timer:when retransmits uid timeout inode …
//
// and skips what it cannot read. An inode of 0 is a connection that no process
// holds any more.
func parseTable(r *bufio.Reader, wanted map[string]netip.AddrPort, sockets inodes) {
	for {
		line, err := r.ReadSlice('\n')
		if len(line) == 0 || (err != nil && err != io.EOF) {
			return
		}
		var local, inode []byte
		column := 0
		for field := range bytes.FieldsSeq(line) {
			if column == 1 {
				if _, ok := wanted[string(field)]; !ok {
					break
				}
				local = field
			} else if column == 9 {
				inode = field
				break
			}
			column++
		}
		if n := number(inode); n > 0 {
			sockets[uint64(n)] = wanted[string(local)]
		}
	}
}

// addressesInHex writes addresses as the tables do: words of 32 bits as numbers
// of this machine's byte order, then the port. An IPv4 address may appear in
// tcp, and in tcp6 when the client has a socket for both (a JVM does).
func addressesInHex(wanted []netip.AddrPort) map[string]netip.AddrPort {
	hex := make(map[string]netip.AddrPort, 2*len(wanted))
	for _, addr := range wanted {
		if ip := addr.Addr(); ip.Is4() {
			b := ip.As4()
			hex[fmt.Sprintf("%08X:%04X", binary.NativeEndian.Uint32(b[:]), addr.Port())] = addr
		}
		b := addr.Addr().As16()
		var text []byte
		for word := range slices.Chunk(b[:], 4) {
			text = fmt.Appendf(text, "%08X", binary.NativeEndian.Uint32(word))
		}
		hex[fmt.Sprintf("%s:%04X", text, addr.Port())] = addr
	}
	return hex
}

// holdings calls f for each socket that a process has open. A process that
// ended has none. It works on the folder's descriptor and not on paths: a
// search through 500 processes is thousands of calls.
func (s *scanner) holdings(pid int, f func(inode uint64)) {
	if s.dirs == nil {
		s.dirs, s.link = make([]byte, 16<<10), make([]byte, 64)
	}
	dir, err := unix.Open("/proc/"+strconv.Itoa(pid)+"/fd", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(dir)
	for {
		n, err := unix.ReadDirent(dir, s.dirs)
		if n <= 0 || err != nil {
			return
		}
		_, _, names := unix.ParseDirent(s.dirs[:n], -1, nil)
		for _, name := range names {
			n, err := unix.Readlinkat(dir, name, s.link)
			if err != nil {
				continue
			}
			if inode, ok := bytes.CutPrefix(s.link[:n], []byte("socket:[")); ok {
				f(uint64(number(bytes.TrimSuffix(inode, []byte{']'}))))
			}
		}
	}
}
