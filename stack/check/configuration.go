package check

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// configuration is Terraform configuration in the making: new resources, and
// overrides of resources that are declared already. Terraform merges a file
// whose name ends in _override.tf into the blocks that it repeats; a list of
// nested blocks replaces the list, and count = 0 takes the resource away.
// Source: Terraform language, "Override files".
type configuration struct {
	stack     *stack.Stack
	blocks    []*block
	overrides []*block
	inline    inlineRules
	names     map[string]bool
	made      map[string]string // new resources: their placeholder and their address
}

// block is one HCL block. Values are expressions, written out.
type block struct {
	kind     string
	labels   []string
	settings []setting
	blocks   []*block
	header   string // comment
}

type setting struct{ name, value string }

func newBlock(kind string, labels ...string) *block { return &block{kind: kind, labels: labels} }

func (b *block) set(name, value string) {
	for i := range b.settings {
		if b.settings[i].name == name {
			b.settings[i].value = value
			return
		}
	}
	b.settings = append(b.settings, setting{name, value})
}

// writeTerraform renders edits as configuration.
func writeTerraform(s *stack.Stack, edits []edit) Patch {
	w := &configuration{stack: s, names: map[string]bool{}, made: map[string]string{}}
	var p Patch
	for _, e := range edits {
		if err := e.terraform(w); err != nil {
			p.Words = append(p.Words, e.sentence()+" "+err.Error())
		}
	}
	p.Words = append(p.Words, w.restate()...)
	p.Main, p.Override = formatBlocks(w.blocks), formatBlocks(w.overrides)
	return p
}

func (w *configuration) add(b *block) { w.blocks = append(w.blocks, b) }

// address matches the address of a managed resource in the root module.
var address = regexp.MustCompile(`^(data\.)?([a-z][a-z0-9_]*)\.([A-Za-z_][A-Za-z0-9_-]*)((?:\[[^\]]+\])?)$`)

// vpcDefault matches the ID of what AWS makes with a VPC: an attribute of it.
var vpcDefault = regexp.MustCompile(`^aws_vpc\.[A-Za-z0-9_-]+(?:\[[^\]]+\])?\.default_(?:security_group|route_table|network_acl)_id$`)

// override returns the block that changes a declared resource.
func (w *configuration) override(id string) (*block, error) {
	if inModule(id) {
		return nil, byHand("It is declared in %s, where no override reaches; change it there.", moduleOf(id))
	}
	m := address.FindStringSubmatch(id)
	if m == nil || m[1] != "" {
		return nil, byHand("%s is not declared in this configuration.", id)
	}
	if m[4] != "" {
		return nil, byHand("%s is one of several instances of one block; change it there.", id)
	}
	for _, b := range w.overrides {
		if b.labels[0] == m[2] && b.labels[1] == m[3] {
			return b, nil
		}
	}
	b := newBlock("resource", m[2], m[3])
	w.overrides = append(w.overrides, b)
	return b, nil
}

// id refers to a resource: an attribute of a declared one, a literal otherwise.
func (w *configuration) id(id string) (string, error) { return w.attribute(id, "id") }

func (w *configuration) attribute(id, attribute string) (string, error) {
	if made, ok := w.made[id]; ok {
		return made + "." + attribute, nil
	}
	if inModule(id) {
		return "", byHand("%s is in %s: give the module an output for it, or make the change there.", id, moduleOf(id))
	}
	if vpcDefault.MatchString(id) {
		return id, nil
	}
	if address.MatchString(id) {
		return id + "." + attribute, nil
	}
	return quoteHCL(id), nil
}

func (w *configuration) ids(ids []string) (string, error) {
	var out []string
	for _, id := range ids {
		ref, err := w.id(id)
		if err != nil {
			return "", err
		}
		out = append(out, ref)
	}
	return "[" + strings.Join(out, ", ") + "]", nil
}

// inModule reports whether an address lies in a module other than the root.
func inModule(id string) bool { return strings.HasPrefix(id, "module.") }

// moduleOf returns the modules of an address: module.net.module.inner.
func moduleOf(id string) string {
	parts := strings.Split(id, ".")
	n := 0
	for n+1 < len(parts) && parts[n] == "module" {
		n += 2
	}
	return strings.Join(parts[:n], ".")
}

