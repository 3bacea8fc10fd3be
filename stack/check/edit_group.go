package check

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// newGroup makes a security group without any rule. Other edits refer to it by
// its name, which is not an ID of the stack.
type newGroup struct {
	name        string
	vpc         string
	description string
}

func (e newGroup) key() string { return fmt.Sprintf("new-group %+v", e) }

func (e newGroup) sentence() string {
	return fmt.Sprintf("Make a security group %s in %s.", e.name, e.vpc)
}

func (e newGroup) cloudFormation(w *fragment) error {
	p := w.create(e.name, "AWS::EC2::SecurityGroup")
	p.set("GroupDescription", e.description)
	p.set("VpcId", w.ref(e.vpc))
	return nil
}

func (e newGroup) terraform(w *configuration) error {
	vpc, err := w.id(e.vpc)
	if err != nil {
		return err
	}
	const typ = "aws_security_group"
	name := w.name(typ, e.name)
	b := newBlock("resource", typ, name)
	b.set("name_prefix", quoteHCL(strings.ReplaceAll(name, "_", "-")+"-"))
	b.set("description", quoteHCL(e.description))
	b.set("vpc_id", vpc)
	w.add(b)
	w.made[e.name] = typ + "." + name
	return nil
}

func (e newGroup) commands(w *script) error {
	name := shellVariable(e.name)
	w.made[e.name] = name
	before := len(w.lines)
	w.run("aws", "ec2", "create-security-group", literal("--group-name"), shell(e.name), literal("--description"), shell(e.description),
		w.flag("--vpc-id", e.vpc), literal("--query GroupId --output text"))
	w.lines[before] = name + "=$(" + w.lines[before] + ")"
	all := stack.Rule{Protocol: stack.Known("-1"), CIDR: stack.Known("0.0.0.0/0")}
	permission, err := w.permission(all)
	w.run("aws", "ec2", "revoke-security-group-egress", w.flag("--group-id", e.name), literal("--ip-permissions"), permission)
	return err
}

// setGroups replaces the security groups of a cache.
type setGroups struct {
	cache  *stack.Cache
	groups []string
}

func (e setGroups) key() string { return fmt.Sprintf("set-groups %s %v", e.cache.ID, e.groups) }

func (e setGroups) sentence() string {
	return fmt.Sprintf("Give cache %s the security groups %s.", e.cache.ID, sentenceList(e.groups))
}

func (e setGroups) cloudFormation(w *fragment) error {
	p, err := w.change(e.cache.Resource)
	if err != nil {
		return err
	}
	key := "SecurityGroupIds"
	if e.cache.Kind == stack.CacheCluster {
		key = "VpcSecurityGroupIds"
	}
	p.set(key, w.groupList(e.groups))
	return nil
}

func (e setGroups) terraform(w *configuration) error {
	groups, err := w.ids(e.groups)
	if err != nil {
		return err
	}
	b, err := w.override(e.cache.ID)
	if err != nil {
		return err
	}
	b.set("security_group_ids", groups)
	return nil
}

func (e setGroups) commands(w *script) error {
	name := e.cache.Name.Or(e.cache.ID)
	groups := w.ids(e.groups)
	switch e.cache.Kind {
	case stack.Serverless:
		w.run("aws", "elasticache", "modify-serverless-cache", literal("--serverless-cache-name"), shell(name), literal("--security-group-ids"), groups)
	case stack.ReplicationGroup:
		w.run("aws", "elasticache", "modify-replication-group", literal("--replication-group-id"), shell(name), literal("--security-group-ids"), groups, literal("--apply-immediately"))
	default:
		w.run("aws", "elasticache", "modify-cache-cluster", literal("--cache-cluster-id"), shell(name), literal("--security-group-ids"), groups, literal("--apply-immediately"))
	}
	return nil
}

// attachFunction attaches a function to subnets and security groups, in place
// of those that it has.
type attachFunction struct {
	function *stack.Function
	subnets  []string
	groups   []string
	dual     bool // also allow IPv6
}

func (e attachFunction) key() string {
	return fmt.Sprintf("attach %s %v %v %v", e.function.ID, e.subnets, e.groups, e.dual)
}

func (e attachFunction) sentence() string {
	return fmt.Sprintf("Attach function %s to the subnets %s with the security groups %s.", e.function.ID, sentenceList(e.subnets), sentenceList(e.groups))
}

func (e attachFunction) cloudFormation(w *fragment) error {
	p, err := w.change(e.function.Resource)
	if err != nil {
		return err
	}
	config := p.child("VpcConfig")
	config.set("SubnetIds", w.refList(e.subnets))
	config.set("SecurityGroupIds", w.groupList(e.groups))
	if e.dual {
		config.set("Ipv6AllowedForDualStack", true)
	}
	return nil
}

func (e attachFunction) terraform(w *configuration) error {
	subnets, err := w.ids(e.subnets)
	if err != nil {
		return err
	}
	groups, err := w.ids(e.groups)
	if err != nil {
		return err
	}
	b, err := w.override(e.function.ID)
	if err != nil {
		return err
	}
	config := newBlock("vpc_config")
	config.set("subnet_ids", subnets)
	config.set("security_group_ids", groups)
	if e.dual {
		config.set("ipv6_allowed_for_dual_stack", "true")
	}
	b.blocks = append(b.blocks, config)
	return nil
}

func (e attachFunction) commands(w *script) error {
	config := "SubnetIds=" + string(w.comma(e.subnets)) + ",SecurityGroupIds=" + string(w.comma(e.groups))
	if e.dual {
		config += ",Ipv6AllowedForDualStack=true"
	}
	w.run("aws", "lambda", "update-function-configuration", literal("--function-name"), shell(functionName(e.function)), literal("--vpc-config"), word(config))
	return nil
}

// shortName is the name in an ID: of module.app.aws_lambda_function.handler[0]
// it is handler.
func shortName(id string) string {
	id, _, _ = strings.Cut(id, "[")
	return id[strings.LastIndexByte(id, '.')+1:]
}

// camel joins the words of a name: cache_group is CacheGroup.
func camel(name string) string {
	var out string
	for _, w := range splitName(name) {
		out += w[:1] + strings.ToLower(w[1:])
	}
	return out
}

// groupName names a new security group after a function.
func groupName(f *stack.Function, suffix string) string { return camel(shortName(f.ID)) + suffix }

// functionName is the name of a function for people and for the AWS CLI.
func functionName(f *stack.Function) string { return cmp.Or(f.Name.Or(""), f.ID) }
