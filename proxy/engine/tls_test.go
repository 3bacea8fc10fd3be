package engine

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// tlsPair makes a certificate for 127.0.0.1 and the configurations of both sides.
func tlsPair(t testing.TB) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:         true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(crand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	server = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	return server, &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}
}

func dialTLS(t testing.TB, a net.Addr, cfg *tls.Config) *tls.Conn {
	t.Helper()
	tc := tls.Client(dial(t, a), cfg)
	if err := tc.Handshake(); err != nil {
		t.Fatal(err)
	}
	return tc
}

// Both TLS versions carry every byte, also when records are cut anywhere and
// handlers leave rests behind.
func TestTLSEcho(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		r := seeded(t)
		e := start(t, o)
		server, client := tlsPair(t)
		a := listen(t, e, &TLSOptions{Config: server}, func(_ *Loop, c *Conn) Handler {
			if s := c.TLS(); s == nil || !s.HandshakeComplete {
				t.Errorf("TLS() = %+v", s)
			}
			return &calls{data: groups}
		})
		var wg sync.WaitGroup
		for i := range 8 {
			cfg := client.Clone()
			cfg.MaxVersion = []uint16{tls.VersionTLS12, tls.VersionTLS13}[i%2]
			tc := tls.Client(splitConn{dial(t, a), rand.New(rand.NewPCG(r.Uint64(), 5))}, cfg)
			data, r := randomBytes(r, 7*(1+r.IntN(60_000))), rand.New(rand.NewPCG(r.Uint64(), 6))
			wg.Go(func() { echoed(t, tc, r, data) })
		}
		wg.Wait()
	})
}

// splitConn writes in random pieces, so that records arrive cut.
type splitConn struct {
	net.Conn
	r *rand.Rand
}

func (s splitConn) Write(b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var m int
		m, err = s.Conn.Write(b[n:min(len(b), n+1+s.r.IntN(3000))])
		n += m
	}
	return n, err
}

// The client's side: a session made by ClientTLS, used blockingly, then adopted
// by a loop, which talks to a server on another engine.
func TestClientTLS(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		e := start(t, o)
		server, client := tlsPair(t)
		a := listen(t, e, &TLSOptions{Config: server}, func(*Loop, *Conn) Handler {
			return &calls{data: func(c *Conn, b []byte) int { c.Write(b); return len(b) }}
		})
		nc, err := net.Dial("tcp", a.String())
		if err != nil {
			t.Fatal(err)
		}
		tc, err := ClientTLS(context.Background(), nc, client)
		if err != nil {
			t.Fatal(err)
		}
		tc.SetDeadline(time.Now().Add(limit))
		io.WriteString(tc, "hello world")
		hello := make([]byte, 5)
		if _, err := io.ReadFull(tc, hello); err != nil || string(hello) != "hello" {
			t.Fatalf("got %q, %v", hello, err)
		}
		// " world" waits inside the session or the socket: Adopt must not lose it.
		got, closed := make(chan string, 10), make(chan error, 1)
		l := e.Loops()[1]
		err = l.Adopt(tc, func(c *Conn) Handler {
			return &calls{
				data: func(c *Conn, b []byte) int {
					if len(b) < 6 {
						return 0
					}
					got <- string(b)
					if len(b) == 6 {
						c.Write(bytes.Repeat([]byte("A"), 1<<20))
					} else if len(b) < 1<<20 {
						return 0
					} else {
						c.CloseAfterFlush()
					}
					return len(b)
				},
				closed: func(_ *Conn, err error) { closed <- err },
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if first := within(t, got, "the first answer"); first != " world" {
			t.Errorf("got %q", first)
		}
		go func() {
			for range got { // the handler reports every piece
			}
		}()
		if err := within(t, closed, "Closed"); err != nil {
			t.Errorf("Closed was told %v", err)
		}
		if err := l.Adopt(tc, nil); err == nil {
			t.Error("a session was adopted twice")
		}
		if err := l.Adopt(tls.Client(nc, client), nil); err == nil || !strings.Contains(err.Error(), "ClientTLS") {
			t.Errorf("a foreign session was adopted: %v", err)
		}
	})
}

// A wrong certificate fails in ClientTLS and closes the connection.
func TestClientTLSVerifies(t *testing.T) {
	e := start(t, Options{Loops: 1})
	server, _ := tlsPair(t)
	a := listen(t, e, &TLSOptions{Config: server}, func(*Loop, *Conn) Handler { return nil })
	nc := dial(t, a)
	if _, err := ClientTLS(context.Background(), nc, &tls.Config{ServerName: "127.0.0.1"}); err == nil {
		t.Fatal("an unknown certificate was accepted")
	}
	if _, err := nc.Write([]byte("x")); err == nil {
		t.Error("the connection was left open")
	}
}

// Who trickles, says nothing or speaks no TLS is cut in time, holds only a place
// of the bounded handshakes, and others get through after.
func TestHandshakeTimeout(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		e := start(t, o)
		server, client := tlsPair(t)
		options := &TLSOptions{Config: server, HandshakeTimeout: 150 * time.Millisecond, MaxHandshakes: 2}
		a := listen(t, e, options, func(*Loop, *Conn) Handler { return echo{} })
		silent, trickling, garbage := dial(t, a), dial(t, a), dial(t, a)
		begin := time.Now()
		go func() {
			for _, b := range []byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("x", 500)) {
				if _, err := trickling.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		}()
		garbage.Write([]byte("*1\r\n$4\r\nPING\r\n"))
		for name, nc := range map[string]net.Conn{"silent": silent, "trickling": trickling, "garbage": garbage} {
			if _, err := io.ReadAll(nc); os.IsTimeout(err) {
				t.Errorf("%s was not cut", name)
			}
		}
		if d := time.Since(begin); d > 5*time.Second {
			t.Errorf("it took %v", d)
		}
		tc := dialTLS(t, a, client)
		tc.Write(make([]byte, messageSize))
		if _, err := io.ReadFull(tc, make([]byte, messageSize)); err != nil {
			t.Error(err)
		}
	})
}

