package iac

import (
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// Ports that ElastiCache uses if a template names none.
const (
	redisPort     = 6379 // Valkey too
	readerPort    = 6380 // of a serverless cache
	memcachedPort = 11211
)

// engine reads the engine of a cache. fallback "" means that it is required.
func (p props) engine(fallback stack.Engine) stack.Value[stack.Engine] {
	const engines = "valkey, redis or memcached"
	if !p.has("Engine") && fallback == "" {
		p.errorf("", "Engine is required: %s", engines)
	}
	v := p.str("Engine", string(fallback))
	s, ok := v.Get()
	if !ok {
		return stack.Unknown[stack.Engine](v.Why())
	}
	e := stack.Engine(strings.ToLower(s))
	if p.has("Engine") && !slices.Contains([]stack.Engine{stack.Valkey, stack.Redis, stack.Memcached}, e) {
		p.errorf("Engine", "%q is not an engine of ElastiCache: %s", s, engines)
	}
	return stack.Known(e)
}

// port reads the port of a cache, or takes the engine's.
func (p props) port(engine stack.Value[stack.Engine]) stack.Value[int] {
	e, ok := engine.Get()
	switch {
	case p.has("Port"):
		return p.integer("Port", 0)
	case !ok:
		return stack.Unknown[int](engine.Why())
	case e == stack.Memcached:
		return stack.Known(memcachedPort)
	}
	return stack.Known(redisPort)
}

// cacheCluster reads one Redis or Valkey node, or the nodes of a Memcached
// cluster.
func (b *builder) cacheCluster(res stack.Resource, p props) *stack.Cache {
	engine := p.engine("")
	c := &stack.Cache{
		Resource:          res,
		Name:              p.name("ClusterName"),
		Kind:              stack.CacheCluster,
		Engine:            engine,
		Version:           p.str("EngineVersion", ""),
		NodeType:          p.str("CacheNodeType", ""),
		Port:              p.port(engine),
		SecurityGroups:    p.ids("VpcSecurityGroupIds"),
		Zones:             p.words("PreferredAvailabilityZones"),
		MultiAZ:           stack.Known(p.str("AZMode", "").Or("") == "cross-az"),
		NetworkType:       p.str("NetworkType", ""),
		TransitEncryption: p.boolean("TransitEncryptionEnabled", false),
		Shards:            stack.Known(1),
		Nodes:             p.integer("NumCacheNodes", 1),
	}
	c.Subnets, c.SubnetGroup = b.cacheSubnets(p)
	if p.has("PreferredAvailabilityZone") {
		c.Zones = append(c.Zones, p.str("PreferredAvailabilityZone", ""))
	}
	e, known := engine.Get()
	nodes := c.Nodes.Or(1)
	switch {
	case nodes < 1:
		p.errorf("NumCacheNodes", "%d nodes; a cache has at least one", nodes)
	case known && e != "" && e != stack.Memcached && nodes > 1:
		p.errorf("NumCacheNodes", "%d nodes, but a %s cache cluster has one; use %s for replicas", nodes, e, typeReplicationGroup)
	}
	return c
}

// replicationGroup reads a primary with replicas, or shards of them.
func (b *builder) replicationGroup(res stack.Resource, p props) *stack.Cache {
	engine := p.engine(stack.Redis)
	c := &stack.Cache{
		Resource:          res,
		Name:              p.name("ReplicationGroupId"),
		Kind:              stack.ReplicationGroup,
		Engine:            engine,
		Version:           p.str("EngineVersion", ""),
		NodeType:          p.str("CacheNodeType", ""),
		Port:              p.port(engine),
		SecurityGroups:    p.ids("SecurityGroupIds"),
		MultiAZ:           p.boolean("MultiAZEnabled", false),
		NetworkType:       p.str("NetworkType", ""),
		Zones:             groupZones(p),
		TransitEncryption: p.boolean("TransitEncryptionEnabled", false),
		TransitMode:       p.str("TransitEncryptionMode", ""),
		UserGroups:        p.ids("UserGroupIds"),
		AutomaticFailover: p.boolean("AutomaticFailoverEnabled", false),
	}
	c.Subnets, c.SubnetGroup = b.cacheSubnets(p)
	if p.has("AuthToken") {
		token := p.text("AuthToken")
		c.AuthToken = &token
	}
	c.Shards, c.Replicas = shape(p)
	c.Nodes = times(c.Shards, c.Replicas)
	c.ClusterMode = b.clusterMode(p, c.Shards)
	return c
}

// groupZones returns the zones that a replication group asks for, as a list or
// for each shard. If some nodes are left to AWS, one zone is unknown.
func groupZones(p props) []stack.Value[string] {
	zones := p.words("PreferredCacheClusterAZs")
	some := false
	for _, group := range p.list("NodeGroupConfiguration") {
		told := append(group.words("PrimaryAvailabilityZone"), group.words("ReplicaAvailabilityZones")...)
		replicas := p.integer("ReplicasPerNodeGroup", 0)
		if group.has("ReplicaCount") {
			replicas = group.integer("ReplicaCount", 0)
		}
		some = some || !replicas.IsKnown() || len(told) <= replicas.Or(0)
		zones = append(zones, told...)
	}
	if some && len(zones) > 0 {
		zones = append(zones, stack.Unknown[string]("the zones that AWS chooses for nodes of "+p.path))
	}
	return zones
}

// shape reads the number of shards and of replicas in each. A template states
// them in one of three ways: node groups, a list of node groups, or a total
// number of nodes in one shard.
func shape(p props) (shards, replicas stack.Value[int]) {
	groups := p.list("NodeGroupConfiguration")
	switch {
	case p.has("NumNodeGroups"):
		shards = p.integer("NumNodeGroups", 1)
	case len(groups) > 0 && groups[0].value.kind == unknown:
		shards = stack.Unknown[int](groups[0].value.why)
	default:
		shards = stack.Known(max(1, len(groups)))
	}
	switch {
	case p.has("ReplicasPerNodeGroup"):
		replicas = p.integer("ReplicasPerNodeGroup", 0)
	case len(groups) > 0:
		replicas = groups[0].integer("ReplicaCount", 0)
	case p.has("NumCacheClusters"):
		nodes := p.integer("NumCacheClusters", 1)
		n, ok := nodes.Get()
		if !ok {
			return shards, nodes
		}
		replicas = stack.Known(n - 1)
	}
	if shards.Or(1) < 1 || replicas.Or(0) < 0 {
		p.errorf("", "a replication group has at least one shard with one node")
	}
	return shards, replicas
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
func (b *builder) clusterMode(p props, shards stack.Value[int]) stack.Value[bool] {
	if shards.Or(1) > 1 {
		return stack.Known(true)
	}
	if mode, ok := p.str("ClusterMode", "").Get(); ok && mode != "" {
		return stack.Known(!strings.EqualFold(mode, "disabled"))
	}
	group := p.id("CacheParameterGroupName")
	name, ok := group.Get()
	switch {
	case !ok:
		return stack.Unknown[bool](group.Why())
	case b.typeOf(name) == typeParameterGroup:
		group := b.eval(b.resources[name].properties.get("Properties"))
		enabled := group.fields["cluster-enabled"]
		if why := enabled.reason(); why != "" {
			return stack.Unknown[bool](why)
		}
		s, _ := enabled.known()
		return stack.Known(s == "yes")
	case strings.HasSuffix(name, ".cluster.on"):
		return stack.Known(true)
	case name == "" || strings.HasPrefix(name, "default."):
		if !shards.IsKnown() {
			return stack.Unknown[bool](shards.Why())
		}
		return stack.Known(false)
	}
	return stack.Unknown[bool]("cluster-enabled in parameter group " + name)
}

// serverlessCache reads a serverless cache, which has TLS and cluster mode
// always. How many nodes serve it is not for its user to see.
func (b *builder) serverlessCache(res stack.Resource, p props) *stack.Cache {
	engine := p.engine("")
	hidden := stack.Unknown[int]("how ElastiCache Serverless scales")
	c := &stack.Cache{
		Resource:          res,
		Name:              p.name("ServerlessCacheName"),
		Kind:              stack.Serverless,
		Engine:            engine,
		Version:           p.str("MajorEngineVersion", ""),
		Port:              p.port(engine),
		Subnets:           p.ids("SubnetIds"),
		SecurityGroups:    p.ids("SecurityGroupIds"),
		TransitEncryption: stack.Known(true),
		ClusterMode:       stack.Known(true),
		Shards:            hidden,
		Replicas:          hidden,
		Nodes:             hidden,
		AutomaticFailover: stack.Known(true),
		MultiAZ:           stack.Known(true),
		NetworkType:       p.str("NetworkType", ""),
	}
	if e, ok := engine.Get(); !ok {
		c.ReaderPort = stack.Unknown[int](engine.Why())
	} else if e != stack.Memcached {
		c.ReaderPort = stack.Known(readerPort)
	}
	if p.has("UserGroupId") {
		c.UserGroups = []stack.Value[string]{p.id("UserGroupId")}
	}
	return c
}

// cacheSubnets returns the subnets of the subnet group that a cache names, by
// reference or by the name that the group is given, and the group.
func (b *builder) cacheSubnets(p props) ([]stack.Value[string], stack.Value[string]) {
	if !p.has("CacheSubnetGroupName") {
		return []stack.Value[string]{stack.Unknown[string]("the default cache subnet group of the account")}, stack.Value[string]{}
	}
	group := p.id("CacheSubnetGroupName")
	name, ok := group.Get()
	if !ok {
		return []stack.Value[string]{group}, group
	}
	for _, r := range b.order {
		if r.typ != typeSubnetGroup || b.exists(r).verdict == no {
			continue
		}
		given, named := b.eval(r.properties.get("CacheSubnetGroupName")).known()
		if r.id == name || named && strings.EqualFold(given, name) {
			of := b.props(r)
			return of.ids("SubnetIds"), stack.Known(r.id)
		}
	}
	return []stack.Value[string]{stack.Unknown[string]("cache subnet group " + name)}, group
}
