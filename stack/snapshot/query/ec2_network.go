package query

// The types of this file are items of calls of EC2. Each field has the name of
// the wire and that which the AWS CLI prints; nil is what AWS did not send. They
// hold what package account reads and what tells a reader of the file what it
// is, and leave out the rest.

// Tag is a label of a resource.
type Tag struct {
	Key   *string `xml:"key" json:"Key,omitzero"`
	Value *string `xml:"value" json:"Value,omitzero"`
}

type state struct {
	State *string `xml:"state" json:"State,omitzero"`
}

// VPC is an item of DescribeVpcs.
type VPC struct {
	VPCID     *string              `xml:"vpcId" json:"VpcId,omitzero"`
	OwnerID   *string              `xml:"ownerId" json:"OwnerId,omitzero"`
	State     *string              `xml:"state" json:"State,omitzero"`
	IsDefault *bool                `xml:"isDefault" json:"IsDefault,omitzero"`
	CIDRBlock *string              `xml:"cidrBlock" json:"CidrBlock,omitzero"`
	CIDRs     Set[cidrAssociation] `xml:"cidrBlockAssociationSet" json:"CidrBlockAssociationSet,omitzero"`
	IPv6CIDRs Set[ipv6Association] `xml:"ipv6CidrBlockAssociationSet" json:"Ipv6CidrBlockAssociationSet,omitzero"`
	Tags      Set[Tag]             `xml:"tagSet" json:"Tags,omitzero"`
}

type cidrAssociation struct {
	CIDRBlock *string `xml:"cidrBlock" json:"CidrBlock,omitzero"`
	State     *state  `xml:"cidrBlockState" json:"CidrBlockState,omitzero"`
}

type ipv6Association struct {
	CIDRBlock *string `xml:"ipv6CidrBlock" json:"Ipv6CidrBlock,omitzero"`
	State     *state  `xml:"ipv6CidrBlockState" json:"Ipv6CidrBlockState,omitzero"`
}

// VPCAttribute is the answer of DescribeVpcAttribute. Of the attributes, the one
// that was asked for is set.
type VPCAttribute struct {
	VPCID              *string    `xml:"vpcId" json:"VpcId,omitzero"`
	EnableDNSSupport   *Attribute `xml:"enableDnsSupport" json:"EnableDnsSupport,omitzero"`
	EnableDNSHostnames *Attribute `xml:"enableDnsHostnames" json:"EnableDnsHostnames,omitzero"`
}

// Attribute is a value of a VPC that is on or off.
type Attribute struct {
	Value *bool `xml:"value" json:"Value,omitzero"`
}

// Subnet is an item of DescribeSubnets.
type Subnet struct {
	SubnetID           *string              `xml:"subnetId" json:"SubnetId,omitzero"`
	VPCID              *string              `xml:"vpcId" json:"VpcId,omitzero"`
	OwnerID            *string              `xml:"ownerId" json:"OwnerId,omitzero"`
	State              *string              `xml:"state" json:"State,omitzero"`
	CIDRBlock          *string              `xml:"cidrBlock" json:"CidrBlock,omitzero"`
	AvailabilityZone   *string              `xml:"availabilityZone" json:"AvailabilityZone,omitzero"`
	AvailabilityZoneID *string              `xml:"availabilityZoneId" json:"AvailabilityZoneId,omitzero"`
	AvailableAddresses *int                 `xml:"availableIpAddressCount" json:"AvailableIpAddressCount,omitzero"`
	MapPublicIP        *bool                `xml:"mapPublicIpOnLaunch" json:"MapPublicIpOnLaunch,omitzero"`
	IPv6CIDRs          Set[ipv6Association] `xml:"ipv6CidrBlockAssociationSet" json:"Ipv6CidrBlockAssociationSet,omitzero"`
	Tags               Set[Tag]             `xml:"tagSet" json:"Tags,omitzero"`
}

// RouteTable is an item of DescribeRouteTables.
type RouteTable struct {
	RouteTableID *string               `xml:"routeTableId" json:"RouteTableId,omitzero"`
	VPCID        *string               `xml:"vpcId" json:"VpcId,omitzero"`
	OwnerID      *string               `xml:"ownerId" json:"OwnerId,omitzero"`
	Associations Set[tableAssociation] `xml:"associationSet" json:"Associations,omitzero"`
	Routes       Set[route]            `xml:"routeSet" json:"Routes,omitzero"`
	Tags         Set[Tag]              `xml:"tagSet" json:"Tags,omitzero"`
}

