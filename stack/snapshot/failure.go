package snapshot

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/thawdev/thaw/stack/snapshot/query"
)

// errorClass names why a call failed: AWS's error code, or what kept it from
// being answered. Messages are left out, because they name people and roles.
func errorClass(err error) string {
	var api interface{ ErrorCode() string }
	var response interface{ HTTPStatusCode() int }
	var dns *net.DNSError
	var network net.Error
	switch {
	case errors.Is(err, query.ErrTooLarge):
		return "AnswerTooLarge"
	case errors.As(err, &api) && api.ErrorCode() != "":
		return api.ErrorCode()
	case errors.As(err, &response) && response.HTTPStatusCode() > 0:
		return "HTTP" + strconv.Itoa(response.HTTPStatusCode())
	case errors.As(err, &dns) && dns.IsNotFound, strings.Contains(err.Error(), "not found, ResolveEndpointV2"):
		return "NoEndpoint"
	case errors.Is(err, query.ErrNoCredentials):
		return "NoCredentials"
	case errors.Is(err, errEndless):
		return "EndlessList"
	case errors.Is(err, context.DeadlineExceeded):
		return "Timeout"
	case errors.As(err, &network) && network.Timeout():
		return "Timeout"
	case errors.As(err, &network):
		return "ConnectionFailed"
	}
	return "Failed"
}

// refused reports whether a code means that AWS does not accept the
// credentials, so that every other call would fail too.
func refused(code string) bool {
	switch code {
	case "ExpiredToken", "ExpiredTokenException", "RequestExpired", "InvalidClientTokenId", "UnrecognizedClientException",
		"SignatureDoesNotMatch", "AuthFailure", "InvalidSignatureException":
		return true
	}
	return false
}

// busy reports whether a code means that AWS had no time for a call, in as many
// attempts as there were.
func busy(code string) bool {
	switch code {
	case "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled", "RequestThrottledException", "RequestLimitExceeded",
		"TooManyRequestsException", "SlowDown", "Unavailable", "ServiceUnavailable", "ServiceException", "InternalError", "InternalFailure":
		return true
	}
	return strings.HasPrefix(code, "HTTP5") || code == "HTTP429"
}

// Denied reports whether a permission is missing, which is named like the call.
func (g Gap) Denied() bool {
	switch g.Error {
	case "AccessDenied", "AccessDeniedException", "UnauthorizedOperation":
		return true
	}
	return false
}

// String says in one line what failed, what is unknown for it, and what to do.
func (g Gap) String() string {
	what := g.Call
	switch n := len(g.Resources); n {
	case 0:
	case 1:
		what += " for " + g.Resources[0]
	default:
		what += fmt.Sprintf(" for %d resources", n)
	}
	service, _, _ := strings.Cut(g.Call, ":")
	why := what + " failed (" + g.Error + ")"
	switch {
	case g.Denied():
		why = fmt.Sprintf("%s was denied (%s): the permission %s is missing", what, g.Error, g.Call)
	case busy(g.Error):
		why = fmt.Sprintf("AWS was too busy for %s (%s): try again later, or set AWS_MAX_ATTEMPTS higher than %d", what, g.Error, attempts)
	case g.Error == "NoEndpoint":
		why = fmt.Sprintf("%s found no host: the region has no %s, or its name is not resolved here", what, service)
	}
	return why + "; not known: " + g.Unknown
}

// unreached reports whether a class means that nobody answered.
func unreached(class string) bool {
	return class == "NoEndpoint" || class == "Timeout" || class == "ConnectionFailed"
}

// reason is the class of an error with the message that the SDK gives where it
// found no credentials to begin with.
func reason(err error) string {
	class := errorClass(err)
	if class != "Failed" {
		return class
	}
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	return err.Error()
}
