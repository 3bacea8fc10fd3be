package thaw

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/valkey-io/valkey-go"
)

// The hit of Fetch beside the same GET over the clients underneath and beside it,
// each as its documentation shows it for one node: go test -bench Hit.
func BenchmarkHit(b *testing.B) {
	s := startRedis(b)
	value := bytes.Repeat([]byte("x"), 1000)
	c := ensured(b, Options{URL: s.url()})
	load := func(context.Context, string) ([]byte, error) { return value, nil }
	if _, _, err := Fetch(b.Context(), c, "k", time.Hour, load); err != nil {
		b.Fatal(err)
	}
	bare, err := valkey.NewClient(valkey.ClientOption{InitAddress: []string{s.addr}, ForceSingleClient: true, DisableCache: true})
	if err != nil {
		b.Fatal(err)
	}
	defer bare.Close()
	plain := redis.NewClient(&redis.Options{Addr: s.addr})
	defer plain.Close()
	if err := plain.Set(b.Context(), "bare", value, 0).Err(); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour) // a handler's context has a deadline
	defer cancel()
	check := func(b *testing.B, v []byte, err error) {
		if err != nil || len(v) != len(value) {
			b.Fatal(len(v), err)
		}
	}
	b.Run("valkey-go", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			v, err := bare.Do(ctx, bare.B().Get().Key("bare").Build()).AsBytes()
			check(b, v, err)
		}
	})
	b.Run("thaw", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			v, _, err := Fetch(ctx, c, "k", time.Hour, load)
			check(b, v, err)
		}
	})
	b.Run("go-redis", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			v, err := plain.Get(ctx, "bare").Bytes()
			check(b, v, err)
		}
	})
}

func BenchmarkLocalHit(b *testing.B) {
	s := startRedis(b)
	c := ensured(b, Options{URL: s.url(), LocalSize: 1 << 20, LocalTTL: time.Hour})
	load := func(context.Context, string) ([]byte, error) { return []byte("value"), nil }
	for range 2 {
		if _, _, err := Fetch(b.Context(), c, "k", time.Hour, load); err != nil {
			b.Fatal(err)
		}
	}
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if _, from, err := Fetch(ctx, c, "k", time.Hour, load); err != nil || from != FromLocal {
			b.Fatal(from, err)
		}
	}
}

func BenchmarkGuardedMiss(b *testing.B) {
	s := startRedis(b)
	c := ensured(b, Options{URL: s.url()})
	c.breaker.Trip(time.Now())
	load := func(context.Context, string) ([]byte, error) { return nil, nil }
	b.ReportAllocs()
	for b.Loop() {
		c.breaker.Trip(time.Now())
		if _, from, err := Fetch(b.Context(), c, "k", time.Hour, load); err != nil || from != FromDatabase {
			b.Fatal(from, err)
		}
	}
}
