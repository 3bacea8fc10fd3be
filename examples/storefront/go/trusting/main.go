// Command trusting looks a product up over one connection that lives as long as
// the execution environment and that it believes to be alive. Many clients do,
// unless they are told to test a connection before they use it or to try again.
// It is the middle between ../naive and ../careful: as cheap as the one, and after
// a freeze as wrong as one can be.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
)

type event struct {
	ID string `json:"id"`
}

type answer struct {
	Source string          `json:"source"`
	Value  json.RawMessage `json:"value"`
}

const commandTimeout = time.Second

// maxValue bounds what is read from the cache.
const maxValue = 1 << 20

type storefront struct {
	address, origin, ttl string
	conn                 net.Conn // nil: not connected
	in                   *bufio.Reader
}

func (s *storefront) handle(_ context.Context, e event) (answer, error) {
	if e.ID == "" {
		return answer{}, errors.New(`storefront: the event has no id: send {"id": "42"}`)
	}
	key := "product:" + e.ID
	// The connection may have died while the environment was frozen, and nobody
	// looks: this invocation fails, and only the next one connects again.
	value, err := s.do("GET", key)
	if err != nil {
		return answer{}, err
	}
	if value != nil {
		return answer{Source: "cache", Value: value}, nil
	}
	if value, err = s.fromOrigin(e.ID); err != nil {
		return answer{}, err
	}
	_, err = s.do("SET", key, string(value), "EX", s.ttl)
	return answer{Source: "database", Value: value}, err
}

// do sends a command whose answer is a status or a value; nil is no value.
func (s *storefront) do(words ...string) (value []byte, err error) {
	if s.conn == nil {
		if s.conn, err = net.DialTimeout("tcp", s.address, commandTimeout); err != nil {
			return nil, fmt.Errorf("storefront: cache: %w", err)
		}
		s.in = bufio.NewReader(s.conn)
	}
	if value, err = s.exchange(words); err != nil {
		s.conn.Close() // it failed already
		s.conn = nil
		return nil, fmt.Errorf("storefront: cache: %w", err)
	}
	return value, nil
}

func (s *storefront) exchange(words []string) ([]byte, error) {
	if err := s.conn.SetDeadline(time.Now().Add(commandTimeout)); err != nil {
		return nil, err
	}
	request := fmt.Sprintf("*%d\r\n", len(words))
	for _, w := range words {
		request += fmt.Sprintf("$%d\r\n%s\r\n", len(w), w)
	}
	if _, err := io.WriteString(s.conn, request); err != nil {
		return nil, err
	}
	line, err := s.in.ReadString('\n')
	if err != nil {
		return nil, err
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" || line[0] == '-' {
		return nil, errors.New(line)
	}
	if line[0] != '$' {
		return nil, nil
	}
	n, err := strconv.Atoi(line[1:])
	if err != nil || n < 0 || n > maxValue {
		return nil, err
	}
	value := make([]byte, n+len("\r\n"))
	_, err = io.ReadFull(s.in, value)
	return value[:n], err
}

func (s *storefront) fromOrigin(id string) (json.RawMessage, error) {
	client := http.Client{Timeout: 2 * time.Second}
	response, err := client.Get(s.origin + "/" + url.PathEscape(id))
	if err != nil {
		return nil, fmt.Errorf("storefront: database: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusNotFound {
		return json.RawMessage("null"), nil
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("storefront: database: %s", response.Status)
	}
	return io.ReadAll(io.LimitReader(response.Body, maxValue))
}

func main() {
	s := &storefront{
		address: net.JoinHostPort(os.Getenv("CACHE_HOST"), os.Getenv("CACHE_PORT")),
		origin:  os.Getenv("ORIGIN_URL"),
		ttl:     os.Getenv("CACHE_TTL_SECONDS"),
	}
	lambda.Start(s.handle)
}
