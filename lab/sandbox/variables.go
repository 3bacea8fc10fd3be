package sandbox

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// reservedNames are the variables that the user cannot set (AWS, "Defined
// runtime environment variables": reserved), and those that the lab needs for
// itself.
func reservedNames() []string {
	return []string{
		"_HANDLER", "_X_AMZN_TRACE_ID",
		"AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV",
		"AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION",
		"AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
		"AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
		"AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_MAX_CONCURRENCY",
		"LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
	}
}

// checkVariables refuses reserved and malformed names, in the words of the
// Lambda API, so that a template that fails there fails here.
func checkVariables(f *Function) error {
	var used []string
	for _, v := range f.Env {
		name, _, ok := strings.Cut(v, "=")
		if !ok || name == "" {
			return fmt.Errorf("sandbox: function %s: environment variable %q is not NAME=value", f.Name, v)
		}
		if slices.Contains(reservedNames(), name) {
			used = append(used, name)
		}
	}
	if used == nil {
		return nil
	}
	return fmt.Errorf("sandbox: function %s: Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: %s", f.Name, strings.Join(used, ", "))
}

// variables returns the complete environment of the handler. Nothing of the
// lab's own environment is in it but PATH, without which an interpreter such
// as node would not be found.
func variables(f *Function, kind, id, dir, folder, address string, now time.Time) []string {
	vars := []string{
		"PATH=" + os.Getenv("PATH"),
		"LANG=en_US.UTF-8",
		"TZ=:UTC",
		"HOME=" + folder,
		"TMPDIR=" + folder,
		"PWD=" + dir,
		"AWS_XRAY_CONTEXT_MISSING=LOG_ERROR",
	}
	// The user may override the ones above, as on AWS; later ones win.
	vars = append(vars, f.Env...)
	vars = append(vars,
		"_HANDLER="+f.Handler,
		"LAMBDA_TASK_ROOT="+dir,
		"LAMBDA_RUNTIME_DIR=/var/runtime",
		"AWS_REGION="+f.Region,
		"AWS_DEFAULT_REGION="+f.Region,
		"AWS_LAMBDA_RUNTIME_API="+address,
		"AWS_LAMBDA_INITIALIZATION_TYPE="+kind,
		"AWS_LAMBDA_FUNCTION_NAME="+f.Name,
		"AWS_LAMBDA_FUNCTION_VERSION="+f.Version,
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE="+strconv.Itoa(f.MemoryMB),
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/"+f.Name,
		"AWS_LAMBDA_LOG_STREAM_NAME="+now.UTC().Format("2006/01/02")+"/["+f.Version+"]"+id,
		// Never the host's: a handler in the lab must not reach a real account
		// with somebody's keys by accident.
		"AWS_ACCESS_KEY_ID=THAWLABNOTAREALKEY",
		"AWS_SECRET_ACCESS_KEY=thaw-lab-not-a-secret",
		"AWS_SESSION_TOKEN=thaw-lab-not-a-token",
	)
	if f.Runtime != "" {
		vars = append(vars, "AWS_EXECUTION_ENV=AWS_Lambda_"+f.Runtime)
	}
	if f.MaxConcurrency > 1 {
		vars = append(vars, "AWS_LAMBDA_MAX_CONCURRENCY="+strconv.Itoa(f.MaxConcurrency))
	}
	return lastWins(vars)
}

// lastWins keeps the last value of each name: with two entries of one name it
// depends on the program's library which one getenv returns.
func lastWins(vars []string) []string {
	seen := make(map[string]bool, len(vars))
	out := make([]string, 0, len(vars))
	for _, v := range slices.Backward(vars) {
		name, _, _ := strings.Cut(v, "=")
		if !seen[name] {
			seen[name] = true
			out = append(out, v)
		}
	}
	slices.Reverse(out)
	return out
}
