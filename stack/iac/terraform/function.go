package terraform

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack"
)

func (b *builder) function(res stack.Resource, a attrs) {
	f := &stack.Function{Resource: res,
		Name:           a.name("function_name"),
		Runtime:        a.str("runtime", ""),
		Handler:        a.str("handler", ""),
		Code:           b.code(a),
		Architecture:   stack.Known("x86_64"),
		MemoryMB:       a.integer("memory_size", 128),
		Timeout:        a.integer("timeout", 3),
		Environment:    b.environment(a),
		VPC:            a.vpcConfig(),
		Role:           a.id("role"),
		PerEnvironment: stack.Known(1),
		DependsOn:      a.inst.dependsOn(),
	}
	if all := a.words("architectures"); len(all) > 0 {
		f.Architecture = all[0]
	}
	if a.has("reserved_concurrent_executions") {
		// -1 is the provider's word for none.
		if n := a.integer("reserved_concurrent_executions", -1); !n.IsKnown() || n.Or(0) >= 0 {
			f.Reserved = &n
		}
	}
	if provider, ok := a.first("capacity_provider_config"); ok {
		f.PerEnvironment = perEnvironment(provider)
	}
	b.functions[res.ID] = f
	b.out.Functions = append(b.out.Functions, f)
}

// perEnvironment reads how many invocations an environment of Lambda Managed
// Instances takes at once.
func perEnvironment(a attrs) stack.Value[int] {
	const name = "per_execution_environment_max_concurrency"
	if inner, ok := a.first("lambda_managed_instances_capacity_provider_config"); ok {
		a = inner
	}
	if !a.has(name) {
		return stack.Unknown[int](name + ", which the configuration leaves to Lambda Managed Instances")
	}
	return a.integer(name, 1)
}

// code says where the code of a function is. Terraform takes an archive, whose
// path is relative to the folder where it runs.
func (b *builder) code(a attrs) stack.Value[string] {
	switch {
	case a.has("filename"):
		path, ok := a.str("filename", "").Get()
		if !ok || filepath.IsAbs(path) {
			return a.str("filename", "")
		}
		dir := filepath.Dir(b.e.file)
		if b.e.file == "" {
			dir = b.e.root.source.dir
		}
		abs, err := filepath.Abs(filepath.Join(dir, filepath.FromSlash(path)))
		if err != nil {
			return stack.Unknown[string](err.Error())
		}
		return stack.Known(abs)
	case a.has("image_uri"):
		return stack.Unknown[string]("the code is in container image " + a.str("image_uri", "").Or("…"))
	case a.has("s3_bucket"):
		return stack.Unknown[string]("the code is in S3 at s3://" + a.str("s3_bucket", "").Or("…") + "/" + a.str("s3_key", "").Or("…"))
	}
	return stack.Unknown[string]("the configuration names no code")
}

// vpcConfig returns nil for a function outside a VPC, which the provider also
// writes as a block of two empty lists.
func (a attrs) vpcConfig() *stack.VPCConfig {
	block, ok := a.first("vpc_config")
	if !ok {
		return nil
	}
	v := &stack.VPCConfig{Subnets: block.superset("subnet_ids"), SecurityGroups: block.ids("security_group_ids"),
		DualStack: block.boolean("ipv6_allowed_for_dual_stack", false), Origin: block.origin()}
	if len(v.Subnets) == 0 && len(v.SecurityGroups) == 0 {
		return nil
	}
	return v
}

// environment reads the variables. If their names are not known, neither is
// which cache the function uses, unless what they mention tells: the AWS provider
// leaves all of them unknown as soon as one is, and a plan alone then says what
// they refer to.
func (b *builder) environment(a attrs) map[string]stack.Text {
	block, ok := a.first("environment")
	if !ok {
		return nil
	}
	v := block.get("variables")
	if v.kind == unknown || v.why != "" || v.kind != object && v.kind != null {
		b.out.Gaps = append(b.out.Gaps, stack.Gap{What: a.path + ".environment", Kind: "functions",
			Why: "the names of its variables depend on " + dependsOn(v), Origin: block.origin()})
	}
	if v.kind != object {
		return unnamedVariables(v)
	}
	env := map[string]stack.Text{}
	for i, name := range v.keys {
		if v.items[i].kind != null {
			env[name] = b.asText(v.items[i])
		}
	}
	if len(env) == 0 {
		return nil
	}
	return env
}

