package stack

// Engine is a cache engine in ElastiCache's spelling.
type Engine string

// The engines of ElastiCache.
const (
	Valkey    Engine = "valkey"
	Redis     Engine = "redis"
	Memcached Engine = "memcached"
)

// CacheKind tells the three forms in which ElastiCache is bought.
type CacheKind string

// The kinds of cache.
const (
	CacheCluster     CacheKind = "cluster"           // one Redis node, or Memcached nodes
	ReplicationGroup CacheKind = "replication-group" // primary and replicas, with or without cluster mode
	Serverless       CacheKind = "serverless"        // always cluster mode and TLS
)

// Cache is an ElastiCache cache.
type Cache struct {
	Resource
	Name              Value[string]   `json:"name"`
	Kind              CacheKind       `json:"kind"`
	Engine            Value[Engine]   `json:"engine"`
	Version           Value[string]   `json:"version"`
	NodeType          Value[string]   `json:"node_type"`            // cache.t4g.micro; "" for serverless
	Port              Value[int]      `json:"port"`                 // AWS default 6379, Memcached 11211
	ReaderPort        Value[int]      `json:"reader_port,omitzero"` // 6380 of a serverless cache; 0: readers listen on Port
	Subnets           []Value[string] `json:"subnets,omitempty"`    // where nodes may be placed
	SubnetGroup       Value[string]   `json:"subnet_group,omitzero"`
	Zones             []Value[string] `json:"zones,omitempty"`     // where nodes are asked or known to be; empty: AWS chooses
	Endpoints         []string        `json:"endpoints,omitempty"` // host names and addresses of a live cache, so that an environment can be matched to it
	MultiAZ           Value[bool]     `json:"multi_az,omitzero"`
	NetworkType       Value[string]   `json:"network_type,omitzero"` // ipv4, ipv6 or dual_stack; "" is ipv4
	SecurityGroups    []Value[string] `json:"security_groups,omitempty"`
	TransitEncryption Value[bool]     `json:"transit_encryption"`
	TransitMode       Value[string]   `json:"transit_mode"` // preferred or required; "" is required
	AuthToken         *Text           `json:"-"`            // a secret: never written out; nil: none
	UserGroups        []Value[string] `json:"user_groups,omitempty"`
	ClusterMode       Value[bool]     `json:"cluster_mode"`
	Shards            Value[int]      `json:"shards"`   // node groups; 1 without cluster mode
	Replicas          Value[int]      `json:"replicas"` // replicas of each shard
	AutomaticFailover Value[bool]     `json:"automatic_failover"`
	Nodes             Value[int]      `json:"nodes"` // NumCacheNodes of a Memcached cluster, else shards × (1 + replicas)
}

// Database describes the origin that the examples put behind the cache: a
// SQLite table that the lab serves to the handlers, with a stated latency.
//
// It is Thaw's own, declared under Metadata of a template, because AWS has no
// resource that could stand for it on a laptop.
type Database struct {
	Parameter string  `json:"parameter"`  // the template parameter that receives the URL
	Seed      string  `json:"seed"`       // SQL file that creates and fills the tables, absolute path
	Query     string  `json:"query"`      // SELECT with one ? that receives the key; first column is the answer
	LatencyMS float64 `json:"latency_ms"` // added to each query
	Origin    Origin  `json:"origin"`
}
