package check

import (
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack"
)

func roleDeletedFirst() *Rule {
	return &Rule{
		ID: "THAW-I03", Name: "role-deleted-before-function", Severity: Warning,
		Doc: Doc{
			Title: "The role, or its permissions, may be deleted before the function",
			Why: "Lambda deletes the network interfaces of a function with the function's role. If the role or its policy goes first, the interfaces stay and hold the subnets and security groups, which then cannot be deleted: " +
				"terraform destroy and stack deletion wait for up to an hour and fail. Nothing orders the two if the function names the role by a text, or if the policy is a resource of its own on which the function does not depend.",
			Fix:     "Refer to the role instead of writing its name, and let the function depend on the policies and attachments of the role.",
			Sources: []string{sourceLambdaVPC, "github.com/hashicorp/terraform-provider-aws issues 10329 and 32130"},
			Unseen:  "A live account, which has no declarations.",
		},
		Run: func(p *Pass) {
			if p.stack.Dialect == stack.Live {
				return
			}
			for _, f := range p.stack.Functions {
				if f.VPC == nil {
					continue
				}
				if role := p.namedRole(f); role != nil {
					fix := change(setRole{f, role})
					if len(role.Grants) > 0 {
						fix.edits = append(fix.edits, dependOn{f, role.Grants})
					}
					p.report(f.Resource, f.Origin, fix, "Function %s names role %s by a text, so nothing keeps the role until the function is deleted.", f.ID, role.ID)
				}
				p.reportGrants(f)
			}
		},
	}
}

// namedRole returns the role of the stack whose name or ARN a function writes
// out.
func (p *Pass) namedRole(f *stack.Function) *stack.Role {
	text, ok := f.Role.Get()
	if !ok || p.roles[text] != nil || text == "" {
		return nil
	}
	for _, r := range p.stack.Roles {
		if name, ok := r.Name.Get(); ok && name != "" && strings.HasSuffix(text, "/"+name) && !slices.Contains(f.DependsOn, r.ID) {
			return r
		}
	}
	return nil
}

// reportGrants reports the attachments that give the role what Lambda needs to
// delete interfaces, and that may go before the function.
func (p *Pass) reportGrants(f *stack.Function) {
	role := p.roles[f.Role.Or("")]
	if role == nil {
		return
	}
	var loose []string
	for _, id := range role.Grants {
		if given := role.Given[id]; !slices.Contains(f.DependsOn, id) && (given == nil || grants(given, "ec2:DeleteNetworkInterface") != no) {
			loose = append(loose, id)
		}
	}
	if len(loose) == 0 {
		return
	}
	p.report(f.Resource, f.Origin, change(dependOn{f, loose}), "Function %s does not depend on %s, which gives its role %s permissions.", f.ID, sentenceList(loose), role.ID)
}