// name makes a resource name of words that no resource of that type has.
func (w *configuration) name(typ string, words ...string) string {
	var parts []string
	for _, word := range words {
		if m := address.FindStringSubmatch(word); m != nil {
			word = m[3] + m[4]
		}
		parts = append(parts, strings.ToLower(strings.Join(splitName(word), "_")))
	}
	base := strings.Join(parts, "_")
	if base == "" || base[0] >= '0' && base[0] <= '9' {
		base = "r" + base
	}
	name := base
	for n := 2; w.names[typ+"."+name] || declaredAddress(w.stack, typ+"."+name); n++ {
		name = fmt.Sprintf("%s_%d", base, n)
	}
	w.names[typ+"."+name] = true
	return name
}

func declaredAddress(s *stack.Stack, id string) bool {
	same := func(r stack.Rule) bool { return r.Origin.Address == id }
	return slices.ContainsFunc(resources(s), func(r *stack.Resource) bool { return r.ID == id }) ||
		slices.ContainsFunc(s.SecurityGroups, func(g *stack.SecurityGroup) bool {
			return slices.ContainsFunc(g.Ingress, same) || slices.ContainsFunc(g.Egress, same)
		})
}

// restate writes the inline rules of groups that lost or gained one.
func (w *configuration) restate() (words []string) {
	for _, l := range w.inline.lists {
		blocks, err := w.inlineBlocks(l)
		if err == nil && w.cycle(l) {
			err = errors.New("the two groups would name each other inline, which Terraform refuses; move the rules of both into resources of their own")
		}
		var b *block
		if err == nil {
			b, err = w.override(l.group.ID)
		}
		if err != nil {
			words = append(words, l.sentence()+" "+strings.TrimSuffix(err.Error(), ".")+".")
			continue
		}
		if len(blocks) == 0 {
			b.set(direction(l.egress), "[]")
			continue
		}
		b.blocks = append(b.blocks, blocks...)
	}
	return words
}

func (w *configuration) inlineBlocks(l *inlineList) ([]*block, error) {
	var out []*block
	for _, r := range l.rest() {
		if err := unknownIn(r); err != nil {
			return nil, fmt.Errorf("the other rules cannot be repeated here, because %w", err)
		}
		b := newBlock(direction(l.egress))
		b.set("protocol", quoteHCL(r.Protocol.Or("")))
		from, to := r.FromPort.Or(0), r.ToPort.Or(0)
		if r.Protocol.Or("") == "-1" {
			from, to = 0, 0 // what the provider asks for with all protocols
		}
		b.set("from_port", fmt.Sprint(from))
		b.set("to_port", fmt.Sprint(to))
		switch cidr, peer, list := r.CIDR.Or(""), r.SecurityGroup.Or(""), r.PrefixList.Or(""); {
		case peer == l.group.ID:
			b.set("self", "true")
		case peer != "":
			ref, err := w.id(peer)
			if err != nil {
				return nil, err
			}
			b.set("security_groups", "["+ref+"]")
		case list != "":
			ref, err := w.id(list)
			if err != nil {
				return nil, err
			}
			b.set("prefix_list_ids", "["+ref+"]")
		case strings.Contains(cidr, ":"):
			b.set("ipv6_cidr_blocks", "["+quoteHCL(cidr)+"]")
		default:
			b.set("cidr_blocks", "["+quoteHCL(cidr)+"]")
		}
		if d := r.Description.Or(""); d != "" {
			b.set("description", quoteHCL(d))
		}
		out = append(out, b)
	}
	return out, nil
}

// cycle reports whether the rules that a list would gain name a group that
// names the list's group inline.
func (w *configuration) cycle(l *inlineList) bool {
	return slices.ContainsFunc(l.added, func(r stack.Rule) bool {
		other := w.stack.SecurityGroup(r.SecurityGroup.Or(""))
		if other == nil || other == l.group {
			return false
		}
		back := func(r stack.Rule) bool { return isInline(other, r) && r.SecurityGroup.Or("") == l.group.ID }
		return slices.ContainsFunc(other.Ingress, back) || slices.ContainsFunc(other.Egress, back)
	})
}

// dropStandalone takes the resource of a rule away, or the rule out of it if
// the resource holds others too.
func (w *configuration) dropStandalone(e dropRule) error {
	r := e.rule()
	if typ, _, _ := strings.Cut(r.Origin.Address, "."); !inModule(r.Origin.Address) && !strings.HasPrefix(typ, "aws_") {
		return byHand("It is at %v.", r.Origin)
	}
	for i, other := range rulesOf(e.group, e.egress) {
		if i != e.index && other.Origin.Address == r.Origin.Address {
			return byHand("Take it out of the list at %v.", r.Origin)
		}
	}
	b, err := w.override(r.Origin.Address)
	if err != nil {
		return err
	}
	b.set("count", "0")
	return nil
}
