package proxy

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/valkey-io/valkey-go"

	"github.com/thawdev/thaw/proxy/engine"
	"github.com/thawdev/thaw/proxy/upstream"
	"github.com/thawdev/thaw/proxy/wire"
)

// TestGoRedis guards the handshake and the daily work of go-redis.
func TestGoRedis(t *testing.T) {
	server := realServer(t)
	for _, mode := range []PoolMode{CommandMode, TransactionMode, SessionMode} {
		for _, resp := range []int{2, 3} {
			t.Run(fmt.Sprintf("%s/resp%d", mode, resp), func(t *testing.T) {
				_, address := start(t, Options{Upstream: before(server), PoolMode: mode})
				c := redis.NewClient(&redis.Options{Addr: address, Protocol: resp, ClientName: "smoke", DB: 1})
				defer c.Close()
				goRedis(t, c)
			})
		}
	}
}

func goRedis(t *testing.T, c *redis.Client) {
	ctx := context.Background()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(c.FlushDB(ctx).Err())
	must(c.Set(ctx, "k", "1", 0).Err())
	if n, err := c.Incr(ctx, "k").Result(); n != 2 || err != nil {
		t.Errorf("INCR: %d, %v", n, err)
	}
	pipe := c.Pipeline()
	for i := range 100 {
		pipe.Set(ctx, fmt.Sprint("p", i), i, 0)
	}
	_, err := pipe.Exec(ctx)
	must(err)
	tx := c.TxPipeline()
	got := tx.Get(ctx, "p99")
	tx.Incr(ctx, "k")
	_, err = tx.Exec(ctx)
	must(err)
	if got.Val() != "99" {
		t.Errorf("in a transaction: %q", got.Val())
	}
	must(c.Watch(ctx, func(tx *redis.Tx) error {
		n, err := tx.Get(ctx, "k").Int()
		if err != nil {
			return err
		}
		_, err = tx.TxPipelined(ctx, func(p redis.Pipeliner) error { return p.Set(ctx, "k", n*2, 0).Err() })
		return err
	}, "k"))
	if v := c.Get(ctx, "k").Val(); v != "6" {
		t.Errorf("after WATCH: %q", v)
	}
	sub := c.Subscribe(ctx, "news")
	defer sub.Close()
	_, err = sub.Receive(ctx)
	must(err)
	must(c.Publish(ctx, "news", "hello").Err())
	if m := <-sub.Channel(); m.Payload != "hello" {
		t.Errorf("message %q", m.Payload)
	}
	go func() {
		time.Sleep(20 * time.Millisecond)
		c.LPush(ctx, "l", "x")
	}()
	if v, err := c.BLPop(ctx, 5*time.Second, "l").Result(); err != nil || v[1] != "x" {
		t.Errorf("BLPOP: %v, %v", v, err)
	}
	if v, err := redis.NewScript("return ARGV[1]").Run(ctx, c, nil, "arg").Text(); v != "arg" || err != nil {
		t.Errorf("script: %q, %v", v, err)
	}
}

// TestValkeyGo guards valkey-go with its client-side caching, which pins.
func TestValkeyGo(t *testing.T) {
	server := realServer(t)
	p, address := start(t, Options{Upstream: before(server)})
	for _, caching := range []bool{true, false} {
		c, err := valkey.NewClient(valkey.ClientOption{InitAddress: []string{address}, DisableCache: !caching})
		if err != nil {
			t.Fatal(err)
		}
		ctx := context.Background()
		for i := range 200 {
			k := fmt.Sprint("k", i)
			if err := c.Do(ctx, c.B().Set().Key(k).Value("v").Build()).Error(); err != nil {
				t.Fatal(err)
			}
			if v, err := c.Do(ctx, c.B().Get().Key(k).Build()).ToString(); v != "v" || err != nil {
				t.Fatalf("%q, %v", v, err)
			}
		}
		if caching {
			read := func() (string, bool) {
				r := c.DoCache(ctx, c.B().Get().Key("k1").Cache(), time.Minute)
				v, err := r.ToString()
				if err != nil {
					t.Fatal(err)
				}
				return v, r.IsCacheHit()
			}
			read()
			if _, hit := read(); !hit {
				t.Error("the second read was not from the cache")
			}
			if p.Stats().Pinned[becauseTracking] == 0 {
				t.Error("client-side caching did not pin")
			}
			dial(t, server).expect("+OK\r\n", "SET", "k1", "new")
			eventually(t, "the invalidation", func() bool { v, _ := read(); return v == "new" })
		}
		c.Close()
	}
	eventually(t, "the pins to end", func() bool { return p.Stats().Pinned[becauseTracking] == 0 })
}

