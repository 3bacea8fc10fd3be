package stack

import "strings"

// reservedMemoryPercent is the default of the parameter reserved-memory-percent:
// the share of a node's memory that AWS keeps for replication, backup and
// buffers. Source: ElastiCache User Guide, "Managing reserved memory", 2026.
const reservedMemoryPercent = 25

// NodeType is an ElastiCache node type. A price of 0 means that the engine is
// not offered on it.
//
// Sources: ElastiCache User Guide, "Supported node types" and "Redis parameters"
// (memory, vCPU, maxclients, network), read in 2026; AWS Price List API,
// us-east-1, on demand, read on 2026-10-02.
type NodeType struct {
	Name string // with the prefix: cache.t4g.micro
	VCPU int    // also Memcached's num_threads

	// CPUBaselinePercent is the share of each vCPU that a node may use for
	// ever. Below 100 the node is burstable: more CPU costs credits.
	CPUBaselinePercent int

	MemoryGiB      float64 // as documented
	MaxMemoryBytes int64   // parameter maxmemory, of which UsableMemoryBytes holds data
	MaxClients     int     // parameter maxclients of Valkey and Redis OSS; not modifiable. Memcached: 65,000 on all

	BaselineGbps float64 // network, for ever
	BurstGbps    float64 // network, best effort while credits last; the baseline if AWS names no burst

	HourlyRedisUSD  float64
	HourlyValkeyUSD float64 // 0.8 × Redis OSS where both are offered
}

// UsableMemoryBytes is the memory for data with the default
// reserved-memory-percent of 25. The server starts to evict there.
func (n NodeType) UsableMemoryBytes() int64 {
	return n.MaxMemoryBytes * (100 - reservedMemoryPercent) / 100
}

// NodeTypeByName finds a node type by its name with or without the prefix
// "cache.". It reports false for a type that the table does not hold, such as
// those of the previous generation.
func NodeTypeByName(name string) (NodeType, bool) {
	name = "cache." + strings.TrimPrefix(name, "cache.")
	for _, n := range NodeTypes() {
		if n.Name == name {
			return n, true
		}
	}
	return NodeType{}, false
}

