package runtimes

import (
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"time"
)

// machines names the ELF machines that Lambda and this lab meet.
var machines = map[elf.Machine]string{
	elf.EM_X86_64:  "amd64",
	elf.EM_AARCH64: "arm64",
	elf.EM_386:     "386",
	elf.EM_ARM:     "arm",
	elf.EM_RISCV:   "riscv64",
}

func isCompiled(runtime string) bool {
	return runtime == "go1.x" || runtime == "provided" || strings.HasPrefix(runtime, "provided.")
}

// NeedsBuild reports whether taskRoot holds Go source and no executable to run:
// the caller then builds it with BuildGo into a folder of its own and gives
// that folder to Command.
func NeedsBuild(runtime, taskRoot, handler string) bool {
	return isCompiled(runtime) && executable(runtime, taskRoot, handler) == "" && hasGo(taskRoot)
}

func compiled(runtime, root, handler string) (Launch, error) {
	program := executable(runtime, root, handler)
	switch {
	case program == "" && hasGo(root):
		return Launch{}, fmt.Errorf("runtimes: %s holds Go source and no bootstrap: build it first with BuildGo", root)
	case program == "":
		return Launch{}, fmt.Errorf("runtimes: no executable named bootstrap in %s: build the function there, or point CodeUri at its Go source and the lab builds it", root)
	}
	if err := checkExecutable(program); err != nil {
		return Launch{}, err
	}
	launch := Launch{Command: []string{program}}
	if runtime == "go1.x" {
		launch.Env = []string{"AWS_EXECUTION_ENV=AWS_Lambda_go1.x"}
		launch.Notes = append(launch.Notes, "AWS has retired go1.x: move to provided.al2023 with an executable named bootstrap")
	}
	if newer := newerSource(root, program); newer != "" {
		launch.Notes = append(launch.Notes, fmt.Sprintf("%s is older than %s: the lab runs the old one; rebuild or remove it", program, newer))
	}
	return launch, nil
}

// executable finds the program: bootstrap, or with go1.x the handler's name.
func executable(runtime, root, handler string) string {
	names := []string{"bootstrap"}
	if runtime == "go1.x" && handler != "" {
		names = []string{filepath.FromSlash(handler), "bootstrap"}
	}
	for _, name := range names {
		if path := filepath.Join(root, name); isFile(path) {
			return path
		}
	}
	return ""
}

// checkExecutable tells early what the kernel would say as "exec format error".
func checkExecutable(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("runtimes: %w", err)
	}
	if info.Mode().Perm()&0o111 == 0 {
		return fmt.Errorf("runtimes: %s is not executable: chmod +x %s", path, path)
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("runtimes: %w", err)
	}
	defer f.Close()
	magic := make([]byte, 4)
	n, _ := f.ReadAt(magic, 0)
	magic = magic[:n]
	const rebuild = "rebuild with GOARCH=%s, or point CodeUri at the Go source and the lab builds it"
	switch {
	case bytes.HasPrefix(magic, []byte("#!")):
		return nil // a script: a custom runtime in a language of its own
	case !bytes.Equal(magic, []byte(elf.ELFMAG)):
		if goruntime.GOOS == "linux" {
			return fmt.Errorf("runtimes: %s is no Linux executable: build it with GOOS=linux", path)
		}
		return nil
	case goruntime.GOOS != "linux":
		return fmt.Errorf("runtimes: %s is a Linux executable, this machine is %s: point CodeUri at the Go source and the lab builds it", path, goruntime.GOOS)
	}
	object, err := elf.NewFile(f)
	if err != nil {
		return fmt.Errorf("runtimes: %s: %w: "+rebuild, path, err, goruntime.GOARCH)
	}
	built, known := machines[object.Machine]
	if !known {
		built = object.Machine.String()
	}
	if built != goruntime.GOARCH {
		return fmt.Errorf("runtimes: %s is %s linux, this machine is %s: "+rebuild, path, built, goruntime.GOARCH, goruntime.GOARCH)
	}
	return nil
}

func goFiles(folder string) []string {
	files, _ := filepath.Glob(filepath.Join(folder, "*.go"))
	source := files[:0]
	for _, file := range files {
		if !strings.HasSuffix(file, "_test.go") {
			source = append(source, file)
		}
	}
	return source
}

func hasGo(folder string) bool { return len(goFiles(folder)) > 0 }

// newerSource returns a Go file next to program that changed after it was built.
func newerSource(root, program string) string {
	built, err := os.Stat(program)
	if err != nil {
		return ""
	}
	for _, file := range goFiles(root) {
		if info, err := os.Stat(file); err == nil && info.ModTime().After(built.ModTime()) {
			return file
		}
	}
	return ""
}

// maxBuildOutput bounds the compiler's output in an error, in bytes.
const maxBuildOutput = 16 << 10

// BuildGo compiles the main package in the folder src, of whatever module src
// belongs to, into the file out, for this machine and without cgo: the static
// binary that provided.al2023 expects, less the RPC mode of go1.x.
//
// It is safe for concurrent use with different files out; cancelling ctx ends
// the compiler. An error carries the compiler's output, at most 16 KiB.
func BuildGo(ctx context.Context, src, out string) error {
	if !hasGo(src) {
		return fmt.Errorf("runtimes: no Go source in %s: point CodeUri at the folder of the function's main package", src)
	}
	target, err := filepath.Abs(out)
	if err != nil {
		return fmt.Errorf("runtimes: %w", err)
	}
	compiler, err := exec.LookPath("go")
	if err != nil {
		return fmt.Errorf("runtimes: build %s: no Go compiler on PATH: install Go, or put a built bootstrap into the folder: %w", src, err)
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return fmt.Errorf("runtimes: build %s: %w", src, err)
	}
	var output head
	// Without -trimpath, which a release would set: the build then shares what
	// the user's other builds have compiled, which halves a newcomer's first run.
	cmd := exec.CommandContext(ctx, compiler, "build", "-tags", "lambda.norpc", "-buildvcs=false", "-o", target, ".")
	cmd.Dir = src
	cmd.Env = append(os.Environ(), "GOOS="+goruntime.GOOS, "GOARCH="+goruntime.GOARCH, "CGO_ENABLED=0")
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.WaitDelay = 2 * time.Second
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("runtimes: build %s: %w", src, ctx.Err())
		}
		return fmt.Errorf("runtimes: build %s: %w\n%s", src, err, output.text)
	}
	return nil
}

// head keeps the first maxBuildOutput bytes: compilers put the cause first.
type head struct{ text []byte }

func (t *head) Write(p []byte) (int, error) {
	if room := maxBuildOutput - len(t.text); room > 0 {
		t.text = append(t.text, p[:min(room, len(p))]...)
	}
	return len(p), nil
}
