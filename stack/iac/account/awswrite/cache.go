package awswrite

import (
	"fmt"
	"strings"

	"github.com/thawdev/thaw/stack"
)

func (w *writer) caches() {
	groups := map[string]bool{}
	for _, c := range w.s.Caches {
		w.names[c.ID] = name(c.Name, c.ID)
		w.subnetGroup(c, groups)
		switch c.Kind {
		case stack.Serverless:
			w.serverless(c)
		case stack.ReplicationGroup:
			w.replicationGroup(c)
		default:
			w.cluster(c)
		}
	}
}

// cacheVPC returns the VPC of a cache.
func (w *writer) cacheVPC(c *stack.Cache) string {
	if vpc := w.vpcOf(c.Subnets); vpc != "" {
		return vpc
	}
	for _, v := range c.SecurityGroups {
		if g := w.s.SecurityGroup(v.Or("")); g != nil {
			return w.id("vpc", g.VPC)
		}
	}
	return ""
}

// groupName is the subnet group of a cache; caches of the same subnets may
// share one.
func (w *writer) groupName(c *stack.Cache) string {
	if n, ok := c.SubnetGroup.Get(); ok && n != "" {
		return name(c.SubnetGroup, n)
	}
	if len(c.Subnets) == 0 || !c.Subnets[0].IsKnown() {
		return "default"
	}
	return w.names[c.ID] + "-subnets"
}

// subnetGroup writes the subnet group of a cache. The account's default group
// is left out if the stack does not say what is in it.
func (w *writer) subnetGroup(c *stack.Cache, written map[string]bool) {
	group := w.groupName(c)
	if c.Kind == stack.Serverless || written[group] || len(c.Subnets) == 0 || !c.Subnets[0].IsKnown() {
		return
	}
	written[group] = true
	subnets := []item{}
	for _, id := range w.ids("subnet", c.Subnets) {
		subnets = append(subnets, item{"SubnetIdentifier": id, "SubnetAvailabilityZone": item{"Name": w.zoneOf(id)}})
	}
	w.add("elasticache:DescribeCacheSubnetGroups", item{"CacheSubnetGroupName": group, "VpcId": w.cacheVPC(c), "Subnets": subnets,
		"ARN": w.arn("elasticache", "subnetgroup:"+group)})
}

// groups lists the security groups of a cache: AWS takes the default group of
// the VPC if none is named.
func (w *writer) groups(c *stack.Cache) []string {
	if ids := w.ids("sg", c.SecurityGroups); len(ids) > 0 {
		return ids
	}
	if vpc := w.cacheVPC(c); vpc != "" {
		return []string{w.defaultGroup(vpc)}
	}
	return []string{}
}

// node is a place for a cache node.
type node struct{ subnet, zone string }

// place spreads the nodes of a cache over its subnets, or over those in the
// zones that it names.
func (w *writer) place(c *stack.Cache, i int) node {
	ids := w.ids("subnet", c.Subnets)
	if len(ids) == 0 || !c.Subnets[0].IsKnown() {
		return node{zone: w.region + "a"}
	}
	if len(c.Zones) > 0 {
		zone := c.Zones[i%len(c.Zones)].Or("")
		for _, id := range ids {
			if w.zoneOf(id) == zone {
				return node{id, zone}
			}
		}
	}
	id := ids[i%len(ids)]
	return node{id, w.zoneOf(id)}
}

// domain is the part of a cache's host names that AWS makes: a hash of the
// account's own and a short name of the region (euw1 for eu-west-1).
func (w *writer) domain(kind string) string {
	parts := strings.Split(w.region, "-")
	short := parts[0]
	for _, p := range parts[1:] {
		short += p[:min(1, len(p))]
	}
	hash := digest("caches of " + w.account + w.region)[:6]
	return hash + "." + kind + short + ".cache.amazonaws.com"
}

// host records an endpoint, so that environments can name it.
func (w *writer) host(c *stack.Cache, attribute, portAttribute, address string, port int) item {
	w.hosts[c.ID+"."+attribute] = address
	w.hosts[c.ID+"."+portAttribute] = fmt.Sprint(port)
	w.known[address] = true
	return item{"Address": address, "Port": port}
}

func enginePort(c *stack.Cache) int {
	if c.Engine.Or(stack.Redis) == stack.Memcached {
		return c.Port.Or(11211)
	}
	return c.Port.Or(6379)
}

func engine(c *stack.Cache) string { return string(c.Engine.Or(stack.Redis)) }

func securityGroups(ids []string) []item {
	out := []item{}
	for _, id := range ids {
		out = append(out, item{"SecurityGroupId": id, "Status": "active"})
	}
	return out
}

