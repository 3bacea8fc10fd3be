package main

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// The load of the figure to reach: envoy #44338 reports a server's CPU going
// from 1 % to 99 % at about this rate.
const (
	txRate    = 300 // a second
	txClients = 100
)

// txResult is what a run of transactions did to the server.
type txResult struct {
	Style  string  `json:"style"` // "block": one write; "steps": one command at a time
	Opened int64   `json:"connections_opened"`
	Server float64 `json:"server_us"` // µs of CPU a transaction, housekeeping included
	Failed int64   `json:"failed"`
}

// transactions measures every contender that passes MULTI…EXEC, both with the
// transaction written at once, as client libraries do, and step by step.
func (b *bed) transactions(o options, log io.Writer) (map[string][]txResult, error) {
	results := map[string][]txResult{}
	for round := range o.rounds {
		for i := range b.all {
			c := b.all[(i+round)%len(b.all)]
			if c.missing != "" || c.port == 0 || !c.transactions {
				continue
			}
			for _, style := range []string{"block", "steps"} {
				r, err := b.runTransactions(c, style, o.txTime)
				if err != nil {
					return nil, fmt.Errorf("bench: transactions through %s: %w", c.name, err)
				}
				results[c.name] = append(results[c.name], r)
				fmt.Fprintf(log, "round %d/%d  transactions, %-6s %-16s opened %5d  server %7.2f µs  failed %d\n",
					round+1, o.rounds, style, c.name, r.Opened, r.Server, r.Failed)
			}
		}
	}
	return results, nil
}

func (b *bed) runTransactions(c *contender, style string, d time.Duration) (txResult, error) {
	control, err := dial(address(b.serverPort))
	if err != nil {
		return txResult{}, err
	}
	defer control.Close()
	clients, err := dialMany(address(c.port), txClients)
	if err != nil {
		return txResult{}, err
	}
	defer closeAll(clients)
	// A transaction each before the count: what a proxy opens once is not
	// what it opens for each.
	for i, cl := range clients {
		if err := transaction(cl, style, i); err != nil {
			return txResult{}, err
		}
	}
	opened, err := control.info("stats", "total_connections_received")
	if err != nil {
		return txResult{}, err
	}
	before, err := b.server.cpu()
	if err != nil {
		return txResult{}, err
	}
	n, failed := paced(clients, style, d)
	after, err := b.server.cpu()
	if err != nil {
		return txResult{}, err
	}
	openedAfter, err := control.info("stats", "total_connections_received")
	return txResult{Style: style, Opened: openedAfter - opened, Server: microsEach(after-before, n), Failed: failed}, err
}

// paced sends transactions at txRate for a while, each client in its turn.
func paced(clients []*client, style string, d time.Duration) (n int, failed int64) {
	total := int(d.Seconds() * txRate)
	begin := time.Now()
	var wg sync.WaitGroup
	failures := make([]int64, len(clients))
	for i, cl := range clients {
		wg.Go(func() {
			for k := i; k < total; k += len(clients) {
				time.Sleep(time.Until(begin.Add(time.Duration(k) * time.Second / txRate)))
				if err := transaction(cl, style, k); err != nil {
					failures[i]++
				}
			}
		})
	}
	wg.Wait()
	for _, f := range failures {
		failed += f
	}
	return total, failed
}

// transaction writes and reads one key atomically and checks the answer.
func transaction(c *client, style string, n int) error {
	key, value := keyName(n%keyCount), fmt.Sprintf("%064d", n)
	commands := [][]string{{"MULTI"}, {"SET", key, value}, {"GET", key}, {"EXEC"}}
	want := []string{"OK", "QUEUED", "QUEUED", "OK\n" + value}
	var block []byte
	for _, args := range commands {
		block = appendCommand(block, args...)
	}
	if style == "block" {
		if _, err := c.Write(block); err != nil {
			return err
		}
	}
	for i, args := range commands {
		var got string
		var err error
		if style == "block" {
			got, err = readReply(c.r)
		} else {
			got, err = c.do(args...)
		}
		if err != nil {
			return err
		}
		if got != want[i] {
			return fmt.Errorf("%s answers %q, wanted %q", args[0], got, want[i])
		}
	}
	return nil
}

func dialMany(addr string, n int) ([]*client, error) {
	var all []*client
	for range n {
		c, err := dial(addr)
		if err != nil {
			closeAll(all)
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}

func closeAll(clients []*client) {
	var errs []error
	for _, c := range clients {
		errs = append(errs, c.Close())
	}
	_ = errors.Join(errs...) // nothing is owed to a measured connection
}
