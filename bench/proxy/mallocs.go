package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// mallocsMetric is the standard Go collector's count of heap allocations.
const mallocsMetric = "go_memstats_mallocs_total"

// allocations returns the heap allocations that one more request costs each
// proxy that counts them, by command. A short and a long run are compared: what
// connecting and the page itself allocate is in both.
func (b *bed) allocations(o options, log io.Writer) (map[string]map[string]float64, error) {
	results := map[string]map[string]float64{}
	for _, c := range b.all {
		if _, ok := mallocs(c.metrics); !ok {
			continue
		}
		results[c.name] = map[string]float64{}
		for _, command := range []string{"GET", "SET"} {
			short, err := mallocsOf(o, c, load{command, 50, 1, o.requests})
			if err != nil {
				return nil, err
			}
			long, err := mallocsOf(o, c, load{command, 50, 1, 3 * o.requests})
			if err != nil {
				return nil, err
			}
			each := (long - short) / float64(2*o.requests)
			results[c.name][command] = each
			fmt.Fprintf(log, "allocations a request, %s, %-16s %.4f\n", command, c.name, each)
		}
	}
	return results, nil
}

func mallocsOf(o options, c *contender, l load) (float64, error) {
	before, _ := mallocs(c.metrics)
	if _, err := redisBenchmark(o.loadTool, c.port, l); err != nil {
		return 0, fmt.Errorf("bench: allocations of %s: %w", c.name, err)
	}
	after, _ := mallocs(c.metrics)
	return after - before, nil
}

// mallocs reads how many heap objects a proxy in Go has allocated so far, from
// its Prometheus page. ok is false when there is none.
func mallocs(addr string) (n float64, ok bool) {
	if addr == "" {
		return 0, false
	}
	page := http.Client{Timeout: 5 * time.Second}
	resp, err := page.Get("http://" + addr + "/metrics")
	if err != nil {
		return 0, false
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if v, found := strings.CutPrefix(lines.Text(), mallocsMetric+" "); found {
			n, err = strconv.ParseFloat(strings.TrimSpace(v), 64)
			return n, err == nil
		}
	}
	return 0, false
}
