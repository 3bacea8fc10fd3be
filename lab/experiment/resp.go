package experiment

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/thawdev/thaw"
)

// probe is a connection to the cache of the lab's own, for what no handler does:
// timing single operations, and a writer that deletes a key.
type probe struct {
	conn net.Conn
	in   *bufio.Reader
}

const (
	probeTimeout = 10 * time.Second
	maxReply     = 1 << 20
)

func dialProbe(ctx context.Context, address string) (*probe, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &probe{conn: conn, in: bufio.NewReader(conn)}, nil
}

func (p *probe) Close() error { return p.conn.Close() }

// do sends a command whose reply is no array, and waits for the reply.
func (p *probe) do(words ...string) (string, error) {
	request := fmt.Sprintf("*%d\r\n", len(words))
	for _, w := range words {
		request += fmt.Sprintf("$%d\r\n%s\r\n", len(w), w)
	}
	if err := p.conn.SetDeadline(time.Now().Add(probeTimeout)); err != nil {
		return "", err
	}
	if _, err := io.WriteString(p.conn, request); err != nil {
		return "", err
	}
	line, err := p.in.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimRight(line, "\r\n")
	switch {
	case line == "":
		return "", errors.New("the cache sent an empty reply")
	case line[0] == '-':
		return "", fmt.Errorf("the cache refused %s: %s", words[0], line[1:])
	case line[0] != '$':
		return line[1:], nil
	}
	n, err := strconv.Atoi(line[1:])
	if err != nil || n > maxReply {
		return "", fmt.Errorf("the cache sent a reply of odd length %q", line)
	}
	if n < 0 {
		return "", nil
	}
	value := make([]byte, n+len("\r\n"))
	_, err = io.ReadFull(p.in, value)
	return string(value[:n]), err
}

// address is where clients reach the cache of the stage: through its relay, if
// it has one.
func (s *stage) address() string {
	if s.through != nil {
		return s.through.listener.Addr().String()
	}
	server := s.CacheServer("")
	return net.JoinHostPort(server.Address(), strconv.Itoa(server.Port()))
}

// inCache puts a product into the cache, in both forms.
func (s *stage) inCache(ctx context.Context, id string) error {
	product := []byte(`{"id":` + id + `}`)
	p, err := dialProbe(ctx, s.address())
	if err != nil {
		return err
	}
	defer p.Close()
	if _, err := p.do("SET", productKey(id), string(product)); err != nil {
		return err
	}
	c, err := thaw.Open(thaw.Options{URL: "redis://" + s.address(), Name: "thaw-lab", OperationTimeout: probeTimeout})
	if err != nil {
		return err
	}
	defer c.Close()
	return thaw.Set(ctx, c, carefulKey(id), product, time.Hour)
}

// productKey is where the handlers of the example keep a product as it is.
func productKey(id string) string { return "product:" + id }

// carefulKey is where the careful handler keeps it, with the header of package
// thaw.
func carefulKey(id string) string { return "thaw:" + productKey(id) }
