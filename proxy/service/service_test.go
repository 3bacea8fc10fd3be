package service

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// journal is a log that tests read while it is written.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

// eventually waits for what another goroutine does.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}

// running is a service under test, and how it ended.
type running struct {
	*Service
	journal     *journal
	stop, abort context.CancelFunc
	ended       chan error
}

func start(t *testing.T, file string, flags map[string]string) *running {
	t.Helper()
	cfg, err := Load(Sources{File: file, Flags: flags})
	if err != nil {
		t.Fatal(err)
	}
	r := &running{journal: &journal{}, ended: make(chan error, 1)}
	r.Service, err = New(cfg, Options{Log: r.journal.logger(), Poll: 20 * time.Millisecond, Version: "v0.0.0-test", Getenv: func(string) string { return "" }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	abort, cut := context.WithCancel(context.Background())
	r.stop, r.abort = stop, cut
	go func() { r.ended <- r.Run(ctx, abort) }()
	t.Cleanup(func() {
		stop()
		cut()
		if t.Failed() {
			t.Logf("log:\n%s", r.journal)
		}
	})
	return r
}

func (r *running) get(t *testing.T, path string) (int, string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{}, Timeout: 10 * time.Second}
	resp, err := client.Get("http://" + r.MetricsAddress().String() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b)
}

// ask sends a line to a connection and returns the first line of the answer.
func ask(t *testing.T, nc net.Conn, line string) string {
	t.Helper()
	nc.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprintf(nc, "%s\r\n", line)
	answer, err := bufio.NewReader(nc).ReadString('\n')
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return strings.TrimSpace(answer)
}

func dial(t *testing.T, a net.Addr) net.Conn {
	t.Helper()
	nc, err := net.Dial(a.Network(), a.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return nc
}

func base(rec *recorder) map[string]string {
	return map[string]string{"listen": "127.0.0.1:0", "upstream": "redis://" + rec.address, "metrics": "127.0.0.1:0", "loops": "1"}
}

// The endpoint shows what the proxy does, every family is documented, and no
// secret or name that a client chose is in it.
func TestEndpoint(t *testing.T) {
	rec := newRecorder(t)
	flags := base(rec)
	flags["upstream"] = "redis://app:hunter2@" + rec.address
	r := start(t, "", flags)
	nc := dial(t, r.Addresses()[0])
	for _, line := range []string{"CLIENT SETNAME my-fn", "CLIENT SETINFO lib-name rueidis", "SET hunter2 v", "BLPOP q 1", "NOSUCHCOMMAND hunter2"} {
		ask(t, nc, line)
	}
	if code, body := r.get(t, "/healthz"); code != 200 || body != "ok\n" {
		t.Errorf("/healthz: %d %s", code, body)
	}
	if code, body := r.get(t, "/readyz"); code != 200 {
		t.Errorf("/readyz: %d %s", code, body)
	}
	_, metrics := r.get(t, "/metrics")
	for _, want := range []string{
		`thaw_proxy_clients 1`, `thaw_proxy_upstream_max{kind="shared"} 16`, `thaw_proxy_pins_total{reason="blocking"} 1`,
		`thaw_proxy_commands_total{cmd="set",result="ok"} 1`, `thaw_proxy_commands_total{cmd="unknown",result="ok"} 1`,
		`thaw_proxy_upstream_up{node="` + rec.address + `"} 1`, "thaw_proxy_upstream_seconds_count", "go_memstats_mallocs_total", `version="v0.0.0-test"`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("/metrics has no %s", want)
		}
	}
	doc, err := os.ReadFile("../../docs/proxy.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range families {
		if !strings.Contains(metrics, "# TYPE "+m.name+" "+m.kind) {
			t.Errorf("/metrics does not show %s as a %s", m.name, m.kind)
		}
		if !bytes.Contains(doc, []byte("| `"+m.name+"` |")) {
			t.Errorf("docs/proxy.md has no row for %s", m.name)
		}
	}
	_, text := r.get(t, "/pins")
	var pins Pins
	if err := json.Unmarshal([]byte(text), &pins); err != nil || pins.Format != PinsFormat || len(pins.Pins) != 2 {
		t.Errorf("/pins: %v %s", err, text)
	}
	for what, s := range map[string]string{"metrics": metrics, "pins": text, "log": r.journal.String()} {
		if strings.Contains(s, "hunter2") || what == "metrics" && strings.Contains(s, "my-fn") {
			t.Errorf("%s shows what it must not:\n%s", what, s)
		}
	}
}

// A service before a server that is away says so, and says when it is back.
func TestReadiness(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := ln.Addr().String()
	ln.Close()
	r := start(t, "", map[string]string{"listen": "127.0.0.1:0", "upstream": "redis://" + address, "metrics": "127.0.0.1:0", "loops": "1", "borrow-timeout": "50ms"})
	if code, body := r.get(t, "/readyz"); code != 503 || !strings.Contains(body, "refused") {
		t.Errorf("/readyz without a server: %d %s", code, body)
	}
	nc := dial(t, r.Addresses()[0])
	eventually(t, "the log says that the server is down", func() bool {
		ask(t, nc, "GET k")
		return strings.Contains(r.journal.String(), "upstream is down")
	})
	if strings.Contains(r.journal.String(), "upstream is back") {
		t.Error("the log says that it is back, and it is not")
	}
	if ln, err = net.Listen("tcp", address); err != nil {
		t.Skip("another process has taken the port: ", err)
	}
	t.Cleanup(func() { ln.Close() })
	rec := &recorder{address: address}
	go func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			go rec.serve(nc)
		}
	}()
	eventually(t, "the log says that the server is back", func() bool {
		ask(t, nc, "GET k")
		return strings.Contains(r.journal.String(), "upstream is back")
	})
	eventually(t, "ready again", func() bool { code, _ := r.get(t, "/readyz"); return code == 200 })
}

