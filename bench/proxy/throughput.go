package main

import (
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// load is one shape of closed-loop load of redis-benchmark.
type load struct {
	Command  string `json:"command"` // GET or SET
	Clients  int    `json:"clients"`
	Pipeline int    `json:"pipeline"`
	requests int
}

func (l load) String() string {
	return fmt.Sprintf("%s, %d clients, pipeline %d", l.Command, l.Clients, l.Pipeline)
}

// sample is one run of one load through one contender. CPU is of whole
// processes, from the operating system, divided by the number of requests.
type sample struct {
	Rate   float64 `json:"requests_per_s"`
	Proxy  float64 `json:"proxy_us"`  // µs of CPU a request; of the server when direct
	Server float64 `json:"server_us"` // µs of CPU a request
}

// Values of 64 bytes at this many keys, all of which exist: each GET is a hit.
const (
	valueSize = 64
	keyCount  = 1000
)

// loads are the shapes that the figures to reach are stated for.
func loads(o options) []load {
	var all []load
	for _, command := range []string{"GET", "SET"} {
		for _, pipeline := range []int{1, 16} {
			for _, clients := range []int{50, 500} {
				n := o.requests
				if pipeline > 1 {
					n *= 8 // a request is cheaper, the runs take about as long
				}
				all = append(all, load{command, clients, pipeline, n})
			}
		}
	}
	return all
}

// throughput measures every load through every contender, o.rounds times. The
// contenders take turns, and each round begins with another, so that whatever
// else the machine does hits them alike.
func (b *bed) throughput(o options, log io.Writer) (map[load]map[string][]sample, error) {
	if err := fillKeys(b.serverPort); err != nil {
		return nil, err
	}
	results := map[load]map[string][]sample{}
	for round := range o.rounds {
		for _, l := range loads(o) {
			if results[l] == nil {
				results[l] = map[string][]sample{}
			}
			for i := range b.all {
				c := b.all[(i+round)%len(b.all)]
				if c.missing != "" || c.port == 0 {
					continue
				}
				s, err := b.measure(o, c, l)
				if err != nil {
					return nil, fmt.Errorf("bench: %s through %s: %w", l, c.name, err)
				}
				results[l][c.name] = append(results[l][c.name], s)
				fmt.Fprintf(log, "round %d/%d  %-30s %-16s %8.0f/s  proxy %6.2f µs  server %6.2f µs\n",
					round+1, o.rounds, l, c.name, s.Rate, s.Proxy, s.Server)
			}
		}
	}
	return results, nil
}

// measure runs one load and returns what it cost.
func (b *bed) measure(o options, c *contender, l load) (sample, error) {
	proxy := c.proc
	if proxy == nil {
		proxy = b.server
	}
	proxyBefore, err := proxy.cpu()
	if err != nil {
		return sample{}, err
	}
	serverBefore, err := b.server.cpu()
	if err != nil {
		return sample{}, err
	}
	rate, err := redisBenchmark(o.loadTool, c.port, l)
	if err != nil {
		return sample{}, err
	}
	proxyAfter, err := proxy.cpu()
	if err != nil {
		return sample{}, err
	}
	serverAfter, err := b.server.cpu()
	if err != nil {
		return sample{}, err
	}
	return sample{Rate: rate, Proxy: microsEach(proxyAfter-proxyBefore, l.requests), Server: microsEach(serverAfter-serverBefore, l.requests)}, nil
}

func microsEach(d time.Duration, n int) float64 { return d.Seconds() * 1e6 / float64(n) }

// redisBenchmark runs the load tool and returns the requests a second.
func redisBenchmark(tool string, port int, l load) (float64, error) {
	cmd := exec.Command(tool, "-h", "127.0.0.1", "-p", strconv.Itoa(port), "-t", strings.ToLower(l.Command),
		"-c", strconv.Itoa(l.Clients), "-P", strconv.Itoa(l.Pipeline), "-n", strconv.Itoa(l.requests),
		"-d", strconv.Itoa(valueSize), "-r", strconv.Itoa(keyCount), "--csv")
	var errText strings.Builder
	cmd.Stderr = &errText
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("%s: %w: %s", tool, err, errText.String())
	}
	// "test","rps","avg_latency_ms",… and then a line for each test
	for line := range strings.Lines(string(out)) {
		f := strings.Split(strings.TrimSpace(line), ",")
		if len(f) > 1 && strings.Trim(f[0], `"`) == l.Command {
			return strconv.ParseFloat(strings.Trim(f[1], `"`), 64)
		}
	}
	return 0, fmt.Errorf("%s printed no result for %s: %s %s", tool, l.Command, out, errText.String())
}

// fillKeys writes every key that redis-benchmark -r keyCount asks for.
func fillKeys(port int) error {
	c, err := dial(address(port))
	if err != nil {
		return err
	}
	defer c.Close()
	value := strings.Repeat("x", valueSize)
	for n := range keyCount {
		if _, err := c.do("SET", keyName(n), value); err != nil {
			return fmt.Errorf("bench: filling the server: %w", err)
		}
	}
	return nil
}

func keyName(n int) string { return fmt.Sprintf("key:%012d", n) }

// column takes one figure of each sample.
func column(samples []sample, f func(sample) float64) []float64 {
	var all []float64
	for _, s := range samples {
		all = append(all, f(s))
	}
	return all
}

// spread is the middle, the least and the largest of several rounds.
type spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	v := slices.Sorted(slices.Values(values))
	mid := v[len(v)/2]
	if len(v)%2 == 0 {
		mid = (v[len(v)/2-1] + v[len(v)/2]) / 2
	}
	return spread{mid, v[0], v[len(v)-1]}
}
