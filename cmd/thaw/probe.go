package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/thawdev/thaw"
)

const probeLong = `Connects to a cache once and prints each stage with its time: DNS, TCP, TLS, AUTH,
cluster, PING. A stage that fails says what that means in a VPC and what to look
at. Run it from a laptop, or from inside the function's subnets.

The password may be part of the URL; it is never printed.`

const probeExample = `  thaw probe redis://localhost:6379
  thaw probe rediss://default:PASSWORD@master.shop.abc123.use1.cache.amazonaws.com:6379
  thaw probe memcached://shop.abc123.cfg.use1.cache.amazonaws.com:11211 --json`

func probeCommand() *cobra.Command {
	var asJSON bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:     "probe URL",
		Short:   "Connect to a cache once and say at which stage it fails, and why",
		Long:    probeLong,
		Example: probeExample,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			return runProbe(ctx, args[0], asJSON, cmd.OutOrStdout())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the stages as one JSON document")
	cmd.Flags().DurationVar(&timeout, "timeout", 15*time.Second, "give up after this long")
	return cmd
}

// stage is a step of the probe in JSON.
type stage struct {
	Stage  string  `json:"stage"`
	TookMS float64 `json:"took_ms"`
	OK     bool    `json:"ok"`
	Note   string  `json:"note,omitempty"`
	Error  string  `json:"error,omitempty"`
}

// runProbe prints the stages. A cache that was not reached is a finding (exit
// 1); a URL that names none is not (exit 2).
func runProbe(ctx context.Context, url string, asJSON bool, out io.Writer) error {
	steps, err := thaw.Probe(ctx, thaw.Options{URL: url})
	if err != nil && len(steps) == 0 {
		return err
	}
	stages := []stage{}
	for _, s := range steps {
		entry := stage{Stage: fmt.Sprint(s.Stage), TookMS: float64(s.Took.Microseconds()) / 1000, OK: s.Err == nil, Note: s.Note}
		if s.Err != nil {
			entry.Error = s.Err.Error()
		}
		stages = append(stages, entry)
		if !asJSON {
			fmt.Fprintln(out, s)
		}
	}
	if asJSON {
		if err := json.NewEncoder(out).Encode(map[string]any{"reachable": err == nil, "stages": stages}); err != nil {
			return err
		}
	}
	if err != nil {
		return errFindings
	}
	return nil
}
