package runtimes

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The oldest interpreters that the bootstraps run on.
const (
	minNodeMajor   = 18
	minPythonMinor = 9 // of Python 3
)

// probeTimeout bounds asking an interpreter for its version.
const probeTimeout = 20 * time.Second

func node(runtime, root, handler, dir string) (Launch, error) {
	module, _, err := splitHandler(handler, false)
	if err != nil {
		return Launch{}, err
	}
	if err := nodeModule(root, handler, module); err != nil {
		return Launch{}, err
	}
	// process.execPath leads past version managers' shims, which would add
	// their own start-up time to each cold start.
	const ask = `console.log(JSON.stringify({path: process.execPath, version: process.versions.node}))`
	found, err := probe(root, []string{"node"}, "-e", ask)
	if err != nil {
		return Launch{}, fmt.Errorf("runtimes: %s needs node on PATH: %w: install Node.js %d or later", runtime, err, minNodeMajor)
	}
	major, _, _ := strings.Cut(found.Version, ".")
	if n, _ := strconv.Atoi(major); n < minNodeMajor {
		return Launch{}, fmt.Errorf("runtimes: %s is Node.js %s: the lab needs %d or later", found.Path, found.Version, minNodeMajor)
	}
	launch := Launch{
		Version: found.Version,
		Command: []string{found.Path, filepath.Join(dir, "node", "bootstrap.mjs")},
		Env:     []string{"AWS_EXECUTION_ENV=AWS_Lambda_" + runtime},
	}
	if want := strings.TrimSuffix(strings.TrimPrefix(runtime, "nodejs"), ".x"); want != major {
		launch.Notes = append(launch.Notes, fmt.Sprintf("the function's runtime is %s, this machine runs it with Node.js %s", runtime, found.Version))
	}
	if client, note := nodeClient(root); client != "" {
		launch.Command = []string{found.Path, client, handler}
		launch.Notes = append(launch.Notes, "uses the Runtime Interface Client installed in "+root)
	} else if note != "" {
		launch.Notes = append(launch.Notes, note)
	}
	return launch, nil
}

// nodeModule checks that the handler's module exists where Node.js would look.
func nodeModule(root, handler, module string) error {
	if filepath.IsAbs(module) || strings.Contains(handler, "..") {
		return nil // a layer, or an error that the bootstrap names as AWS does
	}
	base := filepath.Join(root, filepath.FromSlash(module))
	for _, extension := range []string{"", ".js", ".mjs", ".cjs", ".ts", ".mts", ".cts"} {
		if isFile(base + extension) {
			return nil
		}
	}
	if isDir(base) || isDir(filepath.Join(root, "node_modules", filepath.FromSlash(module))) {
		return nil
	}
	return fmt.Errorf("runtimes: handler %q: no %s.js, .mjs or .cjs: AWS would fail with Runtime.ImportModuleError: correct Handler, or point CodeUri at the folder that has it%s",
		handler, base, elsewhere(root, filepath.Base(module), ".js", ".mjs", ".cjs"))
}

// nodeClient finds aws-lambda-ric in the code folder. Its native part is built
// at installation; without it the package cannot run.
func nodeClient(root string) (program, note string) {
	folder := filepath.Join(root, "node_modules", "aws-lambda-ric")
	content, err := os.ReadFile(filepath.Join(folder, "package.json"))
	if err != nil {
		return "", ""
	}
	var pkg struct {
		Bin json.RawMessage `json:"bin"`
	}
	var bin string
	if json.Unmarshal(content, &pkg) == nil && json.Unmarshal(pkg.Bin, &bin) != nil {
		var named map[string]string
		_ = json.Unmarshal(pkg.Bin, &named) // absent: bin stays ""
		bin = named["aws-lambda-ric"]
	}
	program = filepath.Join(folder, filepath.FromSlash(bin))
	native, _ := filepath.Glob(filepath.Join(folder, "*", "*", "*.node"))
	if bin == "" || !isFile(program) || len(native) == 0 {
		return "", "aws-lambda-ric in " + folder + " is not built; uses Thaw's own bootstrap"
	}
	return program, ""
}

