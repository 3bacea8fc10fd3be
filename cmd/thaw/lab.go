package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/thawdev/thaw/fleet"
	"github.com/thawdev/thaw/lab"
	"github.com/thawdev/thaw/metrics"
	"github.com/thawdev/thaw/stack"
	"github.com/thawdev/thaw/stack/iac"
	"github.com/thawdev/thaw/workload"
)

const labLong = `Runs the functions of a SAM or CloudFormation template as real processes in many
execution environments against a real cache on this machine, drives load, and
reports cold starts, connections, who answered, and latency.

Without a template it runs the built-in example: a product look-up, cache-aside
in front of SQLite. A folder stands for the template.yaml in it.`

const labExample = `  thaw lab                                      the built-in example, 10 s
  thaw lab template.yaml --function Api --arrivals burst:50/s,peak=500/s,every=10s,for=1s
  thaw lab --cache redis --arrivals poisson:300/s --duration 30s --expect 'warm.p99<25ms' --expect 'invocations.failed==0'
  thaw lab --network-profile per-environment-eni --json > run.json`

// labFlags are the flags of the verb as written.
type labFlags struct {
	functions  []string
	parameters []string
	env        []string
	options    lab.Options
	network    string
	placement  string
	origin     time.Duration
	arrivals   string
	keys       string
	events     string
	duration   time.Duration
	seed       uint64
	expect     []string
	json       bool
	output     string
	logs       string
	html       string
	watch      bool
}

func labCommand() *cobra.Command {
	var f labFlags
	cmd := &cobra.Command{
		Use:     "lab [TEMPLATE]",
		Short:   "Run the stack on this machine and measure it",
		Long:    labLong,
		Example: labExample,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			template := ""
			if len(args) == 1 {
				template = args[0]
			}
			return runLab(cmd.Context(), template, f, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f.register(cmd)
	cmd.AddCommand(compareCommand())
	return cmd
}

func (f *labFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.arrivals, "arrivals", "ramp:50/s..400/s", "when requests come: constant:, ramp:, burst:, sine:, poisson: or trace:")
	flags.StringVar(&f.keys, "keys", "zipf:1000,s=1.1", "which keys they touch: zipf:N,s=S, uniform:N or single")
	flags.StringVar(&f.events, "events", "", "file of event templates with placeholders such as {{key}}")
	flags.DurationVar(&f.duration, "duration", 10*time.Second, "how long to send requests")
	flags.Uint64Var(&f.seed, "seed", 1, "the same seed gives the same requests")
	flags.StringSliceVar(&f.functions, "function", nil, "function under load, by logical id (default the first)")
	flags.StringArrayVar(&f.parameters, "parameter", nil, "template parameter, NAME=VALUE")
	flags.StringArrayVar(&f.env, "env", nil, "environment variable for the functions, NAME=VALUE")
	flags.StringVar(&f.options.Cache, "cache", "auto", "auto, valkey, redis, memcached, embedded or a URL")
	flags.StringVar(&f.network, "network-profile", string(lab.Hyperplane), "hyperplane or per-environment-eni")
	flags.DurationVar(&f.origin, "origin-latency", 0, "latency of the origin database (default the template's)")
	flags.StringVar(&f.placement, "placement", fleet.NewestFirst.String(), "which idle environment: newest, most-recent, least-recent or random")
	flags.IntVar(&f.options.Account, "account-concurrency", fleet.DefaultAccount, "concurrent executions of the account")
	flags.IntVar(&f.options.ScaleStep, "scale-step", fleet.DefaultScaleStep, "environments that a function may add every 10 s")
	flags.DurationVar(&f.options.IdleExpiry, "idle-expiry", fleet.DefaultIdleExpiry, "how long an environment may stay idle")
	flags.StringVar(&f.options.Freezer, "freeze", "auto", "how idle environments are frozen: auto, cgroup, sigstop or none")
	flags.StringVar(&f.options.Limits, "limits", "auto", "how memory and CPU are limited: auto, cgroup or none")
	flags.StringArrayVar(&f.expect, "expect", nil, "expectation such as 'warm.p99<25ms'; exit 1 if it does not hold")
	flags.BoolVar(&f.json, "json", false, "print the result as one JSON document")
	flags.StringVarP(&f.output, "output", "o", "", "also write the JSON result to this file")
	flags.StringVar(&f.html, "html", "", "write the picture of the run, one self-contained page, to this file")
	flags.BoolVar(&f.watch, "watch", false, "serve the picture live on a loopback port while the load runs")
	flags.StringVar(&f.logs, "logs", "", "write the functions' logs to this file, - for stderr")
}

// runLab is the verb: read, open, drive, report.
func runLab(ctx context.Context, template string, f labFlags, stdout, stderr io.Writer) error {
	began := time.Now()
	expectations, err := parseExpectations(f.expect)
	if err != nil {
		return err
	}
	load, err := f.load()
	if err != nil {
		return err
	}
	parameters, err := pairs("--parameter", f.parameters)
	if err != nil {
		return err
	}
	s, err := readStack(ctx, template, parameters)
	if err != nil {
		return err
	}
	if err := f.complete(s, &load); err != nil {
		return err
	}
	logs, err := openLogs(f.logs, stderr)
	if err != nil {
		return err
	}
	defer logs.Close()
	view := newProgress(stderr)
	f.options.Stack, f.options.Status, f.options.Log = s, view.status, logs.write

	l, err := lab.Open(ctx, f.options)
	if err != nil {
		view.clear()
		return cannot(ctx, err)
	}
	stopWatch, err := f.startWatch(l, s.Name, stderr)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	stop := view.follow(l)
	driven := l.Drive(ctx, load)
	stop()
	stopWatch()
	result := l.Result()
	closed := l.Close()

	result.Run.Arrivals, result.Run.Keys = load.Arrivals.String(), load.Keys.String()
	result.Run.ThawVersion, result.Run.Name = version(), s.Name
	result.Run.Command = commandLine(os.Args)
	if ctx.Err() != nil {
		result.Warnings = append(result.Warnings, fmt.Sprintf("interrupted after %.1f s: the figures are those of the part that ran", time.Since(began).Seconds()))
	}
	for _, e := range expectations {
		result.Expectations = append(result.Expectations, e.Evaluate(result))
	}
	reported := report(result, f, stdout, stderr)
	return outcomeOf(ctx, driven, closed, reported, result)
}

// outcomeOf turns what happened into the verb's error.
func outcomeOf(ctx context.Context, driven, closed, reported error, result *metrics.Result) error {
	switch {
	case reported != nil:
		return reported
	case ctx.Err() != nil:
		return errors.New("interrupted")
	case driven != nil:
		return driven
	case closed != nil:
		return closed
	}
	for _, v := range result.Expectations {
		if !v.Holds {
			return errFindings
		}
	}
	return nil
}

// cannot is the error of a lab that did not start.
func cannot(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errors.New("interrupted while starting")
	}
	return err
}

