package cache

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/thawdev/thaw/stack"
)

// hold gives a connection to a process of its own, as a handler has one, and
// returns the process.
func hold(t testing.TB, dial func() (net.Conn, error)) int {
	t.Helper()
	c, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	f, err := c.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cmd := exec.Command("sleep", "120")
	cmd.ExtraFiles = []*os.File{f}
	cmd.SysProcAttr = childAttr()
	if err := cmd.Start(); err != nil {
		t.Skipf("sleep: %v", err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd.Process.Pid
}

func TestAttributor(t *testing.T) {
	for _, mode := range []string{"embedded", "auto", "memcached"} {
		t.Run(mode, func(t *testing.T) {
			c := described(stack.Redis, nil)
			switch mode {
			case "auto":
				real(t)
			case "memcached":
				need(t, "memcached")
				c = described(stack.Memcached, nil)
			}
			s := begin(t, mode, c)
			pids := map[string][]int{}
			a := NewAttributor(func() map[string][]int { return pids })
			for i := range 3 {
				pid := hold(t, func() (net.Conn, error) { return net.Dial("tcp", s.where.String()) })
				pids[fmt.Sprintf("env-%d", i)] = []int{pid}
			}
			// A client of no environment, and one with a socket for IPv6.
			hold(t, func() (net.Conn, error) { return net.Dial("tcp", s.where.String()) })
			x := sampleUntil(t, s, "four clients", func(x Sample) bool { return x.Connections == 4 })
			a.Fill(&x)
			count := map[string]int{}
			for _, c := range x.Clients {
				count[c.Environment]++
			}
			if count["env-0"] != 1 || count["env-1"] != 1 || count["env-2"] != 1 || count[""] != 1 {
				t.Errorf("%v", count)
			}
			x.Clients = x.Clients[:0]
			a.Fill(&x)
			if len(a.known) != 0 || a.held["env-0"] != 0 {
				t.Errorf("ended connections are remembered: %v, %v", a.known, a.held)
			}
		})
	}
}

// TestAttributorAsksRarely: nothing new costs no search, and a client that
// nobody knows costs one now and then.
func TestAttributorAsksRarely(t *testing.T) {
	asked := 0
	a := NewAttributor(func() map[string][]int { asked++; return nil })
	start := time.Unix(1000, 0)
	for tick := range 600 { // a minute of samples
		s := Sample{At: start.Add(time.Duration(tick) * 100 * time.Millisecond), Clients: []Client{
			{ID: 1, Addr: netip.MustParseAddrPort("192.0.2.1:1")}, {ID: 2},
		}}
		a.Fill(&s)
	}
	if asked < 10 || asked > 25 {
		t.Errorf("asked %d times in a minute", asked)
	}
}

// TestParseTable reads a table with an IPv4 client, one that a dual socket
// made, and lines that are not for us.
func TestParseTable(t *testing.T) {
	v4, v6 := netip.MustParseAddrPort("127.0.0.1:51234"), netip.MustParseAddrPort("[::1]:4096")
	hex := addressesInHex([]netip.AddrPort{v4, v6})
	var keys []string
	for k := range hex {
		keys = append(keys, k)
	}
	if len(keys) != 3 {
		t.Fatalf("%v", keys)
	}
	text := "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	for i, k := range keys {
		text += fmt.Sprintf("   %d: %s 017FA8C0:18EB 01 00000000:00000000 00:00000000 00000000     0        0 %d 1 0 20 4 30 10 -1\n", i, k, 100+i)
	}
	text += "   9: 00000000:18EB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 55 1\n   x\n"
	sockets := inodes{}
	parseTable(bufio.NewReader(strings.NewReader(text)), hex, sockets)
	for i, k := range keys {
		if got := sockets[uint64(100+i)]; got != hex[k] {
			t.Errorf("%s: %v", k, got)
		}
	}
	if len(sockets) != 3 {
		t.Errorf("%v", sockets)
	}
}

func FuzzParseTable(f *testing.F) {
	f.Add([]byte("  0: 0100007F:C822 017FA8C0:18EB 01 0:0 00:0 0 0 0 99 1\n"))
	hex := addressesInHex([]netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:51234")})
	f.Fuzz(func(t *testing.T, b []byte) {
		parseTable(bufio.NewReader(bytes.NewReader(b)), hex, inodes{})
	})
}

// TestServerDiesWithLab: a lab that is killed leaves no server.
func TestServerDiesWithLab(t *testing.T) {
	if dir := os.Getenv("THAW_TEST_LAB"); dir != "" {
		s, err := Start(t.Context(), described(stack.Redis, nil), Options{TempDir: dir})
		fmt.Println("server", s.PID(), err)
		time.Sleep(time.Minute)
		return
	}
	real(t)
	lab := exec.Command(os.Args[0], "-test.run=^TestServerDiesWithLab$")
	lab.Env = append(os.Environ(), "THAW_TEST_LAB="+t.TempDir())
	out, err := lab.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := lab.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscanf(out, "server %d", &pid); err != nil || pid == 0 {
		t.Fatalf("no server: %v", err)
	}
	lab.Process.Kill()
	lab.Wait()
	for deadline := time.Now().Add(3 * time.Second); !gone(pid); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("server %d outlives the lab", pid)
		}
	}
}

// BenchmarkSample reads a real server with 500 clients.
func BenchmarkSample(b *testing.B) {
	s := begin(b, real(b), described(stack.Redis, nil))
	for range 500 {
		connect(b, s).run("PING")
	}
	for b.Loop() {
		sample(b, s)
	}
}

// BenchmarkFill attributes 500 connections of 500 processes: all new, the last
// one new, and none new.
func BenchmarkFill(b *testing.B) {
	const environments = 500
	s := begin(b, "embedded", described(stack.Redis, nil))
	pids := map[string][]int{}
	for i := range environments {
		pids[fmt.Sprintf("env-%d", i)] = []int{hold(b, func() (net.Conn, error) { return net.Dial("tcp", s.where.String()) })}
	}
	x := sampleUntil(b, s, "all", func(x Sample) bool { return x.Connections == environments })
	list := func() map[string][]int { return pids }
	b.Run("all new", func(b *testing.B) {
		rounds := 0
		for b.Loop() {
			b.StopTimer()
			a := NewAttributor(list)
			b.StartTimer()
			a.Fill(&x)
			b.StopTimer()
			for rounds = 1; slices.ContainsFunc(x.Clients, func(c Client) bool { return c.Environment == "" }); rounds++ {
				a.Fill(&x)
			}
			b.StartTimer()
		}
		b.ReportMetric(float64(rounds), "samples")
		for _, c := range x.Clients {
			if c.Environment == "" {
				b.Fatalf("%v belongs to nobody", c.Addr)
			}
		}
	})
	b.Run("one new", func(b *testing.B) {
		a := NewAttributor(list)
		for range 5 {
			a.Fill(&x)
		}
		fewer := Sample{At: x.At, Clients: x.Clients[1:]}
		for b.Loop() {
			b.StopTimer()
			a.Fill(&fewer)
			b.StartTimer()
			a.Fill(&x)
		}
	})
	b.Run("none new", func(b *testing.B) {
		a := NewAttributor(list)
		for range 5 {
			a.Fill(&x)
		}
		for b.Loop() {
			a.Fill(&x)
		}
	})
}
