// Package runtimes turns a Lambda runtime identifier and a code folder into a
// command that serves the handler over the Lambda Runtime API on this machine.
//
// Node.js and Python need a bootstrap between their handler and the Runtime
// API. On AWS it belongs to the managed runtime; here it is our own, embedded
// in the binary and written out once for each run:
//
//	provided.al2023, go1.x   the bootstrap of the code folder, or BuildGo
//	nodejs20.x, …            node    dir/node/bootstrap.mjs
//	python3.13, …            python3 dir/python/bootstrap.py
//
// The package starts no handler. It runs only node and python3 to ask for
// their version, and the Go compiler.
package runtimes

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

//go:embed node/bootstrap.mjs python/bootstrap.py
var bootstraps embed.FS

// ErrUnsupported reports a runtime that the lab cannot run (java21, dotnet8,
// ruby3.3). A function of such a runtime can still be run from a code folder
// with an executable bootstrap, as provided.al2023.
var ErrUnsupported = errors.New("runtimes: the lab runs nodejs*, python*, provided.* and go1.x")

// The identifier names a program to look up on PATH, so it is checked in full.
var (
	nodeRuntime   = regexp.MustCompile(`^nodejs(\d+\.x)?$`)
	pythonRuntime = regexp.MustCompile(`^python3\.\d+$`)
)

// Launch says how to start one execution environment's runtime process.
type Launch struct {
	// Command is the program, as an absolute path, and its arguments. Its
	// working directory should be the code folder, as on AWS.
	Command []string
	// Env holds KEY=value entries that the bootstrap needs, to be added to the
	// function's own variables: LAMBDA_TASK_ROOT, _HANDLER, AWS_EXECUTION_ENV and
	// the like. AWS_LAMBDA_RUNTIME_API and the AWS_LAMBDA_FUNCTION_* ones are the
	// caller's.
	Env []string
	// Notes are differences from AWS that the user should know of, one sentence
	// each, for a warning.
	Notes []string
	// Version is the interpreter's own version, such as "22.4.1"; "" for a
	// compiled function.
	Version string
}

// Materialize writes the embedded bootstraps below dir, which it creates. It is
// meant to be called once for each run of the lab, before Command.
func Materialize(dir string) error {
	return fs.WalkDir(bootstraps, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := bootstraps.ReadFile(name)
		if err != nil {
			return err
		}
		target := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return fmt.Errorf("runtimes: write the bootstraps: %w", err)
		}
		if err := os.WriteFile(target, content, 0o644); err != nil {
			return fmt.Errorf("runtimes: write the bootstraps: %w", err)
		}
		return nil
	})
}

// Command returns how to start handler of the function in the code folder
// taskRoot, for an AWS runtime identifier. dir is where Materialize wrote.
//
// An error names the place and the way out: no interpreter on PATH, no such
// handler file, a bootstrap for another machine. What only the program itself
// can tell, such as a function missing in a module, appears at run time as the
// AWS error type, Runtime.HandlerNotFound.
//
// If the user has installed AWS's Runtime Interface Client into the code
// folder, that is used instead of the embedded bootstrap.
func Command(runtime, taskRoot, handler, dir string) (Launch, error) {
	root, err := codeFolder(taskRoot)
	if err != nil {
		return Launch{}, err
	}
	var launch Launch
	switch {
	case isCompiled(runtime):
		launch, err = compiled(runtime, root, handler)
	case nodeRuntime.MatchString(runtime):
		launch, err = node(runtime, root, handler, dir)
	case pythonRuntime.MatchString(runtime):
		launch, err = python(runtime, root, handler, dir)
	default:
		err = fmt.Errorf("%w, not %q", ErrUnsupported, runtime)
	}
	if err != nil {
		return Launch{}, err
	}
	launch.Env = append(launch.Env, "LAMBDA_TASK_ROOT="+root, "_HANDLER="+handler)
	return launch, nil
}

// codeFolder checks taskRoot and returns it absolute.
func codeFolder(taskRoot string) (string, error) {
	root, err := filepath.Abs(taskRoot)
	if err != nil {
		return "", fmt.Errorf("runtimes: code folder %s: %w", taskRoot, err)
	}
	info, err := os.Stat(root)
	if err != nil {
		return "", fmt.Errorf("runtimes: code folder %s: %w: point CodeUri at the folder with the function's code", root, pathCause(err))
	}
	if !info.IsDir() {
		return "", fmt.Errorf("runtimes: code %s is a file: unpack it and point CodeUri at the folder", root)
	}
	return root, nil
}

// pathCause strips the operation and the path, which the message already has.
func pathCause(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}

// splitHandler cuts "dir/file.function" at the last dot (Python) or at the
// first dot of the last path element (Node.js).
func splitHandler(handler string, last bool) (module, function string, err error) {
	cut := strings.LastIndexByte(handler, '.')
	if !last {
		slash := strings.LastIndexByte(handler, '/')
		if cut = strings.IndexByte(handler[slash+1:], '.'); cut >= 0 {
			cut += slash + 1
		}
	}
	if cut <= 0 || cut == len(handler)-1 {
		return "", "", fmt.Errorf("runtimes: handler %q: AWS would fail with Runtime.MalformedHandlerName: write file.function, such as app.handler", handler)
	}
	return handler[:cut], handler[cut+1:], nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
