package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/thawdev/thaw/stack/snapshot"
)

const snapshotLong = `Reads what an AWS account has of VPCs, functions and caches in one region, and
writes it to one JSON file that "thaw check" reads offline. It only reads:
--permissions prints the IAM policy that it needs.

The values of environment variables are left out, except addresses of caches and
AWS services, ports and plain switches, and so are all tags but Name and
aws:cloudformation:*. Names, descriptions and the documents of policies are in the file
as AWS gives them. A call that is denied does not end the snapshot: the file names
it, "thaw check" gives the answers that depend on it as unknown, and the exit code
is 1.

Credentials and region are found as the AWS CLI finds them.`

const snapshotExample = `  thaw snapshot --region eu-west-1 > account.json
  thaw snapshot --region eu-west-1 --vpc vpc-0a1b2c3d4e5f67890 --output account.json
  thaw snapshot --permissions > policy.json
  aws iam create-policy --policy-name thaw-snapshot --policy-document file://policy.json
  thaw check account.json`

func snapshotCommand() *cobra.Command {
	var opts snapshot.Options
	var profile, output string
	var permissions bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:     "snapshot --region REGION",
		Short:   "Write what an account has of VPCs, functions and caches to a file, for thaw check",
		Long:    snapshotLong,
		Example: snapshotExample,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if permissions {
				_, err := cmd.OutOrStdout().Write(snapshot.Permissions())
				return err
			}
			ctx, cancel := context.WithTimeoutCause(cmd.Context(), timeout,
				fmt.Errorf("it took longer than %v; raise --timeout, or limit the snapshot with --vpc", timeout))
			defer cancel()
			return runSnapshot(ctx, profile, output, opts, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.Region, "region", "", "AWS region (default: that of the environment or the profile)")
	flags.StringVar(&profile, "profile", "", "profile of the shared AWS configuration")
	flags.StringSliceVar(&opts.VPCs, "vpc", nil, "only this VPC, with the functions and caches in it, and the functions in no VPC; may be repeated")
	flags.StringVarP(&output, "output", "o", "-", "file to write; - is stdout")
	flags.BoolVar(&permissions, "permissions", false, "print the IAM policy that a snapshot needs, and stop")
	flags.BoolVar(&opts.RedactIDs, "redact-ids", false, "replace account ids by made-up ones")
	flags.DurationVar(&timeout, "timeout", 10*time.Minute, "give up after this long")
	return cmd
}

// runSnapshot writes the snapshot. Calls that failed are a finding (exit 1);
// that AWS could not be asked at all is not (exit 2).
func runSnapshot(ctx context.Context, profile, output string, opts snapshot.Options, stdout, stderr io.Writer) error {
	clients, region, err := snapshot.Connect(ctx, opts.Region, profile)
	if err != nil {
		return err
	}
	// First, so that nobody waits minutes to learn that a folder is missing.
	out, done, err := createSnapshot(output, stdout)
	if err != nil {
		return fmt.Errorf("cannot write the snapshot: %w", err)
	}
	opts.Region, opts.Now = region, time.Now().Truncate(time.Second)
	line := newProgress(stderr)
	opts.Progress = func(n int, call string) { line.status("%d calls, %s", n, call) }
	doc, err := snapshot.Take(ctx, clients, opts)
	line.clear()
	if err != nil {
		return errors.Join(err, done(false))
	}
	if _, err := doc.WriteTo(out); err != nil {
		return errors.Join(fmt.Errorf("cannot write the snapshot: %w", err), done(false))
	}
	if err := done(true); err != nil {
		return fmt.Errorf("cannot write the snapshot: %w", err)
	}
	return reportGaps(doc.Gaps, stderr)
}

// reportGaps says what is not in a snapshot.
func reportGaps(gaps []snapshot.Gap, stderr io.Writer) error {
	if len(gaps) == 0 {
		return nil
	}
	for _, g := range gaps {
		fmt.Fprintf(stderr, "thaw: %v\n", g)
	}
	fmt.Fprintln(stderr, "thaw: the snapshot is incomplete; thaw check gives the answers that depend on the rest as unknown")
	if slices.ContainsFunc(gaps, snapshot.Gap.Denied) {
		fmt.Fprintln(stderr, "thaw: thaw snapshot --permissions prints the IAM policy that allows all of it")
	}
	return errFindings
}

// createSnapshot returns what to write a snapshot to, and what to call at the
// end: a file is complete or not there, because half a network would read as a
// smaller one, and for its owner alone. What is no file, such as a pipe, is
// written to as it is.
func createSnapshot(output string, stdout io.Writer) (out io.Writer, done func(complete bool) error, err error) {
	if output == "-" {
		return stdout, func(bool) error { return nil }, nil
	}
	if info, err := os.Stat(output); err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(output, os.O_WRONLY, 0)
		if err != nil {
			return nil, nil, err
		}
		return f, func(bool) error { return f.Close() }, nil
	}
	f, err := os.CreateTemp(filepath.Dir(output), ".thaw-*") // mode 0600
	if err != nil {
		return nil, nil, err
	}
	return f, func(complete bool) error {
		err := f.Close()
		if complete && err == nil {
			err = os.Rename(f.Name(), output)
		}
		if !complete || err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
		return err
	}, nil
}
