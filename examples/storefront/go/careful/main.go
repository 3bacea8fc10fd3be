// Command careful looks a product up in the cache first and in the database
// second, in the form that survives Lambda: one client for the whole life of the
// execution environment, one connection, every wait bounded, and a cache that
// may fail without failing the caller.
//
//	GET product:42 ──hit──▶ {"source":"cache","value":…}
//	      │ miss, error, too slow
//	      ▼
//	GET $ORIGIN_URL/42 ──▶ {"source":"database","value":…}
//	      └── SET product:42 with a TTL, best effort
package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

const (
	// A new connection inside one VPC takes about a millisecond, a small
	// function's first TLS handshake some tens.
	dialTimeout = 100 * time.Millisecond
	// A healthy GET takes well below a millisecond; beyond this the database is
	// the faster answer. CACHE_TIMEOUT_MS says otherwise.
	commandTimeout = 50 * time.Millisecond
	originTimeout  = 2 * time.Second
	// After a failure the cache is left alone for this long, so that a dead one
	// costs one invocation the timeout, not all of them.
	coolDown  = time.Second
	maxAnswer = 1 << 20 // bytes
)

type event struct {
	ID string `json:"id"`
}

type answer struct {
	Source string          `json:"source"` // cache or database
	Value  json.RawMessage `json:"value"`  // null: no such product
}

type storefront struct {
	cache     *redis.Client
	timeout   time.Duration // of one command
	downUntil atomic.Int64  // Unix ms
	origin    *http.Client
	originURL string
	ttl       time.Duration
}

func newStorefront(getenv func(string) string) *storefront {
	host := getenv("CACHE_HOST")
	timeout := commandTimeout
	if ms, err := strconv.Atoi(getenv("CACHE_TIMEOUT_MS")); err == nil && ms > 0 {
		timeout = time.Duration(ms) * time.Millisecond
	}
	options := &redis.Options{
		Addr:     net.JoinHostPort(host, getenv("CACHE_PORT")),
		Password: getenv("CACHE_PASSWORD"),
		// An environment runs one invocation at a time: one connection. The
		// default, 10 for each CPU, times 1,000 environments is an outage.
		PoolSize:      1,
		PoolTimeout:   timeout,
		DialTimeout:   max(dialTimeout, timeout),
		DialerRetries: 1, // the default, 5, would multiply dialTimeout
		ReadTimeout:   timeout,
		WriteTimeout:  timeout,
		// One retry: it replaces a connection that died while the environment was frozen.
		MaxRetries: 1,
		// Without it the client ignores the deadline of ctx once connected.
		ContextTimeoutEnabled: true,
		// Replaces a connection unused for so long instead of trusting it. What
		// counts is wall time: the monotonic clock may stand still in a frozen
		// environment. go-redis compares Unix times here; not every client does.
		ConnMaxIdleTime: 5 * time.Minute,
		// No HELLO, no CLIENT SETINFO: a new connection is ready at once.
		Protocol:                 2,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	if getenv("CACHE_TLS") == "1" {
		options.TLSConfig = &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
		options.DialTimeout = 5 * dialTimeout
	}
	ttl, err := strconv.Atoi(getenv("CACHE_TTL_SECONDS"))
	if err != nil || ttl <= 0 {
		ttl = 60
	}
	return &storefront{
		cache:     redis.NewClient(options), // connects at the first command
		timeout:   timeout,
		origin:    &http.Client{Timeout: originTimeout, Transport: &http.Transport{MaxConnsPerHost: 1, MaxIdleConnsPerHost: 1}},
		originURL: getenv("ORIGIN_URL"),
		ttl:       time.Duration(ttl) * time.Second,
	}
}

func (s *storefront) handle(ctx context.Context, e event) (answer, error) {
	if e.ID == "" {
		return answer{}, errors.New(`storefront: the event has no id: send {"id": "42"}`)
	}
	key := "product:" + e.ID
	if value, ok := s.fromCache(ctx, key); ok {
		return answer{Source: "cache", Value: value}, nil
	}
	value, err := s.fromOrigin(ctx, e.ID)
	if err != nil {
		return answer{}, err
	}
	s.toCache(ctx, key, value)
	return answer{Source: "database", Value: value}, nil
}

func (s *storefront) fromCache(ctx context.Context, key string) (value json.RawMessage, ok bool) {
	if s.cacheIsDown() {
		return nil, false
	}
	ctx, cancel := context.WithTimeout(ctx, s.cache.Options().DialTimeout+s.timeout)
	defer cancel()
	value, err := s.cache.Get(ctx, key).Bytes()
	s.note(err)
	return value, err == nil && json.Valid(value)
}

// toCache writes inside the invocation: once the answer is out, the environment
// may be frozen in the middle of the command.
func (s *storefront) toCache(ctx context.Context, key string, value json.RawMessage) {
	if s.cacheIsDown() || string(value) == "null" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	s.note(s.cache.Set(ctx, key, []byte(value), s.ttl).Err())
}

func (s *storefront) cacheIsDown() bool { return time.Now().UnixMilli() < s.downUntil.Load() }

func (s *storefront) note(err error) {
	if err == nil || errors.Is(err, redis.Nil) {
		return
	}
	s.downUntil.Store(time.Now().Add(coolDown).UnixMilli())
	fmt.Fprintf(os.Stderr, "storefront: cache skipped for %s: %v\n", coolDown, err)
}

func (s *storefront) fromOrigin(ctx context.Context, id string) (json.RawMessage, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.originURL+"/"+url.PathEscape(id), nil)
	if err != nil {
		return nil, fmt.Errorf("storefront: ORIGIN_URL: %w", err)
	}
	response, err := s.origin.Do(request)
	if err != nil {
		return nil, fmt.Errorf("storefront: database: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer)) // to the end, so that the connection is reused
	switch {
	case err != nil:
		return nil, fmt.Errorf("storefront: database: %w", err)
	case response.StatusCode == http.StatusNotFound:
		return json.RawMessage("null"), nil
	case response.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("storefront: database: %s", response.Status)
	}
	return body, nil
}

func main() {
	lambda.Start(newStorefront(os.Getenv).handle)
}