// NodeTypes lists the node types that Thaw knows, each family from the smallest
// to the largest. The caller owns the slice.
func NodeTypes() []NodeType {
	// Columns: name, vCPU, CPU baseline in percent, GiB, maxmemory bytes,
	// maxclients, Gbps baseline and burst, USD an hour Redis OSS and Valkey.
	return []NodeType{
		{"cache.t3.micro", 2, 10, 0.50, 536870912, 20000, 0.064, 5, 0.017, 0.0136},
		{"cache.t3.small", 2, 20, 1.37, 1471026299, 46000, 0.128, 5, 0.034, 0.0272},
		{"cache.t3.medium", 2, 20, 3.09, 3317862236, 46000, 0.256, 5, 0.068, 0.0544},
		{"cache.t4g.micro", 2, 10, 0.50, 536870912, 20000, 0.064, 5, 0.016, 0.0128},
		{"cache.t4g.small", 2, 20, 1.37, 1471026299, 65000, 0.128, 5, 0.032, 0.0256},
		{"cache.t4g.medium", 2, 20, 3.09, 3317862236, 65000, 0.256, 5, 0.065, 0.052},
		{"cache.m5.large", 2, 100, 6.38, 6854542746, 65000, 0.75, 10, 0.156, 0.1248},
		{"cache.m5.xlarge", 4, 100, 12.93, 13891921715, 65000, 1.25, 10, 0.311, 0.2488},
		{"cache.m5.2xlarge", 8, 100, 26.04, 27966669210, 65000, 2.5, 10, 0.623, 0.4984},
		{"cache.m5.4xlarge", 16, 100, 52.26, 56116178125, 65000, 5, 10, 1.245, 0.996},
		{"cache.m5.12xlarge", 48, 100, 157.12, 168715971994, 65000, 12, 12, 3.744, 2.9952},
		{"cache.m5.24xlarge", 96, 100, 314.32, 337500562842, 65000, 25, 25, 7.488, 5.9904},
		{"cache.m6g.large", 2, 100, 6.38, 6854542746, 65000, 0.75, 10, 0.149, 0.1192},
		{"cache.m6g.xlarge", 4, 100, 12.93, 13891921715, 65000, 1.25, 10, 0.297, 0.2376},
		{"cache.m6g.2xlarge", 8, 100, 26.04, 27966669210, 65000, 2.5, 10, 0.593, 0.4744},
		{"cache.m6g.4xlarge", 16, 100, 52.26, 56116178125, 65000, 5, 10, 1.186, 0.9488},
		{"cache.m6g.8xlarge", 32, 100, 103.68, 111325552312, 65000, 12, 12, 2.372, 1.8976},
		{"cache.m6g.12xlarge", 48, 100, 157.12, 168715971994, 65000, 20, 20, 3.557, 2.8456},
		{"cache.m6g.16xlarge", 64, 100, 209.55, 225000375228, 65000, 25, 25, 4.743, 3.7944},
		{"cache.m7g.large", 2, 100, 6.38, 6854542746, 65000, 0.937, 12.5, 0.158, 0.1264},
		{"cache.m7g.xlarge", 4, 100, 12.93, 13891921715, 65000, 1.876, 12.5, 0.315, 0.252},
		{"cache.m7g.2xlarge", 8, 100, 26.04, 27966669210, 65000, 3.75, 15, 0.629, 0.5032},
		{"cache.m7g.4xlarge", 16, 100, 52.26, 56116178125, 65000, 7.5, 15, 1.257, 1.0056},
		{"cache.m7g.8xlarge", 32, 100, 103.68, 111325552312, 65000, 15, 15, 2.514, 2.0112},
		{"cache.m7g.12xlarge", 48, 100, 157.12, 168715971994, 65000, 22.5, 22.5, 3.77, 3.016},
		{"cache.m7g.16xlarge", 64, 100, 209.55, 225000375228, 65000, 30, 30, 5.028, 4.0224},
		{"cache.r5.large", 2, 100, 13.07, 14037181030, 65000, 0.75, 10, 0.216, 0.1728},
		{"cache.r5.xlarge", 4, 100, 26.32, 28261849702, 65000, 1.25, 10, 0.431, 0.3448},
		{"cache.r5.2xlarge", 8, 100, 52.82, 56711183565, 65000, 2.5, 10, 0.862, 0.6896},
		{"cache.r5.4xlarge", 16, 100, 105.81, 113609865216, 65000, 5, 10, 1.724, 1.3792},
		{"cache.r5.12xlarge", 48, 100, 317.77, 341206346547, 65000, 12, 12, 5.184, 4.1472},
		{"cache.r5.24xlarge", 96, 100, 635.61, 682485973811, 65000, 25, 25, 10.368, 8.2944},
		{"cache.r6g.large", 2, 100, 13.07, 14037181030, 65000, 0.75, 10, 0.206, 0.1648},
		{"cache.r6g.xlarge", 4, 100, 26.32, 28261849702, 65000, 1.25, 10, 0.411, 0.3288},
		{"cache.r6g.2xlarge", 8, 100, 52.82, 56711183565, 65000, 2.5, 10, 0.821, 0.6568},
		{"cache.r6g.4xlarge", 16, 100, 105.81, 113609865216, 65000, 5, 10, 1.642, 1.3136},
		{"cache.r6g.8xlarge", 32, 100, 209.55, 225000375228, 65000, 12, 12, 3.284, 2.6272},
		{"cache.r6g.12xlarge", 48, 100, 317.77, 341206346547, 65000, 20, 20, 4.925, 3.94},
		{"cache.r6g.16xlarge", 64, 100, 419.09, 450000750456, 65000, 25, 25, 6.567, 5.2536},
		{"cache.r7g.large", 2, 100, 13.07, 14037181030, 65000, 0.937, 12.5, 0.219, 0.1752},
		{"cache.r7g.xlarge", 4, 100, 26.32, 28261849702, 65000, 1.876, 12.5, 0.437, 0.3496},
		{"cache.r7g.2xlarge", 8, 100, 52.82, 56711183565, 65000, 3.75, 15, 0.873, 0.6984},
		{"cache.r7g.4xlarge", 16, 100, 105.81, 113609865216, 65000, 7.5, 15, 1.745, 1.396},
		{"cache.r7g.8xlarge", 32, 100, 209.55, 225000375228, 65000, 15, 15, 3.491, 2.7928},
		{"cache.r7g.12xlarge", 48, 100, 317.77, 341206346547, 65000, 22.5, 22.5, 5.235, 4.188},
		{"cache.r7g.16xlarge", 64, 100, 419.09, 450000750456, 65000, 30, 30, 6.981, 5.5848},
		{"cache.r8g.large", 2, 100, 14.18, 15222495510, 65000, 0.937, 12.5, 0, 0.1756},
		{"cache.m8g.large", 2, 100, 6.79, 7294178820, 65000, 0.937, 12.5, 0, 0.1266},
		{"cache.c7gn.large", 2, 100, 3.09, 3317862236, 65000, 6.25, 30, 0.255, 0.204},
	}
}
