// Package iac reads CloudFormation and SAM templates, in YAML and JSON, into a
// stack.Stack.
//
//	bytes ──▶ nodes ──▶ template ──▶ values ──▶ *stack.Stack
//	  yaml.go   with      names,       partially     network, cache,
//	  json.go   lines     conditions   known         function, …
//
// A template is untrusted input: its size, depth and the work of evaluating it
// are bounded. What only deployment decides (an import, a parameter without a
// value, an attribute) becomes an unknown or a reference, never a guess. What
// the model does not describe is kept in Stack.Others. What is wrong is
// reported all at once, each with its file and line.
package iac

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// Options fill in what a template leaves open. The zero Options is usable.
type Options struct {
	// Parameters override the defaults of the template's parameters.
	Parameters map[string]string

	Region    string // AWS::Region; "" is us-east-1
	AccountID string // AWS::AccountId; "" is 123456789012
	StackName string // AWS::StackName; "" is the base name of the file without its extension
}

// maxTemplate is the largest template that CloudFormation takes, in bytes: 1 MB
// from an S3 bucket (51,200 bytes in a request body).
const maxTemplate = 1 << 20

// ReadFile reads the template at path.
func ReadFile(path string, opts Options) (*stack.Stack, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("iac: cannot read the template: %w", err)
	}
	if info.IsDir() {
		return nil, folderError(path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("iac: cannot read the template: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxTemplate+1))
	if err != nil {
		return nil, fmt.Errorf("iac: cannot read the template: %w", err)
	}
	return Read(path, data, opts)
}

// Read reads a template held in memory. name is the file name that origins and
// errors show; relative paths in the template are relative to its folder.
//
// The error joins an *Error for each problem, in the order of the lines.
func Read(name string, data []byte, opts Options) (*stack.Stack, error) {
	problems := &problems{file: name}
	if len(data) > maxTemplate {
		problems.add(position{}, "", "the template is larger than 1 MB, the most that CloudFormation takes; split it into nested stacks")
		return nil, problems.err()
	}
	dir, err := filepath.Abs(filepath.Dir(name))
	if err != nil {
		return nil, fmt.Errorf("iac: cannot find the folder of %s: %w", name, err)
	}
	if message := foreignName(name); message != "" {
		problems.add(position{}, "", "%s", message)
		return nil, problems.err()
	}
	root := parse(name, data, problems)
	if root == nil || !recognize(root, problems) {
		return nil, problems.err()
	}
	t := newTemplate(root, dir, withDefaults(opts, name), problems)
	out := build(t)
	if err := problems.err(); err != nil {
		return nil, err
	}
	return out, nil
}

func withDefaults(opts Options, name string) Options {
	if opts.Region == "" {
		opts.Region = "us-east-1"
	}
	if opts.AccountID == "" {
		opts.AccountID = "123456789012"
	}
	if opts.StackName == "" {
		base := filepath.Base(name)
		opts.StackName = strings.TrimSuffix(base, filepath.Ext(base))
	}
	return opts
}
