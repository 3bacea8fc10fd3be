// Command commandgen writes the command table of package wire from the metadata of
// a Valkey or Redis source tree, the JSON files in its src/commands:
//
//	VALKEY=path/to/valkey go generate ./proxy/wire
//
// It takes facts only: names, arities, flags, categories, key positions and
// versions. What a command does to the state of its connection is not in the
// metadata; that table is written by hand, in effect.go.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
)

func main() { os.Exit(run(os.Args[1:], os.Stderr)) }

func run(args []string, stderr io.Writer) int {
	fs := flag.NewFlagSet("commandgen", flag.ContinueOnError)
	fs.SetOutput(stderr)
	dir := fs.String("commands", "", "the folder src/commands of a server's source `tree`")
	source := fs.String("source", "", "the `name` and version of that server, for the head of the file")
	out := fs.String("out", "table.go", "the `file` to write")
	if fs.Parse(args) != nil {
		return 2
	}
	if *dir == "" || *source == "" {
		fmt.Fprintln(stderr, "commandgen: -commands and -source are needed, as -commands valkey/src/commands -source \"Valkey 8.1.1\"")
		return 2
	}
	commands, err := load(*dir)
	if err == nil {
		var text []byte
		if text, err = write(commands, *source); err == nil {
			err = os.WriteFile(*out, text, 0o644)
		}
	}
	if err != nil {
		fmt.Fprintln(stderr, "commandgen:", err)
		return 2
	}
	return 0
}
