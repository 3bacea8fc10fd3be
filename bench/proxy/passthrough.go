package main

import (
	"errors"
	"io"
	"net"
	"os"
	"strconv"
)

// passThroughArg makes this program the pass-through itself, in a process of
// its own so that its CPU can be told apart.
const passThroughArg = "pass-through"

const passThroughBuffer = 4 << 10

// passThrough starts a plain TCP forwarder in Go with one connection for one:
// what a proxy in Go costs that does nothing, and shares nothing.
func (b *bed) passThrough(_ options, c *contender) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if c.port, err = freePort(); err != nil {
		return err
	}
	c.note, c.transactions = "Go, two goroutines and buffers of 4 KiB a session", true
	if c.proc, err = start(b.folder, namePass, nil, self, passThroughArg, strconv.Itoa(c.port), strconv.Itoa(b.serverPort)); err != nil {
		return err
	}
	return c.proc.waitForPort(c.port)
}

// servePassThrough forwards from one port of this machine to another until the
// process is ended.
func servePassThrough(from, to string) error {
	ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", from))
	if err != nil {
		return err
	}
	for {
		down, err := ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		if err != nil {
			continue
		}
		up, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", to))
		if err != nil {
			down.Close()
			continue
		}
		go forward(down, up)
		go forward(up, down)
	}
}

// forward copies with a buffer. io.Copy alone would splice, which costs two
// pipes a direction and more for small messages.
func forward(dst, src net.Conn) {
	_, _ = io.CopyBuffer(struct{ io.Writer }{dst}, struct{ io.Reader }{src}, make([]byte, passThroughBuffer))
	src.Close()
	dst.Close()
}
