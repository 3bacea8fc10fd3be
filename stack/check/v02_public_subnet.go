package check

func publicIsNotInternet() *Rule {
	return &Rule{
		ID: "THAW-V02", Name: "public-subnet-without-internet", Severity: Warning,
		Doc: Doc{
			Title:   "The function is in a public subnet, which gives it no internet access",
			Why:     "Attaching a function to a public subnet gives it neither a public address nor internet access: the internet gateway drops packets from its private address. Every call that needs the internet hangs until the function times out.",
			Fix:     "Attach the function to private subnets. If it needs the internet, route their 0.0.0.0/0 to a NAT gateway that stands in the public subnet.",
			Sources: []string{sourceLambdaVPC},
		},
		Run: func(p *Pass) {
			for _, f := range p.stack.Functions {
				if f.VPC == nil {
					continue
				}
				var public []string
				for _, id := range known(f.VPC.Subnets) {
					if _, ok := p.internetRoute(id); ok {
						public = append(public, id)
					}
				}
				if len(public) == 0 {
					continue
				}
				fix := inWords("%s", p.rule.Doc.Fix)
				if private := p.privateSubnets(known(f.VPC.Subnets)); len(private) > 0 && allKnown(f.VPC.SecurityGroups) {
					fix = change(attachFunction{function: f, subnets: private, groups: known(f.VPC.SecurityGroups)})
				}
				p.report(f.Resource, f.VPC.Origin, fix, "Function %s is in the public %s %s, whose route to an internet gateway is of no use to it.",
					f.ID, map[bool]string{true: "subnet", false: "subnets"}[len(public) == 1], sentenceList(public))
			}
		},
	}
}

// privateSubnets lists the subnets of the same VPC that have no route to an
// internet gateway. If some of them lead to the internet by a NAT gateway, only
// those are listed.
func (p *Pass) privateSubnets(like []string) []string {
	vpc := ""
	for _, id := range like {
		if n := p.subnets[id]; n != nil {
			vpc = n.VPC.Or("")
		}
	}
	var private, nat []string
	for _, n := range p.stack.Subnets {
		if _, public := p.internetRoute(n.ID); public || vpc == "" || n.VPC.Or("") != vpc || n.Conditional != "" {
			continue
		}
		private = append(private, n.ID)
		if p.hasNAT(n.ID) {
			nat = append(nat, n.ID)
		}
	}
	if len(nat) > 0 {
		return nat
	}
	return private
}

func (p *Pass) hasNAT(subnet string) bool {
	t := p.tables[subnet]
	if t == nil {
		return false
	}
	for _, r := range t.Routes {
		if r.TargetKind == "nat" && r.Destination.Or("") == "0.0.0.0/0" {
			return true
		}
	}
	return false
}
