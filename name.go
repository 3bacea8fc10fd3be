package thaw

import (
	"os"
	"strconv"
	"strings"
)

// connectionName returns function:version:environment from the variables that
// Lambda sets, or program:pid elsewhere. The environment is the tail of the log
// stream's name, so that a line of CLIENT LIST leads to its logs.
func connectionName(getenv func(string) string) string {
	function := getenv("AWS_LAMBDA_FUNCTION_NAME")
	if function == "" {
		program, _ := os.Executable()
		return cleanName(program[strings.LastIndexAny(program, `/\`)+1:] + ":" + strconv.Itoa(os.Getpid()))
	}
	stream := getenv("AWS_LAMBDA_LOG_STREAM_NAME") // 2026/11/23/[$LATEST]0123456789abcdef…
	environment := stream[strings.LastIndexAny(stream, "]/")+1:]
	if len(environment) > 12 {
		environment = environment[:12]
	}
	return cleanName(function + ":" + getenv("AWS_LAMBDA_FUNCTION_VERSION") + ":" + environment)
}

// cleanName replaces what CLIENT SETNAME refuses: everything outside '!' to '~'.
func cleanName(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '!' || r > '~' {
			return '_'
		}
		return r
	}, s)
}
