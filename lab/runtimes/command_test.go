package runtimes_test

import (
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/thawdev/thaw/lab/runtimes"
)

// folder makes a code folder from name, content pairs.
func folder(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i+1 < len(files); i += 2 {
		path := filepath.Join(dir, files[i])
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(files[i+1]), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// elfHeader is the smallest file that debug/elf reads: a header without sections.
func elfHeader(machine elf.Machine) string {
	h := make([]byte, 64)
	copy(h, elf.ELFMAG)
	h[elf.EI_CLASS], h[elf.EI_DATA], h[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)
	binary.LittleEndian.PutUint16(h[16:], uint16(elf.ET_EXEC))
	binary.LittleEndian.PutUint16(h[18:], uint16(machine))
	binary.LittleEndian.PutUint32(h[20:], uint32(elf.EV_CURRENT))
	binary.LittleEndian.PutUint16(h[52:], 64)
	binary.LittleEndian.PutUint16(h[58:], 64)
	return string(h)
}

func TestCommandErrors(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the texts name Linux executables")
	}
	other, name := elf.EM_AARCH64, "arm64"
	if runtime.GOARCH == "arm64" {
		other, name = elf.EM_X86_64, "amd64"
	}
	plain := folder(t, "bootstrap", "#!/bin/sh\n")
	if err := os.Chmod(filepath.Join(plain, "bootstrap"), 0o644); err != nil {
		t.Fatal(err)
	}
	js := folder(t, "app.js", "", "src/deep.js", "", "app.py", "")
	cases := []struct {
		name, runtime, root, handler string
		want                         []string
	}{
		{"unsupported", "java21", js, "x", []string{"nodejs*", `"java21"`}},
		{"odd identifier", "python3.13/../sh", js, "app.handler", []string{"nodejs*"}},
		{"no folder", "nodejs22.x", js + "/none", "app.handler", []string{js + "/none", "no such file", "CodeUri"}},
		{"a file", "nodejs22.x", js + "/app.js", "app.handler", []string{"is a file", "unpack"}},
		{"other machine", "provided.al2023", folder(t, "bootstrap", elfHeader(other)), "", []string{
			"bootstrap is " + name + " linux, this machine is " + runtime.GOARCH + ": rebuild with GOARCH=" + runtime.GOARCH, "point CodeUri at the Go source and the lab builds it"}},
		{"text file", "provided.al2023", folder(t, "bootstrap", "hello"), "", []string{"no Linux executable", "GOOS=linux"}},
		{"cut short", "provided.al2023", folder(t, "bootstrap", elf.ELFMAG), "", []string{"bootstrap", "GOARCH"}},
		{"not executable", "provided.al2023", plain, "", []string{"chmod +x"}},
		{"nothing there", "provided.al2023", t.TempDir(), "", []string{"no executable named bootstrap", "Go source"}},
		{"only source", "provided.al2023", filepath.Join("testdata", "go", "hello"), "", []string{"BuildGo"}},
		{"no dot", "nodejs22.x", js, "app", []string{"Runtime.MalformedHandlerName", "file.function"}},
		{"no module", "nodejs22.x", js, "deep.handler", []string{filepath.Join(js, "deep"), "Runtime.ImportModuleError", "found " + filepath.Join(js, "src", "deep.js")}},
		{"no python module", "python3.13", js, "lib/no_such.handler", []string{filepath.Join(js, "lib", "no_such") + ".py", "Runtime.ImportModuleError"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if strings.HasPrefix(c.runtime, "python3.13") && c.want[0] != "nodejs*" {
				need(t, "python3")
			}
			_, err := runtimes.Command(c.runtime, c.root, c.handler, t.TempDir())
			for _, want := range c.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Fatalf("error %v, want %q in it", err, want)
				}
			}
			if c.runtime == "java21" && !errors.Is(err, runtimes.ErrUnsupported) {
				t.Errorf("%v is not ErrUnsupported", err)
			}
		})
	}
}