// cluster writes a Redis or Valkey node, or the nodes of a Memcached cluster.
func (w *writer) cluster(c *stack.Cache) {
	id, port := w.names[c.ID], enginePort(c)
	it := w.member(c, id, max(1, c.Nodes.Or(1)))
	it["ReplicationGroupLogDeliveryEnabled"] = false
	if c.Engine.Or("") == stack.Memcached {
		it["ConfigurationEndpoint"] = w.host(c, stack.EndpointAddress, stack.EndpointPort, id+"."+w.domain("cfg."), port)
	}
	for i, n := range it["CacheNodes"].([]item) {
		address := id + "." + w.domain(fmt.Sprintf("%04d.", i+1))
		n["Endpoint"] = item{"Address": address, "Port": port}
		w.known[address] = true
		if c.Engine.Or("") != stack.Memcached {
			w.host(c, stack.EndpointAddress, stack.EndpointPort, address, port)
		}
	}
	w.add("elasticache:DescribeCacheClusters", it)
}

// member writes what a cache cluster has, whether it stands alone or is a node
// of a replication group, and the network interfaces of its nodes.
func (w *writer) member(c *stack.Cache, id string, count int) item {
	nodes := []item{}
	for i := range count {
		at := w.place(c, i)
		nodes = append(nodes, item{"CacheNodeId": fmt.Sprintf("%04d", i+1), "CacheNodeStatus": "available", "CustomerAvailabilityZone": at.zone})
		w.eni(at.subnet, w.groups(c), item{"Description": "ElastiCache " + id, "InterfaceType": "interface",
			"RequesterId": "amazon-elasticache", "RequesterManaged": true, "AvailabilityZone": at.zone}, fmt.Sprint(id, " ", i))
	}
	zone := nodes[0]["CustomerAvailabilityZone"]
	if count > 1 {
		zone = "Multiple"
	}
	it := item{
		"CacheClusterId": id, "ARN": w.arn("elasticache", "cluster:"+id), "Engine": engine(c), "EngineVersion": c.Version.Or(""),
		"CacheNodeType": c.NodeType.Or("cache.t4g.micro"), "CacheClusterStatus": "available", "NumCacheNodes": count,
		"CacheNodes": nodes, "PreferredAvailabilityZone": zone, "CacheSubnetGroupName": w.groupName(c),
		"SecurityGroups": securityGroups(w.groups(c)), "AuthTokenEnabled": c.AuthToken != nil,
		"TransitEncryptionEnabled": c.TransitEncryption.Or(false), "NetworkType": networkType(c),
	}
	w.mode(c, it)
	return it
}

// mode writes the TransitEncryptionMode, which AWS shows with TLS only.
func (w *writer) mode(c *stack.Cache, it item) {
	if mode := c.TransitMode.Or("required"); c.TransitEncryption.Or(false) {
		if mode == "" {
			mode = "required"
		}
		it["TransitEncryptionMode"] = mode
	}
}

func (w *writer) replicationGroup(c *stack.Cache) {
	id, port := w.names[c.ID], enginePort(c)
	shards, replicas := max(1, c.Shards.Or(1)), max(0, c.Replicas.Or(0))
	clustered := c.ClusterMode.Or(shards > 1)
	it := item{
		"ReplicationGroupId": id, "ARN": w.arn("elasticache", "replicationgroup:"+id), "Status": "available", "Engine": engine(c),
		"CacheNodeType": c.NodeType.Or("cache.t4g.micro"), "ClusterEnabled": clustered,
		"AutomaticFailover": enabled(c.AutomaticFailover.Or(false)), "MultiAZ": enabled(c.MultiAZ.Or(false)),
		"TransitEncryptionEnabled": c.TransitEncryption.Or(false), "AuthTokenEnabled": c.AuthToken != nil, "NetworkType": networkType(c),
	}
	w.mode(c, it)
	if groups := values(c.UserGroups); len(groups) > 0 {
		it["UserGroupIds"] = groups
		w.userGroups(c, groups)
	}
	if clustered {
		it["ConfigurationEndpoint"] = w.host(c, stack.EndpointAddress, stack.EndpointPort, "clustercfg."+id+"."+w.domain(""), port)
	}
	members, groups := []string{}, []item{}
	for shard := range shards {
		group := item{"NodeGroupId": fmt.Sprintf("%04d", shard+1), "Status": "available"}
		if !clustered {
			group["PrimaryEndpoint"], group["ReaderEndpoint"] = w.primary(c, id, port), w.reader(c, id, port)
		}
		var nodes []item
		for n := range 1 + replicas {
			member := fmt.Sprintf("%s-%03d", id, n+1)
			if clustered {
				member = fmt.Sprintf("%s-%04d-%03d", id, shard+1, n+1)
			}
			members = append(members, member)
			nodes = append(nodes, w.groupMember(c, id, member, shard*(1+replicas)+n, port))
		}
		group["NodeGroupMembers"] = nodes
		groups = append(groups, group)
	}
	it["MemberClusters"], it["NodeGroups"] = members, groups
	w.add("elasticache:DescribeReplicationGroups", it)
}

