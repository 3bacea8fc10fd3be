package check

import "slices"

func noVPCAccess() *Rule {
	return &Rule{
		ID: "THAW-V03", Name: "role-without-vpc-access", Severity: Error,
		Doc: Doc{
			Title: "The function's role may not make network interfaces",
			Why: "Lambda makes the network interfaces of a function with the function's own role. Without ec2:CreateNetworkInterface, ec2:DescribeNetworkInterfaces and ec2:DeleteNetworkInterface the deployment fails, " +
				"or the function stays Inactive after 14 idle days. (Invocations go on working when the permissions are taken away later.)",
			Fix:     "Attach the managed policy AWSLambdaVPCAccessExecutionRole to the role. AWS advises to deny the same actions to the function's code with the condition lambda:SourceFunctionArn.",
			Sources: []string{sourceLambdaVPC},
			Unseen:  "Roles of other stacks and policies that the input does not hold: then the rule is silent.",
		},
		Run: func(p *Pass) {
			for _, f := range p.stack.Functions {
				role := p.roles[f.Role.Or("")]
				if f.VPC == nil || role == nil || p.vpcAccess(role) != no {
					continue
				}
				var missing []string
				for _, a := range vpcActions() {
					if grants(role, a) == no {
						missing = append(missing, a)
					}
				}
				slices.Sort(missing)
				p.report(role.Resource, role.Origin, change(attachPolicy{role, vpcAccessPolicy}),
					"Role %s of function %s, which is attached to a VPC, lacks %s.", role.ID, f.ID, sentenceList(missing))
			}
		},
	}
}
