// Command naive looks a product up in the cache first and in the database
// second, the way it is often written. It works on a laptop and in a demo. The
// comments say what happens under load; ../careful is the same function without it.
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

	// A client for each invocation: each pays for a connection, and nobody closes
	// it. The server keeps them until the garbage collector finds the sockets, or
	// until the environment is gone.
	//
	// The defaults wait 5 s to connect and 5 s to read, with 3 retries: longer
	// than the function's timeout, so a slow cache is a failed invocation.
	options := &redis.Options{
		Addr:     os.Getenv("CACHE_HOST") + ":" + os.Getenv("CACHE_PORT"),
		Password: os.Getenv("CACHE_PASSWORD"),
	}
	if os.Getenv("CACHE_TLS") == "1" {
		options.TLSConfig = &tls.Config{ServerName: os.Getenv("CACHE_HOST")}
	}
	client := redis.NewClient(options)

	key := "product:" + e.ID
	cached, err := client.Get(ctx, key).Bytes()
	if err == nil {
		return answer{Source: "cache", Value: cached}, nil
	}
	if !errors.Is(err, redis.Nil) {
		return answer{}, err // the database is fine, and yet the caller gets an error
	}

	value, err := fromOrigin(e.ID)
	if err != nil {
		return answer{}, err
	}
	ttl, _ := strconv.Atoi(os.Getenv("CACHE_TTL_SECONDS")) // 0, when unset, keeps the value for ever
	if err := client.Set(ctx, key, []byte(value), time.Duration(ttl)*time.Second).Err(); err != nil {
		return answer{}, err // the answer was in hand
	}
	return answer{Source: "database", Value: value}, nil
}

func fromOrigin(id string) (json.RawMessage, error) {
	response, err := http.Get(os.Getenv("ORIGIN_URL") + "/" + url.PathEscape(id)) // no timeout
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

func main() {
	lambda.Start(handle)
}
