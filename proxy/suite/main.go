// Command suite runs the server's own Tcl test suite against a server, through
// a TCP pass-through and through thaw proxy, and compares.
//
//	go run ./proxy/suite                      # Redis 7.0 and Valkey 8, every variant
//	go run ./proxy/suite --ci                 # a subset of at most ten minutes
//	go run ./proxy/suite --server redis --targets direct,command --units unit/type/list
//
// Each unit of the suite runs alone, in the suite's external mode, against a
// fresh server and a fresh proxy: a setting that one unit leaves behind, or a
// script that it leaves running, cannot change the next. A test counts only if
// it passes directly, so what fails here fails because of what stands between.
//
// The tests that are known to fail, each with its reason, are in
// expected-failures-TARGET.txt beside this file. A listed test that passes is
// as much a failure of the run as an unlisted one that fails: the list stays
// true.
//
// Exit codes: 0 as listed, 1 otherwise, 2 could not run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// options are the command line.
type options struct {
	servers  []string // "redis", "valkey"
	variants []string // "plain", "resp3", "tls"
	targets  []string // "direct", "pass-through", or a pool mode
	units    []string // patterns; empty means all
	work     string   // sources, builds and logs
	thaw     string   // binary; empty builds it
	lists    string   // folder of the expected-failures files
	md, json string   // files to write
	jobs     int
	retries  int
	limit    time.Duration // of a unit
	total    time.Duration // of the whole run; 0 is no limit
	ci       bool
}

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	var servers, variants, targets, units string
	f := flag.NewFlagSet("suite", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&servers, "server", "redis,valkey", "servers whose suites to run: redis, valkey")
	f.StringVar(&variants, "variants", "plain,resp3,tls", "plain, resp3 (Valkey only: the suite of Redis 7.0 cannot), tls")
	f.StringVar(&targets, "targets", "direct,session,command", "direct, pass-through, session, transaction, command")
	f.StringVar(&units, "units", "", "comma-separated patterns of units, such as unit/type/* (default all)")
	f.StringVar(&o.work, "work", "", "folder for sources, builds and logs (default: thaw-suite in the user's cache folder)")
	f.StringVar(&o.thaw, "thaw", "", "thaw binary (default: built from ./cmd/thaw)")
	f.StringVar(&o.lists, "lists", "proxy/suite", "folder of expected-failures-TARGET.txt")
	f.StringVar(&o.md, "md", "", "write the tables into this Markdown file, between its suite markers")
	f.StringVar(&o.json, "json", "", "write every result to this file")
	f.IntVar(&o.jobs, "jobs", 1, "units at a time; more than one disturbs tests that measure time")
	f.IntVar(&o.retries, "retries", 2, "how often a unit with unexpected failures is run again")
	f.DurationVar(&o.limit, "limit", 4*time.Minute, "time limit of one unit")
	f.DurationVar(&o.total, "total", 0, "time limit of the whole run (default none; with --ci 10m)")
	f.BoolVar(&o.ci, "ci", false, "the subset for continuous integration: Redis, plain, at most ten minutes")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("suite: unexpected argument %q: units are chosen with --units", f.Arg(0))
	}
	if o.ci {
		given := map[string]bool{}
		f.Visit(func(x *flag.Flag) { given[x.Name] = true })
		o.subset(given, &servers, &variants, &units)
	}
	o.servers, o.variants, o.targets, o.units = list(servers), list(variants), list(targets), list(units)
	if o.work == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return o, fmt.Errorf("suite: no cache folder, name one with --work: %w", err)
		}
		o.work = filepath.Join(cache, "thaw-suite")
	}
	return o, o.check()
}

// subset narrows the run to what continuous integration has time for, but
// leaves alone what the command line says.
func (o *options) subset(given map[string]bool, servers, variants, units *string) {
	if !given["server"] {
		*servers = "redis"
	}
	if !given["variants"] {
		*variants = "plain"
	}
	if !given["units"] {
		*units = strings.Join(ciUnits, ",")
	}
	if !given["total"] {
		o.total = 10 * time.Minute
	}
}

func (o *options) check() error {
	for _, c := range []struct {
		flag    string
		given   []string
		allowed []string
	}{
		{"--server", o.servers, []string{"redis", "valkey"}},
		{"--variants", o.variants, []string{"plain", "resp3", "tls"}},
		{"--targets", o.targets, []string{"direct", "pass-through", "session", "transaction", "command"}},
	} {
		if len(c.given) == 0 {
			return fmt.Errorf("suite: %s is empty; allowed: %s", c.flag, strings.Join(c.allowed, ", "))
		}
		for _, v := range c.given {
			if !slices.Contains(c.allowed, v) {
				return fmt.Errorf("suite: %s %q is not known; allowed: %s", c.flag, v, strings.Join(c.allowed, ", "))
			}
		}
	}
	if o.jobs < 1 {
		return errors.New("suite: --jobs must be at least 1")
	}
	if !slices.Contains(o.targets, "direct") {
		o.targets = append([]string{"direct"}, o.targets...)
	}
	// Direct is what the others are compared with, so it goes first.
	o.targets = append([]string{"direct"}, slices.DeleteFunc(o.targets, func(t string) bool { return t == "direct" })...)
	return nil
}

func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' })
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parseOptions(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 2
	}
	if o.total > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.total)
		defer cancel()
	}
	reports, err := runAll(ctx, o, stderr)
	good := true
	for _, r := range reports {
		good = r.print(stdout) && good
	}
	if err := errors.Join(err, writeFiles(o, reports)); err != nil {
		fmt.Fprintln(stderr, err)
		return 2
	}
	if !good {
		return 1
	}
	return 0
}

// runAll prepares what is needed and runs every server and variant. With an
// error it returns the reports that are whole.
func runAll(ctx context.Context, o options, log io.Writer) ([]*report, error) {
	if err := os.MkdirAll(o.work, 0o755); err != nil {
		return nil, fmt.Errorf("suite: %w", err)
	}
	if err := buildThaw(ctx, &o); err != nil {
		return nil, err
	}
	var sources []*source // all of them before the first run, which is long
	for _, name := range o.servers {
		src, err := prepare(ctx, name, o.work, log)
		if err != nil {
			return nil, err
		}
		sources = append(sources, src)
	}
	var reports []*report
	for _, src := range sources {
		for _, v := range o.variants {
			if v == "resp3" && !src.canForceRESP3 {
				fmt.Fprintf(log, "suite: the suite of %s cannot force RESP3, variant left out\n", src.label)
				continue
			}
			if ctx.Err() != nil {
				r := newReport(src, v, o.targets, nil)
				r.left = []string{"every unit"}
				reports = append(reports, r)
				continue
			}
			r, err := runVariant(ctx, o, src, v, log)
			if err != nil {
				return reports, err
			}
			reports = append(reports, r)
		}
	}
	return reports, nil
}
