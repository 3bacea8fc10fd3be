package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/thawdev/thaw/proxy/service"
)

const proxyLong = `Stands between a fleet of functions and a Valkey or Redis server. Thousands of
clients share a few connections; any client library works unchanged, with
transactions, blocking commands, pub/sub, scripts and RESP3.

Every flag has an environment variable, THAW_PROXY_ and the name of the flag in
capitals (--max-upstream: THAW_PROXY_MAX_UPSTREAM), and a key in the YAML file of
--config. A flag goes before a variable, a variable before the file.

SIGTERM and SIGINT drain it: no new clients, what is in flight ends, exit code 0;
a second one ends it at once. SIGHUP reads certificates and users again.`

const proxyExample = `  # for one machine
  thaw proxy --upstream redis://my-cache:6379

  # for a fleet: other machines reach it, so clients log in
  thaw proxy --listen :6379 --users users.acl --upstream rediss://my-cache:6379 --metrics 127.0.0.1:9121

  # ElastiCache with IAM, clients with certificates
  thaw proxy --listen :6379 --tls-cert proxy.pem --tls-key proxy.key --tls-client-ca functions.pem \
    --upstream rediss://my-cache:6379 --iam-user app --iam-cache my-cache

  # every setting, commented, with its default; then run with it
  thaw proxy --print-config > proxy.yaml
  thaw proxy --config proxy.yaml --check-config && thaw proxy --config proxy.yaml

  # which commands would need a connection of their own?
  thaw proxy explain BLPOP 'CLIENT TRACKING ON' WATCH`

// proxyRun is the command line of thaw proxy.
type proxyRun struct {
	config string
	print  bool
	check  bool
	given  map[string]string // settings given as flags
}

func proxyCommand() *cobra.Command {
	p := proxyRun{given: map[string]string{}}
	cmd := &cobra.Command{
		Use:     "proxy",
		Short:   "Pool thousands of clients over a few cache connections",
		Long:    proxyLong,
		Example: proxyExample,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&p.config, "config", os.Getenv("THAW_PROXY_CONFIG"), "YAML file with the settings")
	flags.BoolVar(&p.print, "print-config", false, "print the configuration as a commented file and exit; without other settings, every default")
	flags.BoolVar(&p.check, "check-config", false, "check the configuration, and the files that it names, and exit")
	for _, f := range service.Flags() {
		flags.Var(&settingFlag{run: &p, flag: f}, f.Name, f.Usage)
		if f.Kind == "true or false" {
			flags.Lookup(f.Name).NoOptDefVal = "true"
		}
	}
	cmd.AddCommand(proxyExplainCommand())
	return cmd
}

// settingFlag hands what was given to the settings, which know how to read it.
type settingFlag struct {
	run  *proxyRun
	flag service.Flag
}

// Set implements pflag.Value. A list may be given in parts.
func (f *settingFlag) Set(text string) error {
	if before, ok := f.run.given[f.flag.Name]; ok && f.flag.Kind == "list" {
		text = before + "," + text
	}
	f.run.given[f.flag.Name] = text
	return nil
}

// String implements pflag.Value: the default, for the help.
func (f *settingFlag) String() string { return f.flag.Default }

// Type implements pflag.Value.
func (f *settingFlag) Type() string {
	if f.flag.Kind == "true or false" {
		return "bool" // which the help leaves out
	}
	return f.flag.Kind
}

// run is the verb: configure, serve, drain.
func (p *proxyRun) run(ctx context.Context, stdout, stderr io.Writer) error {
	cfg, err := service.Load(service.Sources{File: p.config, Environ: os.Environ(), Flags: p.given})
	if err != nil {
		return oneLineEach(err)
	}
	if p.print {
		return service.Print(stdout, cfg)
	}
	log, err := newLog(cfg.Log, stderr)
	if err != nil {
		return err
	}
	options := service.Options{Log: log, Version: version(), Seed: uint64(time.Now().UnixNano())}
	if p.check {
		if err := service.Check(cfg, options); err != nil {
			return err
		}
		fmt.Fprintln(stdout, "the configuration is good")
		return nil
	}
	s, err := service.New(cfg, options)
	if err != nil {
		return err
	}
	abort, cancel := abortOnSecondSignal(ctx)
	defer cancel()
	stop := onSignal(s.Reload, syscall.SIGHUP)
	defer stop()
	return s.Run(ctx, abort)
}

// abortOnSecondSignal returns a context that ends with the first signal after ctx
// has ended, which a signal does.
func abortOnSecondSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	abort, cancel := context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() {
		again := make(chan os.Signal, 1)
		signal.Notify(again, os.Interrupt, syscall.SIGTERM)
		defer signal.Stop(again)
		select {
		case <-again:
			cancel()
		case <-abort.Done():
		}
	})
	return abort, cancel
}

// onSignal calls f at each of the signals, until stop is called.
func onSignal(f func(), signals ...os.Signal) (stop func()) {
	received, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(received, signals...)
	go func() {
		for {
			select {
			case <-received:
				f()
			case <-done:
				return
			}
		}
	}()
	return func() {
		signal.Stop(received)
		close(done)
	}
}

func newLog(cfg service.Log, w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.Level)); err != nil {
		return nil, fmt.Errorf("log level %q: %w", cfg.Level, err)
	}
	o := &slog.HandlerOptions{Level: level}
	if cfg.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o)), nil
	}
	return slog.New(slog.NewTextHandler(w, o)), nil
}

// oneLineEach prints several mistakes below each other.
func oneLineEach(err error) error {
	lines := strings.Split(err.Error(), "\n")
	if len(lines) == 1 {
		return err
	}
	return fmt.Errorf("%d mistakes in the configuration:\n  %s", len(lines), strings.Join(lines, "\n  "))
}
