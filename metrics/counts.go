package metrics

// Invocations counts requests by what became of them.
//
//	total = cold + warm + throttled
//	failed ≤ cold + warm
//
// A failed invocation is also cold or warm; a throttled one is neither, and
// not failed: no environment saw it.
type Invocations struct {
	Total     int64 `json:"total"`     // all requests sent, throttled ones included
	Cold      int64 `json:"cold"`      // waited for the init of an environment
	Warm      int64 `json:"warm"`      // met an environment that was ready
	Throttled int64 `json:"throttled"` // refused: the concurrency limit was reached
	Failed    int64 `json:"failed"`    // errors and timeouts of the function
}

// Latency holds the series of a run. Cold, Warm, Failed and Throttled are
// response times (done − intended) and share no request; Service is the same
// invocations as Cold and Warm together, without the generator's lag.
type Latency struct {
	Cold       Summary    `json:"cold"`       // successful, with the init they waited for
	Warm       Summary    `json:"warm"`       // successful, in a ready environment
	Init       Summary    `json:"init"`       // duration of the init alone, for each cold invocation
	Failed     Summary    `json:"failed"`     // until the error or the timeout was known
	Throttled  Summary    `json:"throttled"`  // until the refusal was known
	Service    Summary    `json:"service"`    // done − sent of successful invocations
	Overhead   Summary    `json:"overhead"`   // the lab's own share of the service time; 0 in a prediction
	Histograms Histograms `json:"histograms"` // behind Cold and Warm
}

// Summary is a histogram in figures: milliseconds, except Count. All are zero
// when Count is 0; that is "no samples", not "fast".
type Summary struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p999"`
	Max   float64 `json:"max"`  // exact
	Mean  float64 `json:"mean"` // exact; rate × mean is the concurrency (Little's law). Not for judging latency
}

// Connections are the client connections of the cache, over all nodes.
type Connections struct {
	Peak     int64 `json:"peak"`     // most at one sample
	New      int64 `json:"new"`      // opened during the run
	Rejected int64 `json:"rejected"` // refused by the cache: over the limit
	Limit    int64 `json:"limit"`    // the cache's maxclients; 0: not known
}

// Environments counts execution environments, from when they start to when
// they end.
type Environments struct {
	Peak    int64 `json:"peak"`    // most at one moment
	Started int64 `json:"started"` // during the run
}

// Environment is the life of one execution environment.
type Environment struct {
	ID              string   `json:"id"`
	Function        string   `json:"function"`
	StartedMS       float64  `json:"started_ms"` // since the start of the run
	InitMS          float64  `json:"init_ms"`
	Invocations     int64    `json:"invocations"`
	ConnectionsPeak int64    `json:"connections_peak"` // to the cache, from this environment
	EndedMS         float64  `json:"ended_ms"`         // since the start of the run; 0: alive at its end
	Ended           string   `json:"ended"`            // why: "idle", "timeout", "crash", "end of run", …
	Activity        Activity `json:"activity"`         // when it was busy; empty: not recorded
}

// Generator says whether the load was sent as intended.
type Generator struct {
	Sent    int64   `json:"sent"`
	Late    int64   `json:"late"`    // sent more than 1 ms after the intended time
	Dropped int64   `json:"dropped"` // never sent: the generator had too many in flight
	LagMS   Summary `json:"lag_ms"`  // sent − intended of all sent requests
}

// Cache is what the cache server counted during the run, over all nodes.
type Cache struct {
	Hits           int64 `json:"hits"`
	Misses         int64 `json:"misses"`
	Evictions      int64 `json:"evictions"`
	MemoryBytes    int64 `json:"memory_bytes"`     // at the end of the run
	MaxMemoryBytes int64 `json:"max_memory_bytes"` // the limit; 0: none
	BytesIn        int64 `json:"bytes_in"`         // received by the cache
	BytesOut       int64 `json:"bytes_out"`        // sent by the cache
	Commands       int64 `json:"commands"`
}

// Origin is the data source behind the cache.
type Origin struct {
	Queries           int64   `json:"queries"`
	Failed            int64   `json:"failed"`
	LatencyInjectedMS float64 `json:"latency_ms_injected"` // added to each query by the lab
	Latency           Summary `json:"latency_ms"`          // of the queries, the injected share included
	ConnectionsPeak   int64   `json:"connections_peak"`
}

// ErrorKind is a group of failures with one cause. Messages that differ only
// in digits (ports, ids, times) are one kind; Message is the first one seen.
type ErrorKind struct {
	Type           string `json:"type"`    // as the runtime reported it, or "other" for kinds beyond the bound
	Message        string `json:"message"` // at most 500 bytes
	Count          int64  `json:"count"`
	FirstRequestID string `json:"first_request_id"`
	Place          string `json:"place"` // file:line of the handler, or a phase such as "init"; "" unknown
}
