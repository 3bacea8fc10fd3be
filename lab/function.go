package lab

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/thawdev/thaw/fleet"
	"github.com/thawdev/thaw/lab/runtimes"
	"github.com/thawdev/thaw/lab/sandbox"
	"github.com/thawdev/thaw/stack"
)

// AWS's defaults for a function that does not say otherwise.
const (
	defaultMemoryMB = 128
	defaultTimeout  = 3 * time.Second
)

// function is a function of the stack, ready to run. What an update may change
// is guarded by Lab.mu.
type function struct {
	stack *stack.Function
	extra []string // variables of the runtime's bootstrap and of the cache's certificate

	// Guarded by Lab.mu.
	sandbox     *sandbox.Function // replaced, never changed, by an update
	variables   map[string]string // the user's, resolved
	eni         *eni              // nil: not attached to a VPC
	vpc         vpcSettings
	reserved    *int
	alias       string
	modified    time.Time
	revision    string
	updating    bool
	provisioned provisioned
	settling    int             // invocations that have been answered and are not over
	waiting     []chan struct{} // requests that wait for one of them
}

type vpcSettings struct{ subnets, securityGroups []string }

// prepareFunctions builds or finds the code of the chosen functions and
// resolves their environment variables.
func (l *Lab) prepareFunctions(ctx context.Context, chosen []*stack.Function) error {
	bootstraps := filepath.Join(l.dir, "runtimes")
	if err := runtimes.Materialize(bootstraps); err != nil {
		return err
	}
	for _, f := range chosen {
		if l.functions[f.ID] != nil {
			continue
		}
		fn, err := l.prepare(ctx, f, bootstraps)
		if err != nil {
			return err
		}
		l.functions[f.ID] = fn
		l.order = append(l.order, fn)
	}
	return nil
}

func (l *Lab) prepare(ctx context.Context, f *stack.Function, bootstraps string) (*function, error) {
	if !f.Handler.IsKnown() {
		return nil, fmt.Errorf("lab: %s: the handler is known only after deployment (%s)", f.Origin, f.Handler.Why())
	}
	variables, err := l.variablesOf(f)
	if err != nil {
		return nil, err
	}
	launch, dir, err := l.launchOf(ctx, f, bootstraps)
	if err != nil {
		return nil, fmt.Errorf("lab: %s: %w", f.Origin, err)
	}
	l.notes = append(l.notes, launch.Notes...)
	fn := &function{stack: f, variables: variables, extra: bootstrapVariables(launch), alias: f.Alias.Or(""), modified: time.Now(), revision: uuid.NewString()}
	for _, c := range l.caches {
		fn.extra = append(fn.extra, c.Env()...)
	}
	if f.VPC != nil {
		fn.eni = newENI(l.options.Network, l.options.Seed+uint64(len(l.order)))
		fn.vpc = vpcSettings{known(f.VPC.Subnets), known(f.VPC.SecurityGroups)}
	}
	if f.Reserved != nil {
		if n, ok := f.Reserved.Get(); ok {
			fn.reserved = &n
		}
	}
	name := f.Name.Or("")
	if name == "" {
		name = f.ID
	}
	fn.sandbox = &sandbox.Function{
		Name:           name,
		Version:        "$LATEST",
		ARN:            "arn:aws:lambda:" + region + ":" + account + ":function:" + name,
		Handler:        f.Handler.Or(""),
		Runtime:        f.Runtime.Or(""),
		Region:         region,
		AccountID:      account,
		Command:        launch.Command,
		Dir:            dir,
		Env:            fn.environment(),
		MemoryMB:       f.MemoryMB.Or(0),
		Timeout:        time.Duration(f.Timeout.Or(0)) * time.Second,
		MaxConcurrency: max(1, f.PerEnvironment.Or(1)),
	}
	if fn.sandbox.MemoryMB == 0 {
		fn.sandbox.MemoryMB = defaultMemoryMB
	}
	if fn.sandbox.Timeout == 0 {
		fn.sandbox.Timeout = defaultTimeout
	}
	return fn, nil
}

// environment is the user's variables and what the lab adds.
func (f *function) environment() []string {
	var env []string
	for _, name := range slices.Sorted(maps.Keys(f.variables)) {
		env = append(env, name+"="+f.variables[name])
	}
	return append(env, f.extra...)
}

