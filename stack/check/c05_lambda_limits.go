package check

func lambdaLimits() *Rule {
	return &Rule{
		ID: "THAW-C05", Name: "vpc-config-limits", Severity: Error,
		Doc: Doc{
			Title:   "The function names more than 16 subnets or more than 5 security groups",
			Why:     "Lambda takes at most 16 subnets and 5 security groups; the deployment fails.",
			Fix:     "Name one subnet for each zone, and merge security groups: all rules of all groups of a function are merged anyway.",
			Sources: []string{"AWS Lambda API, VpcConfig"},
			Unseen:  "A live account cannot hold such a function.",
		},
		Run: func(p *Pass) {
			for _, f := range p.stack.Functions {
				if f.VPC == nil {
					continue
				}
				if n := len(f.VPC.Subnets); n > mostSubnets {
					p.report(f.Resource, f.VPC.Origin, inWords("%s", p.rule.Doc.Fix), "Function %s names %d subnets; Lambda takes at most %d.", f.ID, n, mostSubnets)
				}
				if n := len(f.VPC.SecurityGroups); n > mostGroups {
					p.report(f.Resource, f.VPC.Origin, inWords("%s", p.rule.Doc.Fix), "Function %s names %d security groups; Lambda takes at most %d.", f.ID, n, mostGroups)
				}
			}
		},
	}
}
