package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// client is a plain connection that asks and waits, for what is not measured.
type client struct {
	net.Conn
	r *bufio.Reader
}

func dial(addr string) (*client, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &client{Conn: c, r: bufio.NewReader(c)}, nil
}

// appendCommand writes a command as the server reads it.
func appendCommand(b []byte, args ...string) []byte {
	b = fmt.Appendf(b, "*%d\r\n", len(args))
	for _, a := range args {
		b = fmt.Appendf(b, "$%d\r\n%s\r\n", len(a), a)
	}
	return b
}

// do sends one command and returns its reply as text; an error reply is an error.
func (c *client) do(args ...string) (string, error) {
	if _, err := c.Write(appendCommand(nil, args...)); err != nil {
		return "", err
	}
	return readReply(c.r)
}

// readReply reads one RESP2 reply. The elements of an array are returned one a
// line; an error in it is the reply's error.
func readReply(r *bufio.Reader) (string, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return "", err
	}
	text := string(bytes.TrimRight(line[1:], "\r\n"))
	switch line[0] {
	case '+', ':':
		return text, nil
	case '-':
		return "", fmt.Errorf("the server answers %q", text)
	case '$':
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return "", err
		}
		buf := make([]byte, n+2)
		_, err = io.ReadFull(r, buf)
		return string(buf[:n]), err
	case '*':
		n, err := strconv.Atoi(text)
		if err != nil {
			return "", err
		}
		var parts []string
		var first error
		for range n {
			s, err := readReply(r)
			if err != nil && first == nil {
				first = err
			}
			parts = append(parts, s)
		}
		return strings.Join(parts, "\n"), first
	}
	return "", fmt.Errorf("bench: reply begins with %q", line[0])
}

// info returns one number of INFO.
func (c *client) info(section, field string) (int64, error) {
	text, err := c.do("INFO", section)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), field+":"); ok {
			return strconv.ParseInt(v, 10, 64)
		}
	}
	return 0, fmt.Errorf("bench: INFO %s has no %s", section, field)
}
