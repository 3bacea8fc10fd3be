package thaw_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/thawdev/thaw"
)

// The examples run without a server; with one, only the URL differs.
const exampleURL = "local://"

type Product struct {
	ID, Name string
}

var database = map[string]Product{"product:1": {"1", "kettle"}, "product:2": {"2", "teapot"}}

func loadProduct(_ context.Context, key string) (Product, error) {
	p, ok := database[key]
	if !ok {
		return p, thaw.ErrNotFound
	}
	return p, nil
}

// The whole of it: a cache outside the handler, and Fetch inside.
func ExampleFetch() {
	cache := thaw.MustOpen(thaw.Options{URL: exampleURL}) // a package-level variable in a function
	defer cache.Close()
	ctx := context.Background()
	for range 2 {
		p, from, err := thaw.Fetch(ctx, cache, "product:1", time.Hour, loadProduct)
		fmt.Println(p.Name, from, err)
	}
	_, _, err := thaw.Fetch(ctx, cache, "product:9", time.Hour, loadProduct)
	fmt.Println(errors.Is(err, thaw.ErrNotFound))
	// Output:
	// kettle database <nil>
	// kettle local <nil>
	// true
}

// After a write: the database first, then Invalidate.
func ExampleClient_Invalidate() {
	cache := thaw.MustOpen(thaw.Options{URL: exampleURL})
	defer cache.Close()
	ctx := context.Background()
	p, from, _ := thaw.Fetch(ctx, cache, "product:2", time.Hour, loadProduct)
	fmt.Println(p.Name, from)

	database["product:2"] = Product{"2", "samovar"}
	if err := cache.Invalidate(ctx, "product:2"); err != nil {
		fmt.Println(err) // the old value may stay until its TTL
	}
	p, from, _ = thaw.Fetch(ctx, cache, "product:2", time.Hour, loadProduct)
	fmt.Println(p.Name, from)
	// Output:
	// teapot database
	// samovar database
}

// Many keys in one round trip; the missing ones in one query.
func ExampleFetchMany() {
	cache := thaw.MustOpen(thaw.Options{URL: exampleURL})
	defer cache.Close()
	m, err := thaw.FetchMany(context.Background(), cache, []string{"product:1", "product:9"}, time.Hour,
		func(_ context.Context, missing []string) (map[string]Product, error) {
			found := map[string]Product{}
			for _, key := range missing {
				if p, ok := database[key]; ok {
					found[key] = p
				}
			}
			return found, nil
		})
	fmt.Println(len(m.Values), m.Values["product:1"].Name, m.From["product:1"], err)
	// Output: 1 kettle database <nil>
}

// Connecting in init, where the time is not a user's. An error is no reason to
// stop: every call falls back to its loader.
func ExampleClient_Ensure() {
	cache := thaw.MustOpen(thaw.Options{URL: exampleURL})
	defer cache.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if err := cache.Ensure(ctx); err != nil {
		slog.Warn("starting without the cache", "error", err)
	}
	// Output:
}

// What stands between here and the cache, stage by stage.
func ExampleProbe() {
	steps, err := thaw.Probe(context.Background(), thaw.Options{URL: os.Getenv("CACHE_URL")})
	for _, s := range steps {
		fmt.Println(s)
	}
	fmt.Println(errors.Is(err, thaw.ErrURL)) // CACHE_URL is not set
	// Output: true
}
