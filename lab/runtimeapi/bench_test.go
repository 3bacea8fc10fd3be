package runtimeapi

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"testing"
)

// BenchmarkWarmInvoke measures one warm invocation: with one environment that
// is idle otherwise, the latency of the path; with 32 at once, the CPU time of it.
// "nethttp" has a runtime as aws-lambda-go makes one, "raw" one that costs almost
// nothing, so that what remains is the server and the kernel.
func BenchmarkWarmInvoke(b *testing.B) {
	for name, client := range map[string]func(string){"nethttp": echoOnce, "raw": rawRuntime} {
		for _, environments := range []int{1, 32} {
			b.Run(fmt.Sprintf("%s/%d", name, environments), func(b *testing.B) {
				invoke := make([]func(n int), environments)
				for i := range invoke {
					a, address := startTCP(b, Options{})
					go client(address)
					<-a.Initialized()
					invoke[i] = func(n int) {
						call, err := a.Start(Invocation{
							RequestID: benchID(n), FunctionARN: benchARN, Payload: []byte(`{"key":"value"}`),
						})
						if err != nil {
							b.Error(err)
							return
						}
						<-call.Done()
					}
				}
				share(b, invoke)
			})
		}
	}
}

// BenchmarkReferenceNetHTTP is the same exchange with servers on net/http
// that keep no state: what ours on net/http could reach at best.
func BenchmarkReferenceNetHTTP(b *testing.B) {
	for _, environments := range []int{1, 32} {
		b.Run(fmt.Sprintf("raw/%d", environments), func(b *testing.B) {
			invoke := make([]func(n int), environments)
			for i := range invoke {
				invoke[i] = reference(b)
			}
			share(b, invoke)
		})
	}
}

// share divides b.N among environments, each of which runs its part in turn.
func share(b *testing.B, invoke []func(n int)) {
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for i, f := range invoke {
		wg.Go(func() {
			for n := i; n < b.N; n += len(invoke) {
				f(n)
			}
		})
	}
	wg.Wait()
}

func benchID(n int) string { return fmt.Sprintf("8476a536-e9f4-11e8-9739-%012d", n) }

func reference(b *testing.B) func(n int) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	events, answers := make(chan int), make(chan []byte)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "GET" {
			select {
			case n := <-events:
				w.Header().Set("Content-Type", "application/json")
				w.Header().Set("Lambda-Runtime-Aws-Request-Id", benchID(n))
				w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", benchARN)
				_, _ = w.Write([]byte(`{"key":"value"}`))
			case <-r.Context().Done():
			}
			return
		}
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(202)
		_, _ = io.WriteString(w, acceptedBody)
		answers <- body
	})}
	go func() { _ = server.Serve(l) }()
	b.Cleanup(func() { server.Close() })
	go rawRuntime(l.Addr().String())
	return func(n int) { events <- n; <-answers }
}

const benchARN = "arn:aws:lambda:us-east-1:123456789012:function:bench"

// echoOnce is a runtime on net/http.
func echoOnce(address string) {
	client := &http.Client{Transport: &http.Transport{}}
	base := "http://" + address + prefixInvocation
	for {
		resp, err := client.Get(base + "next")
		if err != nil {
			return
		}
		event, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		// A plain reader has no length and goes in chunks, as from aws-lambda-go.
		resp, err = client.Post(base+resp.Header.Get("Lambda-Runtime-Aws-Request-Id")+"/response", "application/json",
			io.MultiReader(bytes.NewReader(event)))
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
}

// rawRuntime finds what it needs in the answers without parsing them.
func rawRuntime(address string) {
	nc, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer nc.Close()
	get := []byte("GET " + pathNext + " HTTP/1.1\r\nHost: x\r\n\r\n")
	header := []byte("Lambda-Runtime-Aws-Request-Id: ")
	buf := make([]byte, 4096)
	var out []byte
	exchange := func(request []byte) []byte {
		if _, err := nc.Write(request); err != nil {
			return nil
		}
		n, err := nc.Read(buf)
		if err != nil {
			return nil
		}
		return buf[:n]
	}
	for {
		answer := exchange(get)
		i := bytes.Index(answer, header)
		if i < 0 {
			return
		}
		id := answer[i+len(header):][:36]
		out = append(out[:0], "POST "+prefixInvocation...)
		out = append(out, id...)
		out = append(out, "/response HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{\"key\":\"value\"}"...)
		if exchange(out) == nil {
			return
		}
	}
}

// BenchmarkIdleMemory reports what an idle environment holds: an API, its
// accepting goroutine, and one connection with a parked poll. Clients in this
// process are counted too, as bare sockets.
func BenchmarkIdleMemory(b *testing.B) {
	for b.Loop() {
		const environments = 500
		before := memory()
		apis := make([]*API, environments)
		conns := make([]net.Conn, environments)
		for i := range apis {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			apis[i] = New(Options{})
			go func() { _ = apis[i].Serve(l) }()
			if conns[i], err = net.Dial("tcp", l.Addr().String()); err != nil {
				b.Fatal(err)
			}
			if _, err := io.WriteString(conns[i], "GET "+pathNext+" HTTP/1.1\r\nHost: x\r\nUser-Agent: "+strconv.Itoa(i)+"\r\n\r\n"); err != nil {
				b.Fatal(err)
			}
			<-apis[i].Initialized()
		}
		b.ReportMetric(float64(memory()-before)/environments, "B/env")
		for i := range apis {
			apis[i].Close()
			conns[i].Close()
		}
	}
}

// memory is the heap and the stacks in use, in bytes.
func memory() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}
