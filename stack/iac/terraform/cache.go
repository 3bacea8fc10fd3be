package terraform

import (
	"strings"

	"github.com/thawdev/thaw/stack"
)

// Ports that ElastiCache uses if nothing names one.
const (
	redisPort      = 6379 // Valkey too
	readerPort     = 6380 // of a serverless cache
	memcachedPort  = 11211
	subnetGroup    = "aws_elasticache_subnet_group"
	parameterGroup = "aws_elasticache_parameter_group"
)

func (b *builder) cache(res stack.Resource, a attrs) {
	c := &stack.Cache{Resource: res}
	switch res.Type {
	case "aws_elasticache_replication_group":
		b.replicationGroup(c, a)
	case "aws_elasticache_serverless_cache":
		b.serverless(c, a)
	default:
		if a.has("replication_group_id") { // a replica of a group that is there itself
			b.out.Others = append(b.out.Others, res)
			return
		}
		b.cluster(c, a)
	}
	c.NetworkType = a.str("network_type", "")
	if p, ok := computedPath(a.get("network_type")); ok && p.Attribute == "network_type" {
		c.NetworkType = stack.Known("") // left to AWS, which takes ipv4
	}
	c.Endpoints = endpointsOf(a)
	b.out.Caches = append(b.out.Caches, c)
}

func (a attrs) engine(fallback stack.Engine) stack.Value[stack.Engine] {
	v := a.str("engine", string(fallback))
	s, ok := v.Get()
	if !ok {
		return stack.Unknown[stack.Engine](v.Why())
	}
	return stack.Known(stack.Engine(strings.ToLower(s)))
}

// port reads the port of a cache, or takes the engine's.
func (a attrs) port(engine stack.Value[stack.Engine]) stack.Value[int] {
	e, ok := engine.Get()
	switch {
	case a.has("port"):
		return a.integer("port", 0)
	case !ok:
		return stack.Unknown[int](engine.Why())
	case e == stack.Memcached:
		return stack.Known(memcachedPort)
	}
	return stack.Known(redisPort)
}

// cluster reads one Redis or Valkey node, or the nodes of a Memcached cluster.
func (b *builder) cluster(c *stack.Cache, a attrs) {
	c.Kind, c.Engine = stack.CacheCluster, a.engine("")
	c.Name = a.name("cluster_id")
	c.Version, c.NodeType = a.str("engine_version", ""), a.str("node_type", "")
	c.Port = a.port(c.Engine)
	c.Subnets, c.SubnetGroup = b.cacheSubnets(a)
	c.SecurityGroups = a.ids("security_group_ids")
	c.TransitEncryption = a.boolean("transit_encryption_enabled", false)
	c.Shards, c.Nodes = stack.Known(1), a.integer("num_cache_nodes", 1)
	c.MultiAZ = stack.Known(a.str("az_mode", "").Or("") == "cross-az")
	c.Zones = a.words("preferred_availability_zones")
	if a.has("availability_zone") {
		c.Zones = append(c.Zones, a.str("availability_zone", ""))
	}
}

// replicationGroup reads a primary with replicas, or shards of them.
func (b *builder) replicationGroup(c *stack.Cache, a attrs) {
	c.Kind, c.Engine = stack.ReplicationGroup, a.engine(stack.Redis)
	c.Name = a.name("replication_group_id")
	c.Version, c.NodeType = a.str("engine_version", ""), a.str("node_type", "")
	c.Port = a.port(c.Engine)
	c.Subnets, c.SubnetGroup = b.cacheSubnets(a)
	c.SecurityGroups = a.ids("security_group_ids")
	c.TransitEncryption = a.boolean("transit_encryption_enabled", false)
	c.TransitMode = a.str("transit_encryption_mode", "")
	c.UserGroups = a.ids("user_group_ids")
	c.AutomaticFailover = a.boolean("automatic_failover_enabled", false)
	c.MultiAZ = a.boolean("multi_az_enabled", false)
	c.Zones = a.words("preferred_cache_cluster_azs")
	if a.has("auth_token") {
		token := a.b.asText(a.get("auth_token").secret())
		c.AuthToken = &token
	}
	c.Shards, c.Replicas = shape(a)
	c.Nodes = times(c.Shards, c.Replicas)
	c.ClusterMode = b.clusterMode(a, c.Shards)
}

// shape reads the number of shards and of replicas in each, which a resource
// states in one of four ways.
func shape(a attrs) (shards, replicas stack.Value[int]) {
	shards = stack.Known(1)
	groups := a.blocks("node_group_configuration")
	inner, nested := a.first("cluster_mode") // until version 5 of the provider
	switch {
	case a.has("num_node_groups"):
		shards = a.integer("num_node_groups", 1)
	case nested && inner.has("num_node_groups"):
		shards = inner.integer("num_node_groups", 1)
	case len(groups) > 0:
		shards = stack.Known(len(groups))
	}
	switch {
	case a.has("replicas_per_node_group"):
		return shards, a.integer("replicas_per_node_group", 0)
	case nested && inner.has("replicas_per_node_group"):
		return shards, inner.integer("replicas_per_node_group", 0)
	case len(groups) > 0:
		return shards, groups[0].integer("replica_count", 0)
	}
	for _, name := range []string{"num_cache_clusters", "number_cache_clusters"} {
		if !a.has(name) {
			continue
		}
		nodes := a.integer(name, 1)
		n, ok := nodes.Get()
		s, _ := shards.Get()
		if !ok || s < 1 {
			return shards, nodes
		}
		return shards, stack.Known(max(0, n/s-1))
	}
	return shards, stack.Known(0)
}

