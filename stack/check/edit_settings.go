package check

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// setVariable gives an environment variable of a function another value.
type setVariable struct {
	function *stack.Function
	name     string
	value    stack.Text
}

func (e setVariable) key() string {
	return fmt.Sprintf("set-variable %s %s %v", e.function.ID, e.name, e.value)
}

func (e setVariable) sentence() string {
	if mayBePassword(e.name, e.value) {
		return fmt.Sprintf("Change variable %s of function %s.", e.name, e.function.ID)
	}
	return fmt.Sprintf("Set variable %s of function %s to %v.", e.name, e.function.ID, e.value)
}

// password matches the credentials of a URL, and those of a connection string.
var password = regexp.MustCompile(`(?i):[^:@/\s]+@|password=[^,;\s]`)

// mayBePassword reports whether the written value of a variable may hold a
// password. A report is read by more people than the template is.
func mayBePassword(name string, value stack.Text) bool {
	if slices.ContainsFunc(value, func(p stack.Part) bool { return password.MatchString(p.Literal) }) {
		return true
	}
	v := variable{name: name, words: splitName(name), text: value}
	s, ok := v.literal()
	if _, isTruth := v.truth(); !ok || s == "" || isTruth || strings.HasPrefix(s, "arn:") {
		return false
	}
	return v.has("PASSWORD", "PASS", "PASSWD", "PWD", "PASSPHRASE", "SECRET", "TOKEN", "KEY", "APIKEY", "CREDENTIAL", "CREDENTIALS")
}

func (e setVariable) notShown(name string) error {
	return byHand("It is not written here, because %s of %s may hold a password.", name, e.function.ID)
}

func (e setVariable) cloudFormation(w *fragment) error {
	if mayBePassword(e.name, e.value) {
		return e.notShown(e.name)
	}
	value, err := w.text(e.value)
	if err != nil {
		return byHand("It is not written here, because %v.", err)
	}
	p, err := w.change(e.function.Resource)
	if err != nil {
		return err
	}
	p.child("Environment").child("Variables").set(e.name, value)
	return nil
}

// terraform repeats all variables, because an override replaces the block.
func (e setVariable) terraform(w *configuration) error {
	var lines []string
	names := slices.Sorted(maps.Keys(e.function.Environment))
	width := 0
	for _, name := range names {
		width = max(width, len(name))
	}
	for _, name := range names {
		text := e.function.Environment[name]
		if name == e.name {
			text = e.value
		}
		if mayBePassword(name, text) {
			return e.notShown(name)
		}
		value, err := w.text(text)
		if err != nil {
			return byHand("It is not written here, because %s of %s would have to be repeated and %v.", name, e.function.ID, err)
		}
		lines = append(lines, fmt.Sprintf("  %-*s = %s", width, name, value))
	}
	b, err := w.override(e.function.ID)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(b.blocks, func(inner *block) bool { return inner.kind == "environment" }) {
		return byHand("Another change of the same variables is written here already.")
	}
	environment := newBlock("environment")
	environment.set("variables", "{\n"+strings.Join(lines, "\n")+"\n}")
	b.blocks = append(b.blocks, environment)
	return nil
}

func (e setVariable) commands(*script) error {
	return byHand("The AWS CLI replaces all variables at once, among them secrets that a snapshot does not hold; change the one in the console or where the function is declared.")
}

// attachPolicy gives a role a managed policy.
type attachPolicy struct {
	role *stack.Role
	arn  string
}

func (e attachPolicy) key() string { return "attach-policy " + e.role.ID + " " + e.arn }

func (e attachPolicy) sentence() string {
	return fmt.Sprintf("Attach the managed policy %s to role %s.", path.Base(e.arn), e.role.ID)
}

func (e attachPolicy) cloudFormation(w *fragment) error {
	if !allKnown(e.role.Managed) {
		return byHand("Add it to ManagedPolicyArns.")
	}
	p, err := w.change(e.role.Resource)
	if err != nil {
		return err
	}
	arns := mapList(known(e.role.Managed), func(arn string) any { return w.ref(arn) })
	p.set("ManagedPolicyArns", append(arns, e.arn))
	return nil
}

func (e attachPolicy) terraform(w *configuration) error {
	role, err := w.attribute(e.role.ID, "name")
	if err != nil {
		return err
	}
	const typ = "aws_iam_role_policy_attachment"
	b := newBlock("resource", typ, w.name(typ, e.role.ID, "vpc_access"))
	b.set("role", role)
	b.set("policy_arn", quoteHCL(e.arn))
	w.add(b)
	return nil
}

func (e attachPolicy) commands(w *script) error {
	name, ok := e.role.Name.Get()
	if !ok || name == "" {
		return byHand("The name of the role is not known.")
	}
	w.run("aws", "iam", "attach-role-policy", literal("--role-name"), shell(name), literal("--policy-arn"), shell(e.arn))
	return nil
}

// enableDNS switches a VPC's DNS support on.
type enableDNS struct{ vpc *stack.VPC }

func (e enableDNS) key() string { return "enable-dns " + e.vpc.ID }

func (e enableDNS) sentence() string { return "Enable DNS support in " + e.vpc.ID + "." }

func (e enableDNS) cloudFormation(w *fragment) error {
	p, err := w.change(e.vpc.Resource)
	if err == nil {
		p.set("EnableDnsSupport", true)
	}
	return err
}

func (e enableDNS) terraform(w *configuration) error {
	b, err := w.override(e.vpc.ID)
	if err == nil {
		b.set("enable_dns_support", "true")
	}
	return err
}

