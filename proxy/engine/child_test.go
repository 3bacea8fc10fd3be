package engine

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// TestMain makes this test binary the other side of a measurement when it is
// started by one, in a process of its own so that its time and memory are not
// counted.
func TestMain(m *testing.M) {
	for env, run := range map[string]func([]string) error{clientEnv: generateLoad, idleEnv: holdIdle} {
		if spec := os.Getenv(env); spec != "" {
			if err := run(strings.Fields(spec)); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			os.Exit(0)
		}
	}
	os.Exit(m.Run())
}

// startIdle opens connections from a child process and returns when all are
// idle; release closes them and waits until the engine has none.
func startIdle(t *testing.T, e *Engine, addr string, count int, kind string) (release func()) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d %s", idleEnv, addr, count, kind))
	child.Stderr = os.Stderr
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { child.Process.Kill() })
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "idle\n" {
		t.Fatalf("the child said %q, %v", line, err)
	}
	return func() {
		in.Close()
		if err := child.Wait(); err != nil {
			t.Error(err)
		}
		eventually(t, "all are closed", func() bool { return e.Conns() == 0 })
	}
}

// residentMemory is the VmRSS of this process; 0 where that is not known.
func residentMemory() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(status, []byte("VmRSS:"))
	fields := strings.Fields(string(rest[:min(len(rest), 40)]))
	if len(fields) == 0 {
		return 0
	}
	kib, _ := strconv.ParseInt(fields[0], 10, 64)
	return kib << 10
}
