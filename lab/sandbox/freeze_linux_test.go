package sandbox

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// mechanisms returns a host for each way of freezing that is permitted here.
func mechanisms(t testing.TB) map[string]*Host {
	out := map[string]*Host{}
	add := func(o HostOptions, h hierarchies) {
		o.TempDir = t.TempDir()
		host, err := newHost(o, h)
		if err != nil {
			t.Log("not permitted here:", err)
			return
		}
		t.Cleanup(func() {
			if err := host.Close(); err != nil {
				t.Error(err)
			}
			for _, f := range host.faults {
				t.Error("fault:", f)
			}
		})
		out[host.Mechanisms().Freeze] = host
	}
	all := detectHierarchies()
	add(HostOptions{Freezer: "cgroup"}, all)
	add(HostOptions{Freezer: "cgroup"}, hierarchies{v1: all.v1})
	add(HostOptions{Freezer: "sigstop", Limits: "none"}, hierarchies{})
	return out
}

func size(path string) int64 {
	st, err := os.Stat(path)
	if err != nil {
		return -1
	}
	return st.Size()
}

func TestFreeze(t *testing.T) {
	for name, h := range mechanisms(t) {
		for _, kind := range []string{"ticker", "child ticker"} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				e, _ := testStart(t, h, testFunction(t, kind))
				ticks := filepath.Join(e.folder, "ticks")
				eventually(t, "a first tick", func() bool { // a child may freeze before it
					want(t, do(t, e, `{"Do":"sleep","MS":20}`), "success", "ok")
					return size(ticks) > 0
				})
				for range 3 {
					want(t, do(t, e, `{"Do":"sleep","MS":20}`), "success", "ok")
					eventually(t, "frozen", func() bool {
						e.mu.Lock()
						defer e.mu.Unlock()
						return e.frozen
					})
					time.Sleep(5 * time.Millisecond)
					before := size(ticks)
					time.Sleep(40 * time.Millisecond)
					if after := size(ticks); after != before || before <= 0 {
						t.Fatalf("ticks while frozen: %d, then %d", before, after)
					}
				}
				before := size(ticks)
				want(t, do(t, e, `{"Do":"sleep","MS":20}`), "success", "ok")
				if size(ticks) <= before {
					t.Error("no ticks after the thaw")
				}
				pids := e.PIDs()
				if want := 1 + strings.Count(kind, "child"); len(pids) != want {
					t.Errorf("processes %v", pids)
				}
				e.Stop("") // kills the frozen
				for _, pid := range pids {
					eventually(t, "process gone", func() bool { return !running(pid) })
				}
			})
		}
	}
}

// TestFrozenReset: a group that stayed frozen would stop the next process, and
// the launcher with it, inside fork.
func TestFrozenReset(t *testing.T) {
	for name, h := range mechanisms(t) {
		t.Run(name, func(t *testing.T) {
			e, _ := testStart(t, h, testFunction(t, "plain"))
			want(t, do(t, e, `{}`), "success", "ok")
			eventually(t, "frozen", func() bool {
				e.mu.Lock()
				defer e.mu.Unlock()
				return e.frozen
			})
			p := e.running()
			signalGroup(p.pid, sigKill) // from outside
			if strings.Contains(name, "v1") {
				e.group.freeze(false)
			}
			<-p.exited
			if got := e.State(); got != "reset" {
				t.Errorf("state %s", got)
			}
			r := do(t, e, `{}`)
			want(t, r, "success", "ok")
			if r.SuppressedInit == 0 {
				t.Error("no suppressed init")
			}
		})
	}
}

// running reports whether pid exists and is no zombie: a daemonised child's
// zombie waits for whoever adopted it.
func running(pid int) bool {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && !strings.Contains(string(data), ") Z ")
}

func TestChildrenAreKilled(t *testing.T) {
	for name, h := range mechanisms(t) {
		if name == "SIGSTOP" {
			continue // cannot reach a daemonised child, and says so
		}
		t.Run(name, func(t *testing.T) {
			f := testFunction(t, "daemon")
			f.Timeout = 200 * time.Millisecond
			e, _ := testStart(t, h, f)
			want(t, do(t, e, `{"Do":"daemon"}`), "success", "ok")
			pids := e.PIDs()
			if len(pids) != 3 {
				t.Fatalf("processes %v", pids)
			}
			want(t, do(t, e, `{"Do":"sleep","MS":1000}`), "timeout", "")
			eventually(t, "reset", func() bool { return len(e.PIDs()) == 0 })
			for _, pid := range pids {
				eventually(t, "process gone", func() bool { return !running(pid) })
			}
			want(t, do(t, e, `{}`), "success", "ok")
			pids = e.PIDs()
			folders := append(e.group.folders(), h.platform.run.folders()...)
			if err := h.Close(); err != nil {
				t.Error(err)
			}
			for _, pid := range pids {
				eventually(t, "process gone", func() bool { return !running(pid) })
			}
			for _, dir := range append(folders, h.folder) {
				if _, err := os.Stat(dir); !os.IsNotExist(err) {
					t.Errorf("%s stays behind", dir)
				}
			}
			if err := h.Close(); err != nil {
				t.Error("second Close:", err)
			}
			if _, _, err := h.Start(t.Context(), "e2", f, OnDemand); err == nil {
				t.Error("a closed host starts environments")
			}
		})
	}
}