// TestTLS guards both sides: the clients' listener and verified names upstream.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	cert := makeCertificate(t, dir, "127.0.0.1")
	address := freeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	realServer(t, "--tls-port", port, "--tls-cert-file", filepath.Join(dir, "cert.pem"),
		"--tls-key-file", filepath.Join(dir, "key.pem"), "--tls-ca-cert-file", filepath.Join(dir, "cert.pem"), "--tls-auth-clients", "no")
	roots := x509.NewCertPool()
	roots.AddCert(cert.Leaf)
	p, err := New(Options{Upstream: upstream.Options{Address: address, TLS: &tls.Config{RootCAs: roots}}, Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	serverTLS := &tls.Config{Certificates: []tls.Certificate{cert}}
	ln, err := p.Listen(Listener{Address: "127.0.0.1:0", TLS: serverTLS})
	if err != nil {
		t.Fatal(err)
	}
	go p.Serve(ln, &engine.TLSOptions{Config: serverTLS})
	c := redis.NewClient(&redis.Options{Addr: ln.Addr().String(), TLSConfig: &tls.Config{RootCAs: roots}})
	defer c.Close()
	goRedis(t, c)

	// A certificate for another name must not be accepted.
	other, clear := start(t, Options{Upstream: upstream.Options{Address: address, TLS: &tls.Config{RootCAs: roots, ServerName: "else.where"}}})
	if got := dial(t, clear).do("GET", "k"); got[:11] != "-ERR proxy: "[:11] {
		t.Errorf("got %q", got)
	}
	if why := other.up.Topology().Primary().LastError(); why == "" {
		t.Error("nothing says why")
	}
}

// makeCertificate writes a certificate of its own authority for a host.
func makeCertificate(t *testing.T, dir, host string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.ParseIP(host)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs})
	for name, text := range map[string][]byte{"cert.pem": certPEM, "key.pem": keyPEM} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// TestNamesInTransaction guards that what a transaction says of its client is the
// client's, also for what follows at once, and that the connection, which RESET would
// leave with the name of the library, is not lent again.
func TestNamesInTransaction(t *testing.T) {
	f := newFakeServer(t, func(_ *fakeConn, args []string) []byte {
		switch {
		case args[0] == "EXEC":
			return []byte("*2\r\n+OK\r\n+OK\r\n")
		case args[0] == "CLIENT" && args[1] == "INFO":
			return wire.AppendBulk(nil, "id=7 name=me db=0 flags=N lib-name=lib lib-ver=1.2")
		case args[0] == "CLIENT" && args[1] != "SETNAME":
			return []byte("+QUEUED\r\n")
		}
		return nil
	})
	_, address := start(t, Options{Upstream: before(f.address()), Loops: 1})
	c := dial(t, address)
	c.expect("+OK\r\n", "MULTI")
	c.do("CLIENT", "SETNAME", "me")
	c.do("CLIENT", "SETINFO", "lib-name", "lib")
	c.raw("EXEC\r\nCLIENT GETNAME\r\nCLIENT INFO\r\n")
	c.read()
	if got := c.read(); got != "$2\r\nme\r\n" {
		t.Errorf("CLIENT GETNAME: %q", got)
	}
	if got := c.read(); !strings.Contains(got, "lib-name=lib lib-ver=1.2") {
		t.Errorf("CLIENT INFO: %q", got)
	}
	eventually(t, "the connection to be closed", func() bool { return f.closed() == 1 })
}

