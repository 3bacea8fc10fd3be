// Command goredis looks a product up in the cache first and in the database
// second, with go-redis as its documentation shows it: a client outside the
// handler, all options at their defaults. It is right while the cache is; the
// comments say what happens when it is not.
package main

import (
	"context"
	"crypto/tls"
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
	"github.com/redis/go-redis/v9"
)

// The defaults wait 5 s to connect, up to 5 times, and 5 s to read, and try a
// command up to 4 times: longer than the function's timeout, so that a silent
// cache is a failed invocation. Up to 10 connections for each CPU; one invocation
// at a time uses one of them.
var cache = redis.NewClient(options())

type event struct {
	ID string `json:"id"`
}

type answer struct {
	Source string          `json:"source"`
	Value  json.RawMessage `json:"value"`
}

func handle(ctx context.Context, e event) (answer, error) {
	if e.ID == "" {
		return answer{}, errors.New(`storefront: the event has no id: send {"id": "42"}`)
	}
	key := "product:" + e.ID
	cached, err := cache.Get(ctx, key).Bytes()
	if err == nil {
		return answer{Source: "cache", Value: cached}, nil
	}
	if !errors.Is(err, redis.Nil) {
		return answer{}, err // wrong: the database is fine, and nobody asks it
	}
	value, err := fromOrigin(ctx, e.ID)
	if err != nil {
		return answer{}, err
	}
	ttl, _ := strconv.Atoi(os.Getenv("CACHE_TTL_SECONDS")) // 0, when unset, keeps the value for ever
	// Wrong again: the answer is in hand when this fails.
	return answer{Source: "database", Value: value}, cache.Set(ctx, key, []byte(value), time.Duration(ttl)*time.Second).Err()
}

func fromOrigin(ctx context.Context, id string) (json.RawMessage, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, os.Getenv("ORIGIN_URL")+"/"+url.PathEscape(id), nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusNotFound {
		return json.RawMessage("null"), nil
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("storefront: database: %s", response.Status)
	}
	return io.ReadAll(response.Body)
}

func options() *redis.Options {
	o := &redis.Options{
		Addr:     os.Getenv("CACHE_HOST") + ":" + os.Getenv("CACHE_PORT"),
		Password: os.Getenv("CACHE_PASSWORD"),
	}
	if os.Getenv("CACHE_TLS") == "1" {
		o.TLSConfig = &tls.Config{ServerName: os.Getenv("CACHE_HOST")}
	}
	return o
}

func main() {
	lambda.Start(handle)
}
