package check

import (
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack"
)

func clusterHint() *Rule {
	return &Rule{
		ID: "THAW-A04", Name: "cluster-mode-disagrees", Severity: Error,
		Doc: Doc{
			Title: "The environment and the cache disagree about cluster mode",
			Why: "In cluster mode a node answers MOVED for keys of other shards, which a client that does not know the protocol hands on as an error; it also has no databases but number 0. A cluster client on a cache without cluster mode fails when it asks for the slots. " +
				"Serverless caches are always in cluster mode.",
			Fix:     "Use a cluster client for a cache in cluster mode, and an ordinary one for any other.",
			Sources: []string{sourceCacheConn, sourceServerless},
		},
		Run: func(p *Pass) {
			p.eachVariable(func(c client, v variable) {
				mode, ok := c.cache.ClusterMode.Get()
				if !ok || c.cache.Engine.Or(stack.Memcached) == stack.Memcached {
					return
				}
				says, wants := v.saysCluster()
				switch u, isURL := v.url(); {
				case says && wants && !mode:
					p.report(c.function.Resource, c.function.Origin, change(setTo(c, v, stack.Literal(v.otherMode()))),
						"Variable %s of function %s asks for cluster mode, but cache %s is not in cluster mode.", v.name, c.function.ID, c.cache.ID)
				case says && !wants && mode:
					p.report(c.function.Resource, c.function.Origin, change(setTo(c, v, stack.Literal(v.otherMode()))),
						"Variable %s of function %s asks for a client without cluster mode, but cache %s is in cluster mode.", v.name, c.function.ID, c.cache.ID)
				case isURL && mode && u.database() > 0 && (u.isPlain() || u.isTLS()) && mentions(v.text, c.cache):
					p.report(c.function.Resource, c.function.Origin, change(setTo(c, v, v.withoutDatabase())),
						"Variable %s of function %s selects database %d, but cache %s is in cluster mode and has only database 0.", v.name, c.function.ID, u.database(), c.cache.ID)
				}
			})
		},
	}
}

// saysCluster reports whether a variable decides about cluster mode, and how.
func (v variable) saysCluster() (says, cluster bool) {
	s, ok := v.literal()
	if !ok {
		return false, false
	}
	if on, isTruth := v.truth(); isTruth && v.has("CLUSTER") && !v.has("NAME", "ID", "SIZE", "NODES", "TLS", "SSL") {
		return true, on
	}
	if !v.has("MODE", "TYPE", "TOPOLOGY") || v.has("TLS", "SSL") {
		return false, false
	}
	s = strings.ToLower(s)
	return slices.Contains([]string{"cluster", "standalone", "single", "sentinel"}, s), s == "cluster"
}

// otherMode is the value that says the opposite.
func (v variable) otherMode() string {
	if _, ok := v.truth(); ok {
		return v.flipped()
	}
	if _, cluster := v.saysCluster(); cluster {
		return "standalone"
	}
	return "cluster"
}

// withoutDatabase is a URL without the number of a database.
func (v variable) withoutDatabase() stack.Text {
	t := slices.Clone(v.text)
	last := &t[len(t)-1]
	start := 0
	if i := strings.Index(last.Literal, "://"); i >= 0 {
		start = i + len("://")
	}
	if i := strings.LastIndex(last.Literal, "/"); i >= start {
		tail := ""
		if q := strings.Index(last.Literal, "?"); q > i {
			tail = last.Literal[q:]
		}
		last.Literal = last.Literal[:i] + tail
	}
	if last.Literal == "" {
		t = t[:len(t)-1]
	}
	return t
}
