package check

import (
	"fmt"
	"strconv"

	"github.com/thawdev/thaw/stack"
)

// poolSize returns how many connections one environment of a client holds to
// one node: what a variable such as REDIS_POOL_SIZE or MAX_CONNECTIONS says,
// else the option.
func (p *Pass) poolSize(c client) (n int, source string) {
	for _, v := range p.variables(c) {
		pool := v.has("POOL") && v.has("SIZE", "MAX")
		connections := v.has("CONNECTIONS", "CONNS", "CLIENTS") && v.has("MAX", "MAXIMUM")
		s, ok := v.literal()
		if n, err := strconv.Atoi(s); ok && err == nil && n > 0 && n <= maxClientsServerless && (pool || connections) {
			return n, "variable " + v.name
		}
	}
	if p.options.Connections > 0 {
		return p.options.Connections, "--connections"
	}
	return 1, ""
}

func tooManyConnections() *Rule {
	return &Rule{
		ID: "THAW-C01", Name: "connections-over-maxclients", Severity: Warning,
		Doc: Doc{
			Title: "The functions can open more connections than the cache takes",
			Why: "A node takes 20,000 connections on the smallest types (cache.t2, t3.micro, t4g.micro), 46,000 on t3.small and t3.medium and 65,000 on all others, as do serverless caches and Memcached; the limit cannot be raised. " +
				"Beyond it Redis and Valkey answer \"ERR max number of clients reached\" and Memcached lets connections wait. Every execution environment holds its own connections, and Lambda adds up to 1,000 environments for a function every 10 s, up to its reserved concurrency or the account's (1,000 unless raised).",
			Fix:     "Reserve less concurrency, give each environment fewer connections, take a larger node type, or put thaw proxy between.",
			Sources: []string{sourceParameters, sourceLimits},
			Unseen:  "How many connections the code opens: one for each environment and node, unless a variable such as REDIS_POOL_SIZE or --connections says otherwise.",
		},
		Run: func(p *Pass) {
			for _, c := range p.stack.Caches {
				p.countConnections(c)
			}
		},
	}
}

// countConnections adds up, for one node of a cache:
//
//	Σ reserved concurrency × pool  +  account concurrency × largest pool of the functions without a reservation
func (p *Pass) countConnections(c *stack.Cache) {
	limit, of, ok := maxClients(c)
	clients := p.clientsOf(c)
	if !ok || len(clients) == 0 {
		return
	}
	total, shared := 0, 0
	how := ""
	for _, u := range clients {
		n, reserved, ok := p.environments(u.function)
		pool, source := p.poolSize(u)
		switch {
		case !ok:
			return
		case reserved:
			total += n * pool
		default:
			shared = max(shared, n*pool)
		}
		if source != "" {
			how = " (" + source + ")"
		}
	}
	total += shared
	if total <= limit {
		return
	}
	var fix Fix
	for _, u := range clients {
		pool, _ := p.poolSize(u)
		fix.edits = append(fix.edits, reserve{u.function, limit / (len(clients) * pool)})
	}
	p.report(c.Resource, c.Origin, fix, "The %s of cache %s can open %d connections to one node%s; %s takes %d.",
		plural(len(clients), "function", "functions"), c.ID, total, how, of, limit)
}

// reserve limits the concurrency of a function.
type reserve struct {
	function *stack.Function
	n        int
}

func (e reserve) key() string { return fmt.Sprintf("reserve %s %d", e.function.ID, e.n) }

func (e reserve) sentence() string {
	return fmt.Sprintf("Reserve a concurrency of %d for function %s.", e.n, e.function.ID)
}

func (e reserve) cloudFormation(w *fragment) error {
	p, err := w.change(e.function.Resource)
	if err == nil {
		p.set("ReservedConcurrentExecutions", e.n)
	}
	return err
}

func (e reserve) terraform(w *configuration) error {
	b, err := w.override(e.function.ID)
	if err == nil {
		b.set("reserved_concurrent_executions", strconv.Itoa(e.n))
	}
	return err
}

func (e reserve) commands(w *script) error {
	w.run("aws", "lambda", "put-function-concurrency", literal("--function-name"), shell(functionName(e.function)), literal("--reserved-concurrent-executions"), literal(strconv.Itoa(e.n)))
	return nil
}
