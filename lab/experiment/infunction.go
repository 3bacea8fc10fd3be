package experiment

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// inFunction asks whether a cache server is worth it at all.
type inFunction struct {
	environments  int
	pairs         int // of hits, to compare the time
	keys          int // of the data set whose memory is measured
	ttl           int // seconds
	memory, cache string
}

const (
	// nearRoundTrip is that of a cache in the same zone: TCP round trips of 0.318
	// to 0.937 ms, 0.449 on average (ElastiCache User Guide, troubleshooting,
	// 2023).
	nearRoundTrip = 450 * time.Microsecond
	// versioned answers each query with a value of its own, as a row that changes
	// all the time.
	versioned = "SELECT json_object('id', id, 'version', lower(hex(randomblob(8)))) FROM product WHERE id = ?"
	// bulkBytes is the size of the values of bulky. They stay below 64 KiB, in
	// which the lab looks for the source of an answer.
	bulkBytes = 60_000
)

// bulky answers with values of bulkBytes: a byte of a blob is two digits.
func bulky() string {
	return fmt.Sprintf("SELECT json_object('id', id, 'pad', hex(zeroblob(%d))) FROM product WHERE id = ?", bulkBytes/2)
}

func (e inFunction) experiment() Experiment {
	return Experiment{
		Name:  "in-function",
		Title: "A global variable instead of a cache server",
		Doc: "Compares a handler that keeps values in a global variable with one that keeps them in the cache:\n" +
			"the time of a hit, what is served after a write, how often the database is asked, and the memory.",
		run: e.run,
	}
}

// inFunctionFigures has the cache and the variable side by side.
type inFunctionFigures struct {
	hitCache, hitMemory                  []time.Duration // pairs
	cacheSide, memorySide                freshness
	dataMB, cacheGrew, memoryGrew        int // MB of an environment, of 2^20 bytes
	serverBytes                          int64
	environments, ttl                    int
	queriesCache, queriesMemory, answers int
}

// freshness is what environments answered after a write.
type freshness struct{ answers, stale, staleAfterTTL int }

func (e inFunction) run(ctx context.Context, o Options, r *Report) error {
	f := inFunctionFigures{environments: e.environments, ttl: e.ttl}
	if err := e.hits(ctx, o, r, &f); err != nil {
		return err
	}
	for _, side := range []struct {
		function string
		origin   time.Duration
		fresh    *freshness
		queries  *int
	}{
		{e.memory, burstOrigin, &f.memorySide, &f.queriesMemory},
		// A value that took long to load is refreshed early, which is not the subject.
		{e.cache, fallbackOrigin, &f.cacheSide, &f.queriesCache},
	} {
		s := setting{name: "a write, " + side.function, functions: []string{side.function}, query: versioned, origin: side.origin,
			env: map[string]string{"CACHE_TTL_SECONDS": strconv.Itoa(e.ttl)}}
		err := o.solo(ctx, r, s, func(s *stage) error { return e.write(ctx, s, side.function, side.fresh, side.queries) })
		if err != nil {
			return err
		}
	}
	if err := e.fill(ctx, o, r, &f); err != nil {
		return err
	}
	r.Claims = judgeInFunction(f)
	r.Notes = []string{
		fmt.Sprintf("a cache server is not worth it where environments × keys / TTL queries are few for the database (here %d environments asked %d times for one key), answers as old as the TTL are right, and each environment has room for the data", f.environments, f.queriesMemory),
		"a new environment begins with an empty variable, so a burst asks the database when it can bear it least; a cache server is filled by all for all",
	}
	return nil
}

// hits compares the times of hits over a network of one zone.
func (e inFunction) hits(ctx context.Context, o Options, r *Report, f *inFunctionFigures) error {
	network, err := newRelay()
	if err != nil {
		return err
	}
	defer network.Close()
	s := setting{name: "hits in turn", functions: []string{e.cache, e.memory}, through: network}
	return o.solo(ctx, r, s, func(s *stage) error {
		for _, function := range s.functions { // from here on hits
			if _, err := s.shoot(ctx, function, "1"); err != nil {
				return err
			}
		}
		network.setDelay(nearRoundTrip)
		f.hitMemory, f.hitCache, err = s.alternate(ctx, e.pairs, e.memory, e.cache, "1")
		return err
	})
}

// write lets environments read a key, then a writer changes it and deletes it
// from the cache, and environments read it again, at once and after the time to
// live.
func (e inFunction) write(ctx context.Context, s *stage, function string, f *freshness, queries *int) error {
	if function == e.cache { // its first reader fills it for all
		if _, err := s.shoot(ctx, function, "1"); err != nil {
			return err
		}
	}
	before, err := s.wave(ctx, function, e.environments, one("1"))
	if err != nil {
		return err
	}
	*queries = int(s.OriginServer().Stats().Queries)
	filled := time.Now()
	old := map[string]bool{}
	for _, shot := range before {
		old[shot.value] = true
	}
	p, err := dialProbe(ctx, s.address())
	if err != nil {
		return err
	}
	defer p.Close()
	if _, err := p.do("DEL", carefulKey("1")); err != nil {
		return err
	}
	isStale := func(s shot) bool { return !s.failed() && old[s.value] }
	after, err := s.wave(ctx, function, e.environments, one("1"))
	if err != nil {
		return err
	}
	f.answers, f.stale = len(after), count(after, isStale)
	if err := pause(ctx, time.Until(filled.Add(time.Duration(e.ttl)*time.Second+100*time.Millisecond))); err != nil {
		return err
	}
	late, err := s.wave(ctx, function, e.environments, one("1"))
	f.staleAfterTTL = count(late, isStale)
	return err
}

