package service

import (
	"runtime"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/thawdev/thaw/proxy"
	"github.com/thawdev/thaw/proxy/upstream"
)

// registry holds everything /metrics shows. It is the service's own, so that two
// in one process do not meet.
func (s *Service) registry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		buildInfo(s.opts.Version, s.cfg.PoolMode),
		&collector{stats: s.proxy.Stats, nodes: s.proxy.Nodes, ready: func() bool { return !s.health.draining.Load() }, done: map[string]float64{}},
	)
	return r
}

// buildInfo is constant 1 with labels that say what runs.
func buildInfo(version, mode string) prometheus.Collector {
	revision := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = s.Value
			}
		}
	}
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "thaw_proxy_build_info", Help: "Constant 1; the labels say what runs.",
		ConstLabels: prometheus.Labels{"version": orDefault(version, "unknown"), "revision": revision, "goversion": runtime.Version(), "pool_mode": mode},
	})
	g.Set(1)
	return g
}

// A metric is one family that /metrics shows.
type metric struct {
	desc   *prometheus.Desc
	kind   string // gauge, counter or histogram
	name   string
	help   string
	labels []string
}

func newMetric(kind, name, help string, labels ...string) *metric {
	name = "thaw_proxy_" + name
	return &metric{prometheus.NewDesc(name, help, labels, nil), kind, name, help, labels}
}

// The families. No label is a user, an address, a key or anything else that a
// client chooses: names of commands come from the command table, and what is not
// in it counts as "unknown".
var (
	mClients       = newMetric("gauge", "clients", "Clients connected.")
	mMaxClients    = newMetric("gauge", "clients_max", "Clients allowed (limits.max_clients).")
	mSubscribers   = newMetric("gauge", "subscribers", "Clients with subscriptions.")
	mChannels      = newMetric("gauge", "channels", "Subscriptions at the server, each shared by all clients that want it.")
	mConnections   = newMetric("gauge", "upstream_connections", "Connections to the server. idle and busy are shared (busy is also one that was given back and is being reset), pinned and blocked belong to one client each, subscribed carry subscriptions, spare are as new and wait for an owner, dialing are being opened.", "state")
	mMax           = newMetric("gauge", "upstream_max", "Connections allowed: shared (upstream.max_connections) and pinned (upstream.max_pinned).", "kind")
	mUsed          = newMetric("gauge", "upstream_used", "Connections that count against upstream_max.", "kind")
	mOpened        = newMetric("counter", "upstream_opened_total", "Connections opened.")
	mClosed        = newMetric("counter", "upstream_closed_total", "Connections ended, for whatever reason.")
	mDialErrors    = newMetric("counter", "upstream_dial_errors_total", "Connections that could not be opened.")
	mUp            = newMetric("gauge", "upstream_up", "1 while the node takes connections, 0 while its breaker is open.", "node")
	mWait          = newMetric("histogram", "borrow_wait_seconds", "How long clients waited for a connection. Those who found one at once are not in it.")
	mQueue         = newMetric("gauge", "queue_depth", "Clients that wait for a connection now.")
	mPins          = newMetric("counter", "pins_total", "Times a client got a connection of its own.", "reason")
	mPinnedSeconds = newMetric("counter", "pinned_seconds", "Time for which clients had connections of their own; pins that last are counted when they end.", "reason")
	mPinned        = newMetric("gauge", "pinned", "Clients that have a connection of their own now.", "reason")
	mCommands      = newMetric("counter", "commands_total", "Commands. ok: answered, error: answered by the server with an error, failed: no answer, the connection was lost or the time was over.", "cmd", "result")
	mSeconds       = newMetric("histogram", "upstream_seconds", "From sending a command to the end of its answer, on shared connections.")
	mTurns         = newMetric("histogram", "proxy_seconds", "How long a loop took from waking up to sending what came of it: the time the proxy adds, once for each batch.")
	mTombstones    = newMetric("counter", "tombstones", "Answers that nobody waited for any more and that were swallowed.")
	mLost          = newMetric("counter", "lost_total", "Commands without an answer because their connection ended.")
	mDesync        = newMetric("counter", "desync_total", "Connections dropped because of an answer that belonged to no command.")
	mShed          = newMetric("counter", "shed_total", "Clients or commands turned away to protect the rest.", "reason")
	mViolations    = newMetric("counter", "protocol_errors_total", "Clients that sent what is not RESP.")
	mAuthFailures  = newMetric("counter", "auth_failures_total", "Logins refused.")
	mPanics        = newMetric("counter", "panics_total", "Bugs of the proxy that cost a connection each; the log has the stack.")
	mResubscribed  = newMetric("counter", "resubscribed_total", "Subscriptions restored after their connection was lost; messages in between are missing.")
	mBuffered      = newMetric("gauge", "buffered_bytes", "Bytes queued for clients.")
	mUptime        = newMetric("gauge", "uptime_seconds", "Time since the start.")
	mReady         = newMetric("gauge", "accepting", "1, and 0 while draining.")

	families = []*metric{mClients, mMaxClients, mSubscribers, mChannels, mConnections, mMax, mUsed, mOpened, mClosed, mDialErrors, mUp,
		mWait, mQueue, mPins, mPinnedSeconds, mPinned, mCommands, mSeconds, mTurns, mTombstones, mLost, mDesync, mShed, mViolations,
		mAuthFailures, mPanics, mResubscribed, mBuffered, mUptime, mReady}
)