func parseExpectations(texts []string) ([]metrics.Expectation, error) {
	var all []metrics.Expectation
	for _, text := range texts {
		e, err := metrics.ParseExpectation(text)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// load parses the flags that describe the load, before anything is started.
func (f *labFlags) load() (load lab.Load, err error) {
	load.Duration, load.Seed, load.Start = f.duration, f.seed, time.Now()
	if load.Arrivals, err = workload.ParseArrivals(f.arrivals); err != nil {
		return load, err
	}
	if load.Keys, err = workload.ParseKeys(f.keys); err != nil {
		return load, err
	}
	if f.duration <= 0 {
		return load, fmt.Errorf("--duration %v: give a time above zero, such as 10s", f.duration)
	}
	if f.events != "" {
		data, err := os.ReadFile(f.events)
		if err != nil {
			return load, err
		}
		if load.Events, err = workload.ParseEvents(f.events, data); err != nil {
			return load, err
		}
	}
	return load, nil
}

// complete fills in what depends on the stack.
func (f *labFlags) complete(s *stack.Stack, load *lab.Load) (err error) {
	if f.options.Env, err = pairs("--env", f.env); err != nil {
		return err
	}
	f.options.Functions, f.options.Seed = f.functions, f.seed
	f.options.Network = lab.Profile(f.network)
	if f.options.Placement, err = fleet.ParsePlacement(f.placement); err != nil {
		return err
	}
	if f.origin != 0 {
		f.options.OriginLatency = &f.origin
	}
	if load.Events == nil {
		event := `{}`
		if s.Database != nil {
			event = `{"id":"{{key}}"}` // what the examples look up
		}
		load.Events, err = workload.ParseEvents("default event", []byte(event))
	}
	return err
}

// readStack reads a template; "" is the built-in example and a folder stands
// for the template in it. A stack goes by its folder if the file is called no
// more than template.
func readStack(ctx context.Context, template string, parameters map[string]string) (*stack.Stack, error) {
	if template == "" {
		var err error
		if template, err = findExample(ctx); err != nil {
			return nil, err
		}
	}
	if info, err := os.Stat(template); err == nil && info.IsDir() {
		folder := template
		if template = templateIn(folder); template == "" {
			return nil, fmt.Errorf("%s holds no template.yaml, template.yml or template.json", folder)
		}
	}
	options := iac.Options{Parameters: parameters}
	if abs, err := filepath.Abs(template); err == nil && strings.HasPrefix(filepath.Base(abs), "template.") {
		options.StackName = filepath.Base(filepath.Dir(abs))
	}
	return iac.ReadFile(template, options)
}

// templateIn finds the template of a folder, or returns "".
func templateIn(folder string) string {
	for _, name := range []string{"template.yaml", "template.yml", "template.json"} {
		path := filepath.Join(folder, name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}
