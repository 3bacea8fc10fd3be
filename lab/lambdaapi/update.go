package lambdaapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// Ranges of the Lambda API (Lambda quotas page, 2026).
const (
	minMemoryMB, maxMemoryMB = 128, 10240
	minTimeoutS, maxTimeoutS = 1, 900
	maxSubnets               = 16
	maxSecurityGroups        = 5
	maxHandler               = 128     // characters
	maxVariables             = 4 << 10 // bytes of all names and values
)

// reservedVariables are those that Lambda sets itself (Lambda developer guide,
// "Defined runtime environment variables").
const reservedVariables = "_HANDLER _X_AMZN_TRACE_ID AWS_DEFAULT_REGION AWS_REGION AWS_EXECUTION_ENV " +
	"AWS_LAMBDA_FUNCTION_NAME AWS_LAMBDA_FUNCTION_MEMORY_SIZE AWS_LAMBDA_FUNCTION_VERSION " +
	"AWS_LAMBDA_INITIALIZATION_TYPE AWS_LAMBDA_LOG_GROUP_NAME AWS_LAMBDA_LOG_STREAM_NAME " +
	"AWS_ACCESS_KEY AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN " +
	"AWS_LAMBDA_RUNTIME_API AWS_LAMBDA_MAX_CONCURRENCY LAMBDA_TASK_ROOT LAMBDA_RUNTIME_DIR"

var variableName = regexp.MustCompile(`^[a-zA-Z]\w+$`)

// updateRequest is the body of UpdateFunctionConfiguration. Settings that are
// not here (Role, Description, tracing, logging, …) mean nothing to a lab: they
// are accepted and have no effect.
type updateRequest struct {
	MemorySize, Timeout *int
	Handler             *string
	Environment         *environment
	VpcConfig           *vpcConfig
	RevisionId          string

	// What would change how the function runs and the lab cannot do.
	Runtime                                json.RawMessage
	Layers, FileSystemConfigs, ImageConfig json.RawMessage
}

// updateConfiguration serves UpdateFunctionConfiguration.
func (s *Server) updateConfiguration(w http.ResponseWriter, r *http.Request) error {
	t, err := s.whole(r)
	if err != nil {
		return err
	}
	var in updateRequest
	if err := readBody(w, r, &in); err != nil {
		return err
	}
	if err := in.possible(t.Configuration); err != nil {
		return err
	}
	u := Update{MemoryMB: in.MemorySize, TimeoutS: in.Timeout, Handler: in.Handler, Revision: in.RevisionId}
	if in.Environment != nil {
		u.Environment = map[string]string{}
		maps.Copy(u.Environment, in.Environment.Variables)
	}
	if in.VpcConfig != nil {
		u.SubnetIDs = append([]string{}, in.VpcConfig.SubnetIds...)
		u.SecurityGroupIDs = append([]string{}, in.VpcConfig.SecurityGroupIds...)
	}
	if err := u.check(); err != nil {
		return err
	}
	changed, err := s.backend.Update(t.Name, u)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, describe(target{Configuration: changed}))
	return nil
}

// possible refuses what a lab cannot change: an answer that says that it was
// done would be a lie. Telling what is already so is no change.
func (in *updateRequest) possible(c Configuration) error {
	for name, value := range map[string]json.RawMessage{
		"Runtime": in.Runtime, "Layers": in.Layers, "FileSystemConfigs": in.FileSystemConfigs, "ImageConfig": in.ImageConfig,
	} {
		switch string(value) {
		case "", "null", "[]", "{}", fmt.Sprintf("%q", c.Runtime):
		default:
			return Invalid("the lab cannot change %s of a function that runs: change the template and start the lab again", name)
		}
	}
	return nil
}

func (u Update) check() error {
	switch {
	case u.MemoryMB != nil && *u.MemoryMB < minMemoryMB:
		return tooFar("MemorySize", "greater", minMemoryMB)
	case u.MemoryMB != nil && *u.MemoryMB > maxMemoryMB:
		return tooFar("MemorySize", "less", maxMemoryMB)
	case u.TimeoutS != nil && *u.TimeoutS < minTimeoutS:
		return tooFar("Timeout", "greater", minTimeoutS)
	case u.TimeoutS != nil && *u.TimeoutS > maxTimeoutS:
		return tooFar("Timeout", "less", maxTimeoutS)
	case u.Handler != nil && (len(*u.Handler) > maxHandler || *u.Handler == "" || strings.ContainsAny(*u.Handler, " \t\r\n\x00")):
		return validation(`Value '%s' at 'handler' failed to satisfy constraint: Member must satisfy regular expression pattern: [^\s]+ and have at most %d characters`, clip(*u.Handler), maxHandler)
	case len(u.SubnetIDs) > maxSubnets:
		return validation("Value '%q' at 'vpcConfig.subnetIds' failed to satisfy constraint: Member must have length less than or equal to %d", u.SubnetIDs, maxSubnets)
	case len(u.SecurityGroupIDs) > maxSecurityGroups:
		return validation("Value '%q' at 'vpcConfig.securityGroupIds' failed to satisfy constraint: Member must have length less than or equal to %d", u.SecurityGroupIDs, maxSecurityGroups)
	case (len(u.SubnetIDs) == 0) != (len(u.SecurityGroupIDs) == 0):
		return Invalid("SubnetIds and SecurityIds must coexist or be both empty list.")
	}
	return u.checkVariables()
}

func (u Update) checkVariables() error {
	const unable = "Lambda was unable to configure your environment variables because the environment variables you have provided "
	reserved := strings.Fields(reservedVariables)
	var used []string
	size := 0
	for _, key := range slices.Sorted(maps.Keys(u.Environment)) {
		value := u.Environment[key]
		size += len(key) + len(value)
		switch {
		case slices.Contains(reserved, key):
			used = append(used, key)
		case !variableName.MatchString(key):
			return validation(`Value '%s' at 'environment.variables' failed to satisfy constraint: Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]`, clip(key))
		case strings.ContainsRune(value, 0):
			return Invalid(unable+"contains a NUL character in %s", key)
		}
	}
	switch {
	case used != nil:
		return Invalid(unable+"contains reserved keys that are currently not supported for modification. Reserved keys used in this request: %s", strings.Join(used, ", "))
	case size > maxVariables:
		return Invalid(unable+"exceeded the 4KB limit. Measured: %d bytes", size)
	}
	return nil
}

// tooFar is AWS's answer to a number out of range.
func tooFar(setting, side string, limit int) *Error {
	return errorf(http.StatusBadRequest, "ValidationException",
		"'%s' value failed to satisfy constraint: Member must have value %s than or equal to %d", setting, side, limit)
}
