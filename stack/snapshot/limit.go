package snapshot

import (
	"slices"
	"strings"

	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/thawdev/thaw/stack/redact"
	"github.com/thawdev/thaw/stack/snapshot/query"
)

// limit leaves out functions and caches of other VPCs, redacts the environments
// of the rest and adds them to the document. It runs after the lists, because a
// cache tells its VPC through its subnet group only, and because a variable is
// kept if it names a cache.
func (c *collector) limit() {
	c.limitCaches()
	endpoints := c.endpoints()
	kept := c.functions[:0]
	for _, f := range c.functions {
		if f.VpcConfig != nil && deref(f.VpcConfig.VpcId) != "" && !c.covers(f.VpcConfig.VpcId) {
			continue
		}
		kept = append(kept, f)
		c.add("lambda:ListFunctions", deref(f.FunctionName), redacted(f, endpoints))
	}
	c.functions = kept
}

// redacted leaves out of a function what may hold a secret: the values of
// variables and the command line of a container image.
func redacted(f lambdatypes.FunctionConfiguration, endpoints map[string]bool) lambdatypes.FunctionConfiguration {
	f.ImageConfigResponse = nil
	if f.Environment == nil {
		return f
	}
	env := *f.Environment
	env.Variables = make(map[string]string, len(f.Environment.Variables))
	for name, value := range f.Environment.Variables {
		env.Variables[name] = redact.Variable(name, value, endpoints)
	}
	f.Environment = &env
	return f
}

// missingVPCs are those of Options.VPCs that do not exist. A wrong id would read
// as an empty network.
func (c *collector) missingVPCs() []string {
	if c.failed("ec2:DescribeVpcs") {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(c.opts.VPCs), func(id string) bool {
		return slices.ContainsFunc(c.vpcs, func(v query.VPC) bool { return deref(v.VPCID) == id })
	})
}

// failed reports whether a call gave nothing, or not all.
func (c *collector) failed(call string) bool {
	for key := range c.gaps {
		if key[0] == call {
			return true
		}
	}
	return false
}

func (c *collector) limitCaches() {
	vpcs := map[string]*string{} // subnet group → VPC
	for _, g := range c.subnetGroups {
		vpcs[deref(g.Name)] = g.VPCID
		if c.covers(g.VPCID) {
			c.add("elasticache:DescribeCacheSubnetGroups", deref(g.Name), g)
		}
	}
	elsewhere := map[string]bool{} // replication groups of other VPCs
	for _, v := range c.clusters {
		if vpc := vpcs[deref(v.SubnetGroup)]; vpc != nil && !c.covers(vpc) {
			elsewhere[deref(v.ReplicationGroupID)] = true
			continue
		}
		c.add("elasticache:DescribeCacheClusters", deref(v.CacheClusterID), v)
	}
	for _, v := range c.groups {
		if !elsewhere[deref(v.ReplicationGroupID)] {
			c.add("elasticache:DescribeReplicationGroups", deref(v.ReplicationGroupID), v)
		}
	}
	subnets := map[string]bool{}
	for _, s := range c.subnets {
		subnets[deref(s.SubnetID)] = true
	}
	for _, v := range c.serverless {
		// All subnets of a cache are in one VPC. If not all of them were read, a
		// cache too many is better than one that is missing.
		if len(c.opts.VPCs) == 0 || len(v.SubnetIDs) == 0 || subnets[v.SubnetIDs[0]] || c.failed("ec2:DescribeSubnets") {
			c.add("elasticache:DescribeServerlessCaches", deref(v.Name), v)
		}
	}
}

// endpoints are the host names of all caches.
func (c *collector) endpoints() map[string]bool {
	hosts := map[string]bool{}
	use := func(e *query.CacheEndpoint) {
		if e != nil && deref(e.Address) != "" {
			hosts[strings.ToLower(*e.Address)] = true
		}
	}
	for _, v := range c.clusters {
		use(v.ConfigurationEndpoint)
		for _, n := range v.CacheNodes {
			use(n.Endpoint)
		}
	}
	for _, v := range c.groups {
		use(v.ConfigurationEndpoint)
		for _, g := range v.NodeGroups {
			use(g.PrimaryEndpoint)
			use(g.ReaderEndpoint)
			for _, m := range g.Members {
				use(m.ReadEndpoint)
			}
		}
	}
	for _, v := range c.serverless {
		use(v.Endpoint)
		use(v.ReaderEndpoint)
	}
	return hosts
}
