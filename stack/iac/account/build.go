package account

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// Types of resources, in the words of AWS Config and CloudFormation.
const (
	typeVPC               = "AWS::EC2::VPC"
	typeSubnet            = "AWS::EC2::Subnet"
	typeSecurityGroup     = "AWS::EC2::SecurityGroup"
	typeNetworkACL        = "AWS::EC2::NetworkAcl"
	typeRouteTable        = "AWS::EC2::RouteTable"
	typeNATGateway        = "AWS::EC2::NatGateway"
	typeInternetGateway   = "AWS::EC2::InternetGateway"
	typeEgressOnlyGateway = "AWS::EC2::EgressOnlyInternetGateway"
	typeEndpoint          = "AWS::EC2::VPCEndpoint"
	typePeering           = "AWS::EC2::VPCPeeringConnection"
	typePrefixList        = "AWS::EC2::PrefixList"
	typeInterface         = "AWS::EC2::NetworkInterface"
	typeFunction          = "AWS::Lambda::Function"
	typeCacheCluster      = "AWS::ElastiCache::CacheCluster"
	typeReplicationGroup  = "AWS::ElastiCache::ReplicationGroup"
	typeServerlessCache   = "AWS::ElastiCache::ServerlessCache"
	typeRole              = "AWS::IAM::Role"
)

// builder makes a stack of an inventory. Caches come before functions, whose
// environments name them, and network interfaces come last, because the others
// explain most of them.
type builder struct {
	in    *inventory
	out   *stack.Stack
	hosts map[string]reference // host names of caches, in lower case
	nodes map[string][]int     // cache cluster → its network interfaces
}

// reference is what a host name stands for.
type reference struct{ resource, attribute string }

func build(in *inventory, name string) *stack.Stack {
	b := &builder{in: in, hosts: map[string]reference{}, nodes: map[string][]int{},
		out: &stack.Stack{Name: name, Dialect: stack.Live, Region: in.region}}
	b.out.Account.ID = in.account
	b.network()
	b.filters()
	b.routing()
	b.nodeInterfaces()
	b.caches()
	b.functions()
	b.roles()
	b.interfaces()
	b.prefixLists()
	b.accountLimits()
	b.place()
	b.gaps()
	return b.out
}

// resource names a resource of the account. address is its ARN, or its id where
// AWS prints no ARN.
func resource(id, typ, address string, origin stack.Origin) stack.Resource {
	if address == "" {
		address = id
	}
	origin.Address = address
	return stack.Resource{ID: id, Type: typ, Origin: origin}
}

// unread says why a value is unknown: the call for it was denied, or its output
// is missing.
func (b *builder) unread(call, of string) string {
	for _, g := range b.in.gaps {
		if g.covers(call, of) {
			return fmt.Sprintf("%s of %s failed: %s", call, of, g.Error)
		}
	}
	return fmt.Sprintf("the output of %s for %s, which was not read", call, of)
}

// once reports whether an id is seen for the first time; files of a folder may
// overlap.
type once map[string]bool

func (o once) first(id string) bool {
	if o[id] {
		return false
	}
	o[id] = true
	return true
}

// knowns makes known values.
func knowns(ids []string) []stack.Value[string] {
	if len(ids) == 0 {
		return nil
	}
	out := make([]stack.Value[string], len(ids))
	for i, id := range ids {
		out[i] = stack.Known(id)
	}
	return out
}

// orUnknown is the value that AWS printed, or an unknown one that says what is
// missing.
func orUnknown[T any](v *T, what string) stack.Value[T] {
	if v == nil {
		return stack.Unknown[T](what)
	}
	return stack.Known(*v)
}

func prefix(s, of string) stack.Value[netip.Prefix] {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return stack.Unknown[netip.Prefix](fmt.Sprintf("the address range %q of %s, which is not valid", s, of))
	}
	return stack.Known(p)
}

// place finds region and account where no snapshot states them: the output of
// the CLI holds them in ARNs only.
func (b *builder) place() {
	use := func(arn string) {
		parts := strings.SplitN(arn, ":", 6)
		if len(parts) < 6 {
			return
		}
		if b.out.Region == "" {
			b.out.Region = parts[3]
		}
		if b.out.Account.ID == "" {
			b.out.Account.ID = parts[4]
		}
	}
	for _, f := range b.in.functions {
		use(f.v.FunctionArn)
	}
	for _, c := range b.in.clusters {
		use(c.v.ARN)
	}
	for _, s := range b.out.Subnets {
		if zone := s.Zone.Or(""); b.out.Region == "" && strings.Count(zone, "-") == 2 {
			b.out.Region = strings.TrimRight(zone, "abcdefghijklmnopqrstuvwxyz")
		}
	}
	for _, v := range b.in.vpcs {
		if b.out.Account.ID == "" {
			b.out.Account.ID = v.v.OwnerID
		}
	}
}

// accountLimits reads the concurrency of the account.
func (b *builder) accountLimits() {
	b.out.Account.Concurrency = stack.Unknown[int](b.unread("lambda:GetAccountSettings", "the account"))
	for _, s := range b.in.settings {
		if n := s.v.AccountLimit.ConcurrentExecutions; n != nil {
			b.out.Account.Concurrency = stack.Known(*n)
		}
	}
}

// gaps lists what is incomplete: calls that failed, then lists that are not
// there at all.
func (b *builder) gaps() {
	failed := map[string]bool{}
	for _, g := range b.in.gaps {
		failed[g.Call] = true
		what, kind := g.Unknown, ""
		if s := sectionByCall(g.Call); s != nil {
			kind = s.kind
			if what == "" {
				what = s.what
			}
		}
		if len(g.Resources) > 0 {
			what += " of " + some(g.Resources)
		}
		b.gap(what, g.Call+" failed: "+g.Error, kind)
	}
	for _, s := range append(lists(), objects()...) {
		if s.kind == "" || b.in.seen[s.call] || failed[s.call] {
			continue
		}
		b.gap(s.what, fmt.Sprintf("there is no output of %s; add that of %s", s.call, s.cli), s.kind)
	}
	for _, s := range lists() {
		if b.in.seen[s.call] && !b.in.whole[s.call] {
			b.gap("some "+s.what, fmt.Sprintf("the output of %s ends before the last page; run it without --max-items and --no-paginate", s.cli), s.kind)
		}
	}
	if len(b.in.scope) > 0 {
		b.gap("other VPCs", "the snapshot was limited to "+strings.Join(b.in.scope, ", "), "")
	}
	if len(b.in.foreign) > 0 {
		b.gap(some(b.in.foreign), errForeign.Error(), "")
	}
}

func (b *builder) gap(what, why, kind string) {
	g := stack.Gap{What: what, Why: why, Kind: kind}
	if !slices.Contains(b.out.Gaps, g) {
		b.out.Gaps = append(b.out.Gaps, g)
	}
}

// some lists a few of many.
func some(all []string) string {
	const few = 5
	if len(all) <= few {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:few], ", "), len(all)-few)
}
