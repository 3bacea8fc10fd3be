package iac

import (
	"github.com/thawdev/thaw/stack"
)

// builder fills a stack from a template in two passes: resources first, then
// what attaches to them (rules, entries, routes, associations, aliases,
// schedules), because a template may declare them in any order.
type builder struct {
	*template
	out *stack.Stack
}

func build(t *template) *stack.Stack {
	b := &builder{t, &stack.Stack{Name: t.opts.StackName, Dialect: stack.CloudFormation, Region: t.opts.Region, Database: t.database}}
	pending := map[*resource]props{}
	for _, r := range t.order {
		// Evaluated even if nobody reads it, because that finds wrong names.
		exists := t.exists(r)
		if exists.verdict == no {
			continue
		}
		p := b.props(r)
		if !b.declare(r, p, exists.why) {
			pending[r] = p
		}
	}
	for _, r := range t.order {
		p, ok := pending[r]
		if !ok {
			continue
		}
		why := t.exists(r).why
		if !b.attach(r, p, why) {
			b.out.Others = append(b.out.Others, b.resource(r, why))
		}
	}
	b.defaultGroups()
	b.placeInterfaces()
	b.evaluateOutputs()
	hideTokens(b.out)
	return b.out
}

// props evaluates the properties of a resource.
func (b *builder) props(r *resource) props {
	n := r.properties
	if r.typ == typeSAMFunction {
		n = mergeGlobals(b.globals, n)
		if n != nil && !b.spend(r.position, n.size/bytesPerUnit) {
			n = nil
		}
	}
	p := props{t: b.template, path: r.id, value: b.eval(n), at: r.position}
	switch p.value.kind {
	case absent:
		p.value = value{kind: object}
	case text, sequence:
		b.report.add(n.position, r.id+".Properties", "must be a mapping")
		p.value = value{kind: object}
	}
	return p
}

func (b *builder) resource(r *resource, conditional string) stack.Resource {
	return stack.Resource{ID: r.id, Type: r.typ, Conditional: conditional, Ignored: r.ignored,
		Origin: stack.Origin{File: b.report.file, Line: r.position.line, Address: r.id}}
}

// declare adds a resource that stands on its own, and reports whether its type
// is one.
func (b *builder) declare(r *resource, p props, conditional string) bool {
	res := b.resource(r, conditional)
	switch r.typ {
	case typeVPC:
		b.out.VPCs = append(b.out.VPCs, readVPC(res, p))
	case typeSubnet:
		b.out.Subnets = append(b.out.Subnets, readSubnet(res, p))
	case typeSecurityGroup:
		b.out.SecurityGroups = append(b.out.SecurityGroups, readSecurityGroup(res, p))
	case typeNetworkACL:
		b.out.NetworkACLs = append(b.out.NetworkACLs, &stack.NetworkACL{Resource: res, VPC: p.id("VpcId")})
	case typeRouteTable:
		b.out.RouteTables = append(b.out.RouteTables, &stack.RouteTable{Resource: res, VPC: p.id("VpcId")})
	case typeEndpoint:
		b.out.Endpoints = append(b.out.Endpoints, readEndpoint(res, p))
	case typeFunction:
		f := b.lambdaFunction(res, r, p)
		f.DependsOn = r.dependsOn
		b.out.Functions = append(b.out.Functions, f)
	case typeSAMFunction:
		f := b.samFunction(res, p)
		f.DependsOn = r.dependsOn
		b.out.Functions = append(b.out.Functions, f)
	case typeCacheCluster:
		b.out.Caches = append(b.out.Caches, b.cacheCluster(res, p))
	case typeReplicationGroup:
		b.out.Caches = append(b.out.Caches, b.replicationGroup(res, p))
	case typeServerlessCache:
		b.out.Caches = append(b.out.Caches, b.serverlessCache(res, p))
	case typeNATGateway, typeInternetGateway, "AWS::EC2::EgressOnlyInternetGateway":
		b.out.Gateways = append(b.out.Gateways, readGateway(res, p))
	case "AWS::EC2::VPCPeeringConnection":
		b.out.Peerings = append(b.out.Peerings, b.readPeering(res, p))
	case "AWS::EC2::PrefixList":
		b.out.PrefixLists = append(b.out.PrefixLists, readPrefixList(res, p))
	case typeRole:
		b.out.Roles = append(b.out.Roles, b.readRole(res, p))
	case "AWS::EC2::Instance", "AWS::EC2::NetworkInterface", "AWS::ECS::Service", "AWS::ElasticLoadBalancingV2::LoadBalancer", "AWS::RDS::DBInstance":
		i := b.networkInterface(res, p)
		if i == nil {
			return false
		}
		b.out.Interfaces = append(b.out.Interfaces, i)
	case typeSubnetGroup, "AWS::RDS::DBSubnetGroup":
		// Their subnets are read through the caches and databases that name them.
	default:
		return false
	}
	return true
}

