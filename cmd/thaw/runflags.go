package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/thawdev/thaw/fleet"
	"github.com/thawdev/thaw/lab"
	"github.com/thawdev/thaw/stack"
	"github.com/thawdev/thaw/stack/iac"
)

// runFlags are the flags of every verb that runs a stack, as written.
type runFlags struct {
	functions  []string
	parameters []string
	env        []string
	options    lab.Options
	network    string
	placement  string
	seed       uint64
	expect     []string
	json       bool
	output     string
	html       string
	logs       string
}

func (f *runFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.Uint64Var(&f.seed, "seed", 1, "the same seed gives the same requests")
	flags.StringSliceVar(&f.functions, "function", nil, "function under load, by logical id (default the first)")
	flags.StringArrayVar(&f.parameters, "parameter", nil, "template parameter, NAME=VALUE")
	flags.StringArrayVar(&f.env, "env", nil, "environment variable for the functions, NAME=VALUE")
	flags.StringVar(&f.options.Cache, "cache", "auto", "auto, valkey, redis, memcached, embedded or a URL")
	flags.StringVar(&f.network, "network-profile", string(lab.Hyperplane), "hyperplane or per-environment-eni")
	flags.Func("origin-latency", "latency of the origin database, a `duration` (default the template's)", f.setOrigin)
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
	flags.StringVar(&f.logs, "logs", "", "write the functions' logs to this file, - for stderr")
}

// setOrigin reads a latency; 0 is one too, and not the template's.
func (f *runFlags) setOrigin(text string) error {
	latency, err := time.ParseDuration(text)
	if err == nil && latency < 0 {
		err = errors.New("a latency is not negative")
	}
	f.options.OriginLatency = &latency
	return err
}

// read reads the template and turns the flags into the lab's options.
func (f *runFlags) read(ctx context.Context, template string) (*stack.Stack, error) {
	parameters, err := pairs("--parameter", f.parameters)
	if err != nil {
		return nil, err
	}
	if f.options.Env, err = pairs("--env", f.env); err != nil {
		return nil, err
	}
	s, err := readStack(ctx, template, parameters)
	if err != nil {
		return nil, err
	}
	f.options.Stack, f.options.Functions, f.options.Seed = s, f.functions, f.seed
	f.options.Network = lab.Profile(f.network)
	if f.options.Placement, err = fleet.ParsePlacement(f.placement); err != nil {
		return nil, err
	}
	return s, nil
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
