package metrics

import "time"

// Format is the value of Result.Format that this package writes. The number
// after the slash rises when a key is renamed, removed or changes its meaning;
// new keys do not change it.
const Format = "thaw.result/1"

// Kind says where the figures of a Result come from.
type Kind string

// The kinds of results.
const (
	Measured  Kind = "measured"  // by the lab or the watch, in real time
	Predicted Kind = "predicted" // by the plan, in virtual time
)

// Result is one run, measured or predicted: plain data, and the JSON document
// that every part of Thaw exchanges. The zero value is an empty run. Every key
// is always present in the JSON, so that a reader needs no defaults; a count
// that was not taken is 0 and Notes says so.
type Result struct {
	Format       string           `json:"format"` // Format
	Kind         Kind             `json:"kind"`
	Run          Run              `json:"run"`
	Machine      Machine          `json:"machine"`
	Invocations  Invocations      `json:"invocations"`
	Latency      Latency          `json:"latency_ms"`
	Connections  Connections      `json:"connections"`
	Sources      map[string]int64 `json:"sources"` // who answered → invocations; see Outcome.Source
	Environments Environments     `json:"environments"`
	Mechanisms   Mechanisms       `json:"mechanisms"`
	Generator    Generator        `json:"generator"`
	Cache        Cache            `json:"cache"`
	Origin       Origin           `json:"origin"`
	Functions    []Function       `json:"functions"` // sorted by name
	Errors       []ErrorKind      `json:"errors"`    // most frequent first, at most 20
	Timeline     Timeline         `json:"timeline"`
	// EnvironmentsDetail lists the first 1,000 environments, in the order told.
	EnvironmentsDetail []Environment `json:"environments_detail"`
	Expectations       []Verdict     `json:"expectations"`
	// Warnings are reasons to distrust a figure of this run, as sentences.
	Warnings []string `json:"warnings"`
	// Notes say what the mechanisms cannot copy, as sentences.
	Notes []string `json:"notes"`
}

// Run identifies a run and holds what is needed to repeat it.
type Run struct {
	Name        string    `json:"name"`       // of the scenario, or ""
	Function    string    `json:"function"`   // the function under load; "" when there are several
	StartedAt   time.Time `json:"started_at"` // RFC 3339; for a prediction, the virtual start
	DurationS   float64   `json:"duration_s"` // from the first intended send to the last reply
	Seed        uint64    `json:"seed"`
	Arrivals    string    `json:"arrivals"` // as given to workload.ParseArrivals
	Keys        string    `json:"keys"`     // as given to workload.ParseKeys
	ThawVersion string    `json:"thaw_version"`
	Command     string    `json:"command"` // the command line that repeats the run
}

// Machine is the computer that ran the lab or the plan.
type Machine struct {
	OS          string `json:"os"`   // as GOOS
	Arch        string `json:"arch"` // as GOARCH
	CPUs        int    `json:"cpus"` // usable by this process
	MemoryBytes int64  `json:"memory_bytes"`
	Kernel      string `json:"kernel"`
}

// Mechanisms says how each part of Lambda and the VPC was copied, in words
// such as "valkey-server 8.1" or "cgroup v2". "" means: not copied.
type Mechanisms struct {
	Cache   string `json:"cache"`   // the cache server, or its stand-in
	Freeze  string `json:"freeze"`  // how an idle environment is stopped
	Network string `json:"network"` // how the VPC's rules are enforced
	Limits  string `json:"limits"`  // how memory and CPU are limited
}

// Function is the share of one function, with the keys of the whole run.
type Function struct {
	Name         string           `json:"name"`
	Invocations  Invocations      `json:"invocations"`
	Latency      Latency          `json:"latency_ms"`
	Sources      map[string]int64 `json:"sources"`
	Environments Environments     `json:"environments"`
}

// Verdict is the answer to one Expectation.
type Verdict struct {
	Expression string  `json:"expression"`
	Value      float64 `json:"value"` // in Unit; 0 when there was nothing to measure
	Unit       string  `json:"unit"`  // ms, s, bytes, % or "" for a count
	Holds      bool    `json:"holds"`
	Reason     string  `json:"reason"` // why it cannot be judged, such as "no samples"; else ""
}
