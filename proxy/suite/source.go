package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// source is one server's source tree, which brings the suite, and the binaries
// that belong to it.
type source struct {
	name          string // "redis", "valkey": as in the lists' scopes
	label         string // "Redis 7.0.15"
	dir           string // unpacked and patched
	server        string // binary
	tools         []string
	canForceRESP3 bool
}

// recipe says where a suite comes from. The Debian source packages are used
// because they are what an ordinary package manager can fetch and verify.
type recipe struct {
	pkg      string
	suites   []string // Debian releases to look in, the first that has the package wins
	accept   string   // versions that will do, as a prefix
	label    string
	server   string
	tools    []string // expected by the suite in src/, found in PATH or built
	build    []string // make arguments; empty uses the installed binaries
	packages string   // needed to build, for the error message
}

var recipes = map[string]recipe{
	"redis": {
		pkg: "redis", suites: []string{"bookworm"}, accept: "5:7.0.", label: "Redis",
		server: "redis-server", tools: []string{"redis-server", "redis-cli", "redis-benchmark", "redis-check-aof", "redis-check-rdb"},
	},
	// The backport of 8.0 leaves the archive whenever a newer one enters, so
	// the release after is asked too.
	"valkey": {
		pkg: "valkey", suites: []string{"bookworm-backports", "trixie"}, accept: "8.", label: "Valkey",
		server: "valkey-server", tools: []string{"valkey-server", "valkey-cli", "valkey-benchmark", "valkey-check-aof", "valkey-check-rdb"},
		build:    []string{"BUILD_TLS=yes", "MALLOC=libc", "OPTIMIZATION=-O2", "valkey-server", "valkey-cli", "valkey-benchmark"},
		packages: "build-essential pkg-config libssl-dev",
	},
}

// prepare unpacks the source of a server into work, or finds it there, and
// builds or finds its binaries.
func prepare(ctx context.Context, name, work string, log io.Writer) (*source, error) {
	r := recipes[name]
	dir := filepath.Join(work, name+"-src")
	if _, err := os.Stat(filepath.Join(dir, "runtest")); err != nil {
		fmt.Fprintf(log, "suite: getting the source of %s\n", name)
		if err := download(ctx, r, dir, work); err != nil {
			return nil, fmt.Errorf("suite: source of %s: %w", name, err)
		}
	}
	s := &source{name: name, dir: dir, tools: r.tools}
	if err := s.binaries(ctx, r, log); err != nil {
		return nil, err
	}
	helper, err := os.ReadFile(filepath.Join(dir, "tests", "test_helper.tcl"))
	if err != nil {
		return nil, fmt.Errorf("suite: %w", err)
	}
	s.canForceRESP3 = bytes.Contains(helper, []byte("--force-resp3"))
	s.label, err = version(ctx, r.label, s.server)
	return s, err
}

var versionNumber = regexp.MustCompile(`v=([0-9.]+)`)

func version(ctx context.Context, label, binary string) (string, error) {
	out, err := exec.CommandContext(ctx, binary, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("suite: %s --version: %w", binary, err)
	}
	m := versionNumber.FindSubmatch(out)
	if m == nil {
		return "", fmt.Errorf("suite: %s --version says %q, which has no version", binary, out)
	}
	return label + " " + string(m[1]), nil
}

// download fetches a Debian source package with apt, from a list of sources of
// its own: the machine's own configuration stays as it is.
func download(ctx context.Context, r recipe, dir, work string) error {
	for _, tool := range []string{"apt-get", "dpkg-source"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%s is needed: run on Debian with dpkg-dev installed, or unpack the source of %s 7.0 or later at %s yourself",
				tool, r.label, dir)
		}
	}
	var problems []error
	for _, release := range r.suites {
		dsc, err := fetch(ctx, r, release, filepath.Join(work, "download", r.pkg+"-"+release))
		if err != nil {
			problems = append(problems, fmt.Errorf("from %s: %w", release, err))
			continue
		}
		_ = os.RemoveAll(dir)
		if out, err := command(ctx, filepath.Dir(dsc), "dpkg-source", "-x", dsc, dir).CombinedOutput(); err != nil {
			return fmt.Errorf("unpack %s: %w: %s", filepath.Base(dsc), err, lastLines(out, 3))
		}
		return nil
	}
	return errors.Join(problems...)
}

// fetch downloads the source package of one release and returns its .dsc file.
func fetch(ctx context.Context, r recipe, release, dir string) (string, error) {
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	state := filepath.Join(dir, "apt")
	for _, d := range []string{"lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(state, d), 0o755); err != nil {
			return "", err
		}
	}
	lines, err := sourceLines(ctx, release)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(state, "sources.list"), []byte(lines), 0o644); err != nil {
		return "", err
	}
	apt := []string{
		"-qq", "-o", "Dir::Etc::sourcelist=" + filepath.Join(state, "sources.list"), "-o", "Dir::Etc::sourceparts=-",
		"-o", "Dir::State::lists=" + filepath.Join(state, "lists"), "-o", "Dir::Cache=" + filepath.Join(state, "cache"),
		"-o", "APT::Sandbox::User=root", "-o", "APT::Get::List-Cleanup=0",
	}
	if out, err := command(ctx, dir, "apt-get", append(apt, "update")...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("apt-get update: %w: %s", err, lastLines(out, 3))
	}
	return fetchNewest(ctx, r, dir, apt)
}

