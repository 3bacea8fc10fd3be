package thaw

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeNode speaks enough of RESP for this package over any net.Conn, so that it
// works in virtual time. What it answers is checked against a real server in
// TestFakeAgainstReal.
type fakeNode struct {
	mu      sync.Mutex
	data    map[string]string
	ends    map[string]time.Time
	conns   map[net.Conn]bool
	dials   int
	silent  bool          // swallows everything
	delay   time.Duration // before each reply
	reply   string        // if set, answers every command but the handshake
	demoted bool          // answers writes with READONLY
	log     []string      // names of the commands
	auths   []string
}

func newFakeNode() *fakeNode {
	return &fakeNode{data: map[string]string{}, ends: map[string]time.Time{}, conns: map[net.Conn]bool{}}
}

// connect is the dialer's seam.
func (n *fakeNode) connect(context.Context, string) (net.Conn, error) {
	client, server := net.Pipe()
	n.mu.Lock()
	n.dials++
	n.conns[server] = true
	n.mu.Unlock()
	go n.serve(server)
	return client, nil
}

// cut closes every connection, as a reset does.
func (n *fakeNode) cut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.conns {
		c.Close()
	}
	n.conns = map[net.Conn]bool{}
}

// vanish leaves the present connections without an answer for ever; new ones work.
func (n *fakeNode) vanish() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.conns {
		n.conns[c] = false
	}
}

func (n *fakeNode) set(f func(*fakeNode)) { n.mu.Lock(); f(n); n.mu.Unlock() }

func (n *fakeNode) count(name string) (k int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, l := range n.log {
		if l == name {
			k++
		}
	}
	return k
}

// serve reads in one goroutine and answers in another, as a kernel's buffers allow:
// net.Pipe has none.
func (n *fakeNode) serve(c net.Conn) {
	defer c.Close()
	commands := make(chan []string, 1000)
	go func() {
		defer close(commands)
		r := bufio.NewReader(c)
		for {
			cmd, err := readCommand(r)
			if err != nil {
				return
			}
			commands <- cmd
		}
	}()
	for cmd := range commands {
		n.mu.Lock()
		alive, known := n.conns[c]
		silent, delay := n.silent || known && !alive, n.delay
		n.mu.Unlock()
		if silent {
			continue
		}
		if delay > 0 {
			time.Sleep(delay)
		}
		n.mu.Lock()
		answer := n.do(cmd)
		n.mu.Unlock()
		if _, err := io.WriteString(c, answer); err != nil {
			return
		}
	}
}

func readCommand(r *bufio.Reader) ([]string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	count, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(line, "*")))
	if err != nil {
		return nil, err
	}
	args := make([]string, count)
	for i := range args {
		if line, err = r.ReadString('\n'); err != nil {
			return nil, err
		}
		size, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(line, "$")))
		if err != nil {
			return nil, err
		}
		b := make([]byte, size+2)
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, err
		}
		args[i] = string(b[:size])
	}
	return args, nil
}

func bulk(s string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(s), s) }

const nilReply = "_\r\n"

func (n *fakeNode) do(cmd []string) string {
	name := strings.ToUpper(cmd[0])
	n.log = append(n.log, name)
	now := time.Now()
	for k, end := range n.ends {
		if !now.Before(end) {
			delete(n.data, k)
			delete(n.ends, k)
		}
	}
	if n.reply != "" && name != "HELLO" && name != "CLIENT" && name != "CLUSTER" {
		return n.reply
	}
	if n.demoted && slices.Contains([]string{"SET", "DEL", "EVAL", "EVALSHA"}, name) {
		return "-READONLY You can't write against a read only replica.\r\n"
	}
	switch name {
	case "HELLO":
		n.auths = append(n.auths, strings.Join(cmd[2:], " "))
		return "%3\r\n" + bulk("server") + bulk("redis") + bulk("version") + bulk("7.0.0") + bulk("proto") + ":3\r\n"
	case "CLIENT", "AUTH":
		return "+OK\r\n"
	case "CLUSTER":
		return "-ERR This instance has cluster support disabled\r\n"
	case "PING":
		if len(cmd) > 1 {
			return bulk(cmd[1])
		}
		return "+PONG\r\n"
	case "GET":
		if v, ok := n.data[cmd[1]]; ok {
			return bulk(v)
		}
		return nilReply
	case "MGET":
		out := fmt.Sprintf("*%d\r\n", len(cmd)-1)
		for _, k := range cmd[1:] {
			if v, ok := n.data[k]; ok {
				out += bulk(v)
			} else {
				out += nilReply
			}
		}
		return out
	case "SET":
		ms, _ := strconv.Atoi(cmd[len(cmd)-1])
		n.put(cmd[1], cmd[2], time.Duration(ms)*time.Millisecond)
		return "+OK\r\n"
	case "DEL":
		removed := 0
		for _, k := range cmd[1:] {
			if _, ok := n.data[k]; ok {
				removed++
			}
			delete(n.data, k)
			delete(n.ends, k)
		}
		return fmt.Sprintf(":%d\r\n", removed)
	case "EVALSHA", "EVAL":
		return n.script(cmd[3], cmd[4:])
	}
	return "-ERR unknown command '" + cmd[0] + "'\r\n"
}

func (n *fakeNode) put(k, v string, ttl time.Duration) {
	n.data[k], n.ends[k] = v, time.Now().Add(ttl)
}

// script is leaseScript once more, in Go: the slow obvious form it is tested
// against.
func (n *fakeNode) script(key string, a []string) string {
	v := n.data[key]
	ours := len(v) >= headerLen && v[0] >= formatRaw && v[0] <= formatAbsent
	none := string(make([]byte, tokenLen))
	token := a[1]
	holder := none
	if ours {
		holder = v[tokenAt:untilAt]
	}
	mark := ours && v[0] == formatAbsent && v[1] == 0
	if a[0] == "claim" {
		now, until := a[2], a[3]
		switch {
		case !ours:
			ms, _ := strconv.Atoi(a[5])
			n.put(key, a[4], time.Duration(ms)*time.Millisecond)
			return ":1\r\n"
		case a[6] != "1" && !mark && v[freshAt:costAt] > now:
			return ":2\r\n"
		case holder != none && holder != token && v[untilAt:headerLen] > now:
			return ":0\r\n"
		}
		n.data[key] = v[:tokenAt] + token + until + v[headerLen:]
		return ":1\r\n"
	}
	if !ours || holder != token {
		return ":0\r\n"
	}
	switch {
	case a[0] == "commit":
		ms, _ := strconv.Atoi(a[3])
		n.put(key, a[2], time.Duration(ms)*time.Millisecond)
	case mark:
		delete(n.data, key)
	default:
		n.data[key] = v[:tokenAt] + a[2] + v[headerLen:]
	}
	return ":1\r\n"
}

// faked opens a client whose connections lead to n.
func faked(t testing.TB, n *fakeNode, o Options) *Client {
	t.Helper()
	if o.URL == "" {
		o.URL = "redis://fake:6379?name=" + strings.Map(func(r rune) rune {
			if r == '/' {
				return '-'
			}
			return r
		}, t.Name())
	}
	c := open(t, o)
	for _, l := range c.store.(*valkeyStore).links {
		l.dialer.resolve = func(context.Context, string) ([]string, error) { return []string{"192.0.2.1"}, nil }
		l.dialer.connect = n.connect
	}
	return c
}

var errOrigin = errors.New("the origin is down")

func text(s string) Loader[string] {
	return func(context.Context, string) (string, error) { return s, nil }
}
