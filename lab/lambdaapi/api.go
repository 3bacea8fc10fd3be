// Package lambdaapi serves the part of AWS's Lambda API that invokes and
// configures functions, so that the AWS CLI and any AWS SDK work against a lab:
//
//	aws lambda invoke --endpoint-url http://127.0.0.1:9500 --function-name Api out.json
//
// Paths, status codes, headers and exception names are those of the Lambda API
// reference. Requests are not authenticated: the server belongs on a loopback
// address, and it refuses what a web page in the user's browser could send.
//
//	request ──▶ local? ──▶ route ──▶ name, body ──▶ Backend ──▶ document or exception
//	                          └── Event ──▶ queue ──▶ Backend, until it succeeds or is given up
package lambdaapi

import (
	"context"
	"time"
)

// Backend is what runs the functions. Its errors should be *Error; any other
// becomes a ServiceException. It is called from many goroutines.
type Backend interface {
	// Functions lists all functions, in a stable order.
	Functions() []Configuration
	// Function finds one by name, or fails with a ResourceNotFoundException.
	Function(name string) (Configuration, error)
	// Invoke runs a function and returns its answer, or what refused it. The
	// end of ctx ends the waiting, not the invocation.
	Invoke(ctx context.Context, name string, in Invocation) (Reply, error)
	// Update changes what is set in u and returns the new configuration.
	// Invocations that run are not touched; later ones get the new one.
	Update(name string, u Update) (Configuration, error)
	// SetReserved changes the reserved concurrency; nil removes it.
	SetReserved(name string, n *int) error
	// SetProvisioned changes the provisioned concurrency; 0 removes it. It
	// returns at once; the environments start in the background.
	SetProvisioned(name, qualifier string, n int) error
	// Provisioned tells the state of the provisioned concurrency.
	Provisioned(name string) (Provisioned, error)
	// Account tells the limits of the account.
	Account() Account
}

// Configuration describes a function.
type Configuration struct {
	Name, ARN, Runtime, Handler string
	MemoryMB, TimeoutS          int
	Environment                 map[string]string
	SubnetIDs, SecurityGroupIDs []string // empty: not attached to a VPC
	Architecture                string
	Reserved                    *int // concurrency; nil: none
	Modified                    time.Time
	Revision                    string // changes with each update
	Updating                    bool   // an update is in progress
}

// Update holds the settings to change; nil leaves one as it is.
type Update struct {
	MemoryMB, TimeoutS          *int
	Handler                     *string
	Environment                 map[string]string // nil: unchanged; empty: none
	SubnetIDs, SecurityGroupIDs []string          // nil: unchanged; empty: detached
	Revision                    string            // "" or the revision that the caller has seen
}

// Provisioned is a function's provisioned concurrency. Zero is none.
type Provisioned struct {
	Qualifier        string // the version or alias that carries it
	Requested, Ready int    // environments
	Failed           string // why the others do not come, or ""
	Modified         time.Time
}

// Account holds the limits on concurrent executions of all functions together.
type Account struct {
	Concurrent int // of the account
	Unreserved int // left for functions that reserve none
}

// Invocation is a request to a function.
type Invocation struct {
	RequestID     string // in the answer's header and in the function's log
	Payload       []byte
	ClientContext string // JSON
	TraceID       string
}

// Reply is the answer of a function.
type Reply struct {
	Payload       []byte // the answer, or the error document
	FunctionError bool
	Log           func() []byte // waits until the invocation is over; nil: none
}
