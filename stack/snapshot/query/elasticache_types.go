package query

// CacheEndpoint is where clients connect to.
type CacheEndpoint struct {
	Address *string `xml:"Address" json:"Address,omitzero"`
	Port    *int    `xml:"Port" json:"Port,omitzero"`
}

// CacheCluster is an item of DescribeCacheClusters: a cluster, or a node of a
// replication group.
type CacheCluster struct {
	CacheClusterID           *string              `xml:"CacheClusterId" json:"CacheClusterId,omitzero"`
	ARN                      *string              `xml:"ARN" json:"ARN,omitzero"`
	ReplicationGroupID       *string              `xml:"ReplicationGroupId" json:"ReplicationGroupId,omitzero"`
	Engine                   *string              `xml:"Engine" json:"Engine,omitzero"`
	EngineVersion            *string              `xml:"EngineVersion" json:"EngineVersion,omitzero"`
	CacheNodeType            *string              `xml:"CacheNodeType" json:"CacheNodeType,omitzero"`
	Status                   *string              `xml:"CacheClusterStatus" json:"CacheClusterStatus,omitzero"`
	NumCacheNodes            *int                 `xml:"NumCacheNodes" json:"NumCacheNodes,omitzero"`
	AvailabilityZone         *string              `xml:"PreferredAvailabilityZone" json:"PreferredAvailabilityZone,omitzero"`
	SubnetGroup              *string              `xml:"CacheSubnetGroupName" json:"CacheSubnetGroupName,omitzero"`
	ConfigurationEndpoint    *CacheEndpoint       `xml:"ConfigurationEndpoint" json:"ConfigurationEndpoint,omitzero"`
	CacheNodes               Set[CacheNode]       `xml:"CacheNodes" json:"CacheNodes,omitzero"`
	SecurityGroups           Set[GroupMembership] `xml:"SecurityGroups" json:"SecurityGroups,omitzero"`
	AuthTokenEnabled         *bool                `xml:"AuthTokenEnabled" json:"AuthTokenEnabled,omitzero"`
	TransitEncryptionEnabled *bool                `xml:"TransitEncryptionEnabled" json:"TransitEncryptionEnabled,omitzero"`
	TransitEncryptionMode    *string              `xml:"TransitEncryptionMode" json:"TransitEncryptionMode,omitzero"`
	AtRestEncryptionEnabled  *bool                `xml:"AtRestEncryptionEnabled" json:"AtRestEncryptionEnabled,omitzero"`
	NetworkType              *string              `xml:"NetworkType" json:"NetworkType,omitzero"`
	IPDiscovery              *string              `xml:"IpDiscovery" json:"IpDiscovery,omitzero"`
}

// CacheNode is a node of a cluster.
type CacheNode struct {
	CacheNodeID      *string        `xml:"CacheNodeId" json:"CacheNodeId,omitzero"`
	AvailabilityZone *string        `xml:"CustomerAvailabilityZone" json:"CustomerAvailabilityZone,omitzero"`
	Endpoint         *CacheEndpoint `xml:"Endpoint" json:"Endpoint,omitzero"`
}

// GroupMembership is a security group of a cache.
type GroupMembership struct {
	SecurityGroupID *string `xml:"SecurityGroupId" json:"SecurityGroupId,omitzero"`
	Status          *string `xml:"Status" json:"Status,omitzero"`
}

// ReplicationGroup is an item of DescribeReplicationGroups.
type ReplicationGroup struct {
	ReplicationGroupID       *string        `xml:"ReplicationGroupId" json:"ReplicationGroupId,omitzero"`
	ARN                      *string        `xml:"ARN" json:"ARN,omitzero"`
	Status                   *string        `xml:"Status" json:"Status,omitzero"`
	Engine                   *string        `xml:"Engine" json:"Engine,omitzero"`
	CacheNodeType            *string        `xml:"CacheNodeType" json:"CacheNodeType,omitzero"`
	ClusterEnabled           *bool          `xml:"ClusterEnabled" json:"ClusterEnabled,omitzero"`
	AutomaticFailover        *string        `xml:"AutomaticFailover" json:"AutomaticFailover,omitzero"`
	MultiAZ                  *string        `xml:"MultiAZ" json:"MultiAZ,omitzero"`
	MemberClusters           Set[string]    `xml:"MemberClusters" json:"MemberClusters,omitzero"`
	ConfigurationEndpoint    *CacheEndpoint `xml:"ConfigurationEndpoint" json:"ConfigurationEndpoint,omitzero"`
	NodeGroups               Set[NodeGroup] `xml:"NodeGroups" json:"NodeGroups,omitzero"`
	UserGroupIDs             Set[string]    `xml:"UserGroupIds" json:"UserGroupIds,omitzero"`
	AuthTokenEnabled         *bool          `xml:"AuthTokenEnabled" json:"AuthTokenEnabled,omitzero"`
	TransitEncryptionEnabled *bool          `xml:"TransitEncryptionEnabled" json:"TransitEncryptionEnabled,omitzero"`
	TransitEncryptionMode    *string        `xml:"TransitEncryptionMode" json:"TransitEncryptionMode,omitzero"`
	AtRestEncryptionEnabled  *bool          `xml:"AtRestEncryptionEnabled" json:"AtRestEncryptionEnabled,omitzero"`
	NetworkType              *string        `xml:"NetworkType" json:"NetworkType,omitzero"`
	IPDiscovery              *string        `xml:"IpDiscovery" json:"IpDiscovery,omitzero"`
}

