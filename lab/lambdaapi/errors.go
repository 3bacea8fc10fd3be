package lambdaapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
)

// Error is an exception of the Lambda API.
type Error struct {
	Status  int    // HTTP
	Code    string // ResourceNotFoundException, …
	Message string
	Reason  string // of a TooManyRequestsException
}

// Error gives the name and the message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

func errorf(status int, code, format string, args ...any) *Error {
	return &Error{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

// NotFound is the answer for a function that is not there.
func NotFound(arn string) *Error {
	return errorf(http.StatusNotFound, "ResourceNotFoundException", "Function not found: %s", arn)
}

// Throttled is the answer to an invocation over a limit; reason is AWS's, such
// as ReservedFunctionConcurrentInvocationLimitExceeded.
func Throttled(reason string) *Error {
	return &Error{Status: http.StatusTooManyRequests, Code: "TooManyRequestsException", Message: "Rate Exceeded.", Reason: reason}
}

// Conflict is the answer while an update of the function is in progress.
func Conflict(arn string) *Error {
	return errorf(http.StatusConflict, "ResourceConflictException",
		"The operation cannot be performed at this time. An update is in progress for resource: %s", arn)
}

// Stale is the answer to an update for a revision that is not the latest.
func Stale() *Error {
	return errorf(http.StatusPreconditionFailed, "PreconditionFailedException",
		"The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id")
}

// Invalid is the answer to a parameter that AWS refuses.
func Invalid(format string, args ...any) *Error {
	return errorf(http.StatusBadRequest, "InvalidParameterValueException", format, args...)
}

// validation is the answer to a parameter of the wrong form, which AWS refuses
// before it looks for the function.
func validation(format string, args ...any) *Error {
	return errorf(http.StatusBadRequest, "ValidationException", "1 validation error detected: "+format, args...)
}

func missing(parameter string) *Error {
	return validation("Value null at '%s' failed to satisfy constraint: Member must not be null", parameter)
}

// writeError answers with an exception as AWS writes it: the name in a header,
// which is where SDKs look, and the message in the body. Lambda spells the key
// "message" for some exceptions and "Message" for others; SDKs read both.
func writeError(w http.ResponseWriter, err error) {
	var e *Error
	if !errors.As(err, &e) {
		e = errorf(http.StatusInternalServerError, "ServiceException", "%v", err)
	}
	body := map[string]string{"Type": "User"}
	key := "Message"
	switch {
	case e.Status >= http.StatusInternalServerError:
		body["Type"] = "Service"
	case e.Reason != "":
		body["Reason"] = e.Reason
		key = "message"
	case e.Code == "InvalidRequestContentException" || e.Code == "RequestTooLargeException":
		key = "message"
	}
	body[key] = e.Message
	w.Header().Set("X-Amzn-Errortype", e.Code)
	writeJSON(w, e.Status, body)
}

// writeJSON answers with a document. An error of the connection has nobody to
// be told to.
func writeJSON(w http.ResponseWriter, status int, document any) {
	data, err := json.Marshal(document)
	if err != nil {
		status, data = http.StatusInternalServerError, []byte(`{"Type":"Service"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(status)
	_, _ = w.Write(data)
}
