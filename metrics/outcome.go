package metrics

import "time"

// Status is how an invocation ended.
type Status uint8

// The ways an invocation ends.
const (
	Success   Status = iota
	Error            // the function answered with an error, or crashed
	Timeout          // the function's timeout ran out
	Throttled        // refused before it reached an environment
)

// Outcome is one finished request. Offsets are since the start of the run.
type Outcome struct {
	Function string
	Intended time.Duration // when the schedule wanted it sent
	Sent     time.Duration // when it was sent; never before Intended
	Done     time.Duration // when the reply, the error or the refusal was known
	Cold     bool          // waited for an init; ignored when Throttled
	Init     time.Duration // of the environment; recorded when Cold
	Overhead time.Duration // the lab's own share of Done − Sent; 0: not measured
	Status   Status
	// Source is who answered: "cache", "database" or a name of the handler's
	// own. "": not told. Only successful invocations are counted.
	Source string

	// The rest is for Error and Timeout.
	ErrorType    string
	ErrorMessage string
	RequestID    string
	Place        string // see ErrorKind.Place
}

// Sample is the state of the system at one moment.
type Sample struct {
	At time.Duration // since the start of the run

	// Gauges.
	EnvironmentsIdle     int64
	EnvironmentsBusy     int64
	EnvironmentsStarting int64
	InFlight             int64
	Connections          int64 // client connections of the cache
	MemoryBytes          int64 // used by the cache

	// Totals since the start of the run, as servers count. The recorder takes
	// the differences; a total that falls (the server restarted) counts from 0.
	ConnectionsNew      int64
	ConnectionsRejected int64
	Hits                int64
	Misses              int64
}