// NodeGroup is a shard.
type NodeGroup struct {
	NodeGroupID     *string              `xml:"NodeGroupId" json:"NodeGroupId,omitzero"`
	Status          *string              `xml:"Status" json:"Status,omitzero"`
	Slots           *string              `xml:"Slots" json:"Slots,omitzero"`
	PrimaryEndpoint *CacheEndpoint       `xml:"PrimaryEndpoint" json:"PrimaryEndpoint,omitzero"`
	ReaderEndpoint  *CacheEndpoint       `xml:"ReaderEndpoint" json:"ReaderEndpoint,omitzero"`
	Members         Set[NodeGroupMember] `xml:"NodeGroupMembers" json:"NodeGroupMembers,omitzero"`
}

// NodeGroupMember is a node of a shard.
type NodeGroupMember struct {
	CacheClusterID   *string        `xml:"CacheClusterId" json:"CacheClusterId,omitzero"`
	CacheNodeID      *string        `xml:"CacheNodeId" json:"CacheNodeId,omitzero"`
	AvailabilityZone *string        `xml:"PreferredAvailabilityZone" json:"PreferredAvailabilityZone,omitzero"`
	CurrentRole      *string        `xml:"CurrentRole" json:"CurrentRole,omitzero"`
	ReadEndpoint     *CacheEndpoint `xml:"ReadEndpoint" json:"ReadEndpoint,omitzero"`
}

// ServerlessCache is an item of DescribeServerlessCaches.
type ServerlessCache struct {
	Name               *string        `xml:"ServerlessCacheName" json:"ServerlessCacheName,omitzero"`
	ARN                *string        `xml:"ARN" json:"ARN,omitzero"`
	Status             *string        `xml:"Status" json:"Status,omitzero"`
	Engine             *string        `xml:"Engine" json:"Engine,omitzero"`
	MajorEngineVersion *string        `xml:"MajorEngineVersion" json:"MajorEngineVersion,omitzero"`
	FullEngineVersion  *string        `xml:"FullEngineVersion" json:"FullEngineVersion,omitzero"`
	UserGroupID        *string        `xml:"UserGroupId" json:"UserGroupId,omitzero"`
	SecurityGroupIDs   Set[string]    `xml:"SecurityGroupIds" json:"SecurityGroupIds,omitzero"`
	SubnetIDs          Set[string]    `xml:"SubnetIds" json:"SubnetIds,omitzero"`
	Endpoint           *CacheEndpoint `xml:"Endpoint" json:"Endpoint,omitzero"`
	ReaderEndpoint     *CacheEndpoint `xml:"ReaderEndpoint" json:"ReaderEndpoint,omitzero"`
	NetworkType        *string        `xml:"NetworkType" json:"NetworkType,omitzero"`
}

// CacheSubnetGroup is an item of DescribeCacheSubnetGroups.
type CacheSubnetGroup struct {
	Name    *string          `xml:"CacheSubnetGroupName" json:"CacheSubnetGroupName,omitzero"`
	ARN     *string          `xml:"ARN" json:"ARN,omitzero"`
	VPCID   *string          `xml:"VpcId" json:"VpcId,omitzero"`
	Subnets Set[groupSubnet] `xml:"Subnets" json:"Subnets,omitzero"`
}

type groupSubnet struct {
	SubnetID         *string   `xml:"SubnetIdentifier" json:"SubnetIdentifier,omitzero"`
	AvailabilityZone *zoneName `xml:"SubnetAvailabilityZone" json:"SubnetAvailabilityZone,omitzero"`
}

type zoneName struct {
	Name *string `xml:"Name" json:"Name,omitzero"`
}

// UserGroup is an item of DescribeUserGroups.
type UserGroup struct {
	UserGroupID *string     `xml:"UserGroupId" json:"UserGroupId,omitzero"`
	ARN         *string     `xml:"ARN" json:"ARN,omitzero"`
	Engine      *string     `xml:"Engine" json:"Engine,omitzero"`
	Status      *string     `xml:"Status" json:"Status,omitzero"`
	UserIDs     Set[string] `xml:"UserIds" json:"UserIds,omitzero"`
}
