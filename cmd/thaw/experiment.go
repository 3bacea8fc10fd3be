package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/thawdev/thaw/dash"
	"github.com/thawdev/thaw/lab/experiment"
)

const experimentExample = `  thaw lab --experiments                        which claims can be run
  thaw lab --experiment storm --experiment fallback --html claims.html`

// withExperiments gives the lab verb its experiments, which take the place of a
// run of the caller's own.
func withExperiments(cmd *cobra.Command, f *runFlags) {
	var names []string
	var list bool
	cmd.Flags().StringArrayVar(&names, "experiment", nil, "run the claims of this experiment, or of all; exit 1 if one does not hold")
	cmd.Flags().BoolVar(&list, "experiments", false, "list the experiments")
	cmd.Example += "\n" + experimentExample
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case list:
			return listExperiments(cmd.OutOrStdout(), f.json)
		case len(names) == 0:
			return run(cmd, args)
		}
		if err := onlyFlagsOfExperiments(cmd); err != nil {
			return err
		}
		return runExperiments(cmd.Context(), strings.Join(args, ""), names, f, cmd.OutOrStdout(), cmd.ErrOrStderr())
	}
}

// onlyFlagsOfExperiments refuses flags that an experiment would not heed.
func onlyFlagsOfExperiments(cmd *cobra.Command) (err error) {
	heeded := []string{"experiment", "seed", "cache", "freeze", "limits", "parameter", "env", "json", "output", "html", "logs"}
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		if err == nil && !slices.Contains(heeded, flag.Name) {
			err = fmt.Errorf("--%s does not go with --experiment, which chooses functions, load and faults by itself: it heeds --%s", flag.Name, strings.Join(heeded[1:], ", --"))
		}
	})
	return err
}

func listExperiments(stdout io.Writer, asJSON bool) error {
	if asJSON {
		type entry struct {
			Name  string `json:"name"`
			Title string `json:"title"`
			Doc   string `json:"doc"`
		}
		var all []entry
		for _, e := range experiment.All() {
			all = append(all, entry{e.Name, e.Title, e.Doc})
		}
		return json.NewEncoder(stdout).Encode(all)
	}
	for _, e := range experiment.All() {
		if _, err := fmt.Fprintf(stdout, "%-12s %s\n             %s\n", e.Name, e.Title, strings.ReplaceAll(e.Doc, "\n", "\n             ")); err != nil {
			return err
		}
	}
	return nil
}

// runExperiments runs them one after the other. One that cannot be run does not
// keep the others from it.
func runExperiments(ctx context.Context, template string, names []string, f *runFlags, stdout, stderr io.Writer) error {
	experiments, err := experiment.Find(names...)
	if err != nil {
		return err
	}
	if _, err := f.read(ctx, template); err != nil {
		return err
	}
	logs, err := openLogs(f.logs, stderr)
	if err != nil {
		return err
	}
	defer logs.Close()
	view := newProgress(stderr)
	f.options.Log = logs.write
	var reports []*experiment.Report
	var errs []error
	for i, e := range experiments {
		f.options.Status = func(format string, args ...any) {
			view.show("experiment %d of %d, %s: %s …", i+1, len(experiments), e.Name, fmt.Sprintf(format, args...))
		}
		r, err := e.Run(ctx, experiment.Options{Lab: f.options})
		view.clear()
		if ctx.Err() != nil {
			errs = append(errs, errors.New("interrupted"))
			break
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, run := range r.Runs {
			run.Run.ThawVersion, run.Run.Command = version(), commandLine(os.Args)
		}
		reports = append(reports, r)
		if !f.json {
			if i > 0 {
				fmt.Fprintln(stdout)
			}
			r.WriteText(stdout, experiment.TextOptions{Color: isTerminal(stdout), Width: width(stdout)})
		}
	}
	written := writeReports(reports, f, stdout)
	if len(errs) > 0 && errors.Is(written, errFindings) {
		written = nil // not all could be judged: that is the stronger news
	}
	return errors.Join(append(errs, written)...)
}

// writeReports writes what the flags ask for, and tells whether a claim does not
// hold.
func writeReports(reports []*experiment.Report, f *runFlags, stdout io.Writer) error {
	if len(reports) == 0 {
		return nil
	}
	var doc bytes.Buffer
	encoder := json.NewEncoder(&doc)
	encoder.SetEscapeHTML(false)
	var err error
	if len(reports) == 1 {
		err = encoder.Encode(reports[0])
	} else {
		err = encoder.Encode(reports)
	}
	if err != nil {
		return err
	}
	var errs []error
	if f.json {
		_, err := stdout.Write(doc.Bytes())
		errs = append(errs, err)
	}
	if f.output != "" {
		errs = append(errs, writeFile(f.output, func(w io.Writer) error { _, err := w.Write(doc.Bytes()); return err }))
	}
	if f.html != "" {
		errs = append(errs, writeFile(f.html, func(w io.Writer) error { return dash.WriteHTML(w, pagesOf(reports)...) }))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if slices.ContainsFunc(reports, func(r *experiment.Report) bool { return !r.Holds() }) {
		return errFindings
	}
	return nil
}

// pagesOf puts each claim beside the run that shows it.
func pagesOf(reports []*experiment.Report) []dash.Page {
	var pages []dash.Page
	for _, r := range reports {
		for i, run := range r.Runs {
			page := dash.Page{Title: run.Run.Name, Result: run}
			for _, c := range r.Claims {
				if c.Run == i {
					page.Claims = append(page.Claims, dash.Claim{Claim: c.Claim, Measured: c.Measured, Holds: c.Holds,
						Kind: string(c.Kind), Source: c.Source, Chart: c.Chart})
				}
			}
			pages = append(pages, page)
		}
	}
	return pages
}