// times returns shards × (1 + replicas).
func times(shards, replicas stack.Value[int]) stack.Value[int] {
	s, ok := shards.Get()
	if !ok {
		return shards
	}
	r, ok := replicas.Get()
	if !ok {
		return replicas
	}
	return stack.Known(s * (1 + r))
}

// clusterMode tells whether a replication group runs in cluster mode. More
// than one shard needs it; with one shard the parameter group decides.
func (b *builder) clusterMode(a attrs, shards stack.Value[int]) stack.Value[bool] {
	if shards.Or(1) > 1 {
		return stack.Known(true)
	}
	if on, known := a.get("cluster_enabled").isTrue(); known {
		return stack.Known(on)
	}
	if v := a.get("cluster_mode"); v.kind == str && !a.computed(v, "cluster_mode") {
		if s, ok := v.scalar(); ok && s != "" {
			return stack.Known(!strings.EqualFold(s, "disabled"))
		}
	}
	if !a.has("parameter_group_name") {
		if !shards.IsKnown() {
			return stack.Unknown[bool](shards.Why())
		}
		return stack.Known(false)
	}
	if group := b.find(parameterGroup, a.get("parameter_group_name"), "name", "id"); group != nil {
		return clusterEnabled(b.attrs(group))
	}
	v := a.str("parameter_group_name", "")
	name, ok := v.Get()
	switch {
	case !ok:
		return stack.Unknown[bool](v.Why())
	case strings.HasSuffix(name, ".cluster.on"):
		return stack.Known(true)
	case strings.HasPrefix(name, "default."):
		return stack.Known(false)
	}
	return stack.Unknown[bool]("cluster-enabled in parameter group " + name)
}

// clusterEnabled reads the parameter that turns cluster mode on.
func clusterEnabled(group attrs) stack.Value[bool] {
	for _, p := range group.blocks("parameter") {
		name := p.str("name", "")
		switch s, ok := name.Get(); {
		case !ok:
			return stack.Unknown[bool](name.Why())
		case s == "cluster-enabled":
			v := p.str("value", "")
			if s, ok := v.Get(); ok {
				return stack.Known(s == "yes")
			}
			return stack.Unknown[bool](v.Why())
		}
	}
	return stack.Known(strings.HasSuffix(group.str("family", "").Or(""), ".cluster.on"))
}

// serverless reads a serverless cache, which has TLS and cluster mode always.
// How many nodes serve it is not for its user to see.
func (b *builder) serverless(c *stack.Cache, a attrs) {
	hidden := stack.Unknown[int]("how ElastiCache Serverless scales")
	c.Kind, c.Engine = stack.Serverless, a.engine("")
	c.Name, c.Version = a.name("name"), a.str("major_engine_version", "")
	c.Port = a.port(c.Engine)
	if e, ok := c.Engine.Get(); !ok {
		c.ReaderPort = stack.Unknown[int](c.Engine.Why())
	} else if e != stack.Memcached {
		c.ReaderPort = stack.Known(readerPort)
	}
	c.Subnets, c.SecurityGroups = a.superset("subnet_ids"), a.ids("security_group_ids")
	c.TransitEncryption, c.ClusterMode, c.AutomaticFailover = stack.Known(true), stack.Known(true), stack.Known(true)
	c.MultiAZ = stack.Known(true)
	c.Shards, c.Replicas, c.Nodes = hidden, hidden, hidden
	if a.has("user_group_id") {
		c.UserGroups = []stack.Value[string]{a.id("user_group_id")}
	}
}

// cacheSubnets returns the subnets of the subnet group that a cache names, by
// reference or by the name that the group is given, and the group.
func (b *builder) cacheSubnets(a attrs) ([]stack.Value[string], stack.Value[string]) {
	if !a.has("subnet_group_name") {
		return []stack.Value[string]{stack.Unknown[string]("the default cache subnet group of the account")}, stack.Value[string]{}
	}
	if group := b.find(subnetGroup, a.get("subnet_group_name"), "name", "id"); group != nil {
		return b.attrs(group).superset("subnet_ids"), stack.Known(group.address)
	}
	id := a.id("subnet_group_name")
	name, ok := id.Get()
	if !ok {
		return []stack.Value[string]{id}, id
	}
	return []stack.Value[string]{stack.Unknown[string]("cache subnet group " + name)}, id
}

// endpointsOf lists the host names of a cache that exists.
func endpointsOf(a attrs) []string {
	if a.inst.plan == nil {
		return nil
	}
	var out []string
	add := func(v value) {
		if s, ok := v.scalar(); ok && s != "" {
			out = append(out, s)
		}
	}
	for _, name := range []string{"primary_endpoint_address", "configuration_endpoint_address", "cluster_address", "reader_endpoint_address"} {
		add(a.get(name))
	}
	for _, name := range []string{"cache_nodes", "endpoint", "reader_endpoint"} {
		for _, node := range a.get(name).items {
			add(node.get("address"))
		}
	}
	return out
}
