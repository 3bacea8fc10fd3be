package lambdaapi

import (
	"net/http"
	"regexp"
	"strings"
)

// name is AWS's pattern for FunctionName: a name, alone or with the parts of an
// ARN that go before it and a qualifier behind it. The lab stands for any
// Region and account.
var name = regexp.MustCompile(`^(?:arn:aws[a-zA-Z-]*:lambda:)?(?:[a-z]{2}(?:-gov|-iso[a-z]?)?-[a-z]+-\d:)?(?:\d{12}:)?(?:function:)?` +
	`([a-zA-Z0-9-_.]+)(?::(\$LATEST|[a-zA-Z0-9-_]+))?$`)

// Published is the one version that every function of a lab has beside $LATEST,
// with the same code and configuration. Aliases point to it.
const Published = "1"

var qualifierPattern = regexp.MustCompile(`^(?:\$LATEST|[a-zA-Z0-9-_]+)$`)

const (
	maxName      = 256 // characters, with everything
	maxQualifier = 128
	latest       = "$LATEST"
)

// splitName takes a function's name and qualifier from any of the forms that
// the API accepts: Api, Api:live, 123456789012:function:Api and a whole ARN.
func splitName(text string) (function, qualifier string, ok bool) {
	if len(text) > maxName {
		return "", "", false
	}
	parts := name.FindStringSubmatch(text)
	if parts == nil {
		return "", "", false
	}
	return parts[1], parts[2], true
}

// target is the function that a request is about.
type target struct {
	Configuration
	qualifier string // "", $LATEST, a version or an alias
}

// version is the version behind the qualifier: aliases point to Published.
func (t target) version() string {
	switch {
	case t.qualifier == "", t.qualifier == latest:
		return latest
	case strings.Trim(t.qualifier, "0123456789") == "":
		return t.qualifier
	}
	return Published
}

// find returns the function of a request's path and Qualifier. A function's
// aliases and versions are not part of a stack, so every qualifier is one.
func (s *Server) find(r *http.Request) (target, error) {
	text := r.PathValue("name")
	function, qualifier, ok := splitName(text)
	if !ok {
		return target{}, validation("Value '%s' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: %s", clip(text), name)
	}
	if asked := r.URL.Query().Get("Qualifier"); asked != "" {
		if qualifier != "" && qualifier != asked {
			return target{}, Invalid("The derived qualifier from the function name does not match the specified qualifier.")
		}
		if len(asked) > maxQualifier || !qualifierPattern.MatchString(asked) {
			return target{}, validation("Value '%s' at 'qualifier' failed to satisfy constraint: Member must satisfy regular expression pattern: %s", clip(asked), qualifierPattern)
		}
		qualifier = asked
	}
	config, err := s.backend.Function(function)
	return target{config, qualifier}, err
}

// whole is find for operations on a function that a version or alias has not.
func (s *Server) whole(r *http.Request) (target, error) {
	t, err := s.find(r)
	if err == nil && t.version() != latest {
		err = Invalid("This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please specify either a function name or an unqualified function ARN.")
	}
	return t, err
}

// clip shortens what a caller sent for a message.
func clip(text string) string {
	if len(text) > maxName {
		text = text[:maxName] + "…"
	}
	return strings.ToValidUTF8(text, "?")
}
