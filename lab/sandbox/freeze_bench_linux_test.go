package sandbox

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// BenchmarkFreeze measures the mechanisms: the request to freeze, the time
// until every thread is stopped, and the request to thaw.
func BenchmarkFreeze(b *testing.B) {
	for name, h := range mechanisms(b) {
		b.Run(name, func(b *testing.B) {
			e, _, err := h.Start(b.Context(), "e1", testFunction(b, "plain"), OnDemand)
			if err != nil {
				b.Fatal(err)
			}
			defer e.Stop("")
			set := func(on bool) {
				e.mu.Lock()
				e.setFrozen(on)
				e.mu.Unlock()
			}
			set(false)
			var freeze, stopped, thaw []time.Duration
			for b.Loop() {
				t0 := time.Now()
				set(true)
				t1 := time.Now()
				for !threadsStopped(e, name) {
				}
				t2 := time.Now()
				set(false)
				t3 := time.Now()
				freeze, stopped, thaw = append(freeze, t1.Sub(t0)), append(stopped, t2.Sub(t0)), append(thaw, t3.Sub(t2))
				time.Sleep(200 * time.Microsecond)
			}
			b.ReportMetric(median(freeze), "freeze-µs")
			b.ReportMetric(median(stopped), "stopped-µs")
			b.ReportMetric(median(thaw), "thaw-µs")
		})
	}
}

func median(d []time.Duration) float64 {
	slices.Sort(d)
	return float64(d[len(d)/2]) / 1e3
}

func threadsStopped(e *Environment, name string) bool {
	switch {
	case strings.Contains(name, "v2"):
		data, _ := os.ReadFile(filepath.Join(e.group.unified, "cgroup.events"))
		return bytes.Contains(data, []byte("frozen 1"))
	case strings.Contains(name, "v1"):
		data, _ := os.ReadFile(filepath.Join(e.group.freezer, "freezer.state"))
		return bytes.HasPrefix(data, []byte("FROZEN"))
	}
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", e.process.pid))
	for _, path := range tasks {
		if data, err := os.ReadFile(path); err == nil && !bytes.Contains(data, []byte(") T ")) {
			return false
		}
	}
	return true
}

// BenchmarkIdleMemory is what an idle environment costs the lab itself.
func BenchmarkIdleMemory(b *testing.B) {
	h := testHost(b, HostOptions{Limits: "none"})
	f := testFunction(b, "plain")
	before := resident()
	const n = 100
	for b.Loop() {
		var envs []*Environment
		for i := range n {
			e, _, err := h.Start(b.Context(), fmt.Sprint(i), f, OnDemand)
			if err != nil {
				b.Fatal(err)
			}
			do(b, e, `{}`)
			envs = append(envs, e)
		}
		runtime.GC()
		b.ReportMetric(float64(resident()-before)/n, "KiB/env")
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.HeapInuse+m.StackInuse)/1024/n, "go-KiB/env")
		for _, e := range envs {
			e.Stop("")
		}
	}
}

func resident() int {
	_, now := processMemory(os.Getpid())
	return now
}
