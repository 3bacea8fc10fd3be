package terraform

import (
	"slices"

	"github.com/thawdev/thaw/stack"
)

// builder fills a stack from the instances of a configuration in two passes:
// resources first, then what attaches to them (rules, entries, routes,
// associations, aliases, schedules), because these may come in any order.
type builder struct {
	e         *engine
	out       *stack.Stack
	instances map[string]*instance // by address
	awsIDs    map[string]string    // what AWS calls a resource → address
	byType    map[string][]*instance
	groups    map[string]*stack.SecurityGroup
	tables    map[string]*stack.RouteTable
	lists     map[string]*stack.NetworkACL
	functions map[string]*stack.Function
	roles     map[string]*stack.Role
	alike     map[*group]bool // see interchangeable
}

func build(e *engine, region string) *stack.Stack {
	b := &builder{e: e, out: &stack.Stack{Name: e.opts.Name, Dialect: stack.Terraform, Region: region},
		instances: map[string]*instance{}, awsIDs: map[string]string{}, byType: map[string][]*instance{},
		groups: map[string]*stack.SecurityGroup{}, tables: map[string]*stack.RouteTable{}, lists: map[string]*stack.NetworkACL{},
		functions: map[string]*stack.Function{}, roles: map[string]*stack.Role{}, alike: map[*group]bool{}}
	all := e.collect(e.root, nil)
	for _, i := range all {
		b.instances[i.address] = i
		b.byType[i.mode+"."+i.typ] = append(b.byType[i.mode+"."+i.typ], i)
		b.index(i)
	}
	b.adoptDefaults()
	var pending []*instance
	for _, i := range all {
		switch {
		case i.mode == "data":
			b.data(i)
		case !b.declare(i):
			pending = append(pending, i)
		}
	}
	for _, i := range pending {
		if !b.attach(i) {
			b.out.Others = append(b.out.Others, b.resource(i))
		}
	}
	b.finish()
	b.out.Gaps = append(b.out.Gaps, e.gaps...)
	return b.out
}

// collect lists all instances, those of a module before those of the modules
// that it calls.
func (e *engine) collect(m *module, all []*instance) []*instance {
	if !e.planned && m.source == nil {
		gap := stack.Gap{What: m.address, Why: m.missing, Origin: m.callOrigin()}
		if !m.touchesResources() {
			gap.Kind = "others"
		}
		e.gaps = append(e.gaps, gap)
		return all
	}
	if !e.planned {
		for _, key := range m.source.order {
			m.group(key)
			m.order = append(m.order, key)
		}
	}
	for _, key := range m.order {
		if g := m.groups[key]; g != nil {
			all = append(all, g.instances...)
		}
		if len(all) > maxInstances {
			return all
		}
	}
	var names []string
	if e.planned {
		for name := range m.children {
			names = append(names, name)
		}
		slices.Sort(names)
	} else {
		names = m.source.callOrder
	}
	for _, name := range names {
		c := m.child(name)
		if c == nil {
			continue
		}
		if c.why != "" && len(c.modules) > 0 {
			e.gaps = append(e.gaps, stack.Gap{What: c.modules[0].address, Why: "how often it is called depends on " + c.why, Origin: c.modules[0].callOrigin()})
		}
		for _, x := range c.modules {
			all = e.collect(x, all)
		}
	}
	return all
}

func (m *module) callOrigin() stack.Origin {
	o := stack.Origin{Address: m.address}
	if m.call != nil {
		o.File, o.Line = m.call.at.file, m.call.at.line
	}
	return o
}

func (b *builder) resource(i *instance) stack.Resource {
	r := stack.Resource{ID: i.address, Type: i.typ, Origin: b.attrs(i).origin()}
	if i.conditional != "" {
		r.Conditional = "its number depends on " + i.conditional
	}
	for m := i.m; r.Conditional == "" && m != nil && m.address != ""; m = m.scope.m {
		_, name := parent(m.address)
		if c := m.scope.m.children[name]; c != nil && c.why != "" {
			r.Conditional = "the number of " + m.address + " depends on " + c.why
		}
	}
	if i.block != nil {
		r.Ignored = i.block.ignored
	}
	return r
}

