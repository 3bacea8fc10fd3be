package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack"
	"github.com/thawdev/thaw/stack/reach"
)

// pair finds which function uses which cache: by a variable that mentions the
// cache, by a security-group rule between them, or by the IAM permission to
// connect. If the stack gives no such sign at all, everything that shares a VPC
// is taken for a pair.
func (p *Pass) pair() []client {
	var clients []client
	for _, f := range p.stack.Functions {
		for _, c := range p.stack.Caches {
			if why := p.evidence(f, c); why != "" {
				clients = append(clients, p.walk(f, c, why, false)...)
			}
		}
	}
	if len(clients) > 0 {
		return clients
	}
	for _, f := range p.stack.Functions {
		for _, c := range p.stack.Caches {
			if vpc := p.sharedVPC(f, c); vpc != "" {
				clients = append(clients, p.walk(f, c, "both are in "+vpc+", and nothing says who uses the cache", true)...)
			}
		}
	}
	return clients
}

// walk asks for the path, and for the second path that a serverless cache has.
func (p *Pass) walk(f *stack.Function, c *stack.Cache, why string, assumed bool) []client {
	out := []client{{f, c, Path{brief(p.network.Path(f, c, c.Port)), why, assumed}, false}}
	if reader, ok := c.ReaderPort.Get(); ok && reader != 0 && reader != c.Port.Or(0) {
		out = append(out, client{f, c, Path{brief(p.network.Path(f, c, c.ReaderPort)), why, assumed}, true})
	}
	return out
}

// brief leaves the factors of open pairs out, which say no more than those of
// the path: a report of 200 functions in six subnets holds 7,200 pairs.
func brief(path reach.Path) reach.Path {
	for i := range path.Pairs {
		if path.Pairs[i].Verdict == reach.Open {
			path.Pairs[i].Factors = []reach.Factor{}
		}
	}
	return path
}

// evidence says why the stack suggests that f uses c; "" is not at all.
func (p *Pass) evidence(f *stack.Function, c *stack.Cache) string {
	for _, name := range slices.Sorted(maps.Keys(f.Environment)) {
		if mentions(f.Environment[name], c) {
			return "variable " + name
		}
	}
	if f.VPC != nil {
		if rule := p.ruleBetween(f, c); rule != "" {
			return rule
		}
	}
	if role := p.roles[f.Role.Or("")]; role != nil {
		if s := connects(role, c); s != "" {
			return s
		}
	}
	return ""
}

// mentions reports whether a text refers to the cache, or holds one of its
// addresses.
func mentions(t stack.Text, c *stack.Cache) bool {
	for _, part := range t {
		if part.Resource == c.ID {
			return true
		}
		if part.Literal != "" && !part.Secret && literalHost(part.Literal, c) {
			return true
		}
	}
	return false
}

// literalHost reports whether a text holds an endpoint of the cache. Names of
// caches that are not deployed yet are compared with the first labels of the
// host name, in which ElastiCache writes the name of the cache:
// NAME.abc123.0001.use1.cache.amazonaws.com, master.NAME.…, clustercfg.NAME.…,
// and NAME-ro.… for the readers of a replication group without TLS.
func literalHost(text string, c *stack.Cache) bool {
	text = strings.ToLower(text)
	for _, host := range c.Endpoints {
		if host != "" && containsHost(text, strings.ToLower(host)) {
			return true
		}
	}
	name, ok := c.Name.Get()
	if !ok || name == "" || !strings.Contains(text, ".cache.amazonaws.com") {
		return false
	}
	name = strings.ToLower(name)
	for _, host := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("/@:, ;", r) }) {
		for i, label := range strings.Split(host, ".") {
			// A serverless cache adds a dash and an id to its name.
			if i < 2 && (label == name || c.Kind == stack.ReplicationGroup && label == name+"-ro" || c.Kind == stack.Serverless && strings.HasPrefix(label, name+"-")) {
				return true
			}
		}
	}
	return false
}

// containsHost reports whether text holds host as a whole, not as the end or
// the beginning of a longer name or address.
func containsHost(text, host string) bool {
	for rest := text; ; {
		i := strings.Index(rest, host)
		if i < 0 {
			return false
		}
		before, after := byte(' '), byte(' ')
		if i > 0 {
			before = rest[i-1]
		}
		if end := i + len(host); end < len(rest) {
			after = rest[end]
		}
		if !hostByte(before) && !hostByte(after) {
			return true
		}
		rest = rest[i+1:]
	}
}

func hostByte(b byte) bool {
	return b == '.' || b == '-' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z'
}

// ruleBetween finds a security-group rule that names the other side.
func (p *Pass) ruleBetween(f *stack.Function, c *stack.Cache) string {
	functions, caches := known(f.VPC.SecurityGroups), known(c.SecurityGroups)
	for _, id := range caches {
		if slices.Contains(functions, id) {
			return "both carry security group " + id
		}
		if g := p.groups[id]; g != nil && names(g.Ingress, functions) {
			return "an ingress rule of " + id
		}
	}
	for _, id := range functions {
		if g := p.groups[id]; g != nil && names(g.Egress, caches) {
			return "an egress rule of " + id
		}
	}
	return ""
}

func names(rules []stack.Rule, groups []string) bool {
	return slices.ContainsFunc(rules, func(r stack.Rule) bool {
		id, ok := r.SecurityGroup.Get()
		return ok && id != "" && slices.Contains(groups, id)
	})
}

// connects finds the permission to connect with IAM authentication to exactly
// this cache.
func connects(role *stack.Role, c *stack.Cache) string {
	name, ok := c.Name.Get()
	for _, s := range role.Statements {
		if !s.Allow || !slices.Contains(known(s.Actions), "elasticache:Connect") {
			continue
		}
		for _, arn := range known(s.Resources) {
			if strings.HasSuffix(arn, "/"+c.ID) || ok && name != "" && strings.HasSuffix(arn, ":"+name) && strings.Contains(arn, ":elasticache:") {
				return fmt.Sprintf("role %s may connect to it", role.ID)
			}
		}
	}
	return ""
}

// sharedVPC returns the VPC in which both are, or "".
func (p *Pass) sharedVPC(f *stack.Function, c *stack.Cache) string {
	if f.VPC == nil {
		return ""
	}
	theirs := p.vpcsOf(c.Subnets, c.SecurityGroups)
	for _, vpc := range p.vpcsOf(f.VPC.Subnets, f.VPC.SecurityGroups) {
		if slices.Contains(theirs, vpc) {
			return vpc
		}
	}
	return ""
}

// vpcsOf lists the known VPCs of subnets, else of groups.
func (p *Pass) vpcsOf(subnets, groups []stack.Value[string]) []string {
	var out []string
	for _, id := range known(subnets) {
		if n := p.subnets[id]; n != nil {
			if vpc, ok := n.VPC.Get(); ok && vpc != "" {
				out = append(out, vpc)
			}
		}
	}
	for _, id := range known(groups) {
		if g := p.groups[id]; g != nil {
			if vpc, ok := g.VPC.Get(); ok && vpc != "" {
				out = append(out, vpc)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
