package query

// NATGateway is an item of DescribeNatGateways.
type NATGateway struct {
	NATGatewayID     *string  `xml:"natGatewayId" json:"NatGatewayId,omitzero"`
	SubnetID         *string  `xml:"subnetId" json:"SubnetId,omitzero"`
	VPCID            *string  `xml:"vpcId" json:"VpcId,omitzero"`
	State            *string  `xml:"state" json:"State,omitzero"`
	ConnectivityType *string  `xml:"connectivityType" json:"ConnectivityType,omitzero"`
	Tags             Set[Tag] `xml:"tagSet" json:"Tags,omitzero"`
}

// InternetGateway is an item of DescribeInternetGateways.
type InternetGateway struct {
	InternetGatewayID *string                `xml:"internetGatewayId" json:"InternetGatewayId,omitzero"`
	OwnerID           *string                `xml:"ownerId" json:"OwnerId,omitzero"`
	Attachments       Set[GatewayAttachment] `xml:"attachmentSet" json:"Attachments,omitzero"`
	Tags              Set[Tag]               `xml:"tagSet" json:"Tags,omitzero"`
}

// EgressOnlyInternetGateway is an item of DescribeEgressOnlyInternetGateways.
type EgressOnlyInternetGateway struct {
	GatewayID   *string                `xml:"egressOnlyInternetGatewayId" json:"EgressOnlyInternetGatewayId,omitzero"`
	Attachments Set[GatewayAttachment] `xml:"attachmentSet" json:"Attachments,omitzero"`
	Tags        Set[Tag]               `xml:"tagSet" json:"Tags,omitzero"`
}

// GatewayAttachment is the VPC of a gateway.
type GatewayAttachment struct {
	State *string `xml:"state" json:"State,omitzero"`
	VPCID *string `xml:"vpcId" json:"VpcId,omitzero"`
}

// VPCEndpoint is an item of DescribeVpcEndpoints.
type VPCEndpoint struct {
	VPCEndpointID       *string     `xml:"vpcEndpointId" json:"VpcEndpointId,omitzero"`
	VPCEndpointType     *string     `xml:"vpcEndpointType" json:"VpcEndpointType,omitzero"`
	VPCID               *string     `xml:"vpcId" json:"VpcId,omitzero"`
	OwnerID             *string     `xml:"ownerId" json:"OwnerId,omitzero"`
	ServiceName         *string     `xml:"serviceName" json:"ServiceName,omitzero"`
	State               *string     `xml:"state" json:"State,omitzero"`
	RouteTableIDs       Set[string] `xml:"routeTableIdSet" json:"RouteTableIds,omitzero"`
	SubnetIDs           Set[string] `xml:"subnetIdSet" json:"SubnetIds,omitzero"`
	Groups              Set[group]  `xml:"groupSet" json:"Groups,omitzero"`
	PrivateDNSEnabled   *bool       `xml:"privateDnsEnabled" json:"PrivateDnsEnabled,omitzero"`
	NetworkInterfaceIDs Set[string] `xml:"networkInterfaceIdSet" json:"NetworkInterfaceIds,omitzero"`
	Tags                Set[Tag]    `xml:"tagSet" json:"Tags,omitzero"`
}

// Peering is an item of DescribeVpcPeeringConnections.
type Peering struct {
	PeeringID *string        `xml:"vpcPeeringConnectionId" json:"VpcPeeringConnectionId,omitzero"`
	Requester *PeeringVPC    `xml:"requesterVpcInfo" json:"RequesterVpcInfo,omitzero"`
	Accepter  *PeeringVPC    `xml:"accepterVpcInfo" json:"AccepterVpcInfo,omitzero"`
	Status    *peeringStatus `xml:"status" json:"Status,omitzero"`
	Tags      Set[Tag]       `xml:"tagSet" json:"Tags,omitzero"`
}

// PeeringVPC is a side of a peering connection.
type PeeringVPC struct {
	VPCID     *string         `xml:"vpcId" json:"VpcId,omitzero"`
	OwnerID   *string         `xml:"ownerId" json:"OwnerId,omitzero"`
	Region    *string         `xml:"region" json:"Region,omitzero"`
	CIDRBlock *string         `xml:"cidrBlock" json:"CidrBlock,omitzero"`
	Options   *peeringOptions `xml:"peeringOptions" json:"PeeringOptions,omitzero"`
}

type peeringStatus struct {
	Code *string `xml:"code" json:"Code,omitzero"`
}

type peeringOptions struct {
	AllowDNS *bool `xml:"allowDnsResolutionFromRemoteVpc" json:"AllowDnsResolutionFromRemoteVpc,omitzero"`
}