// known lists the values that are known, for display.
func known(values []stack.Value[string]) []string {
	var out []string
	for _, v := range values {
		if s, ok := v.Get(); ok {
			out = append(out, s)
		}
	}
	return out
}

// The Region and account that handlers see. AWS reserves this account id for
// examples.
const (
	region  = "us-east-1"
	account = "123456789012"
)

// launchOf returns how to start f's handler and the folder to start it in. Go
// source is built first.
func (l *Lab) launchOf(ctx context.Context, f *stack.Function, bootstraps string) (runtimes.Launch, string, error) {
	code, err := l.codeOf(f)
	if err != nil {
		return runtimes.Launch{}, "", err
	}
	runtime, handler := f.Runtime.Or(""), f.Handler.Or("")
	if !runtimes.NeedsBuild(runtime, code, handler) {
		launch, err := runtimes.Command(runtime, code, handler, bootstraps)
		return launch, code, err
	}
	l.options.Status("building %s", f.ID)
	out := filepath.Join(l.dir, "code", f.ID)
	if err := os.MkdirAll(out, 0o755); err != nil {
		return runtimes.Launch{}, "", err
	}
	if err := runtimes.BuildGo(ctx, code, filepath.Join(out, "bootstrap")); err != nil {
		return runtimes.Launch{}, "", err
	}
	launch, err := runtimes.Command(runtime, out, handler, bootstraps)
	return launch, code, err // files beside the source are found as they would be in the package
}

// codeOf returns the folder of f's code; inline code is written to one.
func (l *Lab) codeOf(f *stack.Function) (string, error) {
	if inline := f.InlineCode.Or(""); inline != "" {
		name := "index.js"
		if strings.HasPrefix(f.Runtime.Or(""), "python") {
			name = "index.py"
		}
		dir := filepath.Join(l.dir, "code", f.ID)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", err
		}
		return dir, os.WriteFile(filepath.Join(dir, name), []byte(inline), 0o644)
	}
	code, known := f.Code.Get()
	switch {
	case !known:
		return "", fmt.Errorf("the code is not on this machine (%s): point CodeUri at a local folder", f.Code.Why())
	case code == "":
		return "", errors.New("no code: set CodeUri to the folder that holds the handler")
	}
	info, err := os.Stat(code)
	if err != nil {
		return "", fmt.Errorf("the code folder does not exist: %s", code)
	}
	if !info.IsDir() {
		return "", fmt.Errorf("%s is a file: the lab runs a folder; unzip it first", code)
	}
	return code, nil
}

// variablesOf resolves the environment variables of f. All that cannot be
// resolved are named at once.
func (l *Lab) variablesOf(f *stack.Function) (map[string]string, error) {
	variables := maps.Clone(l.options.Env)
	if variables == nil {
		variables = map[string]string{}
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(f.Environment)) {
		if _, overridden := variables[name]; overridden || name == stack.UnnamedVariables {
			continue
		}
		resolved := f.Environment[name].Resolve(l.lookup)
		if !resolved.IsKnown() {
			errs = append(errs, fmt.Errorf("lab: %s: environment variable %s is known only after deployment (%s): give it with --env %s=VALUE",
				f.Origin, name, resolved.Why(), name))
		}
		variables[name] = resolved.Or("")
	}
	return variables, errors.Join(errs...)
}

// lookup resolves a reference to a resource that the lab runs.
func (l *Lab) lookup(resource, attribute string) (string, bool) {
	if resource == stack.DatabaseID && l.origin != nil {
		return l.origin.URL(), true
	}
	for _, c := range l.caches {
		if c.stack.ID == resource {
			return c.Attribute(attribute)
		}
	}
	return "", false
}

// bootstrapVariables are the variables that the runtime's bootstrap needs beside
// those that every environment has: the sandbox sets these itself.
func bootstrapVariables(launch runtimes.Launch) []string {
	return slices.DeleteFunc(slices.Clone(launch.Env), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return name == "LAMBDA_TASK_ROOT" || name == "_HANDLER" || name == "AWS_EXECUTION_ENV"
	})
}

func (f *function) fleetFunction() fleet.Function {
	return fleet.Function{
		Name:           f.stack.ID,
		Reserved:       f.reserved,
		Provisioned:    f.stack.Provisioned.Or(0),
		PerEnvironment: f.sandbox.MaxConcurrency,
	}
}