// The end of a session is told as such on both sides: close_notify from the
// client is a clean end, close_notify is sent by CloseAfterFlush and Close, a
// broken record is an error, and the client is sent an alert.
func TestTLSClose(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		e := start(t, o)
		server, client := tlsPair(t)
		closed := make(chan error, 1)
		a := listen(t, e, &TLSOptions{Config: server}, func(*Loop, *Conn) Handler {
			return &calls{
				data: func(c *Conn, b []byte) int {
					c.Write(b)
					if string(b) == "flush" {
						c.CloseAfterFlush()
					}
					return len(b)
				},
				closed: func(_ *Conn, err error) { closed <- err },
			}
		})
		tc := dialTLS(t, a, client)
		tc.Write([]byte("bye"))
		tc.CloseWrite()
		if got, err := io.ReadAll(tc); string(got) != "bye" || err != nil {
			t.Errorf("after the client's close_notify: %q, %v", got, err)
		}
		if err := within(t, closed, "Closed"); err != nil {
			t.Errorf("close_notify: Closed was told %v", err)
		}

		tc = dialTLS(t, a, client)
		tc.Write([]byte("flush"))
		if got, err := io.ReadAll(tc); string(got) != "flush" || err != nil {
			t.Errorf("after CloseAfterFlush: %q, %v", got, err)
		}
		tc.Close()
		if err := within(t, closed, "Closed"); err != nil {
			t.Errorf("CloseAfterFlush: Closed was told %v", err)
		}

		tc = dialTLS(t, a, client)
		tc.NetConn().Write([]byte("\x17\x03\x03\x00\x20" + strings.Repeat("z", 32)))
		if err := within(t, closed, "Closed"); err == nil {
			t.Error("a broken record closed the session without an error")
		}
	})
}

// Key updates and attempts at renegotiation come from openssl; crypto/tls cannot
// make them.
func TestOpenSSL(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		e := start(t, o)
		server, _ := tlsPair(t)
		closed := make(chan error, 1)
		a := listen(t, e, &TLSOptions{Config: server}, func(*Loop, *Conn) Handler {
			return &calls{
				data:   func(c *Conn, b []byte) int { c.Write(append([]byte("echo of "), b...)); return len(b) },
				closed: func(_ *Conn, err error) { closed <- err },
			}
		})
		// "K" alone on a line asks for new keys in both directions.
		s := openssl(t, a, "-tls1_3")
		s.say("before", "echo of before")
		s.say("K", "KEYUPDATE")
		s.say("after", "echo of after")
		s.in.Close()
		if err := within(t, closed, "Closed"); err != nil {
			t.Errorf("after a key update Closed was told %v", err)
		}
		// "R" alone asks for renegotiation: a second hello is not expected and ends
		// the session.
		s = openssl(t, a, "-tls1_2")
		s.say("before", "echo of before")
		s.say("R", "RENEGOTIATING")
		if err := within(t, closed, "Closed"); err == nil || !strings.Contains(err.Error(), "helloRequest") {
			t.Errorf("after renegotiation Closed was told %v", err)
		}
	})
}

// client is a run of openssl s_client.
type client struct {
	t   *testing.T
	in  io.WriteCloser
	mu  sync.Mutex
	out bytes.Buffer
}

func openssl(t *testing.T, a net.Addr, version string) *client {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	s := &client{t: t}
	cmd := exec.Command(path, "s_client", version, "-connect", a.String())
	cmd.Stdout, cmd.Stderr = s, s
	if s.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return s
}

func (s *client) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(b)
}

// say types a line and waits for the answer: openssl knows its commands only
// when they come in a read of their own.
func (s *client) say(line, answer string) {
	s.t.Helper()
	fmt.Fprintln(s.in, line)
	eventually(s.t, "openssl prints "+answer, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return strings.Contains(s.out.String(), answer)
	})
}