func TestMemoryLimit(t *testing.T) {
	h := testHost(t, HostOptions{})
	t.Logf("%+v", h.Mechanisms())
	if !strings.Contains(h.Mechanisms().Limits, "memory") {
		t.Skip(h.Mechanisms().Limits)
	}
	f := testFunction(t, "plain")
	f.MemoryMB, f.Timeout = 128, 5*time.Second
	e, _ := testStart(t, h, f)
	r := do(t, e, `{"Do":"allocate","Count":40}`)
	want(t, r, "success", "")
	if got := r.Final().MaxMemoryMB; got < 40 || got > 128 {
		t.Errorf("max memory %d MB", got)
	}
	want(t, do(t, e, `{"Do":"allocate","Count":300}`), "error", "signal: killed")
	want(t, do(t, e, `{}`), "success", "ok")
}

func TestOpenFilesLimit(t *testing.T) {
	h := testHost(t, HostOptions{})
	e, _ := testStart(t, h, testFunction(t, "plain"))
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", e.PIDs()[0]))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); strings.HasPrefix(line, "Max open files") && (f[3] != "1024" || f[4] != "1024") {
			t.Error(line)
		}
	}
}

// TestLabKilled kills a lab with SIGKILL: its handler dies with it, and the next
// run removes what it could not.
func TestLabKilled(t *testing.T) {
	temp := t.TempDir()
	lab := exec.Command(os.Args[0])
	lab.Env = append(os.Environ(), "SANDBOX_HANDLER=lab", "SANDBOX_TEMP="+temp)
	out, err := lab.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	lab.Stderr = os.Stderr
	if err := lab.Start(); err != nil {
		t.Fatal(err)
	}
	defer lab.Process.Kill()
	var pids, daemons []int
	var folders []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) < 2 {
			break
		}
		pid, _ := strconv.Atoi(f[1])
		switch f[0] {
		case "main":
			pids = append(pids, pid)
		case "daemon":
			daemons = append(daemons, pid)
		case "folder":
			folders = append(folders, f[1])
		}
	}
	if len(pids) != 1 || len(folders) == 0 {
		t.Fatalf("lab said processes %v, folders %v", pids, folders)
	}
	lab.Process.Kill()
	lab.Wait()
	eventually(t, "handler dies with the lab", func() bool { return !running(pids[0]) })

	h := testHost(t, HostOptions{TempDir: temp})
	if h.Mechanisms().Freeze == "SIGSTOP" {
		return
	}
	for _, pid := range daemons {
		eventually(t, "daemon is killed by the next run", func() bool { return !running(pid) })
	}
	for _, dir := range folders {
		if _, err := os.Stat(dir); !os.IsNotExist(err) {
			t.Errorf("%s stays behind", dir)
		}
	}
}

func TestParseMount(t *testing.T) {
	for line, want := range map[string]mount{
		"35 24 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate":      {"/", "/sys/fs/cgroup", "cgroup2", []string{"rw", "nsdelegate"}},
		"36 24 0:31 /docker/ab /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct":  {"/docker/ab", "/sys/fs/cgroup/cpu,cpuacct", "cgroup", []string{"rw", "cpu", "cpuacct"}},
		"37 24 0:32 / /sys/fs/cgroup/freezer rw shared:3 master:1 - cgroup cgroup rw,freezer": {"/", "/sys/fs/cgroup/freezer", "cgroup", []string{"rw", "freezer"}},
	} {
		m, ok := parseMount(line)
		if !ok || fmt.Sprint(m) != fmt.Sprint(want) {
			t.Errorf("%s: %v", line, m)
		}
	}
	for _, line := range []string{"", " - ", "1 2 3 - cgroup2", strings.Repeat("x ", 100)} {
		if _, ok := parseMount(line); ok {
			t.Errorf("%q accepted", line)
		}
	}
}

func TestStale(t *testing.T) {
	own := runName() + "1"
	if isStale(own) {
		t.Error("own run is stale")
	}
	parts := strings.Split(own, "-")
	for name, want := range map[string]bool{
		"thaw-" + parts[1] + "-1-" + parts[3] + "-1": true, // the id was used again
		"thaw-999999999-1-" + parts[3] + "-1":        true,
		"thaw-999999999-1-77-1":                      false, // of another namespace
		"thaw-x-1-" + parts[3] + "-1":                false, "thaw-1": false, "thaw-notes": false, "": false,
	} {
		if got := isStale(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