// fetchNewest tries the acceptable versions of the release, the newest first:
// an archive's index may name one whose files have gone already.
func fetchNewest(ctx context.Context, r recipe, dir string, apt []string) (string, error) {
	out, err := command(ctx, dir, "apt-cache", append(apt, "showsrc", r.pkg)...).Output()
	if err != nil {
		return "", fmt.Errorf("apt-cache showsrc %s: %w", r.pkg, err)
	}
	var versions []string
	for line := range strings.Lines(string(out)) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "Version: "); ok && strings.HasPrefix(v, r.accept) {
			versions = append(versions, v)
		}
	}
	slices.Sort(versions)
	problems := []error{fmt.Errorf("the release has no more versions %s*", r.accept)}
	for _, v := range slices.Backward(slices.Compact(versions)) {
		if out, err := command(ctx, dir, "apt-get", append(apt, "source", "--download-only", r.pkg+"="+v)...).CombinedOutput(); err != nil {
			problems = append(problems, fmt.Errorf("version %s: %w: %s", v, err, lastLines(out, 1)))
			continue
		}
		found, _ := filepath.Glob(filepath.Join(dir, "*.dsc"))
		if len(found) == 1 {
			return found[0], nil
		}
		problems = append(problems, fmt.Errorf("version %s left %d .dsc files in %s", v, len(found), dir))
	}
	slices.Reverse(problems)
	return "", errors.Join(problems...)
}

// sourceLines names the sources of a release on the archives that the machine
// itself uses; security updates too, since installed binaries come from there.
func sourceLines(ctx context.Context, release string) (string, error) {
	out, err := exec.CommandContext(ctx, "apt-get", "indextargets", "--format", "$(CREATED_BY) $(REPO_URI) $(CODENAME)").Output()
	if err != nil {
		return "", fmt.Errorf("apt-get indextargets: %w", err)
	}
	own, _, _ := strings.Cut(release, "-")
	var lines []string
	for line := range strings.Lines(string(out)) {
		field := strings.Fields(line)
		if len(field) != 3 || field[0] != "Packages" {
			continue
		}
		codename := release
		if strings.HasSuffix(field[2], "-security") {
			codename = own + "-security"
		}
		lines = append(lines, fmt.Sprintf("deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n", field[1], codename))
	}
	if len(lines) == 0 {
		return "", errors.New("apt has no archive configured: run apt-get update")
	}
	slices.Sort(lines)
	return strings.Join(slices.Compact(lines), ""), nil
}

// binaries finds the server's programs, building those that the machine does
// not have, and puts them where the suite expects them: in src/.
func (s *source) binaries(ctx context.Context, r recipe, log io.Writer) error {
	built := filepath.Join(s.dir, "src", r.server)
	s.server = built
	if _, err := os.Stat(built); err == nil {
		return nil
	}
	if len(r.build) == 0 {
		return s.link(r)
	}
	fmt.Fprintf(log, "suite: building %s, which takes some minutes\n", r.server)
	args := append([]string{"-C", "src", "-j2"}, r.build...)
	if out, err := command(ctx, s.dir, "make", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("suite: building %s (it needs %s): %w:\n%s", r.server, r.packages, err, lastLines(out, 15))
	}
	return nil
}

// link points src/ at the installed programs, which are those that users run.
func (s *source) link(r recipe) error {
	for _, tool := range r.tools {
		path, err := exec.LookPath(tool)
		if err != nil {
			return fmt.Errorf("suite: %s is not installed", tool)
		}
		err = os.Symlink(path, filepath.Join(s.dir, "src", tool))
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("suite: %w", err)
		}
	}
	return nil
}

// units lists the suite's units in its own order.
func (s *source) units(ctx context.Context) ([]string, error) {
	out, err := command(ctx, s.dir, "./runtest", "--list-tests").Output()
	if err != nil {
		return nil, fmt.Errorf("suite: runtest --list-tests (it needs tcl): %w: %s", err, lastLines(out, 3))
	}
	return strings.Fields(string(out)), nil
}

// buildThaw builds the binary under test if none was named and one is needed.
func buildThaw(ctx context.Context, o *options) error {
	needed := false
	for _, t := range o.targets {
		needed = needed || (t != "direct" && t != "pass-through")
	}
	if !needed {
		return nil
	}
	if o.thaw != "" {
		abs, err := filepath.Abs(o.thaw)
		o.thaw = abs
		return err
	}
	o.thaw = filepath.Join(o.work, "thaw")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", o.thaw, "./cmd/thaw").CombinedOutput(); err != nil {
		return fmt.Errorf("suite: go build ./cmd/thaw (run this in the module's folder): %w:\n%s", err, lastLines(out, 10))
	}
	return nil
}

func command(ctx context.Context, dir, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	return cmd
}

func lastLines(text []byte, n int) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
