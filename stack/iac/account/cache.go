package account

import (
	"fmt"
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack"
	"github.com/thawdev/thaw/stack/redact"
)

const (
	describeClusters     = "elasticache:DescribeCacheClusters"
	describeSubnetGroups = "elasticache:DescribeCacheSubnetGroups"
)

// nodeAddress is the attribute of a reference to one node of several. Unlike the
// endpoints of a cache it goes away when the node is replaced.
const nodeAddress = "node.address"

// caches reads replication groups, the clusters that are not members of one,
// and serverless caches.
func (b *builder) caches() {
	clusters := map[string]*at[cacheCluster]{}
	for i := range b.in.clusters {
		clusters[b.in.clusters[i].v.CacheClusterID] = &b.in.clusters[i]
	}
	ids := once{}
	for _, it := range b.in.replication {
		if ids.first(it.v.ReplicationGroupID) && !gone(it.v.Status) {
			b.out.Caches = append(b.out.Caches, b.replicationGroup(it, clusters))
		}
	}
	seen := once{}
	for _, it := range b.in.clusters {
		group := it.v.ReplicationGroupID
		if !seen.first(it.v.CacheClusterID) || gone(it.v.CacheClusterStatus) || group != "" && ids[group] {
			continue
		}
		if group != "" && ids.first(group) {
			// The group itself was not read; its nodes still tell that it is there.
			b.out.Caches = append(b.out.Caches, b.unreadGroup(group, it))
			continue
		}
		b.out.Caches = append(b.out.Caches, b.cluster(it))
	}
	for _, it := range b.in.serverless {
		if !gone(it.v.Status) && seen.first("serverless "+it.v.ServerlessCacheName) {
			b.out.Caches = append(b.out.Caches, b.serverless(it, ids, seen))
		}
	}
}

// gone reports whether the status of a cache says that there is none, or soon
// none: AWS lists one that could not be made until somebody deletes it.
func gone(status string) bool {
	switch strings.ToLower(status) {
	case "deleting", "deleted", "create-failed":
		return true
	}
	return false
}

// base is what a cache cluster says of a cache, whether it is one or a node of
// one.
func (b *builder) base(res stack.Resource, kind stack.CacheKind, c *cacheCluster) *stack.Cache {
	out := &stack.Cache{
		Resource:          res,
		Name:              stack.Known(res.ID),
		Kind:              kind,
		Engine:            engine(c.Engine, res.ID),
		Version:           stack.Known(c.EngineVersion),
		NodeType:          stack.Known(c.CacheNodeType),
		SubnetGroup:       stack.Known(c.CacheSubnetGroupName),
		Subnets:           b.subnetGroup(c.CacheSubnetGroupName),
		TransitEncryption: orUnknown(c.TransitEncryptionEnabled, "TransitEncryptionEnabled of "+res.ID),
		TransitMode:       stack.Known(c.TransitEncryptionMode),
		NetworkType:       stack.Known(c.NetworkType),
		Shards:            stack.Known(1),
	}
	for _, g := range c.SecurityGroups {
		out.SecurityGroups = append(out.SecurityGroups, stack.Known(g.SecurityGroupID))
	}
	if len(out.SecurityGroups) == 0 {
		out.SecurityGroups = []stack.Value[string]{stack.Unknown[string]("the security groups of " + res.ID + ", which AWS did not print")}
	}
	if c.AuthTokenEnabled != nil && *c.AuthTokenEnabled {
		out.AuthToken = &stack.Text{{Literal: redact.Mark, Secret: true}}
	}
	b.addNode(out, c)
	return out
}

func engine(s, of string) stack.Value[stack.Engine] {
	if s == "" {
		return stack.Unknown[stack.Engine]("the engine of " + of + ", which AWS did not print")
	}
	return stack.Known(stack.Engine(strings.ToLower(s)))
}

// addNode adds where the nodes of a cluster are, and how they are addressed.
func (b *builder) addNode(out *stack.Cache, c *cacheCluster) {
	zone := func(z string) {
		if v := stack.Known(z); z != "" && z != "Multiple" && !slices.Contains(out.Zones, v) {
			out.Zones = append(out.Zones, v)
		}
	}
	for _, n := range c.CacheNodes {
		zone(n.CustomerAvailabilityZone)
		if n.Endpoint != nil {
			b.host(out, n.Endpoint.Address, nodeAddress)
		}
	}
	if len(c.CacheNodes) == 0 {
		zone(c.PreferredAvailabilityZone)
	}
	for _, i := range b.nodes[c.CacheClusterID] {
		it := b.in.interfaces[i].v
		zone(it.AvailabilityZone)
		for _, a := range it.PrivateIPAddresses {
			out.Endpoints = append(out.Endpoints, a.PrivateIPAddress)
		}
	}
}

