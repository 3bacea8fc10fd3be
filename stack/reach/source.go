package reach

import (
	"net/netip"

	"github.com/thawdev/thaw/stack"
)

// SourceKind tells what a source is.
type SourceKind string

// The kinds of source.
const (
	FunctionSource  SourceKind = "function"
	InterfaceSource SourceKind = "interface"
	GroupSource     SourceKind = "group"    // whatever carries a security group
	RangeSource     SourceKind = "range"    // addresses
	InternetSource  SourceKind = "internet" // public addresses
)

// Source is an end that may open a connection to a cache. Build one with
// FromFunction, FromInterface, FromGroup or FromRange.
type Source struct {
	Kind        SourceKind
	ID          string
	VPC         string // ID; "" if the subnets or groups tell it
	Detached    string // why it is in no VPC; "" if it is in one
	Subnets     []stack.Value[string]
	Groups      []stack.Value[string]
	Addresses   []netip.Addr // the only addresses it has; empty: any of its subnets
	Range       netip.Prefix // of a RangeSource
	DualStack   stack.Value[bool]
	Conditional string // why it may not exist; "" if it certainly does
	Origin      stack.Origin

	rest []span // of a RangeSource: the addresses of Range that lie in no VPC known here
}

// FromFunction returns f as a source. A nil function is one in no VPC.
func FromFunction(f *stack.Function) Source {
	s := Source{Kind: FunctionSource}
	if f == nil {
		s.Detached = "there is no such function"
		return s
	}
	s.ID, s.Conditional, s.Origin = f.ID, f.Conditional, f.Origin
	switch {
	case f.VPC == nil:
		s.Detached = "it names no subnets"
	case len(f.VPC.Subnets) == 0:
		s.Detached, s.Origin = "its VPC configuration names no subnets", f.VPC.Origin
	default:
		s.Subnets, s.Groups, s.DualStack, s.Origin = f.VPC.Subnets, f.VPC.SecurityGroups, f.VPC.DualStack, f.VPC.Origin
	}
	return s
}

// FromInterface returns i as a source.
func FromInterface(i *stack.Interface) Source {
	s := Source{Kind: InterfaceSource}
	if i == nil {
		s.Detached = "there is no such interface"
		return s
	}
	s.ID, s.Conditional, s.Origin = i.ID, i.Conditional, i.Origin
	s.VPC, s.Subnets, s.Groups = i.VPC.Or(""), i.Subnets, i.SecurityGroups
	s.DualStack = stack.Unknown[bool]("the addresses of the interface are not all known")
	for _, a := range i.Addresses {
		addr, ok := a.Get()
		if !ok || !addr.IsValid() {
			s.Addresses = nil
			return s
		}
		s.Addresses = append(s.Addresses, addr)
	}
	return s
}

// FromGroup returns whatever carries the security group, in any subnet of its
// VPC, as a source.
func FromGroup(g *stack.SecurityGroup) Source {
	s := Source{Kind: GroupSource}
	if g == nil {
		s.Detached = "there is no such security group"
		return s
	}
	s.ID, s.Conditional, s.Origin, s.VPC = g.ID, g.Conditional, g.Origin, g.VPC.Or("")
	s.Groups = []stack.Value[string]{stack.Known(g.ID)}
	s.DualStack = stack.Unknown[bool]("anything may carry the group")
	return s
}

// FromRange returns the addresses of a prefix as a source. They carry no
// security group and pass no rules of their own side.
func FromRange(r netip.Prefix) Source {
	s := Source{Kind: RangeSource, ID: r.String(), Range: r, DualStack: stack.Known(true)}
	if !r.IsValid() {
		s.Detached = "it is not a range of addresses"
	}
	return s
}
