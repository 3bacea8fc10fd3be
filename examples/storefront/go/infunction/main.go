// Command infunction looks a product up in a global variable first and in the
// database second: the cache that every execution environment has for free. Each
// environment has its own, so each asks the database, each holds the data, and
// nobody can take an old value back from them before its time to live is over.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
)

type event struct {
	ID string `json:"id"`
}

type answer struct {
	Source string          `json:"source"` // memory or database
	Value  json.RawMessage `json:"value"`  // null: no such product
}

const (
	originTimeout = 2 * time.Second
	maxAnswer     = 1 << 20 // bytes
	// maxEntries bounds the variable: what grows without a bound ends the
	// environment with "signal: killed".
	maxEntries = 10_000
)

type entry struct {
	value json.RawMessage
	until time.Time
}

// storefront is used by one invocation at a time, so it needs no lock.
type storefront struct {
	entries   map[string]entry
	origin    *http.Client
	originURL string
	ttl       time.Duration
}

func newStorefront(getenv func(string) string) *storefront {
	ttl, err := strconv.Atoi(getenv("CACHE_TTL_SECONDS"))
	if err != nil || ttl <= 0 {
		ttl = 60
	}
	return &storefront{
		entries:   map[string]entry{},
		origin:    &http.Client{Timeout: originTimeout},
		originURL: getenv("ORIGIN_URL"),
		ttl:       time.Duration(ttl) * time.Second,
	}
}

func (s *storefront) handle(ctx context.Context, e event) (answer, error) {
	if e.ID == "" {
		return answer{}, errors.New(`storefront: the event has no id: send {"id": "42"}`)
	}
	// Round drops the monotonic clock, which stands still in a frozen environment:
	// a value would outlive its time by as long as the environment slept.
	now := time.Now().Round(0)
	if held, ok := s.entries[e.ID]; ok && now.Before(held.until) {
		return answer{Source: "memory", Value: held.value}, nil
	}
	value, err := s.fromOrigin(ctx, e.ID)
	if err != nil {
		return answer{}, err
	}
	if len(s.entries) >= maxEntries {
		clear(s.entries)
	}
	s.entries[e.ID] = entry{value, now.Add(s.ttl)}
	return answer{Source: "database", Value: value}, nil
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
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
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