// fill gives one environment of each form the whole data set, and looks at how
// its memory grows.
func (e inFunction) fill(ctx context.Context, o Options, r *Report, f *inFunctionFigures) error {
	f.dataMB = e.keys * bulkBytes >> 20
	both := setting{name: "memory", functions: []string{e.memory, e.cache}, query: bulky()}
	return o.solo(ctx, r, both, func(s *stage) error {
		for _, side := range []struct {
			function string
			grew     *int
		}{{e.memory, &f.memoryGrew}, {e.cache, &f.cacheGrew}} {
			// A wave of one waits until the environment is idle: on a busy machine the
			// next invocation would else start another, and the data would be spread.
			last, err := s.wave(ctx, side.function, 1, one("1"))
			if err != nil {
				return err
			}
			before := last[0].Final().MaxMemoryMB // a reading of now, so not to be put off
			for key := range e.keys {
				if last, err = s.wave(ctx, side.function, 1, one(strconv.Itoa(key+1))); err != nil {
					return err
				}
				if last[0].failed() {
					return fmt.Errorf("%s failed while nothing was wrong: %w", side.function, last[0].Err)
				}
			}
			*side.grew = last[0].Final().MaxMemoryMB - before
		}
		now, err := s.cacheNow(ctx)
		f.serverBytes = now.MemoryBytes
		return err
	})
}

func judgeInFunction(f inFunctionFigures) []Claim {
	faster := median(differences(f.hitMemory, f.hitCache))
	memory, server := f.memorySide, ""
	if f.serverBytes > 0 { // the embedded server does not tell
		server = fmt.Sprintf(" and %d MB once in the server", f.serverBytes>>20)
	}
	return []Claim{{
		Claim: fmt.Sprintf("A hit in a global variable is faster than one in the cache by at least the network's round trip (%s)", ms(nearRoundTrip)),
		Measured: fmt.Sprintf("%s faster in the median of %d pairs: %s instead of %s",
			ms(faster), len(f.hitCache), ms(median(f.hitMemory)), ms(median(f.hitCache))),
		Holds: faster >= nearRoundTrip, Kind: Modelled, Run: 0, Chart: "latency",
		Source:  "injected: a round trip of 0.45 ms, the average of a cache in the same zone (ElastiCache User Guide, troubleshooting)",
		Figures: map[string]float64{"faster_ms": millis(faster), "memory_ms": millis(median(f.hitMemory)), "cache_ms": millis(median(f.hitCache)), "pairs": float64(len(f.hitCache))},
	}, {
		Claim: fmt.Sprintf("After a write that deletes the key no answer from the cache is stale; from global variables all are, until the TTL (%d s)", f.ttl),
		Measured: fmt.Sprintf("cache %d of %d stale; variables %d of %d, and %d after the TTL",
			f.cacheSide.stale, f.cacheSide.answers, memory.stale, memory.answers, memory.staleAfterTTL),
		Holds: f.cacheSide.answers > 0 && f.cacheSide.stale == 0 && memory.answers > 0 && memory.stale == memory.answers && memory.staleAfterTTL == 0,
		Kind:  Measured, Run: 1, Chart: "sources",
		Figures: map[string]float64{"cache_stale": float64(f.cacheSide.stale), "memory_stale": float64(memory.stale),
			"memory_stale_after_ttl": float64(memory.staleAfterTTL), "answers": float64(memory.answers), "ttl_s": float64(f.ttl)},
	}, {
		Claim:    "Each environment with a global variable asks the database for each key; with a cache one asks for all",
		Measured: fmt.Sprintf("%d environments, 1 key: %d queries with variables, %d with the cache", f.environments, f.queriesMemory, f.queriesCache),
		Holds:    f.environments > 1 && f.queriesMemory == f.environments && f.queriesCache == 1,
		Kind:     Measured, Run: 1, Chart: "environments",
		Figures: map[string]float64{"environments": float64(f.environments), "queries_memory": float64(f.queriesMemory), "queries_cache": float64(f.queriesCache)},
	}, {
		// A new process has reserved a heap of a few MB that it does not use yet, so
		// not all of the data shows as growth.
		Claim: "A global variable holds the data once in each environment: its memory grows by at least two thirds of it, that of a client of the cache by less than one third",
		Measured: fmt.Sprintf("%d MB of data: environment + %d MB, with the cache + %d MB%s; 100 environments %.1f GB",
			f.dataMB, f.memoryGrew, f.cacheGrew, server, float64(100*f.memoryGrew)/1024),
		Holds: f.dataMB > 0 && 3*f.memoryGrew >= 2*f.dataMB && 3*f.cacheGrew < f.dataMB,
		Kind:  Measured, Run: 3, Chart: "latency",
		Figures: map[string]float64{"data_mb": float64(f.dataMB), "memory_grew_mb": float64(f.memoryGrew), "cache_grew_mb": float64(f.cacheGrew), "server_bytes": float64(f.serverBytes)},
	}}
}