// TestUnblockedIsNotLent guards that a CLIENT UNBLOCK which comes late unblocks nobody
// else: the connection that it names belongs to no other client after.
func TestUnblockedIsNotLent(t *testing.T) {
	unblocked := make(chan struct{})
	f := newFakeServer(t, func(c *fakeConn, args []string) []byte {
		switch {
		case args[0] == "HELLO":
			return wire.AppendInt(wire.AppendBulk(wire.AppendArray(nil, 2), "id"), int64(c.number))
		case args[0] == "BLPOP":
			<-unblocked
			return []byte("*-1\r\n")
		case args[0] == "CLIENT" && args[1] == "UNBLOCK":
			close(unblocked)
			return []byte(":1\r\n")
		}
		return nil
	})
	p, address := start(t, Options{Upstream: before(f.address()), Loops: 1})
	a, b := dial(t, address), dial(t, address)
	id := strings.Trim(a.do("CLIENT", "ID"), ":\r\n")
	a.send("BLPOP", "l", "0")
	eventually(t, "the client to be blocked", func() bool { return f.count("BLPOP") == 1 })
	b.expect(":1\r\n", "CLIENT", "UNBLOCK", id)
	if got := a.read(); got != "*-1\r\n" {
		t.Errorf("BLPOP: %q", got)
	}
	eventually(t, "the connection to be closed", func() bool { return f.closed() == 1 })
	if n := p.Stats().Upstream.Desyncs; n > 0 {
		t.Errorf("%d connections dropped", n)
	}
}

// TestNothingFoundIsLeft guards that a command for which there was no connection
// leaves the next one nothing of what it had found: CLIENT LIST would be empty.
func TestNothingFoundIsLeft(t *testing.T) {
	o := before(realServer(t))
	o.MaxOwned, o.WaitTimeout = 1, 100*time.Millisecond
	_, address := start(t, Options{Upstream: o, Loops: 1})
	a, b := dial(t, address), dial(t, address)
	a.expect("+OK\r\n", "WATCH", "k")
	if got := b.do("CLIENT", "TRACKING", "ON", "REDIRECT", "1"); !strings.HasPrefix(got, "-ERR proxy: no upstream connection") {
		t.Errorf("CLIENT TRACKING: %q", got)
	}
	if got := b.do("CLIENT", "LIST"); strings.Count(got, " addr=") != 2 {
		t.Errorf("CLIENT LIST: %q", got)
	}
}

// TestSubscribeSaysWhy guards that a SUBSCRIBE for which there is no connection does not
// say that the server is down.
func TestSubscribeSaysWhy(t *testing.T) {
	o := before(realServer(t))
	o.MaxOwned, o.WaitTimeout = 1, 100*time.Millisecond
	_, address := start(t, Options{Upstream: o, Loops: 1})
	dial(t, address).expect("+OK\r\n", "WATCH", "k")
	if got := dial(t, address).do("SUBSCRIBE", "c"); !strings.HasPrefix(got, "-ERR proxy: no upstream connection within") {
		t.Errorf("got %q", got)
	}
}

// TestOneWalkAtATime guards that a session which is let go on in the middle of a walk,
// because its connection was lost, waits for that walk and begins no second one: each
// of the two would begin another when it is through, for ever.
func TestOneWalkAtATime(t *testing.T) {
	p, address := start(t, Options{Upstream: before(realServer(t)), Loops: 1})
	dial(t, address).do("PING")
	visits := 0
	p.everyWorker(func(w *worker) {
		for range 2 {
			w.first.walk(func(*worker, *found) { visits++ })
			w.first.clear(holding)
		}
	})
	for range 3 { // the walk is a matter of two turns
		p.everyWorker(func(*worker) {})
	}
	if visits != 1 {
		t.Errorf("%d walks, want 1", visits)
	}
}