// groupMember writes one node of a replication group twice, as AWS does: as a
// member of its group, which it returns, and as a cache cluster.
func (w *writer) groupMember(c *stack.Cache, group, id string, i, port int) item {
	at := w.place(c, i)
	one := *c
	if at.subnet != "" {
		one.Subnets, one.Zones = []stack.Value[string]{stack.Known(at.subnet)}, nil
	}
	it := w.member(&one, id, 1)
	it["ReplicationGroupId"], it["CacheSubnetGroupName"] = group, w.groupName(c)
	address := id + "." + w.domain("0001.")
	w.known[address] = true
	it["CacheNodes"].([]item)[0]["Endpoint"] = item{"Address": address, "Port": port}
	w.add("elasticache:DescribeCacheClusters", it)
	return item{"CacheClusterId": id, "CacheNodeId": "0001", "PreferredAvailabilityZone": at.zone,
		"ReadEndpoint": item{"Address": address, "Port": port}}
}

// primary is where clients of a group without cluster mode write.
func (w *writer) primary(c *stack.Cache, id string, port int) item {
	address := id + "." + w.domain("ng.0001.")
	if c.TransitEncryption.Or(false) {
		address = "master." + id + "." + w.domain("")
	}
	return w.host(c, stack.EndpointAddress, stack.EndpointPort, address, port)
}

func (w *writer) reader(c *stack.Cache, id string, port int) item {
	address := id + "-ro." + w.domain("ng.0001.")
	if c.TransitEncryption.Or(false) {
		address = "replica." + id + "." + w.domain("")
	}
	return w.host(c, stack.ReaderAddress, stack.ReaderPort, address, port)
}

func (w *writer) serverless(c *stack.Cache) {
	id := w.names[c.ID]
	address := id + "-" + digest(id)[:6] + ".serverless." + strings.SplitN(w.domain(""), ".", 2)[1]
	it := item{
		"ServerlessCacheName": id, "ARN": w.arn("elasticache", "serverlesscache:"+id), "Status": "available", "Engine": engine(c),
		"MajorEngineVersion": c.Version.Or(""), "FullEngineVersion": c.Version.Or(""),
		"NetworkType": networkType(c), "SecurityGroupIds": w.groups(c), "SubnetIds": w.ids("subnet", c.Subnets),
		"Endpoint": w.host(c, stack.EndpointAddress, stack.EndpointPort, address, enginePort(c)),
	}
	if c.Engine.Or("") != stack.Memcached {
		it["ReaderEndpoint"] = w.host(c, stack.ReaderAddress, stack.ReaderPort, address, max(6380, c.ReaderPort.Or(0)))
	}
	if groups := values(c.UserGroups); len(groups) > 0 {
		it["UserGroupId"] = groups[0]
		w.userGroups(c, groups)
	}
	w.add("elasticache:DescribeServerlessCaches", it)
	for i, subnet := range w.ids("subnet", c.Subnets) {
		vpce := w.id("vpce", stack.Known("of cache "+id))
		w.eni(subnet, w.groups(c), item{"Description": "VPC Endpoint Interface " + vpce, "InterfaceType": "vpc_endpoint",
			"RequesterManaged": true, "AvailabilityZone": w.zoneOf(subnet)}, fmt.Sprint(id, " ", i))
	}
}

func (w *writer) userGroups(c *stack.Cache, ids []string) {
	for _, id := range ids {
		w.add("elasticache:DescribeUserGroups", item{"UserGroupId": id, "Engine": engine(c), "Status": "active", "UserIds": []string{"default"},
			"ARN": w.arn("elasticache", "usergroup:"+id)})
	}
}

func networkType(c *stack.Cache) string {
	if t := c.NetworkType.Or(""); t != "" {
		return t
	}
	return "ipv4"
}

func enabled(b bool) string {
	if b {
		return "enabled"
	}
	return "disabled"
}

// values are the known ones of a list.
func values(list []stack.Value[string]) []string {
	var out []string
	for _, v := range list {
		if s, ok := v.Get(); ok {
			out = append(out, s)
		}
	}
	return out
}