// host records a host name of a cache. The first meaning of a name counts: the
// endpoint of a single node is both.
func (b *builder) host(c *stack.Cache, address, attribute string) {
	address = strings.ToLower(address)
	if address == "" {
		return
	}
	if !slices.Contains(c.Endpoints, address) {
		c.Endpoints = append(c.Endpoints, address)
	}
	if old, ok := b.hosts[address]; !ok || old.attribute == nodeAddress {
		b.hosts[address] = reference{c.ID, attribute}
	}
}

// subnetGroup returns the subnets of a group.
func (b *builder) subnetGroup(name string) []stack.Value[string] {
	for _, it := range b.in.subnetGroups {
		if !strings.EqualFold(it.v.CacheSubnetGroupName, name) {
			continue
		}
		var ids []string
		for _, s := range it.v.Subnets {
			ids = append(ids, s.SubnetIdentifier)
		}
		return knowns(ids)
	}
	return []stack.Value[string]{stack.Unknown[string](b.unread(describeSubnetGroups, name))}
}

// cluster reads a Redis or Valkey node, or the nodes of a Memcached cluster.
func (b *builder) cluster(it at[cacheCluster]) *stack.Cache {
	c := it.v
	out := b.base(resource(c.CacheClusterID, typeCacheCluster, c.ARN, it.origin), stack.CacheCluster, &c)
	out.Nodes = stack.Known(c.NumCacheNodes)
	out.MultiAZ = stack.Known(len(out.Zones) > 1)
	out.Port = stack.Unknown[int]("the endpoint of " + c.CacheClusterID + ", which AWS did not print; describe it with --show-cache-node-info")
	switch {
	case c.ConfigurationEndpoint != nil:
		b.endpoint(out, c.ConfigurationEndpoint, stack.EndpointAddress)
	case len(c.CacheNodes) > 0 && c.CacheNodes[0].Endpoint != nil:
		b.endpoint(out, c.CacheNodes[0].Endpoint, stack.EndpointAddress)
	}
	return out
}

// endpoint takes the port of an endpoint and records its host name.
func (b *builder) endpoint(c *stack.Cache, e *cacheEndpoint, attribute string) {
	if e == nil {
		return
	}
	c.Port = stack.Known(e.Port)
	b.host(c, e.Address, attribute)
}

func (b *builder) replicationGroup(it at[replicationGroup], clusters map[string]*at[cacheCluster]) *stack.Cache {
	g := it.v
	res := resource(g.ReplicationGroupID, typeReplicationGroup, g.ARN, it.origin)
	first, missing := firstMember(g.MemberClusters, clusters)
	out := b.base(res, stack.ReplicationGroup, first)
	if missing {
		b.withoutMembers(out, g)
	}
	if g.Engine != "" {
		out.Engine = engine(g.Engine, res.ID)
	}
	if g.CacheNodeType != "" {
		out.NodeType = stack.Known(g.CacheNodeType)
	}
	if g.AuthTokenEnabled != nil && *g.AuthTokenEnabled {
		out.AuthToken = &stack.Text{{Literal: redact.Mark, Secret: true}}
	}
	if g.TransitEncryptionEnabled != nil {
		out.TransitEncryption = stack.Known(*g.TransitEncryptionEnabled)
	}
	if g.TransitEncryptionMode != "" {
		out.TransitMode = stack.Known(g.TransitEncryptionMode)
	}
	if g.NetworkType != "" {
		out.NetworkType = stack.Known(g.NetworkType)
	}
	out.UserGroups = knowns(g.UserGroupIDs)
	out.AutomaticFailover = onOff(g.AutomaticFailover, "AutomaticFailover of "+res.ID)
	out.MultiAZ = onOff(g.MultiAZ, "MultiAZ of "+res.ID)
	out.ClusterMode = orUnknown(g.ClusterEnabled, "ClusterEnabled of "+res.ID)
	for _, id := range g.MemberClusters {
		if c := clusters[id]; c != nil && &c.v != first {
			b.addNode(out, &c.v)
		}
	}
	b.shape(out, g)
	return out
}

// firstMember returns a member of a group that was read, or an empty one and
// true if none was.
func firstMember(ids []string, clusters map[string]*at[cacheCluster]) (*cacheCluster, bool) {
	for _, id := range ids {
		if c := clusters[id]; c != nil {
			return &c.v, false
		}
	}
	return &cacheCluster{}, true
}

// withoutMembers marks what only the nodes of a group tell.
func (b *builder) withoutMembers(out *stack.Cache, g replicationGroup) {
	id := g.ReplicationGroupID
	why := b.unread(describeClusters, "the nodes of "+id)
	if g.Engine == "" {
		out.Engine = stack.Unknown[stack.Engine](why)
	}
	if g.NetworkType == "" {
		out.NetworkType = stack.Unknown[string](why)
	}
	out.Version = stack.Unknown[string](why)
	out.SubnetGroup = stack.Unknown[string](why)
	out.Subnets = []stack.Value[string]{stack.Unknown[string](why)}
	out.SecurityGroups = []stack.Value[string]{stack.Unknown[string](why)}
}