func TestCommandPrefersTheUsersClient(t *testing.T) {
	t.Run("node", func(t *testing.T) {
		need(t, "node")
		root := folder(t, "app.js", "", "node_modules/aws-lambda-ric/package.json", `{"bin":{"aws-lambda-ric":"bin/index.mjs"}}`,
			"node_modules/aws-lambda-ric/bin/index.mjs", "")
		launch, err := runtimes.Command("nodejs22.x", root, "app.handler", t.TempDir())
		if err != nil || !strings.Contains(strings.Join(launch.Notes, "\n"), "is not built") {
			t.Fatalf("not built: %+v, %v", launch, err)
		}
		native := filepath.Join(root, "node_modules/aws-lambda-ric/build/Release")
		if err := os.MkdirAll(native, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(native, "rapid-client.node"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		launch, err = runtimes.Command("nodejs22.x", root, "app.handler", t.TempDir())
		if err != nil || !strings.HasSuffix(launch.Command[1], "aws-lambda-ric/bin/index.mjs") || launch.Command[2] != "app.handler" {
			t.Fatalf("%+v, %v", launch, err)
		}
	})
	t.Run("python", func(t *testing.T) {
		need(t, "python3")
		root := folder(t, "app.py", "", "awslambdaric/__init__.py", "", "awslambdaric/bootstrap.py", "")
		launch, err := runtimes.Command("python3.13", root, "app.handler", t.TempDir())
		if err != nil || !strings.Contains(strings.Join(launch.Notes, "\n"), "runtime_client") {
			t.Fatalf("native part missing: %+v, %v", launch, err)
		}
		if err := os.WriteFile(filepath.Join(root, "runtime_client.py"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		launch, err = runtimes.Command("python3.13", root, "app.handler", t.TempDir())
		if err != nil || strings.Join(launch.Command[1:], " ") != "-m awslambdaric app.handler" {
			t.Fatalf("%+v, %v", launch, err)
		}
	})
}

func TestCommandNotesTheVersion(t *testing.T) {
	need(t, "node")
	launch, err := runtimes.Command("nodejs99.x", filepath.Join("testdata", "node"), "index.echo", t.TempDir())
	if err != nil || len(launch.Notes) != 1 || !strings.Contains(launch.Notes[0], "nodejs99.x") || !strings.Contains(launch.Notes[0], launch.Version) {
		t.Errorf("%+v, %v", launch, err)
	}
}

func TestBuildGo(t *testing.T) {
	need(t, "go")
	hello := filepath.Join("testdata", "go", "hello")
	if !runtimes.NeedsBuild("provided.al2023", hello, "") || runtimes.NeedsBuild("nodejs22.x", hello, "") {
		t.Error("NeedsBuild")
	}
	t.Run("runs", func(t *testing.T) {
		dir := t.TempDir()
		var group sync.WaitGroup
		for _, name := range []string{"a", "b"} {
			group.Go(func() {
				if err := runtimes.BuildGo(t.Context(), hello, filepath.Join(dir, name, "bootstrap")); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		launch, err := runtimes.Command("provided.al2023", filepath.Join(dir, "a"), "", t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if r := run(t, launch).invoke("r-1", `{"id":"42"}`); r.failed || r.body != `{"id":"42"}` {
			t.Errorf("%+v", r)
		}
	})
	t.Run("compiler error", func(t *testing.T) {
		err := runtimes.BuildGo(t.Context(), filepath.Join("testdata", "go", "broken"), filepath.Join(t.TempDir(), "bootstrap"))
		if err == nil || !strings.Contains(err.Error(), "main.go:4") || !strings.Contains(err.Error(), "undefinedName") {
			t.Errorf("error %v does not name the line", err)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := runtimes.BuildGo(ctx, hello, filepath.Join(t.TempDir(), "bootstrap")); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want context.Canceled", err)
		}
	})
	t.Run("no source", func(t *testing.T) {
		if err := runtimes.BuildGo(t.Context(), t.TempDir(), filepath.Join(t.TempDir(), "bootstrap")); err == nil || !strings.Contains(err.Error(), "no Go source") {
			t.Errorf("error %v", err)
		}
	})
}

// TestOldBootstrapIsNoticed guards against measuring yesterday's build.
func TestOldBootstrapIsNoticed(t *testing.T) {
	root := folder(t, "bootstrap", "#!/bin/sh\n", "main.go", "package main")
	info, err := os.Stat(filepath.Join(root, "bootstrap"))
	if err != nil {
		t.Fatal(err)
	}
	later := info.ModTime().Add(60e9)
	if err := os.Chtimes(filepath.Join(root, "main.go"), later, later); err != nil {
		t.Fatal(err)
	}
	launch, err := runtimes.Command("provided.al2023", root, "", t.TempDir())
	if err != nil || len(launch.Notes) != 1 || !strings.Contains(launch.Notes[0], "main.go") {
		t.Errorf("%+v, %v", launch, err)
	}
}
