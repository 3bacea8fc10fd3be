package reach

import "slices"

// ChangeKind says what a Change does.
type ChangeKind string

// The kinds of change, from the smallest effect to the largest, which is also an
// order in which they can be made.
const (
	CreateGroup    ChangeKind = "create-group"     // Resource: name for a new security group without any rule; VPC
	AddEgress      ChangeKind = "add-egress"       // Resource: security group; Protocol, ports, and Group or CIDR
	AddIngress     ChangeKind = "add-ingress"      // the same
	MoveACLEntry   ChangeKind = "move-acl-entry"   // Resource: network ACL; Number → NewNumber in direction Egress, to make room below a denying entry
	AddACLEntry    ChangeKind = "add-acl-entry"    // Resource: network ACL; Number, Egress, Protocol, CIDR, ports; allows
	EnableDNS      ChangeKind = "enable-dns"       // Resource: VPC; EnableDnsSupport
	AddPeering     ChangeKind = "add-peering"      // Resource: name for the new peering, accepted; VPC and PeerVPC
	AcceptPeering  ChangeKind = "accept-peering"   // Resource: peering
	AddRoute       ChangeKind = "add-route"        // Resource: route table, or VPC if MainOf; CIDR, TargetKind, Target
	ReplaceRoute   ChangeKind = "replace-route"    // the same destination CIDR gets another target
	DeleteRoute    ChangeKind = "delete-route"     // Resource: route table; CIDR holds the destination as it was written
	AttachGroups   ChangeKind = "attach-groups"    // Resource: function or cache; Groups are added. Network never proposes it, Apply can make it
	EnableDual     ChangeKind = "enable-dualstack" // Resource: function; Ipv6AllowedForDualStack
	AttachFunction ChangeKind = "attach-function"  // Resource: function; Subnets and Groups replace what it has
)

// order is the place of each kind in the list above.
func (k ChangeKind) order() int {
	return slices.Index([]ChangeKind{CreateGroup, AddEgress, AddIngress, MoveACLEntry, AddACLEntry, EnableDNS, AddPeering,
		AcceptPeering, AddRoute, ReplaceRoute, DeleteRoute, AttachGroups, EnableDual, AttachFunction}, k)
}

// Change is one step that helps to open a path, in data that can be written in
// any dialect. It never allows more than the path needs: one port, and a group
// rather than addresses where AWS can follow a group.
type Change struct {
	Kind      ChangeKind `json:"kind"`
	Resource  string     `json:"resource"`
	Protocol  string     `json:"protocol,omitempty"` // tcp
	FromPort  int        `json:"from_port,omitempty"`
	ToPort    int        `json:"to_port,omitempty"`
	Group     string     `json:"group,omitempty"`      // the peer of a rule
	CIDR      string     `json:"cidr,omitempty"`       // the peer of a rule or entry, the destination of a route
	Number    int        `json:"number,omitempty"`     // of an ACL entry
	NewNumber int        `json:"new_number,omitempty"` // of a moved ACL entry
	Egress    bool       `json:"egress,omitempty"`     // direction of an ACL entry

	TargetKind string   `json:"target_kind,omitempty"` // as in stack.Route, or "local"
	Target     string   `json:"target,omitempty"`      // ID
	MainOf     bool     `json:"main_of,omitempty"`     // Resource is a VPC, and its main route table is meant
	VPC        string   `json:"vpc,omitempty"`
	PeerVPC    string   `json:"peer_vpc,omitempty"`
	Subnets    []string `json:"subnets,omitempty"`
	Groups     []string `json:"groups,omitempty"`

	Why string `json:"why"` // one sentence
}
