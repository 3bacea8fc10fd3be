package proxy

import (
	"net/netip"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestIdleSessionMemory guards the figure that lets one proxy hold a fleet: an
// idle plain session costs at most 1.5 KiB of memory of this process.
func TestIdleSessionMemory(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector changes sizes")
	}
	const sessions = 2000
	p, address := start(t, Options{Upstream: before(realServer(t)), Loops: 1})
	dial(t, address).do("SET", "k", "v")
	before := heap()
	for range sessions {
		fd := rawDial(t, address)
		// One command each, so that the session has been in use.
		if _, err := unix.Write(fd, []byte("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n")); err != nil {
			t.Fatal(err)
		}
		var b [64]byte
		if n, err := unix.Read(fd, b[:]); err != nil || string(b[:n]) != "$1\r\nv\r\n" {
			t.Fatalf("%q, %v", b[:n], err)
		}
	}
	each := int(heap()-before) / sessions
	t.Logf("%d sessions, %d bytes each", p.clients.Load(), each)
	if each > 1500 {
		t.Errorf("an idle session costs %d bytes, more than 1.5 KiB", each)
	}
}

// heap returns the bytes in use after a collection.
func heap() uint64 {
	for range 3 {
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// rawDial connects without a net.Conn, whose memory would be counted too.
func rawDial(t *testing.T, address string) int {
	t.Helper()
	a := netip.MustParseAddrPort(address)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}); err != nil {
		t.Fatal(err)
	}
	return fd
}
