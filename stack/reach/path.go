package reach

import "github.com/thawdev/thaw/stack"

// Path is the answer for one source, one cache and one port.
type Path struct {
	From    string           `json:"from"` // ID of the source, or its range
	To      string           `json:"to"`   // ID of the cache
	Port    stack.Value[int] `json:"port"`
	Verdict Verdict          `json:"verdict"`
	// Partial means that some of the pairs, addresses or ports get through and
	// others do not; the Verdict is Closed.
	Partial bool `json:"partial,omitempty"`
	// Factors holds one factor of each kind that the path meets, in the order in
	// which a packet meets them. A kind that differs between pairs is
	// represented by its worst.
	Factors []Factor `json:"factors"`
	// Pairs holds every subnet of the source with every subnet of the cache. It
	// is empty if the source is in no VPC.
	Pairs []Pair `json:"pairs,omitempty"`
	// Changes is a set of changes that takes every closed factor away, the
	// smallest first. It is empty unless the Verdict is Closed. What is unknown
	// stays unknown: the path is open after the changes only if nothing else is.
	Changes []Change `json:"changes,omitempty"`
}

// Deciding returns the first factor that has the verdict of the path, or the
// zero Factor for a path without factors.
func (p Path) Deciding() Factor {
	for _, f := range p.Factors {
		if f.Verdict == p.Verdict {
			return f
		}
	}
	return Factor{}
}

// Pair is a path between one subnet of the source and one subnet of the cache.
type Pair struct {
	FromSubnet string            `json:"from_subnet"` // "" if not known
	ToSubnet   string            `json:"to_subnet"`
	FromZone   string            `json:"from_zone,omitempty"` // "" if not known
	ToZone     string            `json:"to_zone,omitempty"`
	CrossZone  stack.Value[bool] `json:"cross_zone"` // AWS charges for traffic between zones
	Verdict    Verdict           `json:"verdict"`
	Factors    []Factor          `json:"factors"` // in the order in which a packet meets them
}

// FactorKind names a hop of a path, or a condition of it.
type FactorKind string

// The kinds of factor, in the order in which a packet meets them.
const (
	Attached     FactorKind = "attached"       // both ends exist, and are in a VPC at all
	SameVPC      FactorKind = "vpc"            // both ends are in one VPC, or in two that something connects
	PeeringUse   FactorKind = "peering"        // the peering between them carries traffic
	DNS          FactorKind = "dns"            // the name of the cache resolves
	Egress       FactorKind = "egress"         // outbound rules of the source's security groups
	ACLOut       FactorKind = "acl-out"        // network ACL of the source's subnet, outbound
	RouteOut     FactorKind = "route"          // route table of the source's subnet
	ACLIn        FactorKind = "acl-in"         // network ACL of the cache's subnet, inbound
	Ingress      FactorKind = "ingress"        // inbound rules of the cache's security groups
	ReturnACLOut FactorKind = "return-acl-out" // network ACL of the cache's subnet, outbound to ephemeral ports
	ReturnRoute  FactorKind = "return-route"   // route table of the cache's subnet
	ReturnACLIn  FactorKind = "return-acl-in"  // network ACL of the source's subnet, inbound to ephemeral ports
)

// Factor is one hop of a path with its verdict and what decides it.
type Factor struct {
	Kind     FactorKind `json:"kind"`
	Resource string     `json:"resource"` // ID of the resource that decides
	Verdict  Verdict    `json:"verdict"`
	Partial  bool       `json:"partial,omitempty"` // closed for a part only; the Reason names the part
	Reason   string     `json:"reason"`            // one sentence
	AWSCode  string     `json:"aws_code,omitempty"`
	// Rules are the rules that decide: those that carry an open hop, those that
	// deny a closed one, those that make it unknown.
	Rules  []RuleRef    `json:"rules,omitempty"`
	Origin stack.Origin `json:"origin,omitzero"` // of the first rule, else of the resource
}

// RuleKind tells in which list of its resource a rule stands.
type RuleKind string

// The kinds of rule.
const (
	IngressRule RuleKind = "ingress"   // SecurityGroup.Ingress
	EgressRule  RuleKind = "egress"    // SecurityGroup.Egress
	ACLRule     RuleKind = "acl-entry" // NetworkACL.Entries
	RouteRule   RuleKind = "route"     // RouteTable.Routes
)

// RuleRef names a rule of the stack.
type RuleRef struct {
	Resource string       `json:"resource"` // ID of the group, ACL or table
	Kind     RuleKind     `json:"kind"`
	Index    int          `json:"index"` // in the list of its resource; -1: AWS adds it and the stack does not hold it
	Text     string       `json:"text"`  // such as "allow tcp 6379 from AppGroup"
	Origin   stack.Origin `json:"origin,omitzero"`
}