// A probe that is given up says nothing about the server: the next one is not told
// of it.
func TestReadinessAfterACanceledProbe(t *testing.T) {
	flags := base(newRecorder(t))
	r := start(t, "", flags)
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	r.health.ready(gone)
	if err := r.health.ready(context.Background()); err != nil {
		t.Errorf("not ready: %v", err)
	}
}

// The socket of a process that was killed is still there, and keeps nobody from
// starting; that of one that listens does.
func TestSocketOfAKilledProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "proxy.sock")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	flags := base(newRecorder(t))
	flags["listen"] = "unix:" + path
	start(t, "", flags)
	cfg, err := Load(Sources{Flags: flags})
	if err != nil {
		t.Fatal(err)
	}
	if s, err := New(cfg, Options{}); err == nil {
		s.release()
		t.Error("a second proxy took the socket of the first")
	}
}

// A drain fails /readyz while it goes on accepting for the drain delay, then lets
// clients at rest go, cuts the others at the drain timeout, and ends without error.
func TestDrain(t *testing.T) {
	flags := base(newRecorder(t))
	flags["drain-delay"], flags["drain-timeout"] = "300ms", "300ms"
	r := start(t, "", flags)
	pinned := dial(t, r.Addresses()[0])
	if got := ask(t, pinned, "WATCH k"); got != "+OK" {
		t.Fatal(got)
	}
	r.stop()
	eventually(t, "/readyz fails", func() bool { code, _ := r.get(t, "/readyz"); return code == 503 })
	if _, body := r.get(t, "/readyz"); body != "not ready: draining: no new clients\n" {
		t.Errorf("%q", body)
	}
	if got := ask(t, dial(t, r.Addresses()[0]), "GET k"); got != "+OK" {
		t.Errorf("during the drain delay: %s", got)
	}
	select {
	case err := <-r.ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the drain does not end")
	}
	if _, err := net.Dial("tcp", r.Addresses()[0].String()); err == nil {
		t.Error("it still accepts")
	}
}

// A second signal ends a drain at once.
func TestAbort(t *testing.T) {
	flags := base(newRecorder(t))
	flags["drain-timeout"] = "1h"
	r := start(t, "", flags)
	ask(t, dial(t, r.Addresses()[0]), "WATCH k")
	r.stop()
	eventually(t, "it drains", func() bool { return strings.Contains(r.journal.String(), "draining: no new clients") })
	r.abort()
	select {
	case err := <-r.ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it does not end")
	}
}