func (e enableDNS) commands(w *script) error {
	w.run("aws", "ec2", "modify-vpc-attribute", w.flag("--vpc-id", e.vpc.ID), literal("--enable-dns-support"))
	return nil
}

// addEndpoint makes a VPC endpoint for a service.
type addEndpoint struct {
	vpc     string
	region  string   // "" is not known
	service string   // s3, secretsmanager
	tables  []string // of a gateway endpoint
	subnets []string // of an interface endpoint
	groups  []string
}

func (e addEndpoint) gateway() bool { return len(e.tables) > 0 }

func (e addEndpoint) key() string {
	return fmt.Sprintf("add-endpoint %s %s %v %v %v", e.vpc, e.service, e.tables, e.subnets, e.groups)
}

func (e addEndpoint) sentence() string {
	return fmt.Sprintf("Make a VPC endpoint for %s in %s.", e.service, e.vpc)
}

func (e addEndpoint) cloudFormation(w *fragment) error {
	p := w.create(w.name(e.service, "Endpoint"), "AWS::EC2::VPCEndpoint")
	p.set("VpcId", w.ref(e.vpc))
	p.set("ServiceName", call{"Sub", "com.amazonaws.${AWS::Region}." + e.service})
	if e.gateway() {
		p.set("VpcEndpointType", "Gateway")
		p.set("RouteTableIds", w.refList(e.tables))
		return nil
	}
	p.set("VpcEndpointType", "Interface")
	p.set("PrivateDnsEnabled", true)
	p.set("SubnetIds", w.refList(e.subnets))
	p.set("SecurityGroupIds", w.groupList(e.groups))
	return nil
}

func (e addEndpoint) terraform(w *configuration) error {
	vpc, err := w.id(e.vpc)
	if err != nil {
		return err
	}
	b := newBlock("resource", "aws_vpc_endpoint", w.name("aws_vpc_endpoint", e.service))
	b.set("vpc_id", vpc)
	if e.region == "" {
		return byHand("Name the service com.amazonaws.REGION.%s with your region.", e.service)
	}
	b.set("service_name", quoteHCL("com.amazonaws."+e.region+"."+e.service))
	if e.gateway() {
		tables, err := w.ids(e.tables)
		if err != nil {
			return err
		}
		b.set("vpc_endpoint_type", `"Gateway"`)
		b.set("route_table_ids", tables)
		w.add(b)
		return nil
	}
	subnets, err := w.ids(e.subnets)
	if err != nil {
		return err
	}
	groups, err := w.ids(e.groups)
	if err != nil {
		return err
	}
	b.set("vpc_endpoint_type", `"Interface"`)
	b.set("private_dns_enabled", "true")
	b.set("subnet_ids", subnets)
	b.set("security_group_ids", groups)
	w.add(b)
	return nil
}

func (e addEndpoint) commands(w *script) error {
	if e.region == "" {
		return byHand("Name the service com.amazonaws.REGION.%s with your region.", e.service)
	}
	args := []word{w.flag("--vpc-id", e.vpc), literal("--service-name"), shell("com.amazonaws." + e.region + "." + e.service)}
	if e.gateway() {
		args = append(args, literal("--vpc-endpoint-type Gateway --route-table-ids"), w.ids(e.tables))
	} else {
		args = append(args, literal("--vpc-endpoint-type Interface --private-dns-enabled --subnet-ids"), w.ids(e.subnets), literal("--security-group-ids"), w.ids(e.groups))
	}
	w.run("aws", "ec2", "create-vpc-endpoint", args...)
	return nil
}

// dependOn makes a function depend on resources, so that they outlive it.
type dependOn struct {
	function  *stack.Function
	resources []string
}

func (e dependOn) key() string { return fmt.Sprintf("depend-on %s %v", e.function.ID, e.resources) }

func (e dependOn) sentence() string {
	return fmt.Sprintf("Let function %s depend on %s.", e.function.ID, sentenceList(e.resources))
}

func (e dependOn) cloudFormation(w *fragment) error {
	res, err := w.existing(e.function.Resource)
	if err != nil {
		return err
	}
	all := slices.Concat(e.function.DependsOn, e.resources)
	res.set("DependsOn", mapList(all, func(id string) any { return id }))
	return nil
}

func (e dependOn) terraform(*configuration) error {
	return byHand("Write depends_on = [%s] in its block; Terraform takes no depends_on in an override.", strings.Join(e.resources, ", "))
}

func (e dependOn) commands(*script) error { return byHand("An account has no declarations.") }

// setRole refers to a declared role, instead of naming it.
type setRole struct {
	function *stack.Function
	role     *stack.Role
}

func (e setRole) key() string { return "set-role " + e.function.ID + " " + e.role.ID }

func (e setRole) sentence() string {
	return fmt.Sprintf("Refer to role %s in function %s instead of writing its name.", e.role.ID, e.function.ID)
}

func (e setRole) cloudFormation(w *fragment) error {
	p, err := w.change(e.function.Resource)
	if err == nil {
		p.set("Role", call{"GetAtt", e.role.ID + ".Arn"})
	}
	return err
}

func (e setRole) terraform(w *configuration) error {
	arn, err := w.attribute(e.role.ID, "arn")
	if err != nil {
		return err
	}
	b, err := w.override(e.function.ID)
	if err == nil {
		b.set("role", arn)
	}
	return err
}

func (e setRole) commands(*script) error { return byHand("An account has no declarations.") }
