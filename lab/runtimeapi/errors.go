package runtimeapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Error types that the platform itself gives. AWS's names.
const (
	typeExitError         = "Runtime.ExitError"
	typeTruncatedResponse = "Runtime.TruncatedResponse"
	typeInvalidMode       = "Runtime.InvalidResponseModeHeader"
	typeResponseTooLarge  = "Function.ResponseSizeTooLarge"
	typeTimedout          = "Sandbox.Timedout"
	typeSandboxFailure    = "Sandbox.Failure"
	typeExtensionInit     = "Extension.InitError"
	typeExtensionExit     = "Extension.ExitError"
)

// Error is how an invocation or Init failed.
type Error struct {
	// Type is the platform's class of the error, as in the REPORT line and in
	// telemetry: Runtime.ExitError, Sandbox.Timedout, or what the runtime named
	// in the header Lambda-Runtime-Function-Error-Type if that has the form
	// Runtime.Xyz or Function.Xyz; else Runtime.Unknown or Function.Unknown. The
	// function's own type (errorType of the document) is in Payload.
	Type    string
	Message string // errorMessage of the document, for people

	Payload   []byte // the document that the caller gets; nil if there is none
	XRayCause []byte // JSON for X-Ray, at most 1 MiB, or nil
}

func (e *Error) Error() string {
	if e.Message == "" {
		return e.Type
	}
	return e.Type + ": " + e.Message
}

// document makes an error whose payload is AWS's {errorType, errorMessage}.
func document(typ, message string) *Error {
	payload, err := json.Marshal(errorDocument{Type: typ, Message: message})
	if err != nil {
		payload = nil // two strings always marshal
	}
	return &Error{Type: typ, Message: message, Payload: payload}
}

// ExitError is Lambda's answer when the runtime process ends during an
// invocation. The status is as os.ProcessState prints it, "exit status 1" or
// "signal: killed"; an empty one means 0.
func ExitError(requestID, exitStatus string) *Error {
	why := "Runtime exited without providing a reason"
	if exitStatus != "" {
		why = "Runtime exited with error: " + exitStatus
	}
	return document(typeExitError, "RequestId: "+requestID+" Error: "+why)
}

// TimeoutError is Lambda's answer when the function's timeout passes. Its type
// is Sandbox.Timedout, which callers of the real service report today; the
// emulator's constant Sandbox.Timeout never leaves it. The log line of old,
// "<time> <id> Task timed out after 3.00 seconds", has gone from Lambda's new
// log format in favour of Status: timeout in the REPORT line.
func TimeoutError(requestID string, timeout time.Duration) *Error {
	return document(typeTimedout, fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds",
		requestID, timeout.Seconds()))
}

// responseTooLarge is the caller's answer to a response over maxResponse. The
// length is that of the body as far as it was read.
func responseTooLarge(length int64) *Error {
	return document(typeResponseTooLarge, fmt.Sprintf(
		"Response payload size (%d bytes) exceeded maximum allowed payload size (%d bytes).", length, maxResponse))
}

// errorDocument is what a runtime posts and a caller gets.
type errorDocument struct {
	Type       string          `json:"errorType"`
	Message    string          `json:"errorMessage"`
	StackTrace json.RawMessage `json:"stackTrace,omitempty"`
	Cause      json.RawMessage `json:"errorCause,omitempty"`
}

// causeContentType marks a document that carries its X-Ray cause in itself.
const causeContentType = "application/vnd.aws.lambda.error.cause+json"

// maxXRayCause bounds the cause, in bytes. Larger ones are dropped: clients do
// not send them (aws-lambda-go, runtime_api_client.go).
const maxXRayCause = 1 << 20

// postedError reads a POST to …/error. A body that is no error document is
// still what the caller gets, as in Lambda.
func postedError(contentType, typeHeader, causeHeader string, body []byte) *Error {
	e := &Error{Type: errorType(typeHeader), Payload: body}
	var doc errorDocument
	err := json.Unmarshal(body, &doc)
	if err == nil {
		e.Message = doc.Message
	}
	if contentType != causeContentType {
		e.XRayCause = xrayCause([]byte(causeHeader))
		return e
	}
	if err != nil {
		e.Payload = []byte(`"Invalid error body"`)
		return e
	}
	e.XRayCause = xrayCause(doc.Cause)
	doc.Cause = nil
	if e.Payload, err = json.Marshal(doc); err != nil {
		e.Payload = body
	}
	return e
}

// errorType keeps a type that a runtime names if it has the form
// (Runtime|Function).[A-Z][a-zA-Z]+ from end to end, so that nothing else can
// get into log lines.
func errorType(header string) string {
	class, name, _ := strings.Cut(header, ".")
	if class != "Runtime" && class != "Function" {
		return "Runtime.Unknown"
	}
	if len(name) < 2 || name[0] < 'A' || name[0] > 'Z' {
		return class + ".Unknown"
	}
	for i := range len(name) {
		if c := name[i] | 0x20; c < 'a' || c > 'z' {
			return class + ".Unknown"
		}
	}
	return header
}

// xrayCause returns doc if X-Ray can use it: a JSON object of bounded size
// with at least one of the members that X-Ray reads.
func xrayCause(doc []byte) []byte {
	doc = bytes.TrimSpace(doc)
	if len(doc) == 0 || len(doc) > maxXRayCause {
		return nil
	}
	var cause struct {
		Exceptions []json.RawMessage `json:"exceptions"`
		WorkingDir string            `json:"working_directory"`
		Paths      []json.RawMessage `json:"paths"`
		Message    string            `json:"message"`
	}
	if json.Unmarshal(doc, &cause) != nil {
		return nil
	}
	if len(cause.Exceptions) == 0 && cause.WorkingDir == "" && len(cause.Paths) == 0 && cause.Message == "" {
		return nil
	}
	return doc
}