type tableAssociation struct {
	RouteTableID *string `xml:"routeTableId" json:"RouteTableId,omitzero"`
	ID           *string `xml:"routeTableAssociationId" json:"RouteTableAssociationId,omitzero"`
	Main         *bool   `xml:"main" json:"Main,omitzero"`
	SubnetID     *string `xml:"subnetId" json:"SubnetId,omitzero"`
	GatewayID    *string `xml:"gatewayId" json:"GatewayId,omitzero"`
	State        *state  `xml:"associationState" json:"AssociationState,omitzero"`
}

type route struct {
	CIDR                *string `xml:"destinationCidrBlock" json:"DestinationCidrBlock,omitzero"`
	IPv6CIDR            *string `xml:"destinationIpv6CidrBlock" json:"DestinationIpv6CidrBlock,omitzero"`
	PrefixListID        *string `xml:"destinationPrefixListId" json:"DestinationPrefixListId,omitzero"`
	GatewayID           *string `xml:"gatewayId" json:"GatewayId,omitzero"`
	NATGatewayID        *string `xml:"natGatewayId" json:"NatGatewayId,omitzero"`
	PeeringID           *string `xml:"vpcPeeringConnectionId" json:"VpcPeeringConnectionId,omitzero"`
	TransitGatewayID    *string `xml:"transitGatewayId" json:"TransitGatewayId,omitzero"`
	NetworkInterfaceID  *string `xml:"networkInterfaceId" json:"NetworkInterfaceId,omitzero"`
	InstanceID          *string `xml:"instanceId" json:"InstanceId,omitzero"`
	EgressOnlyGatewayID *string `xml:"egressOnlyInternetGatewayId" json:"EgressOnlyInternetGatewayId,omitzero"`
	CarrierGatewayID    *string `xml:"carrierGatewayId" json:"CarrierGatewayId,omitzero"`
	LocalGatewayID      *string `xml:"localGatewayId" json:"LocalGatewayId,omitzero"`
	CoreNetworkARN      *string `xml:"coreNetworkArn" json:"CoreNetworkArn,omitzero"`
	ODBNetworkARN       *string `xml:"odbNetworkArn" json:"OdbNetworkArn,omitzero"`
	State               *string `xml:"state" json:"State,omitzero"`
	Origin              *string `xml:"origin" json:"Origin,omitzero"`
}

// NetworkInterface is an item of DescribeNetworkInterfaces.
type NetworkInterface struct {
	NetworkInterfaceID *string              `xml:"networkInterfaceId" json:"NetworkInterfaceId,omitzero"`
	SubnetID           *string              `xml:"subnetId" json:"SubnetId,omitzero"`
	VPCID              *string              `xml:"vpcId" json:"VpcId,omitzero"`
	OwnerID            *string              `xml:"ownerId" json:"OwnerId,omitzero"`
	AvailabilityZone   *string              `xml:"availabilityZone" json:"AvailabilityZone,omitzero"`
	Description        *string              `xml:"description" json:"Description,omitzero"`
	InterfaceType      *string              `xml:"interfaceType" json:"InterfaceType,omitzero"`
	RequesterID        *string              `xml:"requesterId" json:"RequesterId,omitzero"`
	RequesterManaged   *bool                `xml:"requesterManaged" json:"RequesterManaged,omitzero"`
	Status             *string              `xml:"status" json:"Status,omitzero"`
	Groups             Set[group]           `xml:"groupSet" json:"Groups,omitzero"`
	PrivateIPAddress   *string              `xml:"privateIpAddress" json:"PrivateIpAddress,omitzero"`
	Addresses          Set[privateAddress]  `xml:"privateIpAddressesSet" json:"PrivateIpAddresses,omitzero"`
	IPv6Addresses      Set[ipv6Address]     `xml:"ipv6AddressesSet" json:"Ipv6Addresses,omitzero"`
	Attachment         *interfaceAttachment `xml:"attachment" json:"Attachment,omitzero"`
	Tags               Set[Tag]             `xml:"tagSet" json:"TagSet,omitzero"`
}

type group struct {
	GroupID   *string `xml:"groupId" json:"GroupId,omitzero"`
	GroupName *string `xml:"groupName" json:"GroupName,omitzero"`
}

type privateAddress struct {
	Address *string `xml:"privateIpAddress" json:"PrivateIpAddress,omitzero"`
	Primary *bool   `xml:"primary" json:"Primary,omitzero"`
}

type ipv6Address struct {
	Address *string `xml:"ipv6Address" json:"Ipv6Address,omitzero"`
}

type interfaceAttachment struct {
	AttachmentID    *string `xml:"attachmentId" json:"AttachmentId,omitzero"`
	InstanceID      *string `xml:"instanceId" json:"InstanceId,omitzero"`
	InstanceOwnerID *string `xml:"instanceOwnerId" json:"InstanceOwnerId,omitzero"`
	Status          *string `xml:"status" json:"Status,omitzero"`
}
