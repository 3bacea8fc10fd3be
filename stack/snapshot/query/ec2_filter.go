package query

// SecurityGroup is an item of DescribeSecurityGroups.
type SecurityGroup struct {
	GroupID     *string         `xml:"groupId" json:"GroupId,omitzero"`
	GroupName   *string         `xml:"groupName" json:"GroupName,omitzero"`
	Description *string         `xml:"groupDescription" json:"Description,omitzero"`
	VPCID       *string         `xml:"vpcId" json:"VpcId,omitzero"`
	OwnerID     *string         `xml:"ownerId" json:"OwnerId,omitzero"`
	Ingress     Set[permission] `xml:"ipPermissions" json:"IpPermissions,omitzero"`
	Egress      Set[permission] `xml:"ipPermissionsEgress" json:"IpPermissionsEgress,omitzero"`
	Tags        Set[Tag]        `xml:"tagSet" json:"Tags,omitzero"`
}

type permission struct {
	Protocol    *string        `xml:"ipProtocol" json:"IpProtocol,omitzero"`
	FromPort    *int           `xml:"fromPort" json:"FromPort,omitzero"`
	ToPort      *int           `xml:"toPort" json:"ToPort,omitzero"`
	Ranges      Set[ipRange]   `xml:"ipRanges" json:"IpRanges,omitzero"`
	IPv6Ranges  Set[ipv6Range] `xml:"ipv6Ranges" json:"Ipv6Ranges,omitzero"`
	Groups      Set[groupPair] `xml:"groups" json:"UserIdGroupPairs,omitzero"`
	PrefixLists Set[listPeer]  `xml:"prefixListIds" json:"PrefixListIds,omitzero"`
}

type ipRange struct {
	CIDR        *string `xml:"cidrIp" json:"CidrIp,omitzero"`
	Description *string `xml:"description" json:"Description,omitzero"`
}

type ipv6Range struct {
	CIDR        *string `xml:"cidrIpv6" json:"CidrIpv6,omitzero"`
	Description *string `xml:"description" json:"Description,omitzero"`
}

type groupPair struct {
	GroupID       *string `xml:"groupId" json:"GroupId,omitzero"`
	GroupName     *string `xml:"groupName" json:"GroupName,omitzero"`
	UserID        *string `xml:"userId" json:"UserId,omitzero"`
	VPCID         *string `xml:"vpcId" json:"VpcId,omitzero"`
	PeeringID     *string `xml:"vpcPeeringConnectionId" json:"VpcPeeringConnectionId,omitzero"`
	PeeringStatus *string `xml:"peeringStatus" json:"PeeringStatus,omitzero"`
	Description   *string `xml:"description" json:"Description,omitzero"`
}

type listPeer struct {
	PrefixListID *string `xml:"prefixListId" json:"PrefixListId,omitzero"`
	Description  *string `xml:"description" json:"Description,omitzero"`
}

// NetworkACL is an item of DescribeNetworkAcls.
type NetworkACL struct {
	NetworkACLID *string             `xml:"networkAclId" json:"NetworkAclId,omitzero"`
	VPCID        *string             `xml:"vpcId" json:"VpcId,omitzero"`
	OwnerID      *string             `xml:"ownerId" json:"OwnerId,omitzero"`
	IsDefault    *bool               `xml:"default" json:"IsDefault,omitzero"`
	Associations Set[aclAssociation] `xml:"associationSet" json:"Associations,omitzero"`
	Entries      Set[aclEntry]       `xml:"entrySet" json:"Entries,omitzero"`
	Tags         Set[Tag]            `xml:"tagSet" json:"Tags,omitzero"`
}

type aclAssociation struct {
	ID           *string `xml:"networkAclAssociationId" json:"NetworkAclAssociationId,omitzero"`
	NetworkACLID *string `xml:"networkAclId" json:"NetworkAclId,omitzero"`
	SubnetID     *string `xml:"subnetId" json:"SubnetId,omitzero"`
}

type aclEntry struct {
	RuleNumber *int          `xml:"ruleNumber" json:"RuleNumber,omitzero"`
	Egress     *bool         `xml:"egress" json:"Egress,omitzero"`
	Protocol   *string       `xml:"protocol" json:"Protocol,omitzero"`
	RuleAction *string       `xml:"ruleAction" json:"RuleAction,omitzero"`
	CIDR       *string       `xml:"cidrBlock" json:"CidrBlock,omitzero"`
	IPv6CIDR   *string       `xml:"ipv6CidrBlock" json:"Ipv6CidrBlock,omitzero"`
	Ports      *portRange    `xml:"portRange" json:"PortRange,omitzero"`
	ICMP       *icmpTypeCode `xml:"icmpTypeCode" json:"IcmpTypeCode,omitzero"`
}

type portRange struct {
	From *int `xml:"from" json:"From,omitzero"`
	To   *int `xml:"to" json:"To,omitzero"`
}

type icmpTypeCode struct {
	Type *int `xml:"type" json:"Type,omitzero"`
	Code *int `xml:"code" json:"Code,omitzero"`
}

// PrefixList is an item of DescribeManagedPrefixLists.
type PrefixList struct {
	PrefixListID   *string  `xml:"prefixListId" json:"PrefixListId,omitzero"`
	PrefixListName *string  `xml:"prefixListName" json:"PrefixListName,omitzero"`
	OwnerID        *string  `xml:"ownerId" json:"OwnerId,omitzero"`
	AddressFamily  *string  `xml:"addressFamily" json:"AddressFamily,omitzero"`
	State          *string  `xml:"state" json:"State,omitzero"`
	MaxEntries     *int     `xml:"maxEntries" json:"MaxEntries,omitzero"`
	Version        *int64   `xml:"version" json:"Version,omitzero"`
	Tags           Set[Tag] `xml:"tagSet" json:"Tags,omitzero"`
}

// PrefixListEntry is an item of GetManagedPrefixListEntries.
type PrefixListEntry struct {
	CIDR        *string `xml:"cidr" json:"Cidr,omitzero"`
	Description *string `xml:"description" json:"Description,omitzero"`
}
