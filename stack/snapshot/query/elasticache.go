package query

import (
	"context"
	"iter"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// ElastiCache calls Amazon ElastiCache. Lists come page by page, of the size
// that AWS takes; an error is the last that a sequence gives, and the pages
// before it count.
type ElastiCache struct{ c *client }

// NewElastiCache makes a client of the region of cfg. The error is that of a
// region or an endpoint that cannot be one.
func NewElastiCache(cfg aws.Config) (*ElastiCache, error) {
	c, err := newClient(service{id: "ElastiCache", name: "elasticache", version: "2015-02-02", wrapped: true}, cfg)
	if err != nil {
		return nil, err
	}
	return &ElastiCache{c}, nil
}

// DescribeCacheClusters lists clusters, and the nodes of replication groups,
// with their endpoints.
func (e *ElastiCache) DescribeCacheClusters(ctx context.Context) iter.Seq2[[]CacheCluster, error] {
	return pages[CacheCluster](ctx, e.c, listing{"DescribeCacheClusters", "CacheClusters", "Marker", url.Values{"ShowCacheNodeInfo": {"true"}}})
}

// DescribeReplicationGroups lists replication groups.
func (e *ElastiCache) DescribeReplicationGroups(ctx context.Context) iter.Seq2[[]ReplicationGroup, error] {
	return pages[ReplicationGroup](ctx, e.c, listing{"DescribeReplicationGroups", "ReplicationGroups", "Marker", nil})
}

// DescribeServerlessCaches lists serverless caches.
func (e *ElastiCache) DescribeServerlessCaches(ctx context.Context) iter.Seq2[[]ServerlessCache, error] {
	return pages[ServerlessCache](ctx, e.c, listing{"DescribeServerlessCaches", "ServerlessCaches", "NextToken", nil})
}

// DescribeCacheSubnetGroups lists subnet groups.
func (e *ElastiCache) DescribeCacheSubnetGroups(ctx context.Context) iter.Seq2[[]CacheSubnetGroup, error] {
	return pages[CacheSubnetGroup](ctx, e.c, listing{"DescribeCacheSubnetGroups", "CacheSubnetGroups", "Marker", nil})
}

// DescribeUserGroups lists groups of users.
func (e *ElastiCache) DescribeUserGroups(ctx context.Context) iter.Seq2[[]UserGroup, error] {
	return pages[UserGroup](ctx, e.c, listing{"DescribeUserGroups", "UserGroups", "Marker", nil})
}
