// Command thaw makes AWS Lambda functions and an ElastiCache cache work
// together, and proves it before AWS does.
//
// Each verb is a client of a library package; this program holds no logic of
// its own. Exit codes are those of grep: 0 clean, 1 findings or a failed
// expectation, 2 could not run.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitClean    = 0
	exitFindings = 1
	exitCannot   = 2
)

// errFindings ends a verb that ran well and found something to complain about;
// it has printed what it found.
var errFindings = errors.New("findings")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the whole program with its surroundings as arguments.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := &cobra.Command{
		Use:           "thaw",
		Short:         "Lambda functions and ElastiCache caches that work together, proven before AWS does",
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetVersionTemplate("thaw {{.Version}}\n")
	root.AddCommand(labCommand(), upCommand(), checkCommand(), probeCommand(), proxyCommand(), snapshotCommand())
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return exitClean
	case errors.Is(err, errFindings):
		return exitFindings
	}
	fmt.Fprintf(stderr, "thaw: %v\n", err)
	return exitCannot
}

// version is the module's version as the go command recorded it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
