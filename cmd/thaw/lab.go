package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/thawdev/thaw/lab"
	"github.com/thawdev/thaw/metrics"
	"github.com/thawdev/thaw/stack"
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
	runFlags
	arrivals string
	keys     string
	events   string
	duration time.Duration
	watch    bool
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
	withExperiments(cmd, &f.runFlags)
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
	f.runFlags.register(cmd)
	flags.BoolVar(&f.watch, "watch", false, "serve the picture live on a loopback port while the load runs")
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
	s, err := f.read(ctx, template)
	if err != nil {
		return err
	}
	if err := completeLoad(s, &load); err != nil {
		return err
	}
	logs, err := openLogs(f.logs, stderr)
	if err != nil {
		return err
	}
	defer logs.Close()
	view := newProgress(stderr)
	f.options.Status, f.options.Log = view.status, logs.write

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
	reported := report(result, f.runFlags, stdout, stderr)
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

// completeLoad fills in what depends on the stack.
func completeLoad(s *stack.Stack, load *lab.Load) (err error) {
	if load.Events == nil {
		event := `{}`
		if s.Database != nil {
			event = `{"id":"{{key}}"}` // what the examples look up
		}
		load.Events, err = workload.ParseEvents("default event", []byte(event))
	}
	return err
}
