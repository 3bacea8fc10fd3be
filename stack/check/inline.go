package check

import (
	"fmt"
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// inlineRules collects what changes in rules that are written inside their
// groups. Such a list can only be replaced as a whole.
type inlineRules struct{ lists []*inlineList }

// inlineList is the inline rules of one direction of one group.
type inlineList struct {
	group   *stack.SecurityGroup
	egress  bool
	dropped []int        // indexes in the group's rules
	added   []stack.Rule // used by Terraform only, where a group is all inline or not at all
}

// of returns the list of a group and direction.
func (all *inlineRules) of(g *stack.SecurityGroup, egress bool) *inlineList {
	for _, l := range all.lists {
		if l.group == g && l.egress == egress {
			return l
		}
	}
	l := &inlineList{group: g, egress: egress}
	all.lists = append(all.lists, l)
	return l
}

// rest returns the inline rules that remain, and those that are added.
func (l *inlineList) rest() []stack.Rule {
	var out []stack.Rule
	for i, r := range rulesOf(l.group, l.egress) {
		if isInline(l.group, r) && !slices.Contains(l.dropped, i) {
			out = append(out, r)
		}
	}
	return append(out, l.added...)
}

// sentence says in words what happens to the list.
func (l *inlineList) sentence() string {
	var words []string
	for _, i := range l.dropped {
		r := rulesOf(l.group, l.egress)[i]
		words = append(words, fmt.Sprintf("delete the rule %s at %v", ruleText(r, l.egress), r.Origin))
	}
	for _, r := range l.added {
		words = append(words, "add the rule "+ruleText(r, l.egress))
	}
	return fmt.Sprintf("In %s, %s.", l.group.ID, sentenceList(words))
}

func rulesOf(g *stack.SecurityGroup, egress bool) []stack.Rule {
	if egress {
		return g.Egress
	}
	return g.Ingress
}

// isInline reports whether a rule is written inside its group, not as a
// resource of its own.
func isInline(g *stack.SecurityGroup, r stack.Rule) bool {
	return !r.Implicit && (strings.HasPrefix(r.Origin.Address, g.Origin.Address+".") || strings.HasPrefix(r.Origin.Address, g.ID+"."))
}

// ruleText says a rule in words: tcp 6379 from 10.0.0.0/16.
func ruleText(r stack.Rule, egress bool) string {
	direction := "from"
	if egress {
		direction = "to"
	}
	return portText(r) + " " + direction + " " + peerText(r)
}

// portText says protocol and ports of a rule.
func portText(r stack.Rule) string {
	protocol, ok := r.Protocol.Get()
	from, fromKnown := r.FromPort.Get()
	to, toKnown := r.ToPort.Get()
	switch {
	case !ok:
		return "an unknown protocol"
	case protocol == "-1":
		return "all protocols"
	case !fromKnown || !toKnown:
		return protocol + " on unknown ports"
	case from == to && from >= 0:
		return fmt.Sprintf("%s %d", protocol, from)
	case from <= 0 && (to == 65535 || to < 0):
		return protocol + " on all ports"
	}
	return fmt.Sprintf("%s %d-%d", protocol, from, to)
}

// peerText says the other side of a rule.
func peerText(r stack.Rule) string {
	for _, v := range []stack.Value[string]{r.SecurityGroup, r.CIDR, r.PrefixList} {
		s, ok := v.Get()
		if !ok {
			return "a peer that depends on " + v.Why()
		}
		if s != "" {
			return s
		}
	}
	return "nobody"
}