// Changed certificates are in use without a restart; bad ones are not, and the log
// says so. Clients without a certificate are refused, and so is TLS before 1.2.
func TestCertificateReload(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	ca := newAuthority(t)
	ca.issue(t, "first", file("cert.pem"), file("key.pem"))
	ca.issue(t, "client", file("client.pem"), file("client.key"))
	ca.write(t, file("ca.pem"))
	flags := base(newRecorder(t))
	flags["tls-cert"], flags["tls-key"], flags["tls-client-ca"] = file("cert.pem"), file("key.pem"), file("ca.pem")
	r := start(t, "", flags)
	client, err := tls.LoadX509KeyPair(file("client.pem"), file("client.key"))
	if err != nil {
		t.Fatal(err)
	}
	cfg := &tls.Config{RootCAs: ca.pool(), ServerName: "localhost", Certificates: []tls.Certificate{client}}
	subject := func() string {
		nc, err := tls.Dial("tcp", r.Addresses()[0].String(), cfg)
		if err != nil {
			return err.Error()
		}
		defer nc.Close()
		if got := ask(t, nc, "GET k"); got != "+OK" {
			t.Errorf("over TLS: %s", got)
		}
		return nc.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	if got := subject(); got != "first" {
		t.Fatalf("certificate of %q", got)
	}
	if err := os.WriteFile(file("cert.pem"), []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the log says that the new one is bad", func() bool {
		return strings.Contains(r.journal.String(), "certificate not reloaded, the old one stays in use")
	})
	if got := subject(); got != "first" {
		t.Errorf("certificate of %q after a bad one", got)
	}
	ca.issue(t, "second", file("cert.pem"), file("key.pem"))
	eventually(t, "the new one is in use", func() bool { return subject() == "second" })
	ca.issue(t, "third", file("cert.pem"), file("key.pem"))
	r.Reload()
	if got := subject(); got != "third" {
		t.Errorf("certificate of %q after SIGHUP", got)
	}
	for name, bad := range map[string]*tls.Config{
		"no client certificate": {RootCAs: ca.pool(), ServerName: "localhost"},
		"TLS 1.1":               {RootCAs: ca.pool(), ServerName: "localhost", Certificates: cfg.Certificates, MaxVersion: tls.VersionTLS11},
	} {
		nc, err := tls.Dial("tcp", r.Addresses()[0].String(), bad)
		if err == nil {
			nc.SetDeadline(time.Now().Add(10 * time.Second))
			_, err = nc.Read(make([]byte, 1))
			nc.Close()
		}
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// Files that are not there, or not what they should be, end the start with their
// setting and name.
func TestFilesOfTheConfiguration(t *testing.T) {
	empty, junk := write(t, "empty", "\n"), write(t, "junk", "junk")
	for _, test := range []struct {
		flags map[string]string
		want  string
	}{
		{nil, "no upstream: give --upstream redis://host:port"},
		{map[string]string{"upstream": "redis://h", "users": "nosuch"}, "users_file: open nosuch"},
		{map[string]string{"upstream": "redis://h", "users": junk}, "junk: proxy: users file, line 1: must begin with: user NAME"},
		{map[string]string{"upstream": "redis://h", "upstream-password-file": "nosuch"}, "upstream.password_file: open nosuch"},
		{map[string]string{"upstream": "redis://h", "upstream-password-file": empty}, "is empty"},
		{map[string]string{"upstream": "redis://h", "upstream-username": "app"}, `upstream user "app" has no password: give upstream.password_file, or the variable THAW_PROXY_UPSTREAM_PASSWORD`},
		{map[string]string{"upstream": "rediss://h", "upstream-ca": junk}, "upstream.tls.ca: " + junk + " holds no certificate in PEM form"},
		{map[string]string{"upstream": "redis://h", "tls-cert": "nosuch", "tls-key": "nosuch"}, "certificate nosuch, key nosuch: open nosuch"},
	} {
		cfg, err := Load(Sources{Flags: test.flags})
		if err != nil {
			t.Errorf("%v: %v", test.flags, err)
			continue
		}
		err = Check(cfg, Options{Getenv: func(string) string { return "" }})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: %v", test.flags, err)
		}
	}
}

// The password comes from the file, without its line break, or from the variable,
// and never goes where it is read.
func TestPassword(t *testing.T) {
	env := func(name string) string { return map[string]string{"THAW_PROXY_UPSTREAM_PASSWORD": "of-env"}[name] }
	for want, flags := range map[string]map[string]string{
		"of-file": {"upstream": "redis://h", "upstream-password-file": write(t, "password", "of-file\r\n")},
		"of-env":  {"upstream": "redis://h"},
		"of-url":  {"upstream": "redis://u:of-url@h"},
		"":        {"upstream": "redis://h", "upstream-password-env": ""},
	} {
		cfg, err := Load(Sources{Flags: flags})
		if err != nil {
			t.Fatal(err)
		}
		o, err := cfg.options(env)
		if err != nil || o.Login.Password != want {
			t.Errorf("%v: %v, password %q", flags, err, o.Login.Password)
		}
		if o.PassAuth != (want == "") {
			t.Errorf("%v: clients log in to the server: %v", flags, o.PassAuth)
		}
	}
}

// A counter does not go back when errors are counted later than their calls.
func TestCommandCounterOnlyGrows(t *testing.T) {
	rec := newRecorder(t)
	r := start(t, "", base(rec))
	h := r.handler()
	read := func() string {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		return w.Body.String()
	}
	ask(t, dial(t, r.Addresses()[0]), "GET k")
	for range 2 {
		if !strings.Contains(read(), `thaw_proxy_commands_total{cmd="get",result="ok"} 1`) {
			t.Error("not 1")
		}
	}
}

// authority issues certificates for tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	der  []byte
	n    int64
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return &authority{cert: cert, key: key, der: der, n: 1}
}

