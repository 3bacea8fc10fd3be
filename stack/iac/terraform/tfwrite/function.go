package tfwrite

import (
	"maps"
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack"
)

func (d *document) functions() {
	for _, f := range d.s.Functions {
		r := d.begin(f.ID)
		r.set("function_name", d.nameOr(f.Name, r))
		r.set("role", d.role(f.Role))
		r.set("runtime", d.str(f.Runtime))
		r.set("handler", d.str(f.Handler))
		r.set("filename", literal("function.zip"))
		if a, ok := f.Architecture.Get(); !ok || a != "x86_64" {
			r.set("architectures", list(valueOf(f.Architecture, d)))
		}
		r.set("memory_size", optional(f.MemoryMB, 128, d))
		r.set("timeout", optional(f.Timeout, 3, d))
		if f.Reserved != nil {
			r.set("reserved_concurrent_executions", valueOf(*f.Reserved, d))
		}
		r.dependsOn = d.dependencies(f)
		d.attachment(r, f)
		if n, ok := f.PerEnvironment.Get(); !ok || n != 1 {
			inner := expr{kind: blocks, bodies: [][]attr{{{"per_execution_environment_max_concurrency", valueOf(f.PerEnvironment, d)}}}}
			r.set("capacity_provider_config", expr{kind: blocks, bodies: [][]attr{{{"lambda_managed_instances_capacity_provider_config", inner}}}})
		}
		d.environment(r, f)
		d.provisioned(r, f)
		for _, s := range f.Schedules {
			d.schedule(r, s)
		}
	}
}

// dependencies keeps the order in which a role loses its permissions and its
// function is deleted. Terraform's policies are resources of their own even
// where the stack has them inside the role.
func (d *document) dependencies(f *stack.Function) []*resource {
	for _, role := range d.s.Roles {
		if role.ID != f.Role.Or("") {
			continue
		}
		for _, id := range role.Grants {
			if !slices.Contains(f.DependsOn, id) {
				return nil
			}
		}
		return d.grants[role.ID]
	}
	return nil
}

func (d *document) role(v stack.Value[string]) expr {
	if s, ok := v.Get(); ok && s == "" {
		return literal("arn:aws:iam::123456789012:role/function")
	}
	return d.attributeOf(v, "arn")
}

func (d *document) attachment(r *resource, f *stack.Function) {
	if f.VPC == nil {
		return
	}
	body := []attr{{"subnet_ids", d.idsOrNone(f.VPC.Subnets)}, {"security_group_ids", d.idsOrNone(f.VPC.SecurityGroups)}}
	if e := optional(f.VPC.DualStack, false, d); e.kind != omitted {
		body = append(body, attr{"ipv6_allowed_for_dual_stack", e})
	}
	r.set("vpc_config", expr{kind: blocks, bodies: [][]attr{body}})
}

// idsOrNone writes a list that Terraform requires even if it is empty.
func (d *document) idsOrNone(all []stack.Value[string]) expr {
	if len(all) == 0 {
		return list()
	}
	return d.ids(all)
}

func (d *document) environment(r *resource, f *stack.Function) {
	if len(f.Environment) == 0 {
		return
	}
	vars := expr{kind: mapping}
	for _, name := range slices.Sorted(maps.Keys(f.Environment)) {
		vars.fields = append(vars.fields, attr{name, d.text(f.Environment[name])})
	}
	r.set("environment", expr{kind: blocks, bodies: [][]attr{{{"variables", vars}}}})
}

func (d *document) provisioned(r *resource, f *stack.Function) {
	if n, ok := f.Provisioned.Get(); ok && n == 0 {
		return
	}
	alias := d.add("aws_lambda_alias", f.ID)
	alias.set("name", d.nameOr(f.Alias, alias))
	alias.set("function_name", reference(r, "function_name"))
	alias.set("function_version", reference(r, "version"))
	p := d.add("aws_lambda_provisioned_concurrency_config", f.ID)
	p.set("function_name", reference(r, "function_name"))
	p.set("qualifier", reference(alias, "name"))
	p.set("provisioned_concurrent_executions", valueOf(f.Provisioned, d))
}

func (d *document) schedule(function *resource, s stack.Schedule) {
	rule := d.add("aws_cloudwatch_event_rule", s.Name)
	rule.set("schedule_expression", d.str(s.Expression))
	switch on, ok := s.Enabled.Get(); {
	case !ok:
		rule.set("state", d.unknown(s.Enabled.Why()))
	case !on:
		rule.set("state", literal("DISABLED"))
	}
	target := d.add("aws_cloudwatch_event_target", s.Name)
	target.set("rule", reference(rule, "name"))
	target.set("arn", reference(function, "arn"))
	target.set("input", d.str(s.Input))
}

func (d *document) roles() {
	for _, role := range d.s.Roles {
		r := d.begin(role.ID)
		r.set("name", d.name(role.Name))
		r.set("assume_role_policy", expr{kind: encoded, items: []expr{policy([]attr{
			{"Effect", literal("Allow")}, {"Action", literal("sts:AssumeRole")},
			{"Principal", expr{kind: mapping, fields: []attr{{"Service", literal("lambda.amazonaws.com")}}}}})}})
		for _, arn := range role.Managed {
			a := d.add("aws_iam_role_policy_attachment", role.ID+"_"+lastSegment(arn))
			a.set("role", reference(r, "name"))
			a.set("policy_arn", d.id(arn))
			d.grants[role.ID] = append(d.grants[role.ID], a)
		}
		if len(role.Statements) == 0 {
			continue
		}
		var statements [][]attr
		for _, s := range role.Statements {
			statements = append(statements, d.statement(s))
		}
		p := d.add("aws_iam_role_policy", role.ID)
		d.grants[role.ID] = append(d.grants[role.ID], p)
		p.set("role", reference(r, "id"))
		p.set("policy", expr{kind: encoded, items: []expr{policy(statements...)}})
	}
}

func lastSegment(arn stack.Value[string]) string {
	s := arn.Or("policy")
	return s[strings.LastIndexAny(s, "/:")+1:]
}

func policy(statements ...[]attr) expr {
	all := expr{kind: tuple}
	for _, s := range statements {
		all.items = append(all.items, expr{kind: mapping, fields: s})
	}
	return expr{kind: mapping, fields: []attr{{"Version", literal("2012-10-17")}, {"Statement", all}}}
}

func (d *document) statement(s stack.Statement) []attr {
	effect := "Deny"
	if s.Allow {
		effect = "Allow"
	}
	fields := []attr{{"Effect", literal(effect)}}
	words := func(name string, all []stack.Value[string]) {
		if len(all) == 0 {
			return
		}
		e := expr{kind: tuple}
		for _, v := range all {
			e.items = append(e.items, d.attributeOf(v, "arn"))
		}
		fields = append(fields, attr{name, e})
	}
	words("Action", s.Actions)
	words("NotAction", s.NotActions)
	words("Resource", s.Resources)
	if s.Conditional {
		fields = append(fields, attr{"Condition", expr{kind: mapping, fields: []attr{
			{"StringEquals", expr{kind: mapping, fields: []attr{{"aws:RequestedRegion", literal(d.region)}}}}}}})
	}
	return fields
}
