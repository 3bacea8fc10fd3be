package stack

import (
	"math"
	"strings"
	"testing"
)

func TestNodeTypeByName(t *testing.T) {
	for _, name := range []string{"cache.t4g.micro", "t4g.micro"} {
		n, ok := NodeTypeByName(name)
		if !ok || n.Name != "cache.t4g.micro" || n.MaxClients != 20_000 || n.MaxMemoryBytes != 512<<20 {
			t.Errorf("NodeTypeByName(%q) = %+v, %v", name, n, ok)
		}
	}
	for _, name := range []string{"", "cache.", "cache.cache.t4g.micro", "db.t4g.micro", "cache.t1.micro"} {
		if n, ok := NodeTypeByName(name); ok {
			t.Errorf("NodeTypeByName(%q) = %+v, want none", name, n)
		}
	}
}

// The documentation gives the usable memory of a cache.t3.micro in bytes.
func TestUsableMemory(t *testing.T) {
	n, _ := NodeTypeByName("cache.t3.micro")
	if got := n.UsableMemoryBytes(); got != 402_653_184 {
		t.Errorf("usable memory of %s is %d", n.Name, got)
	}
}

// TestNodeTable guards the rows against slips of a digit: what holds for every
// node type of AWS must hold for every row.
func TestNodeTable(t *testing.T) {
	seen := map[string]bool{}
	for _, n := range NodeTypes() {
		if seen[n.Name] || !strings.HasPrefix(n.Name, "cache.") {
			t.Errorf("%s: listed twice, or without the prefix", n.Name)
		}
		seen[n.Name] = true
		if gib := float64(n.MaxMemoryBytes) / (1 << 30); math.Abs(gib-n.MemoryGiB) > 0.011 {
			t.Errorf("%s: maxmemory is %.3f GiB, documented memory %.2f", n.Name, gib, n.MemoryGiB)
		}
		if n.HourlyRedisUSD > 0 && math.Abs(n.HourlyValkeyUSD/n.HourlyRedisUSD-0.8) > 1e-9 {
			t.Errorf("%s: Valkey costs %g, Redis OSS %g, want 0.8 of it", n.Name, n.HourlyValkeyUSD, n.HourlyRedisUSD)
		}
		if n.BurstGbps < n.BaselineGbps || n.BaselineGbps <= 0 {
			t.Errorf("%s: network %g / %g", n.Name, n.BaselineGbps, n.BurstGbps)
		}
		burstable := strings.HasPrefix(n.Name, "cache.t")
		if burstable != (n.CPUBaselinePercent < 100) {
			t.Errorf("%s: CPU baseline %d %%", n.Name, n.CPUBaselinePercent)
		}
		if n.VCPU < 2 || n.MaxClients < 20_000 || n.HourlyValkeyUSD <= 0 {
			t.Errorf("%s: %+v", n.Name, n)
		}
	}
	if len(seen) < 40 {
		t.Errorf("only %d node types", len(seen))
	}
}
