package sandbox

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// hierarchies says where on this system the lab may look for room for its
// control groups: for each hierarchy the folder of the lab's own group and the
// folders above it, nearest first.
//
// The own group comes first so that the lab stays under whatever limit its
// session or container has.
type hierarchies struct {
	unified []string            // v2
	v1      map[string][]string // by controller
}

// detectHierarchies reads the mounts and the lab's own groups. All three
// layouts come out of it: unified, hybrid, pure v1.
func detectHierarchies() hierarchies {
	h := hierarchies{v1: map[string][]string{}}
	own := ownGroups()
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return h
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		m, ok := parseMount(lines.Text())
		switch {
		case !ok:
		case m.kind == "cgroup2":
			h.unified = m.candidates(own[""])
		case m.kind == "cgroup":
			for _, c := range []string{"freezer", "memory", "cpu"} {
				if slices.Contains(m.controllers, c) {
					h.v1[c] = m.candidates(own[c])
				}
			}
		}
	}
	return h
}

// mount is one line of mountinfo (proc(5)).
type mount struct {
	root, point, kind string
	controllers       []string
}

func parseMount(line string) (mount, bool) {
	before, after, ok := strings.Cut(line, " - ")
	left, right := strings.Fields(before), strings.Fields(after)
	if !ok || len(left) < 5 || len(right) < 3 {
		return mount{}, false
	}
	return mount{
		root: left[3], point: left[4], kind: right[0],
		controllers: strings.Split(right[2], ","),
	}, true
}

// candidates lists the group own and its parents up to the mount point. In a
// container the mount may begin further down than the path that the kernel
// reports.
func (m mount) candidates(own string) []string {
	if m.root != "/" {
		own = strings.TrimPrefix(own, m.root)
	}
	var out []string
	for dir := filepath.Join("/", own); ; dir = filepath.Dir(dir) {
		if st, err := os.Stat(filepath.Join(m.point, dir)); err == nil && st.IsDir() {
			out = append(out, filepath.Join(m.point, dir))
		}
		if dir == "/" {
			return out
		}
	}
}

// ownGroups returns the lab's own group by controller, "" being v2.
func ownGroups() map[string]string {
	out := map[string]string{}
	data, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return out
	}
	for line := range strings.Lines(string(data)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		for c := range strings.SplitSeq(parts[1], ",") {
			out[c] = parts[2]
		}
	}
	return out
}

// openUnified makes the run's folder in v2. With limits it prefers a place
// where the memory and cpu controllers are handed down, then one with memory
// only, which is what older user sessions get; without either it takes the
// nearest that can freeze and kill. It returns the controllers it has.
func openUnified(places []string, name string, limits bool) (folder string, memory, cpu bool) {
	wishes := []string{""}
	if limits {
		wishes = []string{"+memory +cpu", "+memory", ""}
	}
	for _, wish := range wishes {
		for _, dir := range places {
			run := filepath.Join(dir, name)
			if !canPlace(dir) || os.Mkdir(run, 0o755) != nil {
				continue
			}
			// Both files exist from Linux 5.14 on.
			if exists(run, "cgroup.freeze") && exists(run, "cgroup.kill") &&
				(wish == "" || write(run, "cgroup.subtree_control", wish) == nil) {
				return run, wish != "", strings.HasSuffix(wish, "cpu")
			}
			_ = removeFolder(run)
		}
	}
	return "", false, false
}

// openV1 makes the run's folder in one v1 hierarchy and proves that control,
// one of the controller's files, can be written there. It is "" when not.
func openV1(places []string, name, control string) string {
	for _, dir := range places {
		run := filepath.Join(dir, name)
		if !canPlace(dir) || os.Mkdir(run, 0o755) != nil {
			continue
		}
		if unix.Access(filepath.Join(run, control), unix.W_OK) == nil {
			return run
		}
		_ = removeFolder(run)
	}
	return ""
}

// canPlace reports whether the lab may move processes below dir: the kernel
// asks for write access to the common ancestor's cgroup.procs.
func canPlace(dir string) bool {
	return unix.Access(filepath.Join(dir, "cgroup.procs"), unix.W_OK) == nil
}

func exists(folder, name string) bool {
	_, err := os.Stat(filepath.Join(folder, name))
	return err == nil
}
