package stack

// Function is a Lambda function with the settings that decide how it runs.
type Function struct {
	Resource
	Name         Value[string]   `json:"name"`
	Runtime      Value[string]   `json:"runtime"` // provided.al2023, nodejs22.x, python3.13, …; "" with PackageType Image
	Handler      Value[string]   `json:"handler"`
	Code         Value[string]   `json:"code"`                 // local folder or file, as an absolute path
	InlineCode   Value[string]   `json:"inline_code,omitzero"` // source written into the template; "": Code holds it
	Architecture Value[string]   `json:"architecture"`         // x86_64 (AWS default) or arm64
	MemoryMB     Value[int]      `json:"memory_mb"`            // AWS default 128
	Timeout      Value[int]      `json:"timeout_s"`            // seconds; AWS default 3
	Environment  map[string]Text `json:"environment,omitempty"`
	VPC          *VPCConfig      `json:"vpc,omitempty"` // nil: the function is not attached to a VPC
	Role         Value[string]   `json:"role,omitzero"` // ID or ARN of the execution role; "": the template's language makes one
	// DependsOn are the IDs that the declaration names beside its references, so
	// that they are made before the function and deleted after it.
	DependsOn []string `json:"depends_on,omitempty"`

	Reserved    *Value[int]   `json:"reserved_concurrency,omitempty"` // nil: none reserved
	Alias       Value[string] `json:"alias"`                          // the alias that carries Provisioned, or ""
	Provisioned Value[int]    `json:"provisioned_concurrency"`
	// PerEnvironment is how many invocations one execution environment takes at
	// once: 1, or more with Lambda Managed Instances.
	PerEnvironment Value[int] `json:"per_environment_concurrency"`
	Schedules      []Schedule `json:"schedules,omitempty"`
}

// UnnamedVariables is the name in Function.Environment of variables of which a
// reader knows what they mention, and neither names nor number. No variable can
// have it.
const UnnamedVariables = "(not named in the plan)"

// VPCConfig attaches a function to subnets and security groups.
type VPCConfig struct {
	Subnets        []Value[string] `json:"subnets"`
	SecurityGroups []Value[string] `json:"security_groups"`
	DualStack      Value[bool]     `json:"dual_stack,omitzero"` // Ipv6AllowedForDualStack; AWS default false
	Origin         Origin          `json:"origin"`
}

// Schedule invokes a function at a rate or by a cron expression.
type Schedule struct {
	Name       string        `json:"name"`
	Expression Value[string] `json:"expression"` // rate(5 minutes) or cron(…)
	Input      Value[string] `json:"input"`      // the event, as JSON; "" is the scheduler's own event
	Enabled    Value[bool]   `json:"enabled"`
	Origin     Origin        `json:"origin"`
}
