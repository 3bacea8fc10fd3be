package iac

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// readDatabase reads Metadata.Thaw.Database, which describes the origin behind
// the cache to the lab. Metadata holds no intrinsic functions.
func (t *template) readDatabase() *stack.Database {
	thaw := t.root.get("Metadata").get("Thaw")
	if thaw == nil {
		return nil
	}
	t.onlyKeys(thaw, "Metadata.Thaw", "Database")
	f, ok := thaw.field("Database")
	if !ok {
		return nil
	}
	const path = "Metadata.Thaw.Database"
	t.onlyKeys(f.value, path, "Parameter", "Seed", "Query", "LatencyMs")
	word := func(key string) string {
		n := f.value.get(key)
		if n == nil || n.kind != scalar || n.text == "" {
			t.report.add(f.position, path, "needs %s", key)
			return ""
		}
		return n.text
	}
	db := &stack.Database{
		Parameter: word("Parameter"),
		Seed:      word("Seed"),
		Query:     word("Query"),
		LatencyMS: t.latency(f.value.get("LatencyMs"), path),
		Origin:    stack.Origin{File: t.report.file, Line: f.line, Address: path},
	}
	parameters := t.root.get("Parameters")
	if n := parameters.get(db.Parameter); n == nil && db.Parameter != "" {
		t.report.add(f.value.get("Parameter").position, path, "there is no parameter %q%s", db.Parameter, nearest(db.Parameter, parameters.keys()))
	}
	if db.Query != "" && strings.Count(db.Query, "?") != 1 {
		t.report.add(f.value.get("Query").position, path, "Query needs exactly one ?, which receives the key")
	}
	if db.Seed != "" && !filepath.IsAbs(db.Seed) {
		db.Seed = filepath.Join(t.dir, filepath.FromSlash(db.Seed))
	}
	return db
}

func (t *template) latency(n *node, path string) float64 {
	if n == nil {
		return 0
	}
	ms, err := strconv.ParseFloat(n.text, 64)
	if err != nil || !(ms >= 0 && ms <= 60_000) {
		t.report.add(n.position, path, "LatencyMs: %q is not a number of milliseconds from 0 to 60000", n.text)
		return 0
	}
	return ms
}

// onlyKeys reports keys that nobody reads. They are Thaw's own, so an unknown
// one is a mistake.
func (t *template) onlyKeys(n *node, path string, known ...string) {
	if n.kind != mapping {
		t.report.add(n.position, path, "must be a mapping")
		return
	}
	for _, f := range n.fields {
		if !slices.Contains(known, f.key) {
			t.report.add(f.position, path, "there is no %s%s", f.key, nearest(f.key, known))
		}
	}
}
