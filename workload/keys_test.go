package workload

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// Frequencies against the law itself, by Pearson's chi-square.
func TestKeyFrequencies(t *testing.T) {
	const draws = 400_000
	for _, k := range []Keys{
		{N: 100}, {N: 100, S: 0.2}, {N: 100, S: 0.99}, {N: 100, S: 1}, {N: 100, S: 1 + 1e-9},
		{N: 100, S: 1.1}, {N: 30, S: 2}, {N: 2, S: 5}, {N: 10_000, S: 0.8}, {N: 10_000, S: 1.1},
	} {
		counts := make([]float64, k.N+1)
		next := k.source(newStream(3, keyStream))
		for range draws {
			counts[next()]++
		}
		norm := 0.0
		for i := int64(1); i <= k.N; i++ {
			norm += math.Pow(float64(i), -k.S)
		}
		// Ranks are pooled until a pool expects ten draws: the test needs that.
		chi, pools, got, want := 0.0, 0.0, 0.0, 0.0
		for i := int64(1); i <= k.N; i++ {
			got += counts[i]
			want += draws * math.Pow(float64(i), -k.S) / norm
			if want >= 10 {
				chi += (got - want) * (got - want) / want
				pools++
				got, want = 0, 0
			}
		}
		// Mean df and variance 2·df: 4 sigma.
		if df := pools - 1; chi > df+4*math.Sqrt(2*df)+4 {
			t.Errorf("%v: chi-square %.1f with %.0f degrees of freedom", k, chi, df)
		}
	}
}

func TestKeysExtremes(t *testing.T) {
	for _, k := range []Keys{{}, {N: 1, S: 3}, {N: maxKeys, S: 0.5}, {N: maxKeys, S: 1}, {N: maxKeys, S: maxExponent}, {N: maxKeys, S: 1e-12}, {N: 3, S: 1e-300}} {
		next := k.source(newStream(1, keyStream))
		for range 10_000 {
			if rank := next(); rank < 1 || rank > max(1, k.N) {
				t.Fatalf("%v: rank %d", k, rank)
			}
		}
	}
}

func TestParseKeys(t *testing.T) {
	for text, want := range map[string]Keys{
		"single":            {N: 1},
		"uniform:10000":     {N: 10000},
		"zipf:10000,s=1.1":  {N: 10000, S: 1.1},
		"zipf:10000":        {N: 10000, S: 1},
		"zipf:10000,s=0":    {N: 10000},
		"zipf:10000,s=0.75": {N: 10000, S: 0.75},
	} {
		if got, err := ParseKeys(text); err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"":                `unknown shape ""`,
		"single:3":        "unknown shape",
		"uniform:":        "no number of keys",
		"uniform:0":       "no number of keys",
		"uniform:9,s=1":   "uniform has no option",
		"zipf:x":          "no number of keys",
		"zipf:9,s=-1":     "s=-1 is outside",
		"zipf:9,s=NaN":    "s=NaN is outside",
		"zipf:9,t=1":      "no exponent",
		"uniform:2e9":     "no number of keys",
		"zipf:2000000000": "outside 1",
	} {
		_, err := ParseKeys(text)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "accepted forms") {
			t.Errorf("%q: %v, want %s and the forms", text, err, want)
		}
	}
}

func FuzzParseKeys(f *testing.F) {
	for _, text := range []string{"single", "uniform:10", "zipf:10000,s=1.1", "zipf:7", "zipf:1000000000,s=20"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		k, err := ParseKeys(text)
		if err != nil {
			return
		}
		if back, err := ParseKeys(k.String()); err != nil || back.String() != k.String() || back.N != k.N {
			t.Fatalf("%q is written %q, which reads %+v, %v", text, k, back, err)
		}
		next := k.source(newStream(1, keyStream))
		for range 100 {
			if rank := next(); rank < 1 || rank > k.N {
				t.Fatalf("%q: rank %d", text, rank)
			}
		}
	})
}

func BenchmarkKeys(b *testing.B) {
	for _, k := range []Keys{{N: 10_000}, {N: 10_000, S: 1.1}} {
		b.Run(fmt.Sprint(k), func(b *testing.B) {
			next := k.source(newStream(1, keyStream))
			for b.Loop() {
				next()
			}
		})
	}
}
