//go:build unix

package sandbox

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// BenchmarkWarmInvoke is one invocation after the other in one environment,
// each with its thaw and freeze.
func BenchmarkWarmInvoke(b *testing.B) {
	for _, o := range []HostOptions{{}, {Freezer: "sigstop"}, {Freezer: "none"}} {
		h := testHost(b, o)
		b.Run(h.Mechanisms().Freeze, func(b *testing.B) {
			idle := make(chan struct{}, 1)
			f := testFunction(b, "plain")
			f.OnIdle = func(*Environment) { idle <- struct{}{} }
			f.MemoryMB = 1769
			e, _, err := h.Start(b.Context(), "e1", f, OnDemand)
			if err != nil {
				b.Fatal(err)
			}
			defer e.Stop("")
			var took []time.Duration
			for b.Loop() {
				begin := time.Now()
				r := do(b, e, `{}`)
				took = append(took, time.Since(begin))
				if r.Err != nil {
					b.Fatal(r.Err)
				}
				<-idle
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2])/1e3, "p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100])/1e3, "p99-µs")
		})
	}
}

// BenchmarkWarmInvokeParallel50 is 50 environments, each always busy.
func BenchmarkWarmInvokeParallel50(b *testing.B) {
	h := testHost(b, HostOptions{})
	f := testFunction(b, "plain")
	f.MemoryMB = 1769
	var envs []*Environment
	for i := range 50 {
		e, _, err := h.Start(b.Context(), fmt.Sprint(i), f, OnDemand)
		if err != nil {
			b.Fatal(err)
		}
		envs = append(envs, e)
	}
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ResetTimer()
	used := labCPU()
	var all sync.WaitGroup
	for _, e := range envs {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				if r := do(b, e, `{}`); r.Err != nil {
					b.Error(r.Err)
				}
			}
		})
	}
	all.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "invocations/s")
	b.ReportMetric(float64(labCPU()-used)/float64(b.N)/1e3, "lab-cpu-µs/op")
}

// labCPU is the processor time of this process, without the handlers'.
func labCPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkStart is cold starts of a Go handler, four at a time.
func BenchmarkStart(b *testing.B) {
	h := testHost(b, HostOptions{})
	f := testFunction(b, "plain")
	tokens := make(chan struct{}, 4)
	var all sync.WaitGroup
	for b.Loop() {
		tokens <- struct{}{}
		all.Go(func() {
			e, init, err := h.Start(b.Context(), "e", f, OnDemand)
			if err != nil || init.Err != nil {
				b.Error(err, init.Err)
			}
			<-tokens
			e.Stop("")
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "starts/s")
}
