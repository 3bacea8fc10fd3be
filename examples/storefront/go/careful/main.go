// Command careful looks a product up in the cache first and in the database
// second, with package thaw: one connection for the whole life of the execution
// environment, every wait bounded, and a cache that may fail without failing the
// caller.
//
//	cache ──hit──▶ {"source":"cache","value":…}
//	  │ miss, error, too slow
//	  ▼
//	GET $ORIGIN_URL/42 ──▶ {"source":"database","value":…}
//	  └── stored with a TTL, if the cache is well
package main

import (
	"cmp"
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
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/thawdev/thaw"
)

const maxAnswer = 1 << 20 // bytes

// Outside the handler: for the life of the environment. Nothing is dialled yet.
var (
	cache = thaw.MustOpen(thaw.Options{
		URL: cacheURL(),
		// All that one look-up may cost. A healthy GET takes well below a
		// millisecond, and the database of this example 12: beyond 50 ms the
		// database is the faster answer.
		OperationTimeout: number("CACHE_TIMEOUT_MS", 50) * time.Millisecond,
		// A price is never shown beyond its TTL, and a product that is put on
		// sale is seen at once.
		StaleFor:    -1,
		NegativeTTL: -1,
	})
	ttl    = number("CACHE_TTL_SECONDS", 60) * time.Second
	origin = &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{MaxConnsPerHost: 1, MaxIdleConnsPerHost: 1}}
)

type event struct {
	ID string `json:"id"`
}

type answer struct {
	Source string          `json:"source"` // cache or database
	Value  json.RawMessage `json:"value"`  // null: no such product
}

func handle(ctx context.Context, e event) (answer, error) {
	if e.ID == "" {
		return answer{}, errors.New(`storefront: the event has no id: send {"id": "42"}`)
	}
	load := func(ctx context.Context, _ string) ([]byte, error) { return fromOrigin(ctx, e.ID) }
	// The prefix is its own, for the stored value has a header, which the other
	// handlers of this example cannot read. []byte is stored as it is.
	value, from, err := thaw.Fetch(ctx, cache, "thaw:product:"+e.ID, ttl, load)
	if errors.Is(err, thaw.ErrNotFound) {
		return answer{Source: thaw.FromDatabase.String(), Value: json.RawMessage("null")}, nil
	}
	return answer{Source: from.String(), Value: value}, err
}

func fromOrigin(ctx context.Context, id string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, os.Getenv("ORIGIN_URL")+"/"+url.PathEscape(id), nil)
	if err != nil {
		return nil, fmt.Errorf("storefront: ORIGIN_URL: %w", err)
	}
	response, err := origin.Do(request)
	if err != nil {
		return nil, fmt.Errorf("storefront: database: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer)) // to the end, so that the connection is reused
	switch {
	case err != nil:
		return nil, fmt.Errorf("storefront: database: %w", err)
	case response.StatusCode == http.StatusNotFound:
		return nil, thaw.ErrNotFound
	case response.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("storefront: database: %s", response.Status)
	}
	return body, nil
}

// cacheURL is rediss:// with CACHE_TLS=1, and may hold a secret: it is for
// thaw.Options alone, which never repeats it.
func cacheURL() string {
	u := url.URL{Scheme: "redis", Host: net.JoinHostPort(os.Getenv("CACHE_HOST"), cmp.Or(os.Getenv("CACHE_PORT"), "6379"))}
	if os.Getenv("CACHE_TLS") == "1" {
		u.Scheme = "rediss"
	}
	if password := os.Getenv("CACHE_PASSWORD"); password != "" {
		u.User = url.UserPassword("", password)
	}
	return u.String()
}

// number reads a variable; one that is not a positive number is as good as unset.
func number(variable string, unset time.Duration) time.Duration {
	if n, err := strconv.Atoi(os.Getenv(variable)); err == nil && n > 0 {
		return time.Duration(n)
	}
	return unset
}

func main() {
	lambda.Start(handle)
}
