package account

import "encoding/json"

// The types of this file hold what the AWS CLI prints, as far as the model
// needs it. A pointer tells what AWS left out from what is false or zero.

type vpc struct {
	VpcID                       string `json:"VpcId"`
	CidrBlock                   string
	OwnerID                     string `json:"OwnerId"`
	CidrBlockAssociationSet     []cidrAssociation
	Ipv6CidrBlockAssociationSet []cidrAssociation
}

type cidrAssociation struct {
	CidrBlock          string
	Ipv6CidrBlock      string
	CidrBlockState     state
	Ipv6CidrBlockState state
}

type state struct{ State string }

type vpcAttribute struct {
	VpcID              string `json:"VpcId"`
	EnableDNSSupport   *flag  `json:"EnableDnsSupport"`
	EnableDNSHostnames *flag  `json:"EnableDnsHostnames"`
}

type flag struct{ Value bool }

type subnet struct {
	SubnetID                    string `json:"SubnetId"`
	VpcID                       string `json:"VpcId"`
	CidrBlock                   string
	AvailabilityZone            string
	AvailableIPAddressCount     *int `json:"AvailableIpAddressCount"`
	MapPublicIPOnLaunch         bool `json:"MapPublicIpOnLaunch"`
	Ipv6CidrBlockAssociationSet []cidrAssociation
}

type securityGroup struct {
	GroupID             string `json:"GroupId"`
	GroupName           string
	Description         string
	VpcID               string       `json:"VpcId"`
	IPPermissions       []permission `json:"IpPermissions"`
	IPPermissionsEgress []permission `json:"IpPermissionsEgress"`
}

type permission struct {
	IPProtocol       string `json:"IpProtocol"`
	FromPort         *int
	ToPort           *int
	IPRanges         []ipRange `json:"IpRanges"`
	Ipv6Ranges       []ipRange
	UserIDGroupPairs []groupPair `json:"UserIdGroupPairs"`
	PrefixListIDs    []listPeer  `json:"PrefixListIds"`
}

type ipRange struct {
	CidrIP      string `json:"CidrIp"`
	CidrIpv6    string
	Description string
}

type groupPair struct {
	GroupID     string `json:"GroupId"`
	GroupName   string
	Description string
}

type listPeer struct {
	PrefixListID string `json:"PrefixListId"`
	Description  string
}

type networkACL struct {
	NetworkACLID string `json:"NetworkAclId"`
	VpcID        string `json:"VpcId"`
	IsDefault    bool
	Associations []struct {
		SubnetID string `json:"SubnetId"`
	}
	Entries []aclEntry
}

type aclEntry struct {
	RuleNumber    int
	Egress        bool
	Protocol      string
	RuleAction    string
	CidrBlock     string
	Ipv6CidrBlock string
	PortRange     *struct{ From, To int }
}

type routeTable struct {
	RouteTableID string `json:"RouteTableId"`
	VpcID        string `json:"VpcId"`
	Associations []struct {
		Main             bool
		SubnetID         string `json:"SubnetId"`
		GatewayID        string `json:"GatewayId"`
		AssociationState state
	}
	Routes []route
}

type route struct {
	DestinationCidrBlock        string
	DestinationIpv6CidrBlock    string
	DestinationPrefixListID     string `json:"DestinationPrefixListId"`
	GatewayID                   string `json:"GatewayId"`
	NatGatewayID                string `json:"NatGatewayId"`
	VpcPeeringConnectionID      string `json:"VpcPeeringConnectionId"`
	TransitGatewayID            string `json:"TransitGatewayId"`
	NetworkInterfaceID          string `json:"NetworkInterfaceId"`
	InstanceID                  string `json:"InstanceId"`
	EgressOnlyInternetGatewayID string `json:"EgressOnlyInternetGatewayId"`
	CarrierGatewayID            string `json:"CarrierGatewayId"`
	LocalGatewayID              string `json:"LocalGatewayId"`
	CoreNetworkArn              string
	OdbNetworkArn               string
	State                       string
}

type natGateway struct {
	NatGatewayID     string `json:"NatGatewayId"`
	SubnetID         string `json:"SubnetId"`
	VpcID            string `json:"VpcId"`
	State            string
	ConnectivityType string
}

type internetGateway struct {
	InternetGatewayID string `json:"InternetGatewayId"`
	Attachments       []gatewayAttachment
}

type egressOnlyGateway struct {
	EgressOnlyInternetGatewayID string `json:"EgressOnlyInternetGatewayId"`
	Attachments                 []gatewayAttachment
}

type gatewayAttachment struct {
	State string
	VpcID string `json:"VpcId"`
}

type endpoint struct {
	VpcEndpointID     string `json:"VpcEndpointId"`
	VpcEndpointType   string
	VpcID             string `json:"VpcId"`
	ServiceName       string
	State             string
	RouteTableIDs     []string `json:"RouteTableIds"`
	SubnetIDs         []string `json:"SubnetIds"`
	Groups            []groupID
	PrivateDNSEnabled *bool `json:"PrivateDnsEnabled"`
}

type groupID struct {
	GroupID string `json:"GroupId"`
}

type peering struct {
	VpcPeeringConnectionID string `json:"VpcPeeringConnectionId"`
	RequesterVpcInfo       peer
	AccepterVpcInfo        peer
	Status                 struct{ Code string }
}

type peer struct {
	VpcID          string `json:"VpcId"`
	Region         string
	PeeringOptions *struct {
		AllowDNSResolutionFromRemoteVpc bool `json:"AllowDnsResolutionFromRemoteVpc"`
	}
}

