package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// Sessions of the memory measurement. The growth is taken twice: from the first
// session, with whatever a program sets aside once, and from sessionsBefore on,
// without.
const (
	sessionsBefore = 1000
	sessionsAfter  = 9000
	// A loopback source address has about 28,000 ports; use little of each.
	sessionsPerSource = 2000
	settle            = 3 * time.Second // for collectors and timers
)

// sessionBytes is the resident memory that one idle session costs.
type sessionBytes struct {
	FromFirst float64 `json:"from_first"`
	Growth    float64 `json:"growth"`
}

// memory returns what one idle session costs each contender. A session has sent
// one GET and then says nothing.
func (b *bed) memory(o options, log io.Writer) (map[string]sessionBytes, error) {
	results := map[string]sessionBytes{}
	measure := func(name string, p *process, port int, secure bool) error {
		n, err := sessionMemory(p, port, secure)
		if err != nil {
			return fmt.Errorf("bench: idle sessions of %s: %w", name, err)
		}
		results[name] = n
		fmt.Fprintf(log, "idle session %-16s %8.0f bytes, %.0f from the first on\n", name, n.Growth, n.FromFirst)
		return nil
	}
	for _, c := range b.all {
		if c.missing != "" || c.port == 0 {
			continue
		}
		p := c.proc
		if p == nil {
			p = b.server
		}
		if err := measure(c.name, p, c.port, false); err != nil {
			return nil, err
		}
	}
	if b.find(nameThaw) != nil {
		c, err := b.thawTLS(o)
		if err != nil {
			return nil, err
		}
		if err := measure(c.name, c.proc, c.tlsPort, true); err != nil {
			return nil, err
		}
	}
	return results, nil
}

func sessionMemory(p *process, port int, secure bool) (sessionBytes, error) {
	var open []net.Conn
	defer func() {
		for _, c := range open {
			c.Close()
		}
	}()
	var at [3]int64 // with no session, sessionsBefore and sessionsAfter
	for i, n := range []int{0, sessionsBefore, sessionsAfter} {
		for len(open) < n {
			c, err := idleSession(port, len(open), secure)
			if err != nil {
				return sessionBytes{}, fmt.Errorf("session %d: %w", len(open), err)
			}
			open = append(open, c)
		}
		time.Sleep(settle)
		var err error
		if at[i], err = p.rss(); err != nil {
			return sessionBytes{}, err
		}
	}
	return sessionBytes{
		FromFirst: float64(at[2]-at[0]) / sessionsAfter,
		Growth:    float64(at[2]-at[1]) / (sessionsAfter - sessionsBefore),
	}, nil
}

// idleSession connects, from one of several source addresses, asks once and
// leaves the connection open.
func idleSession(port, n int, secure bool) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+n/sessionsPerSource))}, Timeout: 10 * time.Second}
	c, err := d.Dial("tcp", address(port))
	if err != nil {
		return nil, err
	}
	if secure {
		// The certificate is this run's own; its verification is not measured.
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
	}
	if err := ask(c); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func ask(c net.Conn) error {
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.Write(appendCommand(nil, "GET", keyName(0))); err != nil {
		return err
	}
	buf := make([]byte, 256)
	want := fmt.Sprintf("$%d\r\n", valueSize)
	n, err := io.ReadAtLeast(c, buf, len(want)+valueSize+2)
	if err != nil {
		return err
	}
	if string(buf[:len(want)]) != want {
		return errors.New("GET answers " + string(buf[:n]))
	}
	return nil
}