// declaration returns what adds a resource of a type that stands on its own, or
// nil.
func declaration(typ string) func(*builder, stack.Resource, attrs) {
	switch typ {
	case "aws_vpc", "aws_default_vpc":
		return (*builder).vpc
	case "aws_subnet", "aws_default_subnet":
		return (*builder).subnet
	case "aws_security_group", "aws_default_security_group":
		return (*builder).securityGroup
	case "aws_network_acl", "aws_default_network_acl":
		return (*builder).networkACL
	case "aws_route_table", "aws_default_route_table":
		return (*builder).routeTable
	case "aws_vpc_endpoint":
		return (*builder).endpoint
	case "aws_vpc_peering_connection":
		return (*builder).peering
	case "aws_internet_gateway", "aws_egress_only_internet_gateway", "aws_nat_gateway":
		return (*builder).gateway
	case "aws_ec2_managed_prefix_list":
		return (*builder).prefixList
	case "aws_instance", "aws_network_interface", "aws_ecs_service", "aws_lb", "aws_alb", "aws_db_instance":
		return (*builder).networkInterface
	case "aws_iam_role":
		return (*builder).role
	case "aws_lambda_function":
		return (*builder).function
	case "aws_elasticache_cluster", "aws_elasticache_replication_group", "aws_elasticache_serverless_cache":
		return (*builder).cache
	}
	return nil
}

// declare adds i if its type is one that stands on its own.
func (b *builder) declare(i *instance) bool {
	f := declaration(i.typ)
	if f == nil {
		return false
	}
	f(b, b.resource(i), b.attrs(i))
	return true
}

// attach adds i to the resource that it names, and reports whether that is in
// the stack.
func (b *builder) attach(i *instance) bool {
	a := b.attrs(i)
	why := b.resource(i).Conditional
	switch i.typ {
	case "aws_security_group_rule":
		return b.groupRule(a, why)
	case "aws_vpc_security_group_ingress_rule":
		return b.standaloneRule(a, true, why)
	case "aws_vpc_security_group_egress_rule":
		return b.standaloneRule(a, false, why)
	case "aws_vpc_ipv4_cidr_block_association", "aws_vpc_ipv6_cidr_block_association":
		return b.vpcCIDR(a, why)
	case "aws_network_acl_rule":
		return b.aclRule(a, why)
	case "aws_network_acl_association":
		return b.aclSubnet(a, why)
	case "aws_route":
		return b.route(a, why)
	case "aws_route_table_association":
		return b.routeSubnet(a, why)
	case "aws_main_route_table_association":
		return b.mainTable(a)
	case "aws_internet_gateway_attachment":
		return b.attachGateway(a, why)
	case "aws_vpc_endpoint_route_table_association", "aws_vpc_endpoint_subnet_association", "aws_vpc_endpoint_security_group_association":
		return b.endpointPart(a, why)
	case "aws_ec2_managed_prefix_list_entry":
		return b.prefixListEntry(a, why)
	case "aws_vpc_peering_connection_accepter", "aws_vpc_peering_connection_options":
		return b.peeringPart(a, why)
	case "aws_iam_role_policy", "aws_iam_role_policy_attachment", "aws_iam_policy_attachment":
		return b.rolePolicy(a, why)
	case "aws_lambda_provisioned_concurrency_config":
		return b.provisioned(a, why)
	case "aws_cloudwatch_event_target":
		return b.eventTarget(a, why)
	case "aws_scheduler_schedule":
		return b.scheduler(a, why)
	case "aws_elasticache_subnet_group", "aws_elasticache_parameter_group", "aws_db_subnet_group", "aws_iam_policy", "aws_lambda_alias", "aws_cloudwatch_event_rule", "terraform_data":
		return true // read through the resources that name them
	}
	return false
}

// lost notes that something attaches to a resource that could not be found out.
// Whatever it attaches to is not known in full.
func (b *builder) lost(a attrs, kind string, to stack.Value[string]) bool {
	if !to.IsKnown() {
		b.out.Gaps = append(b.out.Gaps, stack.Gap{What: a.path, Kind: kind, Why: "it belongs to a resource that is not known: " + to.Why(), Origin: a.origin()})
	}
	return false
}

// lostSubnet notes that a subnet has a route table or a network ACL that is not
// declared, in a VPC that is: the subnet must not be taken to have the default of
// its VPC.
func (b *builder) lostSubnet(a attrs, kind string, to stack.Value[string]) bool {
	id, ok := to.Get()
	if !ok {
		return b.lost(a, kind, to)
	}
	if s := b.out.Subnet(a.id("subnet_id").Or("")); s != nil && slices.ContainsFunc(b.out.VPCs, func(v *stack.VPC) bool { return v.ID == s.VPC.Or("") }) {
		b.out.Gaps = append(b.out.Gaps, stack.Gap{What: a.path, Kind: kind, Why: "it gives " + s.ID + " what is not declared here: " + id, Origin: a.origin()})
	}
	return b.lost(a, kind, to)
}

// hedge makes a value of something that may not exist unknown.
func hedge[T any](v stack.Value[T], why string) stack.Value[T] {
	if why == "" {
		return v
	}
	return stack.Unknown[T](why)
}
