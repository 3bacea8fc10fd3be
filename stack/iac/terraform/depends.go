package terraform

import "github.com/hashicorp/hcl/v2"

// dependsOn lists the addresses of the resources that depends_on names. It
// names blocks, so all instances of one are meant.
func (i *instance) dependsOn() []string {
	var keys []string
	if x := i.block.attribute("depends_on"); x != nil {
		for _, t := range x.Variables() {
			keys = append(keys, blockKey(t))
		}
	} else {
		for _, v := range i.m.config.resource(i.key).get("depends_on").items {
			keys = append(keys, v.lit)
		}
	}
	var all []string
	for _, key := range keys {
		g := i.m.group(key)
		if g == nil { // a module, or what is not in the plan
			all = append(all, i.m.in(key))
			continue
		}
		for _, other := range g.instances {
			all = append(all, other.address)
		}
	}
	return all
}

// blockKey returns the block that a reference names, without what follows.
func blockKey(t hcl.Traversal) string {
	steps, _ := stepsOf(t)
	n := 2
	if len(steps) > 0 && steps[0].name == "data" {
		n = 3
	}
	key := ""
	for i, s := range steps[:min(n, len(steps))] {
		if i > 0 {
			key += "."
		}
		key += s.name
	}
	return key
}