// collector turns a snapshot of the proxy into metrics at each scrape. Nothing is
// counted here, so a scrape is all that metrics cost.
type collector struct {
	stats func() proxy.Stats
	nodes func() []proxy.NodeState
	ready func() bool

	mu   sync.Mutex
	done map[string]float64 // commands_total{result="ok"} as last shown
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, m := range families {
		ch <- m.desc
	}
}

// sink is where one scrape goes.
type sink chan<- prometheus.Metric

func (s sink) add(m *metric, v float64, labels ...string) {
	kind := prometheus.GaugeValue
	if m.kind == "counter" {
		kind = prometheus.CounterValue
	}
	s <- prometheus.MustNewConstMetric(m.desc, kind, v, labels...)
}

// histogram shows buckets up to about a minute; what is above is in +Inf.
func (s sink) histogram(m *metric, h *upstream.Histogram) {
	buckets := map[float64]uint64{}
	sum := uint64(0)
	for i, n := range h.Buckets[:len(h.Buckets)-1] {
		sum += n
		buckets[h.Bound(i).Seconds()] = sum
	}
	s <- prometheus.MustNewConstHistogram(m.desc, h.Count, h.Sum.Seconds(), buckets)
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	st, to := c.stats(), sink(ch)
	to.add(mClients, float64(st.Clients))
	to.add(mMaxClients, float64(st.MaxClients))
	to.add(mSubscribers, float64(st.Subscribers))
	to.add(mChannels, float64(st.Channels))
	to.add(mQueue, float64(st.Upstream.Waiting))
	to.histogram(mWait, &st.Upstream.Waits)
	to.histogram(mSeconds, &st.Upstream.Seconds)
	to.histogram(mTurns, &st.Turns)
	to.add(mTombstones, float64(st.Upstream.Abandoned))
	to.add(mLost, float64(st.Upstream.Lost))
	to.add(mDesync, float64(st.Upstream.Desyncs))
	to.add(mViolations, float64(st.Violations))
	to.add(mAuthFailures, float64(st.AuthFailures))
	to.add(mPanics, float64(st.Panics))
	to.add(mResubscribed, float64(st.Resubscribed))
	to.add(mBuffered, float64(st.Buffered))
	to.add(mUptime, st.Uptime.Seconds())
	to.add(mReady, boolean(c.ready()))
	connections(to, &st, c.nodes())
	pins(to, &st)
	shed(to, &st.Shed)
	c.commands(to, &st)
}

func boolean(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func connections(to sink, st *proxy.Stats, nodes []proxy.NodeState) {
	blocked := min(st.Upstream.Owned, pinnedBecause(st, "blocking")+pinnedBecause(st, "wait"))
	clients := 0
	for _, n := range st.Pinned {
		clients += n
	}
	subscribed := max(0, st.Upstream.Owned-clients) // what is owned and not by a client carries subscriptions
	to.add(mConnections, float64(st.Upstream.Idle), "idle")
	to.add(mConnections, float64(st.Upstream.Busy), "busy")
	to.add(mConnections, float64(max(0, st.Upstream.Owned-subscribed-blocked)), "pinned")
	to.add(mConnections, float64(blocked), "blocked")
	to.add(mConnections, float64(subscribed), "subscribed")
	to.add(mConnections, float64(st.Upstream.Spare), "spare")
	to.add(mConnections, float64(st.Upstream.Dialing), "dialing")
	to.add(mMax, float64(st.SharedMax), "shared")
	to.add(mMax, float64(st.OwnedMax), "pinned")
	to.add(mUsed, float64(st.SharedUsed), "shared")
	to.add(mUsed, float64(st.OwnedUsed), "pinned")
	to.add(mOpened, float64(st.Upstream.Opened))
	to.add(mClosed, float64(st.Upstream.Closed))
	to.add(mDialErrors, float64(st.Upstream.DialErrors))
	for _, n := range nodes {
		to.add(mUp, boolean(!n.Down), n.Address)
	}
}

func pinnedBecause(st *proxy.Stats, reason string) int {
	return st.Pinned[slices.Index(proxy.Reasons(), reason)]
}

func pins(to sink, st *proxy.Stats) {
	for i, reason := range proxy.Reasons() {
		to.add(mPins, float64(st.Pins[i]), reason)
		to.add(mPinnedSeconds, st.PinnedSeconds[i].Seconds(), reason)
		to.add(mPinned, float64(st.Pinned[i]), reason)
	}
}

func shed(to sink, s *proxy.Shed) {
	for _, one := range []struct {
		reason string
		n      uint64
	}{
		{"max_clients", s.Clients}, {"no_connection", s.Upstream}, {"slow_client", s.SlowClients},
		{"max_queued", s.Queued}, {"partial_command", s.Partial}, {"idle", s.Idle}, {"pin_timeout", s.Watches},
		{"block_timeout", s.Blocked}, {"max_memory", s.Memory},
	} {
		to.add(mShed, float64(one.n), one.reason)
	}
}

// commands shows what became of commands. A call is counted when it is sent and
// its error later, so calls without errors can shrink by those in flight; a
// counter must not, and keeps its last value until it is right again.
func (c *collector) commands(to sink, st *proxy.Stats) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, n := range st.Commands {
		ok := max(c.done[name], float64(n.Calls)-float64(n.Errors)-float64(n.Failures))
		c.done[name] = ok
		to.add(mCommands, ok, name, "ok")
		to.add(mCommands, float64(n.Errors), name, "error")
		to.add(mCommands, float64(n.Failures), name, "failed")
	}
}
