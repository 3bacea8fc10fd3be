package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/thawdev/thaw/stack"
	"github.com/thawdev/thaw/stack/check"
	"github.com/thawdev/thaw/stack/iac"
	"github.com/thawdev/thaw/stack/iac/account"
	"github.com/thawdev/thaw/stack/iac/terraform"
)

const checkLong = `Proves, before or after deployment, that each function reaches the cache that it
uses, hop by hop and from every subnet, and finds what is too open, what will
not hold under load and what disagrees between code and cache.

The input is a CloudFormation or SAM template, a Terraform plan or state
(terraform show -json), a folder of Terraform configuration, an account
snapshot (thaw snapshot), a folder of aws … describe-* JSON files, or - for
stdin. Nothing is sent anywhere.

Exit codes: 0 clean, 1 findings of --fail-on or worse, 2 could not run.`

const checkExample = `  thaw check template.yaml
  terraform show -json plan.out | thaw check -
  thaw snapshot --region eu-west-1 > account.json && thaw check account.json
  thaw check template.yaml --explain Handler Cache        one path, hop by hop
  thaw check template.yaml --fix fixes.yaml               write the fixes
  thaw check template.yaml --disable THAW-C02='a test environment' --fail-on error
  thaw check template.yaml --sarif=thaw.sarif --svg=network.svg
  thaw check --diff main.json branch.json                 what became reachable`

// checkFlags are the flags of the verb as written.
type checkFlags struct {
	region     string
	parameters []string
	disable    []string
	explain    string
	diff       string
	fix        string
	failOn     string
	rules      bool
	options    check.Options
	outputs    map[string]*string // by format; "" is not wanted, - is stdout
}

// formats are the formats of a report beside text, with the extension by which
// a file of each is known.
func formats() [][2]string {
	return [][2]string{{"json", ".json"}, {"sarif", ".sarif"}, {"junit", ".xml"}, {"markdown", ".md"}, {"svg", ".svg"}}
}

