package thaw

import (
	"context"
	"errors"
	"testing"
	"time"
)

type product struct {
	ID   string
	Name string
}

func loads(n *int, v product) Loader[product] {
	return func(context.Context, string) (product, error) { *n++; return v, nil }
}

func TestFetchMissThenHit(t *testing.T) {
	s := startRedis(t)
	c := open(t, Options{URL: s.url(), OperationTimeout: 5 * time.Second}) // connecting is in it
	n := 0
	want := product{"1", "kettle"}
	for i, from := range []Source{FromDatabase, FromCache, FromCache} {
		got, f, err := Fetch(t.Context(), c, "product:1", time.Hour, loads(&n, want))
		if err != nil || got != want || f != from {
			t.Fatalf("call %d: %v, %v, %v", i, got, f, err)
		}
	}
	if n != 1 {
		t.Errorf("loaded %d times", n)
	}
	if err := c.Invalidate(t.Context(), "product:1"); err != nil {
		t.Fatal(err)
	}
	if _, f, _ := Fetch(t.Context(), c, "product:1", time.Hour, loads(&n, want)); f != FromDatabase {
		t.Errorf("after an invalidation: %v", f)
	}
	if got := s.info("total_connections_received"); got != "4" { // ours, awaitPort's, info's own
		t.Logf("connections: %s", got)
	}
}

func TestNegativeCaching(t *testing.T) {
	s := startRedis(t)
	c := open(t, Options{URL: s.url(), OperationTimeout: 5 * time.Second})
	n := 0
	load := func(context.Context, string) ([]byte, error) { n++; return nil, ErrNotFound }
	for range 3 {
		if _, _, err := Fetch(t.Context(), c, "gone", time.Hour, load); !errors.Is(err, ErrNotFound) {
			t.Fatal(err)
		}
	}
	if n != 1 {
		t.Errorf("loaded %d times", n)
	}
}
