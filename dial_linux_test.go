package thaw

import (
	"crypto/tls"
	"syscall"
	"testing"
	"time"
)

// The socket has the options that end a silent peer while the process runs.
func TestSocketOptions(t *testing.T) {
	s := startRedis(t)
	c := ensured(t, Options{URL: s.url(), UserTimeout: 3 * time.Second, KeepAlive: 7 * time.Second})
	raw, err := c.store.(*valkeyStore).links[0].current.Load().sockets()[0].Conn.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) {
		for name, o := range map[string][3]int{
			"TCP_USER_TIMEOUT": {syscall.IPPROTO_TCP, tcpUserTimeout, 3000},
			"SO_KEEPALIVE":     {syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1},
			"TCP_KEEPIDLE":     {syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, 7},
			"TCP_NODELAY":      {syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1},
		} {
			if got, err := syscall.GetsockoptInt(int(fd), o[0], o[1]); err != nil || got != o[2] {
				t.Errorf("%s = %d, want %d (%v)", name, got, o[2], err)
			}
		}
	})
}

// The second handshake is a resumed one.
func TestTLSIsResumed(t *testing.T) {
	s, config := startTLS(t)
	c := ensured(t, Options{URL: "rediss://" + s.name(), TLS: config})
	state := func() tls.ConnectionState {
		return c.store.(*valkeyStore).links[0].current.Load().sockets()[0].Conn.(*tls.Conn).ConnectionState()
	}
	if state().DidResume {
		t.Error("there was nothing to resume")
	}
	fetchText(t, c, "v", FromDatabase)
	c.store.(*valkeyStore).links[0].current.Load().sockets()[0].Conn.Close()
	c.freeze(time.Minute)
	fetchText(t, c, "v", FromCache)
	if !state().DidResume || state().Version < tls.VersionTLS12 {
		t.Errorf("%+v", state())
	}
}