// unnamedVariables is one text that mentions what the variables do. It holds no
// attributes, because it is not known which of them is alone in a variable.
func unnamedVariables(v value) map[string]stack.Text {
	text := stack.Text{{Unknown: dependsOn(v)}}
	for _, p := range mentionOf("", v)[1:] {
		if part := (stack.Part{Resource: p.Resource}); !slices.Contains(text, part) {
			text = append(text, part)
		}
	}
	if len(text) == 1 {
		return nil
	}
	return map[string]stack.Text{stack.UnnamedVariables: text}
}

func dependsOn(v value) string {
	if v.guess != nil {
		return v.guess.why
	}
	return orElse(v.reason(), orElse(v.why, "an expression"))
}

// functionNamed returns the function that v names: by reference, name or ARN,
// or through an alias of it. It returns nil if the function is not in the stack.
func (b *builder) functionNamed(v value) *stack.Function {
	if alias := b.find("aws_lambda_alias", v, "arn", "invoke_arn"); alias != nil {
		v = alias.arg("function_name")
	}
	if i := b.find("aws_lambda_function", v, "function_name", "arn"); i != nil {
		return b.functions[i.address]
	}
	return nil
}

// provisioned reads the provisioned concurrency of an alias. A function holds
// one; that of another alias is kept aside.
func (b *builder) provisioned(a attrs, why string) bool {
	f := b.functionNamed(a.get("function_name"))
	if f == nil || f.Provisioned != stack.Known(0) {
		return b.lost(a, "functions", a.id("function_name"))
	}
	f.Provisioned = hedge(a.integer("provisioned_concurrent_executions", 0), why)
	f.Alias = a.str("qualifier", "")
	if alias := b.find("aws_lambda_alias", a.get("qualifier"), "name"); alias != nil {
		f.Alias = b.attrs(alias).str("name", "")
	}
	return true
}

// eventTarget adds an EventBridge rule with a schedule to the function that it
// targets. A rule that matches events, or targets something else, is kept aside.
func (b *builder) eventTarget(a attrs, why string) bool {
	f := b.functionNamed(a.get("arn"))
	rule := b.find("aws_cloudwatch_event_rule", a.get("rule"), "name", "id")
	if f == nil || rule == nil {
		return false
	}
	r := b.attrs(rule)
	if !r.has("schedule_expression") {
		return false
	}
	s := stack.Schedule{Name: rule.address, Expression: r.str("schedule_expression", ""), Input: a.str("input", ""), Enabled: enabled(r), Origin: r.origin()}
	s.Enabled = hedge(s.Enabled, orElse(why, b.resource(rule).Conditional))
	f.Schedules = append(f.Schedules, s)
	return true
}

// enabled reads the state of a schedule; is_enabled is the older argument.
func enabled(a attrs) stack.Value[bool] {
	if a.has("state") {
		v := a.str("state", "")
		s, ok := v.Get()
		if !ok {
			return stack.Unknown[bool](v.Why())
		}
		return stack.Known(strings.HasPrefix(s, "ENABLED"))
	}
	return a.boolean("is_enabled", true)
}

// scheduler adds a schedule of EventBridge Scheduler to its function.
func (b *builder) scheduler(a attrs, why string) bool {
	target, ok := a.first("target")
	if !ok {
		return false
	}
	f := b.functionNamed(target.get("arn"))
	if f == nil {
		return false
	}
	f.Schedules = append(f.Schedules, stack.Schedule{Name: a.path, Expression: a.str("schedule_expression", ""),
		Input: target.str("input", ""), Enabled: hedge(enabled(a), why), Origin: a.origin()})
	return true
}
