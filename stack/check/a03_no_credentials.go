package check

import "slices"

func noCredentials() *Rule {
	return &Rule{
		ID: "THAW-A03", Name: "no-credentials", Severity: Warning,
		Doc: Doc{
			Title: "The cache asks for credentials and the function has none",
			Why: "With an AUTH token or user groups the cache answers NOAUTH to the first command. The function has no variable that looks like a credential, and its role may neither read a secret nor connect with IAM authentication. " +
				"(A token for IAM authentication lives 15 minutes, and the connection is cut after 12 hours.)",
			Fix:     "Allow the role elasticache:Connect and sign a token for each new connection (package thaw does), or give the function the ARN of a secret and the permission to read it.",
			Sources: []string{"Amazon ElastiCache User Guide, \"Authenticating with the AUTH command\"", "Amazon ElastiCache User Guide, \"Authenticating with IAM\""},
			Unseen:  "Credentials in the code itself. If the role's permissions are not all known, the rule is silent.",
		},
		Run: func(p *Pass) {
			for _, c := range p.paths() {
				how := ""
				switch {
				case c.cache.AuthToken != nil:
					how = "an AUTH token"
				case len(c.cache.UserGroups) > 0:
					how = "a user of its user groups"
				default:
					continue
				}
				if p.mayHaveCredentials(c) {
					continue
				}
				p.report(c.function.Resource, c.function.Origin, inWords("%s", p.rule.Doc.Fix),
					"Cache %s asks for %s, and function %s has no credentials: no variable that names any, and no permission to get any.", c.cache.ID, how, c.function.ID)
			}
		},
	}
}

// mayHaveCredentials reports whether the function has a user, a password or a
// way to get one, or whether nobody can tell.
func (p *Pass) mayHaveCredentials(c client) bool {
	for name, text := range c.function.Environment {
		v := variable{name: name, words: splitName(name), text: text}
		if v.has("PASSWORD", "PASS", "PWD", "AUTH", "TOKEN", "SECRET", "SECRETS", "USER", "USERNAME", "IAM", "CREDENTIAL", "CREDENTIALS") || secret(text) {
			return true
		}
		if u, ok := v.url(); ok && u.hasUser() {
			return true
		}
		if mentions(text, c.cache) && text.Resolve(func(string, string) (string, bool) { return "", true }).Why() != "" {
			return true
		}
	}
	role := p.roles[c.function.Role.Or("")]
	if role == nil || !role.Complete.IsKnown() {
		return true
	}
	actions := []string{"secretsmanager:GetSecretValue", "ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath", "elasticache:Connect", "s3:GetObject", "dynamodb:GetItem", "kms:Decrypt"}
	return slices.ContainsFunc(actions, func(a string) bool { return grants(role, a) != no })
}