func (a *authority) issue(t *testing.T, name, certFile, keyFile string) {
	t.Helper()
	a.n++
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(a.n), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"localhost"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, cert, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	// The key first: a reader between the two writes finds a pair that does not
	// fit, and tries again.
	writePEM(t, keyFile, "PRIVATE KEY", private)
	writePEM(t, certFile, "CERTIFICATE", der)
}

func (a *authority) write(t *testing.T, file string) { writePEM(t, file, "CERTIFICATE", a.der) }

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Users are read again on SIGHUP: those who are gone are disconnected, the others
// notice nothing, and a file that cannot be read changes nothing.
func TestUsersReload(t *testing.T) {
	users := write(t, "users.acl", "user stays on >one\nuser goes on >two\nuser default off\n")
	flags := base(newRecorder(t))
	flags["users"] = users
	r := start(t, "", flags)
	stays, goes := dial(t, r.Addresses()[0]), dial(t, r.Addresses()[0])
	if got := ask(t, stays, "GET k"); got != "-NOAUTH Authentication required." {
		t.Errorf("without login: %s", got)
	}
	for nc, login := range map[net.Conn]string{stays: "AUTH stays one", goes: "AUTH goes two"} {
		if got := ask(t, nc, login); got != "+OK" {
			t.Fatalf("%s: %s", login, got)
		}
	}
	if err := os.WriteFile(users, []byte("user goes off and on\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.Reload()
	if !strings.Contains(r.journal.String(), "users not reloaded, the old ones stay in use") {
		t.Error("the log does not say that the file is bad")
	}
	if got := ask(t, goes, "GET k"); got != "+OK" {
		t.Errorf("after a bad file: %s", got)
	}
	if err := os.WriteFile(users, []byte("user stays on >other\nuser comes on >three\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.Reload()
	if got := ask(t, stays, "GET k"); got != "+OK" {
		t.Errorf("a user that stays: %s", got)
	}
	goes.SetDeadline(time.Now().Add(10 * time.Second))
	if n, err := goes.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("a user that is gone reads %d, %v", n, err)
	}
	if got := ask(t, dial(t, r.Addresses()[0]), "AUTH comes three"); got != "+OK" {
		t.Errorf("a new user: %s", got)
	}
	if got := ask(t, dial(t, r.Addresses()[0]), "AUTH stays one"); !strings.HasPrefix(got, "-WRONGPASS") {
		t.Errorf("an old password: %s", got)
	}
	if strings.Contains(r.journal.String(), "three") {
		t.Error("a password is in the log")
	}
}
