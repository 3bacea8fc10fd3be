package sandbox

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/thawdev/thaw/lab/runtimeapi"
)

// Kinds of initialisation, the values of AWS_LAMBDA_INITIALIZATION_TYPE.
const (
	OnDemand    = "on-demand"
	Provisioned = "provisioned-concurrency"
)

// Limits of AWS (Lambda developer guide, "Lambda quotas" and "Understanding the
// Lambda execution environment lifecycle").
const (
	initLimit            = 10 * time.Second
	provisionedInitLimit = 130 * time.Second
	defaultMemoryMB      = 128
	defaultTimeout       = 3 * time.Second
	openFiles            = 1024
	openFilesConcurrent  = 4096 // Managed Instances
	memoryPerCPU         = 1769 // MB of memory that come with one vCPU
)

// Function is what all environments of a function share. It must not change
// while an environment of it lives.
type Function struct {
	Name      string
	Version   string // default "$LATEST"
	ARN       string
	Handler   string
	Runtime   string // "provided.al2023"; only told to the handler
	Region    string // default "us-east-1"
	AccountID string

	// Command is the program and its arguments. A name without a slash is
	// looked for in Dir, then in PATH; a relative one starts at Dir.
	Command []string
	Dir     string   // LAMBDA_TASK_ROOT and working directory; default "."
	Env     []string // the user's variables, NAME=value; reserved names are refused

	// Extensions names the external extensions that Command starts beside the
	// runtime: init waits until each has registered and asked for its first
	// event, and a shutdown gives them 2 s. Registrations under other names are
	// internal ones.
	Extensions []string

	MemoryMB int           // default 128
	Timeout  time.Duration // default 3 s
	// MaxConcurrency is how many invocations one environment takes at once;
	// 0 is 1. More sets AWS_LAMBDA_MAX_CONCURRENCY.
	MaxConcurrency int
	// InitLimit ends the init phase; the default is AWS's: 10 s, with
	// provisioned concurrency the larger of 130 s and Timeout.
	InitLimit time.Duration

	// OnIdle, when set, is called each time an environment has room for one
	// invocation more: after Done, and after a reset. It is called from a
	// goroutine of the environment, just before the freeze, and must not block.
	// An Invoke that comes at once saves the freeze.
	OnIdle func(*Environment)
}

// Init is the outcome of an init phase. With Err or TimedOut the environment
// lives on, and the next Invoke performs the suppressed init.
type Init struct {
	Duration time.Duration
	Err      *runtimeapi.Error
	TimedOut bool
}

// Event is one invocation to be made.
type Event struct {
	RequestID       string
	Payload         []byte
	ClientContext   string
	CognitoIdentity string
	TraceID         string
	// Init is printed and billed in this invocation's REPORT. The caller sets
	// it for the first invocation of an on-demand environment, from
	// Init.Duration; 0 prints no Init Duration.
	Init time.Duration
}

// withDefaults returns a copy with every default filled in.
func (f *Function) withDefaults(kind string) Function {
	g := *f
	setDefault(&g.Version, "$LATEST")
	setDefault(&g.Region, "us-east-1")
	setDefault(&g.Dir, ".")
	setDefault(&g.MemoryMB, defaultMemoryMB)
	setDefault(&g.Timeout, defaultTimeout)
	setDefault(&g.MaxConcurrency, 1)
	if g.InitLimit == 0 {
		g.InitLimit = initLimit
		if kind == Provisioned {
			g.InitLimit = max(provisionedInitLimit, g.Timeout)
		}
	}
	return g
}

func setDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// program returns the absolute path of the function's executable and of its
// folder. The error names the place and what to do.
func (f *Function) program() (path, dir string, err error) {
	if len(f.Command) == 0 || f.Command[0] == "" {
		return "", "", fmt.Errorf("sandbox: function %s has no command: name the executable, e.g. bootstrap", f.Name)
	}
	if dir, err = filepath.Abs(f.Dir); err != nil {
		return "", "", fmt.Errorf("sandbox: function %s: folder %s: %w", f.Name, f.Dir, err)
	}
	if st, err := os.Stat(dir); err != nil || !st.IsDir() {
		return "", "", fmt.Errorf("sandbox: function %s: folder %s does not exist or is no folder: build the function or correct its code location", f.Name, dir)
	}
	name := f.Command[0]
	path = name
	if !filepath.IsAbs(name) {
		path = filepath.Join(dir, name)
	}
	st, err := os.Stat(path)
	switch {
	case err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0:
		return path, dir, nil
	case !strings.ContainsRune(name, filepath.Separator):
		found, err := exec.LookPath(name)
		if err == nil {
			found, err = filepath.Abs(found)
		}
		if err != nil {
			return "", "", fmt.Errorf("sandbox: function %s: %s is neither an executable file in %s nor a program in PATH: build it there or install it", f.Name, name, dir)
		}
		return found, dir, nil
	case errors.Is(err, os.ErrNotExist):
		return "", "", fmt.Errorf("sandbox: function %s: %s does not exist: build the function or correct its command", f.Name, path)
	case err != nil:
		return "", "", fmt.Errorf("sandbox: function %s: %w", f.Name, err)
	default:
		return "", "", fmt.Errorf("sandbox: function %s: %s is not an executable file: try chmod +x", f.Name, path)
	}
}