// shape reads shards, nodes and endpoints.
func (b *builder) shape(out *stack.Cache, g replicationGroup) {
	nodes, replicas := 0, 0
	for _, shard := range g.NodeGroups {
		nodes += len(shard.NodeGroupMembers)
		replicas = max(replicas, len(shard.NodeGroupMembers)-1)
		for _, m := range shard.NodeGroupMembers {
			if v := stack.Known(m.PreferredAvailabilityZone); m.PreferredAvailabilityZone != "" && !slices.Contains(out.Zones, v) {
				out.Zones = append(out.Zones, v)
			}
			if m.ReadEndpoint != nil {
				b.host(out, m.ReadEndpoint.Address, nodeAddress)
			}
		}
	}
	out.Shards, out.Replicas, out.Nodes = stack.Known(len(g.NodeGroups)), stack.Known(replicas), stack.Known(nodes)
	if len(g.NodeGroups) == 0 {
		why := "the node groups of " + out.ID + ", which AWS did not print"
		out.Shards, out.Replicas, out.Nodes = stack.Unknown[int](why), stack.Unknown[int](why), stack.Unknown[int](why)
	}
	out.Port = stack.Unknown[int]("the endpoint of " + out.ID + ", which AWS did not print")
	for _, shard := range g.NodeGroups {
		b.endpoint(out, shard.PrimaryEndpoint, stack.EndpointAddress)
		if shard.ReaderEndpoint != nil {
			b.host(out, shard.ReaderEndpoint.Address, stack.ReaderAddress)
		}
	}
	b.endpoint(out, g.ConfigurationEndpoint, stack.EndpointAddress)
}

// onOff reads "enabled", "disabled" and what AWS prints in between.
func onOff(s, what string) stack.Value[bool] {
	switch s {
	case "enabled", "enabling":
		return stack.Known(true)
	case "disabled", "disabling":
		return stack.Known(false)
	}
	return stack.Unknown[bool](what + ", which AWS did not print")
}

// unreadGroup is a replication group of which only a node was read.
func (b *builder) unreadGroup(id string, it at[cacheCluster]) *stack.Cache {
	out := b.base(resource(id, typeReplicationGroup, "", it.origin), stack.ReplicationGroup, &it.v)
	why := b.unread("elasticache:DescribeReplicationGroups", id)
	out.Port = stack.Unknown[int](why)
	if n := it.v.CacheNodes; len(n) > 0 && n[0].Endpoint != nil {
		out.Port = stack.Known(n[0].Endpoint.Port) // all nodes of a group share it
	}
	out.Shards, out.Replicas, out.Nodes = stack.Unknown[int](why), stack.Unknown[int](why), stack.Unknown[int](why)
	out.ClusterMode, out.AutomaticFailover, out.MultiAZ = stack.Unknown[bool](why), stack.Unknown[bool](why), stack.Unknown[bool](why)
	out.UserGroups = []stack.Value[string]{stack.Unknown[string](why)}
	return out
}

// serverless reads a serverless cache. Its name may be that of another cache;
// then its ARN is its ID.
func (b *builder) serverless(it at[serverlessCache], groups, clusters once) *stack.Cache {
	s := it.v
	id := s.ServerlessCacheName
	if groups[id] || clusters[id] {
		id = s.ARN
	}
	hidden := stack.Unknown[int]("how ElastiCache Serverless scales")
	out := &stack.Cache{
		Resource:          resource(id, typeServerlessCache, s.ARN, it.origin),
		Name:              stack.Known(s.ServerlessCacheName),
		Kind:              stack.Serverless,
		Engine:            engine(s.Engine, id),
		Version:           stack.Known(s.MajorEngineVersion),
		Subnets:           knowns(s.SubnetIDs),
		SecurityGroups:    knowns(s.SecurityGroupIDs),
		TransitEncryption: stack.Known(true),
		NetworkType:       stack.Known(s.NetworkType),
		ClusterMode:       stack.Known(true),
		AutomaticFailover: stack.Known(true),
		MultiAZ:           stack.Known(true),
		Shards:            hidden, Replicas: hidden, Nodes: hidden,
		Port: stack.Unknown[int](fmt.Sprintf("the endpoint of %s, which AWS did not print", id)),
	}
	if s.UserGroupID != "" {
		out.UserGroups = knowns([]string{s.UserGroupID})
	}
	if s.ReaderEndpoint != nil {
		out.ReaderPort = stack.Known(s.ReaderEndpoint.Port)
		b.host(out, s.ReaderEndpoint.Address, stack.ReaderAddress)
	}
	if s.Endpoint != nil {
		delete(b.hosts, strings.ToLower(s.Endpoint.Address)) // readers have the same host name
		b.endpoint(out, s.Endpoint, stack.EndpointAddress)
	}
	return out
}
