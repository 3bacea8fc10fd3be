package iac

import (
	"maps"
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// The resource types that the model describes and that are named in more than
// one place.
const (
	typeVPC              = "AWS::EC2::VPC"
	typeSubnet           = "AWS::EC2::Subnet"
	typeSecurityGroup    = "AWS::EC2::SecurityGroup"
	typeNetworkACL       = "AWS::EC2::NetworkAcl"
	typeRouteTable       = "AWS::EC2::RouteTable"
	typeEndpoint         = "AWS::EC2::VPCEndpoint"
	typeCacheCluster     = "AWS::ElastiCache::CacheCluster"
	typeReplicationGroup = "AWS::ElastiCache::ReplicationGroup"
	typeServerlessCache  = "AWS::ElastiCache::ServerlessCache"
	typeSubnetGroup      = "AWS::ElastiCache::SubnetGroup"
	typeParameterGroup   = "AWS::ElastiCache::ParameterGroup"
	typeFunction         = "AWS::Lambda::Function"
	typeSAMFunction      = "AWS::Serverless::Function"
	typeVersion          = "AWS::Lambda::Version"
	typeAlias            = "AWS::Lambda::Alias"
	typeRole             = "AWS::IAM::Role"
	typeNATGateway       = "AWS::EC2::NatGateway"
	typeInternetGateway  = "AWS::EC2::InternetGateway"
)

// endpoints translates the endpoint attributes of a cache. The spellings are
// CloudFormation's, which writes EndPoint for replication groups only. Source:
// the return values of each type in the CloudFormation template reference.
func endpoints(typ string) map[string]string {
	switch typ {
	case typeCacheCluster:
		return map[string]string{
			"RedisEndpoint.Address":         stack.EndpointAddress,
			"RedisEndpoint.Port":            stack.EndpointPort,
			"ConfigurationEndpoint.Address": stack.EndpointAddress, // Memcached
			"ConfigurationEndpoint.Port":    stack.EndpointPort,
		}
	case typeReplicationGroup:
		return map[string]string{
			"PrimaryEndPoint.Address":       stack.EndpointAddress,
			"PrimaryEndPoint.Port":          stack.EndpointPort,
			"ConfigurationEndPoint.Address": stack.EndpointAddress, // cluster mode
			"ConfigurationEndPoint.Port":    stack.EndpointPort,
			"ReaderEndPoint.Address":        stack.ReaderAddress,
			"ReaderEndPoint.Port":           stack.ReaderPort,
			// Lists of the nodes, not one address: they keep their names.
			"ReadEndPoint.Addresses":      "ReadEndPoint.Addresses",
			"ReadEndPoint.Addresses.List": "ReadEndPoint.Addresses.List",
			"ReadEndPoint.Ports":          "ReadEndPoint.Ports",
			"ReadEndPoint.Ports.List":     "ReadEndPoint.Ports.List",
		}
	case typeServerlessCache:
		return map[string]string{
			"Endpoint.Address":       stack.EndpointAddress,
			"Endpoint.Port":          stack.EndpointPort,
			"ReaderEndpoint.Address": stack.ReaderAddress,
			"ReaderEndpoint.Port":    stack.ReaderPort,
		}
	}
	return nil
}

// attributeName translates the name of an attribute into the model's. The
// message is not empty if the type has no such attribute; only endpoints of
// caches are checked, where a wrong spelling is common and the types differ.
func attributeName(typ, attribute string) (name, message string) {
	known := endpoints(typ)
	if name, ok := known[attribute]; ok {
		return name, ""
	}
	if known != nil && strings.Contains(strings.ToLower(attribute), "endpoint") {
		names := slices.Sorted(maps.Keys(known))
		return "", typ + " has no attribute " + attribute + nearest(attribute, names) + " (it has " + strings.Join(names, ", ") + ")"
	}
	if isIdentity(typ, attribute) {
		return "", ""
	}
	return attribute, ""
}

// isIdentity tells attributes that are the id of the resource itself.
func isIdentity(typ, attribute string) bool {
	switch typ {
	case typeVPC:
		return attribute == "VpcId"
	case typeSubnet:
		return attribute == "SubnetId"
	case typeSecurityGroup:
		return attribute == "GroupId" || attribute == "Id"
	case typeNetworkACL:
		return attribute == "Id"
	case typeRouteTable:
		return attribute == "RouteTableId"
	case typeEndpoint:
		return attribute == "Id"
	case typeNATGateway:
		return attribute == "NatGatewayId"
	case typeInternetGateway:
		return attribute == "InternetGatewayId"
	case "AWS::EC2::TransitGateway", "AWS::EC2::VPCPeeringConnection", "AWS::EC2::EgressOnlyInternetGateway", "AWS::EC2::NetworkInterface":
		return attribute == "Id"
	case "AWS::EC2::PrefixList":
		return attribute == "PrefixListId"
	case "AWS::EC2::Instance":
		return attribute == "InstanceId"
	case "AWS::IAM::ManagedPolicy":
		return attribute == "PolicyArn"
	}
	return false
}

// statedBy returns the property that an attribute repeats, or "".
func statedBy(typ, attribute string) string {
	switch typ + "." + attribute {
	case typeVPC + ".CidrBlock", typeSubnet + ".CidrBlock", typeSubnet + ".AvailabilityZone",
		typeSubnet + ".VpcId", typeSecurityGroup + ".VpcId":
		return attribute
	}
	return ""
}
