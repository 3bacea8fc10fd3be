package engine

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"
)

const messageSize = 64

// clientEnv makes this test binary a load generator, in a process of its own so
// that its processor time is not counted: "address connections pipeline requests [tls]".
const clientEnv = "ENGINE_TEST_CLIENT"

// load is one connection of the generator: it keeps a number of messages on
// their way.
type load struct {
	left     *int // messages to be sent still, of all connections
	waiting  *int // messages not answered
	done     func()
	message  []byte
	pipeline int
	under    int
}

func (h *load) Data(c *Conn, b []byte) int {
	n := len(b) / len(h.message)
	h.under -= n
	*h.waiting -= n
	if h.under == 0 {
		h.send(c)
	}
	if *h.waiting == 0 {
		h.done()
	}
	return n * len(h.message)
}

func (h *load) send(c *Conn) {
	for h.under < h.pipeline && *h.left > 0 {
		*h.left--
		h.under++
		c.Write(h.message)
	}
}

func (h *load) Closed(*Conn, error) {}
func (h *load) Drained(*Conn)       {}

func generateLoad(spec []string) error {
	number := func(i int) int { n, _ := strconv.Atoi(spec[i]); return n }
	conns, pipeline, requests := number(1), number(2), number(3)
	runtime.GOMAXPROCS(1)
	e, err := New(Options{Loops: 1})
	if err != nil {
		return err
	}
	done := make(chan struct{})
	left, waiting := requests, requests
	ended := false
	finish := func() {
		if !ended {
			ended = true
			close(done)
		}
	}
	for range conns {
		nc, err := net.Dial("tcp", spec[0])
		if err != nil {
			return err
		}
		if spec[4] == "tls" {
			if nc, err = ClientTLS(context.Background(), nc, &tls.Config{InsecureSkipVerify: true}); err != nil {
				return err
			}
		}
		h := &load{left: &left, waiting: &waiting, done: finish, message: bytes.Repeat([]byte("x"), messageSize), pipeline: pipeline}
		if err := e.Loops()[0].Adopt(nc, func(c *Conn) Handler { h.send(c); return h }); err != nil {
			return err
		}
	}
	<-done
	return e.Close()
}

// echo answers with what it was sent, whole messages only.
type echo struct{}

func (echo) Data(c *Conn, b []byte) int {
	n := len(b) / messageSize * messageSize
	c.Write(b[:n])
	return n
}
func (echo) Closed(*Conn, error) {}
func (echo) Drained(*Conn)       {}

func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// serveGoroutines is what package net alone would do: a goroutine for each
// connection.
func serveGoroutines(ln net.Listener) {
	for {
		nc, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer nc.Close()
			buf := make([]byte, 4096)
			for {
				n, err := io.ReadAtLeast(nc, buf, messageSize)
				if err != nil {
					return
				}
				n += fillUp(nc, buf, n)
				if _, err := nc.Write(buf[:n]); err != nil {
					return
				}
			}
		}()
	}
}

func fillUp(r io.Reader, buf []byte, n int) int {
	if rest := n % messageSize; rest != 0 {
		m, _ := io.ReadFull(r, buf[n:n+messageSize-rest])
		return m
	}
	return 0
}

// BenchmarkEcho measures the processor time of this process for each echoed
// message; the clients are another process. It is the floor of the proxy: one
// read and one write for each client and batch.
func BenchmarkEcho(b *testing.B) {
	server, _ := tlsPair(b)
	secure := &TLSOptions{Config: server}
	engines := []struct {
		name  string
		start func(b *testing.B, ln net.Listener)
	}{
		{"epoll", func(b *testing.B, ln net.Listener) { startEcho(b, ln, nil, Options{}) }},
		{"epoll1", func(b *testing.B, ln net.Listener) { startEcho(b, ln, nil, Options{Loops: 1}) }},
		{"portable", func(b *testing.B, ln net.Listener) { startEcho(b, ln, nil, Options{Portable: true}) }},
		{"tls", func(b *testing.B, ln net.Listener) { startEcho(b, ln, secure, Options{}) }},
		{"net", func(_ *testing.B, ln net.Listener) { go serveGoroutines(ln) }},
	}
	for _, load := range []struct{ conns, pipeline int }{{50, 1}, {50, 16}, {500, 1}, {500, 16}} {
		for _, e := range engines {
			b.Run(fmt.Sprintf("conns=%d/pipeline=%d/%s", load.conns, load.pipeline, e.name), func(b *testing.B) {
				ln, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					b.Fatal(err)
				}
				defer ln.Close()
				e.start(b, ln)
				runLoad(b, ln.Addr().String(), load.conns, load.pipeline, e.name)
			})
		}
	}
}

func startEcho(b *testing.B, ln net.Listener, secure *TLSOptions, o Options) {
	e, err := New(o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { e.Close() })
	go e.Serve(ln, secure, func(*Loop, *Conn) Handler { return echo{} })
}

func runLoad(b *testing.B, addr string, conns, pipeline int, kind string) {
	b.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d %d %d %s", clientEnv, addr, conns, pipeline, b.N, kind))
	child.Stderr = os.Stderr
	b.ReportAllocs()
	b.ResetTimer()
	before := processorTime()
	if err := child.Run(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64((processorTime()-before).Nanoseconds())/1e3/float64(b.N), "cpu-µs/op")
}