func python(runtime, root, handler, dir string) (Launch, error) {
	module, _, err := splitHandler(handler, true)
	if err != nil {
		return Launch{}, err
	}
	top, _, _ := strings.Cut(strings.ReplaceAll(module, "/", "."), ".")
	// Importing the client, not only finding it, tells whether it was built for
	// this Python.
	const ask = `
import importlib.util, json, sys
sys.path.insert(0, sys.argv[1])
try:
    import awslambdaric.bootstrap, runtime_client
    ric = "ok"
except ModuleNotFoundError as e:
    ric = "" if e.name == "awslambdaric" else str(e)
except Exception as e:
    ric = str(e)
try:
    module = importlib.util.find_spec(sys.argv[2]) is not None
except Exception:
    module = True
print(json.dumps({"path": sys.executable, "version": sys.version.split()[0], "ric": ric, "module": module}))`
	found, err := probe(root, []string{runtime, "python3", "python"}, "-c", ask, root, top)
	if err != nil {
		return Launch{}, fmt.Errorf("runtimes: %s needs %s or python3 on PATH: %w: install Python 3.%d or later", runtime, runtime, err, minPythonMinor)
	}
	parts := strings.SplitN(found.Version, ".", 3)
	if minor, _ := strconv.Atoi(parts[min(1, len(parts)-1)]); parts[0] != "3" || minor < minPythonMinor {
		return Launch{}, fmt.Errorf("runtimes: %s is Python %s: the lab needs 3.%d or later", found.Path, found.Version, minPythonMinor)
	}
	if !found.Module {
		return Launch{}, fmt.Errorf("runtimes: handler %q: no %s.py: AWS would fail with Runtime.ImportModuleError: correct Handler, or point CodeUri at the folder that has it%s",
			handler, filepath.Join(root, filepath.FromSlash(strings.ReplaceAll(module, ".", "/"))), elsewhere(root, top, ".py"))
	}
	launch := Launch{
		Version: found.Version,
		Command: []string{found.Path, filepath.Join(dir, "python", "bootstrap.py")},
		Env: []string{
			"AWS_EXECUTION_ENV=AWS_Lambda_" + runtime,
			// The code folder is read-only on AWS: no .pyc is written there.
			"PYTHONDONTWRITEBYTECODE=1",
		},
	}
	if want := strings.TrimPrefix(runtime, "python"); want != strings.Join(parts[:min(2, len(parts))], ".") {
		launch.Notes = append(launch.Notes, fmt.Sprintf("the function's runtime is %s, this machine runs it with Python %s", runtime, found.Version))
	}
	switch found.RIC {
	case "":
	case "ok":
		launch.Command = []string{found.Path, "-m", "awslambdaric", handler}
		launch.Env = append(launch.Env, "PYTHONPATH="+root)
		launch.Notes = append(launch.Notes, "uses the installed Runtime Interface Client awslambdaric")
	default:
		launch.Notes = append(launch.Notes, "awslambdaric cannot be imported ("+found.RIC+"); uses Thaw's own bootstrap")
	}
	return launch, nil
}

// elsewhere says where the file is, if it is one folder away: CodeUri one level
// off is the common mistake.
func elsewhere(root, name string, extensions ...string) string {
	for _, extension := range extensions {
		for _, pattern := range []string{filepath.Join(root, "*", name+extension), filepath.Join(filepath.Dir(root), name+extension)} {
			if near, _ := filepath.Glob(pattern); len(near) > 0 {
				return " (found " + near[0] + ")"
			}
		}
	}
	return ""
}

// interpreter is an interpreter's own answer about itself.
type interpreter struct {
	Path    string `json:"path"`
	Version string `json:"version"`
	RIC     string `json:"ric"`    // awslambdaric: "" absent, "ok", or why not
	Module  bool   `json:"module"` // the handler's top module can be found
}

// probe asks the first of the named programs that answers. A program on PATH
// may be a version manager's shim with nothing behind it, so being found is not
// enough.
func probe(folder string, names []string, args ...string) (interpreter, error) {
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	var failures []error
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		var stderr bytes.Buffer
		cmd := exec.CommandContext(ctx, path, args...)
		cmd.Dir, cmd.Stderr, cmd.WaitDelay = folder, &stderr, time.Second
		out, err := cmd.Output()
		var found interpreter
		if err == nil {
			err = json.Unmarshal(lastLine(out), &found)
		}
		if err == nil && found.Path != "" {
			return found, nil
		}
		failures = append(failures, fmt.Errorf("%s: %w: %s", path, err, firstLine(stderr.Bytes())))
	}
	return interpreter{}, errors.Join(failures...)
}

func firstLine(text []byte) []byte {
	line, _, _ := bytes.Cut(bytes.TrimSpace(text), []byte("\n"))
	return line[:min(len(line), 200)]
}

func lastLine(text []byte) []byte {
	text = bytes.TrimSpace(text)
	return text[bytes.LastIndexByte(text, '\n')+1:]
}
