package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/thawdev/thaw/stack"
	"github.com/thawdev/thaw/workload"
)

// The figures of docs/lab.md. Each runs the smallest Go handler on
// aws-lambda-go, built from testdata/echo, so that what is measured is the lab
// and the runtime.

func echoFunction(b *testing.B) *stack.Function { return benchFunction(b, "echo") }

func benchFunction(b *testing.B, handler string) *stack.Function {
	b.Helper()
	f := testFunction(b, "Echo")
	dir, err := filepath.Abs(filepath.Join("testdata", handler))
	if err != nil {
		b.Fatal(err)
	}
	f.Code = stack.Known(dir)
	f.Environment = nil
	return f
}

func mustInvoke(b *testing.B, l *Lab) Reply {
	reply, err := l.Invoke(b.Context(), Invocation{Function: "Echo", Payload: []byte(`{"id":"1"}`)})
	if err != nil || reply.Err != nil || reply.Throttle != nil {
		b.Fatal(err, reply.Err, reply.Throttle)
	}
	return reply
}

// BenchmarkWarmInvoke is one invocation after the other in one environment:
// thaw, Runtime API, handler, answer. p50-ms is the whole, the handler included;
// lab-p50-ms is without the time between the delivery of the event and the
// answer. Back to back, a request waits until the runtime asks for the next
// event; after a pause it finds the environment frozen.
func BenchmarkWarmInvoke(b *testing.B) {
	for _, pause := range []time.Duration{0, 2 * time.Millisecond} {
		b.Run(fmt.Sprintf("pause=%v", pause), func(b *testing.B) {
			l := openLab(b, Options{Account: 1 << 20}, echoFunction(b))
			mustInvoke(b, l)
			var whole, share []time.Duration
			for b.Loop() {
				time.Sleep(pause)
				began := time.Now()
				reply := mustInvoke(b, l)
				took := time.Since(began)
				whole = append(whole, took)
				share = append(share, took-reply.Responded.Sub(reply.Delivered))
			}
			slices.Sort(whole)
			slices.Sort(share)
			b.ReportMetric(ms(whole[len(whole)/2]), "p50-ms")
			b.ReportMetric(ms(whole[len(whole)*99/100]), "p99-ms")
			b.ReportMetric(ms(share[len(share)/2]), "lab-p50-ms")
		})
	}
}

func ms(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }

// BenchmarkWarmInvoke50 keeps 50 environments busy at once. The raw handler
// shows what the lab itself can do; the difference is the handler's runtime.
func BenchmarkWarmInvoke50(b *testing.B) {
	for _, handler := range []string{"echo", "raw"} {
		for _, freezer := range []string{"auto", "none"} {
			b.Run(fmt.Sprintf("handler=%s/freeze=%s", handler, freezer), func(b *testing.B) {
				f := benchFunction(b, handler)
				f.Provisioned = stack.Known(50)
				l := openLab(b, Options{Freezer: freezer, Account: 1 << 20}, f)
				jobs := make(chan struct{})
				var workers sync.WaitGroup
				for range 50 {
					workers.Go(func() {
						for range jobs {
							mustInvoke(b, l)
						}
					})
				}
				b.ResetTimer()
				for range b.N {
					jobs <- struct{}{}
				}
				close(jobs)
				workers.Wait()
				b.StopTimer()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "invocations/s")
				b.ReportMetric(float64(l.Counts().Started), "environments")
			})
		}
	}
}

// BenchmarkColdStart starts environments, as many at once as the lab does.
func BenchmarkColdStart(b *testing.B) {
	f := echoFunction(b)
	l := openLab(b, Options{Account: 1 << 20, ScaleStep: -1, IdleExpiry: time.Millisecond}, f)
	var wg sync.WaitGroup
	limit := make(chan struct{}, startsPerCPU*runtime.NumCPU())
	b.ResetTimer()
	for i := range b.N {
		limit <- struct{}{}
		wg.Go(func() {
			defer func() { <-limit }()
			l.mu.Lock()
			id, cold, err := l.fleet.Place(l.now()+time.Duration(i), "Echo")
			l.mu.Unlock()
			if err != nil || !cold {
				return // an idle one that has not expired yet: not a start
			}
			env, _, err := l.start(b.Context(), l.functions["Echo"], id, "on-demand")
			if err != nil {
				b.Error(err)
				return
			}
			l.stop(env, "benchmark")
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "environments/s")
}

// BenchmarkIdle500 holds 500 idle environments and reports what they and the
// lab itself take: resident memory of the lab's process over what it had before,
// and proportional memory of the handlers.
func BenchmarkIdle500(b *testing.B) {
	const n = 500
	for b.Loop() {
		before := selfMiB(b)
		f := echoFunction(b)
		f.Provisioned = stack.Known(n)
		l := openLab(b, Options{Account: 1 << 20}, f)
		for range n {
			mustInvoke(b, l)
		}
		var handlers float64
		for _, pids := range l.processes() {
			for _, pid := range pids {
				handlers += statusMiB(b, fmt.Sprintf("/proc/%d/smaps_rollup", pid), "Pss:")
			}
		}
		b.ReportMetric(selfMiB(b), "lab-MiB")
		b.ReportMetric(selfMiB(b)-before, "lab-added-MiB")
		b.ReportMetric(handlers/n, "MiB/environment")
		if err := l.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func selfMiB(b *testing.B) float64 {
	runtime.GC()
	return statusMiB(b, "/proc/self/status", "VmRSS:")
}

func statusMiB(b *testing.B, path, field string) float64 {
	data, err := os.ReadFile(path)
	if err != nil {
		b.Skip("needs /proc: ", err)
	}
	for line := range strings.Lines(string(data)) {
		if parts := strings.Fields(line); len(parts) >= 2 && parts[0] == field {
			kib, _ := strconv.ParseFloat(parts[1], 64)
			return kib / 1024
		}
	}
	return 0
}

// BenchmarkGeneratorLag sends requests for three seconds and reports how late
// they were sent. With the raw handler the machine has cores to spare at 2,000 a
// second; with echo it has not, and cold starts take what is left.
func BenchmarkGeneratorLag(b *testing.B) {
	for _, load := range []struct {
		handler string
		rate    int
	}{{"raw", 2000}, {"raw", 4000}, {"echo", 1000}, {"echo", 2000}} {
		b.Run(fmt.Sprintf("handler=%s/rate=%d", load.handler, load.rate), func(b *testing.B) {
			for b.Loop() {
				f := benchFunction(b, load.handler)
				f.Provisioned = stack.Known(20)
				l := openLab(b, Options{Account: 1 << 20}, f)
				arrivals, err := workload.ParseArrivals(fmt.Sprintf("poisson:%d/s", load.rate))
				if err != nil {
					b.Fatal(err)
				}
				if err := l.Drive(b.Context(), Load{Options: workload.Options{Arrivals: arrivals, Duration: 3 * time.Second, Seed: 1}}); err != nil {
					b.Fatal(err)
				}
				r := l.Result()
				b.ReportMetric(r.Generator.LagMS.P99, "lag-p99-ms")
				b.ReportMetric(r.Generator.LagMS.P50, "lag-p50-ms")
				b.ReportMetric(r.Latency.Warm.P50, "warm-p50-ms")
				b.ReportMetric(r.Latency.Warm.P99, "warm-p99-ms")
				b.ReportMetric(float64(r.Environments.Started), "environments")
			}
		})
	}
}
