// Package iac reads any declaration of a deployment into a stack.Stack. ReadFile
// tells by the content what a file or a folder is. CloudFormation and SAM
// templates, in YAML and JSON, are read here; Terraform's plans, states and
// source by package terraform, and snapshots of an account by package account.
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
	"path/filepath"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// Options fill in what a declaration leaves open. The zero Options is usable.
type Options struct {
	// Parameters override the defaults of a template's parameters, and of the
	// variables of Terraform source. A plan holds its own.
	Parameters map[string]string

	Region    string // AWS::Region; "" is us-east-1 in a template, and unknown elsewhere
	AccountID string // AWS::AccountId; "" is 123456789012
	StackName string // AWS::StackName; "" is the base name of the file without its extension
}

// maxTemplate is the largest template that CloudFormation takes, in bytes: 1 MB
// from an S3 bucket (51,200 bytes in a request body).
const maxTemplate = 1 << 20

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
	t.readIgnores(data)
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
