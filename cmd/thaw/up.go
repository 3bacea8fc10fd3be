package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/thawdev/thaw/dash"
	"github.com/thawdev/thaw/lab"
	"github.com/thawdev/thaw/lab/lambdaapi"
	"github.com/thawdev/thaw/metrics"
	"github.com/thawdev/thaw/stack"
)

const upLong = `Keeps the functions of a SAM or CloudFormation template and their cache running on
this machine and serves the Lambda API of AWS on a loopback address, so that the
AWS CLI and any AWS SDK invoke and reconfigure them. Ctrl-C ends it and prints the
report of what was measured.

Without a template it runs the built-in example. A folder stands for the
template.yaml in it.`

const upExample = `  thaw up template.yaml
  aws lambda invoke --endpoint-url http://127.0.0.1:9500 --function-name Api out.json

  thaw up --listen 127.0.0.1:0 --ready-file url.txt --json > run.json     in a script: wait for url.txt`

// upFlags are the flags of the verb as written.
type upFlags struct {
	runFlags
	listen string
	ready  string
}

func upCommand() *cobra.Command {
	var f upFlags
	cmd := &cobra.Command{
		Use:     "up [TEMPLATE]",
		Short:   "Keep the stack running behind the Lambda API of AWS",
		Long:    upLong,
		Example: upExample,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runUp(cmd.Context(), strings.Join(args, ""), f, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.listen, "listen", "127.0.0.1:9500", "loopback address and port of the API; port 0 takes a free one")
	flags.StringVar(&f.ready, "ready-file", "", "write the API's URL to this file when it answers; removed at the end")
	f.register(cmd)
	flags.Lookup("function").Usage = "functions to run, by logical id (default all)"
	return cmd
}

// runUp is the verb: listen, read, open, serve, report. The port comes first: a
// port in use costs nothing then.
func runUp(ctx context.Context, template string, f upFlags, stdout, stderr io.Writer) error {
	expectations, err := parseExpectations(f.expect)
	if err != nil {
		return err
	}
	listener, err := lambdaapi.Listen(ctx, f.listen)
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	defer listener.Close()
	s, err := f.read(ctx, template)
	if err != nil {
		return err
	}
	if len(f.functions) == 0 {
		for _, fn := range s.Functions {
			f.options.Functions = append(f.options.Functions, fn.ID)
		}
	}
	logs, err := openLogs(f.logs, stderr)
	if err != nil {
		return err
	}
	defer logs.Close()
	view := newProgress(stderr)
	f.options.Status, f.options.Log = view.status, logs.write

	l, err := lab.Open(ctx, f.options)
	view.clear()
	if err != nil {
		return cannot(ctx, err)
	}
	result, served := f.serve(ctx, l, s, listener, view, stderr)
	closed := l.Close()

	result.Run.Arrivals, result.Run.Keys = "through the API", "of the callers"
	result.Run.ThawVersion, result.Run.Name = version(), s.Name
	result.Run.Command = commandLine(os.Args)
	holds := true
	for _, e := range expectations {
		verdict := e.Evaluate(result)
		result.Expectations = append(result.Expectations, verdict)
		holds = holds && verdict.Holds
	}
	err = errors.Join(report(result, f.runFlags, stdout, stderr), served, closed)
	if err == nil && !holds {
		err = errFindings
	}
	return err
}

// serve answers until ctx ends, which is how it ends well.
func (f *upFlags) serve(ctx context.Context, l *lab.Lab, s *stack.Stack, listener net.Listener, view *progress, stderr io.Writer) (*metrics.Result, error) {
	ctx, end := context.WithCancel(ctx)
	defer end()
	api := l.API()
	live := dash.NewLive(s.Name)
	api.Mount(live)
	published := publish(ctx, live, l)

	url := "http://" + listener.Addr().String()
	welcome(stderr, url, s, l, api.Functions())
	failed := f.announce(url)
	var served error
	if failed == nil {
		stop := view.follow(l)
		served = api.Serve(ctx, listener)
		stop()
	}
	end()
	<-published
	if f.ready != "" {
		_ = os.Remove(f.ready) // gone already is as good
	}
	result := l.Result()
	if n := l.Counts().InFlight; n > 0 {
		result.Warnings = append(result.Warnings, fmt.Sprintf("%d invocations were running at the end and are not in the figures", n))
	}
	if n := api.Close(); n > 0 {
		result.Warnings = append(result.Warnings, fmt.Sprintf("%d asynchronous events were not delivered, or waited for their retry, at the end", n))
	}
	return result, errors.Join(failed, served)
}

// announce writes the URL to the file that scripts wait for.
func (f *upFlags) announce(url string) error {
	if f.ready == "" {
		return nil
	}
	err := writeFile(f.ready, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, url)
		return err
	})
	if err != nil {
		return fmt.Errorf("--ready-file: %w", err)
	}
	return nil
}

// publish shows the run on its page until ctx ends; then it closes the page,
// which lets its viewers go, and the channel.
func publish(ctx context.Context, live *dash.Live, l *lab.Lab) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(publishEvery)
		defer ticker.Stop()
		for ctx.Err() == nil {
			live.Publish(l.Result())
			select {
			case <-ticker.C:
			case <-ctx.Done():
			}
		}
		live.Publish(l.Result())
		live.Close()
	}()
	return done
}

// welcome says what runs and how to call it.
func welcome(w io.Writer, url string, s *stack.Stack, l *lab.Lab, functions []lambdaapi.Configuration) {
	event, note := "", ""
	if s.Database != nil {
		event = ` --cli-binary-format raw-in-base64-out --payload '{"id":"42"}'` // what the examples look up
		note = "  (version 1 of the AWS CLI: without --cli-binary-format raw-in-base64-out)\n"
	}
	fmt.Fprintf(w, "%s is up. Ctrl-C ends it and prints the report.\n\n", s.Name)
	rows := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, fn := range functions {
		fmt.Fprintf(rows, "  function\t%s\t%s\t%d MB\t%d s\n", fn.Name, fn.Runtime, fn.MemoryMB, fn.TimeoutS)
	}
	_ = rows.Flush() // what cannot be shown is not lost: the docs have it
	if cache := l.Result().Mechanisms.Cache; cache != "" {
		fmt.Fprintf(w, "  cache     %s\n", cache)
	}
	fmt.Fprintf(w, `  API       %s
  picture   %s%s

  export AWS_ENDPOINT_URL_LAMBDA=%s AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1 AWS_ACCESS_KEY_ID=lab AWS_SECRET_ACCESS_KEY=lab
  aws lambda invoke --endpoint-url %s --function-name %s%s out.json
%s
`, url, url, lambdaapi.PagePath, url, url, functions[0].Name, event, note)
}
