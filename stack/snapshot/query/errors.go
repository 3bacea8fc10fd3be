package query

import (
	"cmp"
	"fmt"
	"net/http"
	"time"
)

// Error is an error that a service answered. It has no message, because those name
// people and roles.
type Error struct {
	Action string // such as DescribeVpcs
	Code   string // such as UnauthorizedOperation; "" if the answer was not the service's
	Status int    // of HTTP
}

func (e *Error) Error() string {
	code := e.Code
	if code == "" {
		code = "an answer of somebody else"
	}
	return fmt.Sprintf("query: %s: %s (HTTP %d)", e.Action, code, e.Status)
}

// ErrorCode returns Code. The SDK's retryer asks for it.
func (e *Error) ErrorCode() string { return e.Code }

// HTTPStatusCode returns Status. The SDK's retryer asks for it.
func (e *Error) HTTPStatusCode() int { return e.Status }

// brokenError is an answer that began and did not end, which the SDK's retryer
// takes for a failed connection.
type brokenError struct{ error }

func (e *brokenError) Unwrap() error         { return e.error }
func (e *brokenError) ConnectionError() bool { return true }

// skewError is a refusal because of this machine's clock, which has been allowed
// for since.
type skewError struct{ error }

func (e *skewError) Unwrap() error        { return e.error }
func (e *skewError) RetryableError() bool { return true }

// failure reads an answer that is an error.
func (c *client) failure(action string, resp *http.Response, body []byte) error {
	type entry struct{ Code string }
	var answer struct {
		Errors []entry `xml:"Errors>Error"` // of EC2
		Error  entry   // of the others
	}
	failure := &Error{Action: action, Status: resp.StatusCode}
	// A load balancer or a proxy on the way answers in HTML.
	if err := newDecoder(body).Decode(&answer); err == nil {
		for _, e := range append(answer.Errors, answer.Error) {
			failure.Code = cmp.Or(failure.Code, e.Code)
		}
	}
	if c.correctSkew && c.learnSkew(failure.Code, resp.Header.Get("Date")) {
		return &skewError{failure}
	}
	return failure
}

// skewThreshold is less than the five minutes that a signature is valid for.
const skewThreshold = 4 * time.Minute

// learnSkew reports whether a call was refused because the clock with which it
// was signed differs from that of AWS, and corrects the clock of later calls.
func (c *client) learnSkew(code, date string) bool {
	switch code {
	case "RequestExpired", "RequestInTheFuture", "RequestTimeTooSkewed", "SignatureDoesNotMatch", "AuthFailure", "InvalidSignatureException":
	default:
		return false
	}
	theirs, err := http.ParseTime(date)
	if err != nil {
		return false
	}
	skew := time.Until(theirs)
	if (skew - time.Duration(c.skew.Load())).Abs() < skewThreshold {
		return false // something else is wrong
	}
	c.skew.Store(int64(skew))
	return true
}