func checkCommand() *cobra.Command {
	f := checkFlags{outputs: map[string]*string{}}
	cmd := &cobra.Command{
		Use:     "check INPUT",
		Short:   "Prove that the function reaches the cache, and show what is too open",
		Long:    checkLong,
		Example: checkExample,
		Args:    cobra.MaximumNArgs(8),
		RunE: func(cmd *cobra.Command, args []string) error {
			signal.Reset(os.Interrupt, syscall.SIGTERM) // it leaves nothing to put in order
			return f.run(cmd.Context(), args, cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.explain, "explain", "", "draw the path of `FUNCTION CACHE` hop by hop")
	flags.StringVar(&f.fix, "fix", "", "write all fixes, with the least privilege, to `FILE`")
	flags.StringVar(&f.diff, "diff", "", "compare two inputs, `OLD NEW`: what became reachable, what no longer is")
	flags.StringArrayVar(&f.disable, "disable", nil, "switch a rule off, `ID=reason`")
	flags.StringVar(&f.failOn, "fail-on", "warning", "the severity that makes the exit code 1: error, warning, info or never")
	for _, format := range formats() {
		f.outputs[format[0]] = new(string)
		flags.StringVar(f.outputs[format[0]], format[0], "", "print the report as "+format[0]+", or write it to `FILE` with --"+format[0]+"=FILE")
		flags.Lookup(format[0]).NoOptDefVal = "-"
	}
	flags.StringVar(&f.region, "region", "", "AWS::Region of a template (default us-east-1)")
	flags.StringArrayVar(&f.parameters, "parameter", nil, "template parameter or Terraform variable, `NAME=VALUE`")
	flags.IntVar(&f.options.Connections, "connections", 1, "connections of one execution environment to each cache node, if no variable says so")
	flags.BoolVar(&f.rules, "rules", false, "list the rules")
	return cmd
}

// run is the verb: read, check, report.
func (f *checkFlags) run(_ context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	if f.rules {
		return listRules(stdout)
	}
	failAt, err := f.severity()
	if err != nil {
		return err
	}
	if f.options.Disabled, err = pairs("--disable", f.disable); err != nil {
		return fmt.Errorf("%w with the reason as VALUE", err)
	}
	if f.diff != "" {
		return f.compare(args, failAt, stdin, stdout)
	}
	input, cache, err := f.arguments(args)
	if err != nil {
		return err
	}
	s, err := f.read(input, stdin)
	if err != nil {
		return err
	}
	r, err := check.Run(s, f.options)
	if err != nil {
		return err
	}
	if f.fix != "" {
		if err := writeFixes(f.fix, r, stderr); err != nil {
			return err
		}
	}
	text := check.TextOptions{Color: isTerminal(stdout), Width: width(stdout)}
	if f.explain != "" {
		if err := r.WriteExplanation(stdout, f.explain, cache, text); err != nil {
			return err
		}
		if !r.Reaches(f.explain, cache) && f.failOn != "never" {
			return errFindings
		}
		return nil
	}
	if err := f.report(r, input, failAt, text, stdout); err != nil {
		return err
	}
	if f.failOn != "never" && r.Fails(failAt) {
		return errFindings
	}
	return nil
}

func (f *checkFlags) severity() (check.Severity, error) {
	at := check.Severity(f.failOn)
	if !slices.Contains([]check.Severity{check.Error, check.Warning, check.Info, "never"}, at) {
		return "", fmt.Errorf("--fail-on %q: write error, warning, info or never", f.failOn)
	}
	return at, nil
}

// arguments tells the input from the cache that --explain takes, and from a
// file name that was written after a format with a space.
func (f *checkFlags) arguments(args []string) (input, cache string, err error) {
	var rest []string
	for i, arg := range args {
		if i == 0 || !f.takeOutput(arg) {
			rest = append(rest, arg)
		}
	}
	want := 1
	if f.explain != "" {
		want = 2
	}
	switch {
	case len(rest) < want && f.explain != "":
		return "", "", errors.New("--explain takes a function and a cache: thaw check INPUT --explain FUNCTION CACHE")
	case len(rest) < want:
		return "", "", errors.New("give an input: a template, a Terraform plan or folder, an account snapshot, or - for stdin")
	case len(rest) > want:
		return "", "", fmt.Errorf("one input at a time; what is %q for?", rest[want])
	case f.explain == "":
		return rest[0], "", nil
	case !exists(rest[0]) && exists(rest[1]): // --explain FUNCTION CACHE INPUT
		return rest[1], rest[0], nil
	}
	return rest[0], rest[1], nil
}

// takeOutput takes an argument as the file of a format that was asked for
// without one.
func (f *checkFlags) takeOutput(arg string) bool {
	for _, format := range formats() {
		out := f.outputs[format[0]]
		if *out == "-" && strings.HasSuffix(strings.ToLower(arg), format[1]) && !exists(arg) {
			*out = arg
			return true
		}
	}
	return false
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil || path == "-"
}

// read reads the input.
func (f *checkFlags) read(input string, stdin io.Reader) (*stack.Stack, error) {
	parameters, err := pairs("--parameter", f.parameters)
	if err != nil {
		return nil, err
	}
	options := iac.Options{Parameters: parameters, Region: f.region}
	if input == "-" {
		data, err := io.ReadAll(io.LimitReader(stdin, maxStdin+1))
		if err != nil {
			return nil, fmt.Errorf("stdin: %w", err)
		}
		if len(data) > maxStdin {
			return nil, errors.New("stdin: more than 256 MB; give a file")
		}
		return readBytes(data, options)
	}
	// A report goes by the name of the folder if the file is called no more than
	// template.
	if abs, err := filepath.Abs(input); err == nil {
		if info, err := os.Stat(abs); err == nil && info.IsDir() {
			options.StackName = filepath.Base(abs)
		} else if strings.HasPrefix(filepath.Base(abs), "template.") {
			options.StackName = filepath.Base(filepath.Dir(abs))
		}
	}
	return iac.ReadFile(input, options)
}

// readBytes reads what came from stdin, by what it is.
func readBytes(data []byte, options iac.Options) (*stack.Stack, error) {
	options.StackName = "stdin"
	switch {
	case terraform.Recognize(data):
		return terraform.Read("-", data, terraform.Options{Variables: options.Parameters, Region: options.Region, Name: options.StackName})
	case account.Recognize(data):
		return account.Read("-", data)
	}
	return iac.Read("-", data, options)
}

// maxStdin bounds what is read from stdin, in bytes.
const maxStdin = 256 << 20

// compare is --diff OLD NEW.
func (f *checkFlags) compare(args []string, failAt check.Severity, stdin io.Reader, stdout io.Writer) error {
	if len(args) != 1 {
		return errors.New("--diff takes two inputs: thaw check --diff OLD NEW")
	}
	before, err := f.read(f.diff, stdin)
	if err != nil {
		return err
	}
	after, err := f.read(args[0], stdin)
	if err != nil {
		return err
	}
	d, err := check.Diff(before, after, f.options)
	if err != nil {
		return err
	}
	if *f.outputs["json"] != "" {
		err = toFile(*f.outputs["json"], stdout, d.Encode)
	} else {
		err = d.WriteText(stdout, check.TextOptions{Color: isTerminal(stdout), Width: width(stdout)})
	}
	switch {
	case err != nil:
		return err
	case f.failOn != "never" && (d.Changed() || d.Fails(failAt)):
		return errFindings
	}
	return nil
}

// report writes the report in every format that was asked for, and as text if
// nothing else goes to stdout.
func (f *checkFlags) report(r *check.Report, input string, failAt check.Severity, text check.TextOptions, stdout io.Writer) error {
	if failAt == "never" {
		failAt = check.Warning
	}
	writers := map[string]func(io.Writer) error{
		"json":     r.Encode,
		"sarif":    func(w io.Writer) error { return r.WriteSARIF(w, sarifOptions(input)) },
		"junit":    func(w io.Writer) error { return r.WriteJUnit(w, failAt) },
		"markdown": r.WriteMarkdown,
		"svg":      r.WriteSVG,
	}
	printed := false
	for _, format := range formats() {
		out := *f.outputs[format[0]]
		switch {
		case out == "":
			continue
		case out == "-" && printed:
			return fmt.Errorf("only one format can go to stdout; write --%s=FILE", format[0])
		}
		printed = printed || out == "-"
		if err := toFile(out, stdout, writers[format[0]]); err != nil {
			return err
		}
	}
	if printed {
		return nil
	}
	return r.WriteText(stdout, text)
}

func toFile(path string, stdout io.Writer, write func(io.Writer) error) error {
	if path == "-" {
		return write(stdout)
	}
	return writeFile(path, write)
}

// sarifOptions makes the paths of a SARIF log relative to the repository.
func sarifOptions(input string) check.SARIFOptions {
	opts := check.SARIFOptions{Version: strings.TrimPrefix(version(), "v"), Fallback: input}
	folder, err := os.Getwd()
	for opts.Root = folder; err == nil; folder = filepath.Dir(folder) {
		if _, err := os.Stat(filepath.Join(folder, ".git")); err == nil {
			opts.Root = folder
			break
		}
		if folder == filepath.Dir(folder) {
			break
		}
	}
	return opts
}

// writeFixes writes the fixes, and says what is left to people.
func writeFixes(path string, r *check.Report, stderr io.Writer) error {
	p := r.Fixes()
	for _, w := range p.Words {
		fmt.Fprintf(stderr, "by hand: %s\n", w)
	}
	write := func(path string, data []byte) error {
		return writeFile(path, func(w io.Writer) error { _, err := w.Write(data); return err })
	}
	if len(p.Main)+len(p.Override) == 0 {
		fmt.Fprintf(stderr, "%s is not written: there is no fix that can be\n", path)
	}
	if len(p.Main) > 0 {
		if err := write(path, append(r.FixHeader(), p.Main...)); err != nil {
			return err
		}
		fmt.Fprintf(stderr, "wrote %s\n", path)
	}
	if len(p.Override) > 0 {
		path = strings.TrimSuffix(path, ".tf") + "_override.tf"
		if err := write(path, append(r.FixHeader(), p.Override...)); err != nil {
			return err
		}
		fmt.Fprintf(stderr, "wrote %s\n", path)
	}
	return nil
}

func listRules(w io.Writer) error {
	for _, r := range check.Rules() {
		if _, err := fmt.Fprintf(w, "%s  %-7s  %s\n", r.ID, r.Severity, r.Doc.Title); err != nil {
			return err
		}
	}
	return nil
}