type managedPrefixList struct {
	PrefixListID   string `json:"PrefixListId"`
	PrefixListName string
	OwnerID        string   `json:"OwnerId"`
	Cidrs          []string // of describe-prefix-lists
}

type prefixListEntries struct {
	PrefixListID string `json:"PrefixListId"` // a snapshot adds it
	Entries      []struct{ Cidr string }
}

type networkInterface struct {
	NetworkInterfaceID string `json:"NetworkInterfaceId"`
	SubnetID           string `json:"SubnetId"`
	VpcID              string `json:"VpcId"`
	AvailabilityZone   string
	Description        string
	InterfaceType      string
	RequesterID        string `json:"RequesterId"`
	RequesterManaged   bool
	Status             string
	Groups             []groupID
	PrivateIPAddresses []struct {
		PrivateIPAddress string `json:"PrivateIpAddress"`
	} `json:"PrivateIpAddresses"`
	Ipv6Addresses []struct{ Ipv6Address string }
	Attachment    *struct {
		InstanceID string `json:"InstanceId"`
	}
}

type function struct {
	FunctionName  string
	FunctionArn   string
	Runtime       string
	Handler       string
	Role          string
	PackageType   string
	MemorySize    *int
	Timeout       *int
	Architectures []string
	Environment   *struct {
		Variables map[string]string
		Error     *struct{ ErrorCode, Message string }
	}
	VpcConfig *struct {
		SubnetIDs               []string `json:"SubnetIds"`
		SecurityGroupIDs        []string `json:"SecurityGroupIds"`
		Ipv6AllowedForDualStack *bool
	}
	CapacityProviderConfig *struct {
		LambdaManagedInstancesCapacityProviderConfig *struct{ PerExecutionEnvironmentMaxConcurrency *int }
	}
}

type functionConcurrency struct {
	FunctionName                 string // a snapshot adds it
	ReservedConcurrentExecutions *int
}

type provisionedConfigs struct {
	FunctionName                  string // a snapshot adds it
	ProvisionedConcurrencyConfigs []struct {
		FunctionArn                              string
		RequestedProvisionedConcurrentExecutions int
	}
}

type accountSettings struct {
	AccountLimit struct{ ConcurrentExecutions *int }
}

type cacheEndpoint struct {
	Address string
	Port    int
}

type cacheCluster struct {
	CacheClusterID            string `json:"CacheClusterId"`
	ARN                       string
	ReplicationGroupID        string `json:"ReplicationGroupId"`
	Engine                    string
	EngineVersion             string
	CacheNodeType             string
	CacheClusterStatus        string
	NumCacheNodes             int
	PreferredAvailabilityZone string
	CacheSubnetGroupName      string
	ConfigurationEndpoint     *cacheEndpoint
	CacheNodes                []struct {
		CustomerAvailabilityZone string
		Endpoint                 *cacheEndpoint
	}
	SecurityGroups []struct {
		SecurityGroupID string `json:"SecurityGroupId"`
	}
	AuthTokenEnabled         *bool
	TransitEncryptionEnabled *bool
	TransitEncryptionMode    string
	NetworkType              string
}

type replicationGroup struct {
	ReplicationGroupID    string `json:"ReplicationGroupId"`
	ARN                   string
	Status                string
	Engine                string
	CacheNodeType         string
	ClusterEnabled        *bool
	AutomaticFailover     string
	MultiAZ               string
	MemberClusters        []string
	ConfigurationEndpoint *cacheEndpoint
	NodeGroups            []struct {
		PrimaryEndpoint  *cacheEndpoint
		ReaderEndpoint   *cacheEndpoint
		NodeGroupMembers []struct {
			CacheClusterID            string `json:"CacheClusterId"`
			PreferredAvailabilityZone string
			ReadEndpoint              *cacheEndpoint
		}
	}
	AuthTokenEnabled         *bool
	TransitEncryptionEnabled *bool
	TransitEncryptionMode    string
	UserGroupIDs             []string `json:"UserGroupIds"`
	NetworkType              string
}

type serverlessCache struct {
	ServerlessCacheName string
	ARN                 string
	Status              string
	Engine              string
	MajorEngineVersion  string
	UserGroupID         string   `json:"UserGroupId"`
	SecurityGroupIDs    []string `json:"SecurityGroupIds"`
	SubnetIDs           []string `json:"SubnetIds"`
	Endpoint            *cacheEndpoint
	ReaderEndpoint      *cacheEndpoint
	NetworkType         string
}

type cacheSubnetGroup struct {
	CacheSubnetGroupName string
	Subnets              []struct{ SubnetIdentifier string }
}

type userGroup struct {
	UserGroupID string `json:"UserGroupId"`
}

type attachedPolicies struct {
	RoleName         string // a snapshot adds it
	AttachedPolicies []attachedPolicy
}

type attachedPolicy struct{ PolicyArn string }

type inlineNames struct {
	RoleName    string // a snapshot adds it
	PolicyNames []string
}

type rolePolicy struct {
	RoleName       string
	PolicyName     string
	PolicyDocument json.RawMessage
}

type policyVersion struct {
	PolicyArn     string // a snapshot adds it
	PolicyVersion struct{ Document json.RawMessage }
}

type roleDetail struct {
	RoleName                string
	Arn                     string
	RolePolicyList          []rolePolicy
	AttachedManagedPolicies []attachedPolicy
}

type policyDetail struct {
	Arn               string
	PolicyVersionList []struct {
		Document         json.RawMessage
		IsDefaultVersion bool
	}
}
