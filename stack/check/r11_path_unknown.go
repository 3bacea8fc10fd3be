package check

import "github.com/thawdev/thaw/stack/reach"

func pathUnknown() *Rule {
	return &Rule{
		ID: "THAW-R11", Name: "path-unknown", Severity: Info,
		Doc: Doc{
			Title:   "Nobody can prove from this input whether the function reaches the cache",
			Why:     "A value that deployment decides, a module that was not read or a call that was denied stands in the way of the proof. Thaw never guesses: the path may be open or closed.",
			Fix:     "Give the value with --parameter, check the Terraform plan instead of the configuration, or check the account after deployment with thaw snapshot.",
			Sources: []string{"docs/check.md, \"What is unknown\""},
		},
		Run: func(p *Pass) {
			for _, c := range p.paths() {
				if c.path.Verdict != reach.Unknown {
					continue
				}
				f := c.path.Deciding()
				p.reportAs(Info, c.function.Resource, c.function.Origin, "", inWords("%s", p.rule.Doc.Fix),
					"Whether function %s reaches cache %s on port %s is not known: %s", c.function.ID, c.cache.ID, at(c), f.Reason)
			}
		},
	}
}