// attach adds a resource to the one that it names, and reports whether that is
// in the stack. why is not empty if the resource may not exist.
func (b *builder) attach(r *resource, p props, why string) bool {
	switch r.typ {
	case "AWS::EC2::SecurityGroupIngress":
		return b.ingressRule(p, why)
	case "AWS::EC2::SecurityGroupEgress":
		return b.egressRule(p, why)
	case "AWS::EC2::VPCCidrBlock":
		return b.vpcCIDR(p, why)
	case "AWS::EC2::SubnetCidrBlock":
		return b.subnetCIDR(p, why)
	case "AWS::EC2::VPCGatewayAttachment":
		return b.attachGateway(p, why)
	case "AWS::IAM::Policy", "AWS::IAM::RolePolicy":
		return b.rolePolicy(p, why)
	case "AWS::IAM::ManagedPolicy":
		b.rolePolicy(p, why) // roles may name it too, see attachManaged
		return true
	case "AWS::EC2::NetworkAclEntry":
		return b.aclEntry(p, why)
	case "AWS::EC2::SubnetNetworkAclAssociation":
		return b.aclSubnet(p, why)
	case "AWS::EC2::Route":
		return b.route(p, why)
	case "AWS::EC2::SubnetRouteTableAssociation":
		return b.routeSubnet(p, why)
	case typeAlias, typeVersion:
		return b.alias(r, p, why)
	case "AWS::Events::Rule":
		return b.eventsRule(p, why)
	case "AWS::Scheduler::Schedule":
		return b.schedulerSchedule(p, why)
	}
	return false
}

// lost notes that p attaches to one of several resources of the template, and
// that only deployment decides to which. What the template does not declare, such
// as an imported group, needs no note: nothing here depends on what is in it.
func (b *builder) lost(p props, key, kind string) bool {
	if v := p.get(key); v.namesResource() {
		b.gap(p, kind, "it belongs to a resource that is not known: "+v.why)
	}
	return false
}

// lostSubnet notes that a subnet has a route table or a network ACL that the
// template does not declare, in a VPC that it does: the subnet must not be taken
// to have the default of its VPC.
func (b *builder) lostSubnet(p props, key, kind string) bool {
	s := b.out.Subnet(p.id("SubnetId").Or(""))
	if s != nil && b.typeOf(s.VPC.Or("")) == typeVPC {
		id := p.id(key)
		b.gap(p, kind, "it gives "+s.ID+" what is not declared here: "+id.Or(id.Why()))
	}
	return false
}

func (b *builder) gap(p props, kind, why string) {
	b.out.Gaps = append(b.out.Gaps, stack.Gap{What: p.path, Kind: kind, Why: why, Origin: p.origin()})
}

// evaluateOutputs only finds wrong names; outputs are not part of a stack.
func (b *builder) evaluateOutputs() {
	section := b.root.get("Outputs")
	for _, name := range section.keys() {
		n := section.get(name)
		if c := n.get("Condition"); c != nil {
			if b.conditions[c.text] == nil {
				b.report.add(c.position, "Outputs."+name, "there is no condition %q%s", c.text, nearest(c.text, b.root.get("Conditions").keys()))
				continue
			}
			if b.condition(c.text).verdict == no {
				continue
			}
		}
		b.eval(n.get("Value"))
	}
}

// hedge makes a value of something that may not exist unknown.
func hedge[T any](v stack.Value[T], why string) stack.Value[T] {
	if why == "" {
		return v
	}
	return stack.Unknown[T](why)
}

// typeOf returns the type of a declared resource, or "".
func (t *template) typeOf(id string) string {
	if r := t.resources[id]; r != nil {
		return r.typ
	}
	return ""
}

// hideTokens marks the auth token of a cache as a secret in the environments
// that repeat it, so that a stack that is written out does not hold it.
func hideTokens(s *stack.Stack) {
	tokens := map[string]bool{}
	for _, c := range s.Caches {
		if c.AuthToken == nil {
			continue
		}
		if token, ok := c.AuthToken.Resolve(nil).Get(); ok && token != "" {
			tokens[token] = true
		}
	}
	for _, f := range s.Functions {
		for name, text := range f.Environment {
			f.Environment[name] = markSecrets(text, tokens)
		}
	}
}

func markSecrets(text stack.Text, tokens map[string]bool) stack.Text {
	out := append(stack.Text(nil), text...)
	for i, p := range out {
		out[i].Secret = p.Secret || tokens[p.Literal]
	}
	return out
}
