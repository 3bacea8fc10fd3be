package tfwrite

import (
	"github.com/thawdev/thaw/stack"
)

func (d *document) caches() {
	groups := map[string]*resource{}
	for _, c := range d.s.Caches {
		r := d.begin(c.ID)
		r.set("network_type", d.str(c.NetworkType))
		if c.Kind == stack.Serverless {
			d.serverless(r, c)
			continue
		}
		if c.Kind == stack.ReplicationGroup {
			d.replicationGroup(r, c)
		} else {
			r.set("cluster_id", d.nameOr(c.Name, r))
			r.set("engine", engine(c, d))
			r.set("num_cache_nodes", valueOf(c.Nodes, d))
			r.set("security_group_ids", d.ids(c.SecurityGroups))
			r.set("transit_encryption_enabled", optional(c.TransitEncryption, false, d))
			if c.MultiAZ.Or(false) {
				r.set("az_mode", literal("cross-az"))
			}
			r.set("preferred_availability_zones", d.zones(c))
		}
		r.set("engine_version", d.str(c.Version))
		r.set("node_type", d.str(c.NodeType))
		r.set("port", valueOf(c.Port, d))
		d.subnetGroup(r, c, groups)
	}
}

// nameOr writes a name that Terraform requires.
func (d *document) nameOr(v stack.Value[string], r *resource) expr {
	if s, ok := v.Get(); ok && s != "" {
		return literal(s)
	}
	return literal(r.name)
}

func engine(c *stack.Cache, d *document) expr {
	e, ok := c.Engine.Get()
	if !ok {
		return d.unknown(c.Engine.Why())
	}
	return literal(string(e))
}

func (d *document) replicationGroup(r *resource, c *stack.Cache) {
	r.set("replication_group_id", d.nameOr(c.Name, r))
	r.set("description", literal(c.ID))
	r.set("engine", engine(c, d))
	mode, known := c.ClusterMode.Get()
	switch {
	case !known:
		r.set("parameter_group_name", d.unknown(c.ClusterMode.Why()))
		r.set("num_node_groups", valueOf(c.Shards, d))
		r.set("replicas_per_node_group", valueOf(c.Replicas, d))
	case mode:
		r.set("parameter_group_name", literal("default.redis7.cluster.on"))
		r.set("num_node_groups", valueOf(c.Shards, d))
		r.set("replicas_per_node_group", valueOf(c.Replicas, d))
	default:
		r.set("num_cache_clusters", valueOf(c.Nodes, d))
	}
	r.set("security_group_ids", d.ids(c.SecurityGroups))
	r.set("transit_encryption_enabled", optional(c.TransitEncryption, false, d))
	r.set("transit_encryption_mode", d.str(c.TransitMode))
	r.set("automatic_failover_enabled", optional(c.AutomaticFailover, false, d))
	r.set("multi_az_enabled", optional(c.MultiAZ, false, d))
	r.set("user_group_ids", d.ids(c.UserGroups))
	r.set("preferred_cache_cluster_azs", d.zones(c))
	if c.AuthToken != nil {
		token := d.text(*c.AuthToken)
		if s, ok := c.AuthToken.Resolve(nil).Get(); ok {
			token = d.secret(s)
		}
		r.set("auth_token", token)
	}
}

func (d *document) zones(c *stack.Cache) expr {
	if len(c.Zones) == 0 {
		return expr{}
	}
	zones := expr{kind: tuple}
	for _, z := range c.Zones {
		zones.items = append(zones.items, valueOf(z, d))
	}
	return zones
}

func (d *document) serverless(r *resource, c *stack.Cache) {
	r.set("name", d.nameOr(c.Name, r))
	r.set("engine", engine(c, d))
	r.set("major_engine_version", d.str(c.Version))
	r.set("subnet_ids", d.ids(c.Subnets))
	r.set("security_group_ids", d.ids(c.SecurityGroups))
	if len(c.UserGroups) > 0 {
		r.set("user_group_id", d.id(c.UserGroups[0]))
	}
}

// subnetGroup writes the group that a cache names; caches may share one.
func (d *document) subnetGroup(r *resource, c *stack.Cache, groups map[string]*resource) {
	name, known := c.SubnetGroup.Get()
	if len(c.Subnets) == 1 && !c.Subnets[0].IsKnown() {
		// The stack knows neither the group nor its subnets.
		if known && name != "" {
			r.set("subnet_group_name", literal(name))
		}
		return
	}
	if len(c.Subnets) == 0 {
		return
	}
	key := name
	if key == "" {
		key = c.ID + "_subnets"
	}
	group := groups[key]
	if group == nil {
		group = d.add("aws_elasticache_subnet_group", key)
		group.set("name", literal(group.name))
		group.set("subnet_ids", d.ids(c.Subnets))
		groups[key] = group
	}
	r.set("subnet_group_name", reference(group, "name"))
}
