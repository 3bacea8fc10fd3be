package reach

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/thawdev/thaw/stack"
)

// end is one end of a path: its groups, and where it may be. Ends that are alike
// are one: many functions have the same subnets and groups.
type end struct {
	set    *groupSet // nil for a range
	places []*place
}

// ends is everything that the answer for a source and a cache depends on, but
// for their names. Equal ends have one crossing.
type ends struct {
	src, dst *end
	port     *portRange
}

func (n *Network) endsOf(src Source, c *stack.Cache, port stack.Value[int], fam family) ends {
	return n.meet(src, n.cacheEnd(c, fam), n.portOf(port), fam)
}

// meet is endsOf for a cache whose end is known.
func (n *Network) meet(src Source, dst *end, port *portRange, fam family) ends {
	if src.Kind == RangeSource {
		return ends{n.rangeEnd(src, dst), dst, port}
	}
	return ends{n.sourceEnd(src, fam), dst, port}
}

func (n *Network) cacheEnd(c *stack.Cache, fam family) *end {
	var buffer [512]byte
	key := appendValues(append(buffer[:0], 'c', byte(fam)), c.SecurityGroups, c.Subnets, c.Zones)
	return n.endAt(key, func() *end {
		vpc := n.vpcOf(c.Subnets)
		e := &end{set: n.setOf(c.SecurityGroups, vpc, false)}
		if vpc == "" {
			vpc = e.set.vpc
		}
		e.places = n.placesOf(named(c.Subnets, "the cache names no subnet"), vpc, fam, nil)
		e.places = inZones(e.places, c.Zones)
		return e
	})
}

func (n *Network) sourceEnd(src Source, fam family) *end {
	mustName := src.Kind == FunctionSource
	var buffer [512]byte
	key := append(buffer[:0], 's', byte(fam))
	if mustName {
		key[0] = 'f'
	}
	key = appendValues(appendText(key, src.VPC), src.Groups, src.Subnets)
	for _, a := range src.Addresses {
		key = append(a.AppendTo(key), 0)
	}
	return n.endAt(key, func() *end {
		vpc := src.VPC
		if vpc == "" {
			vpc = n.vpcOf(src.Subnets)
		}
		e := &end{set: n.setOf(src.Groups, vpc, mustName)}
		if vpc == "" {
			vpc = e.set.vpc
		}
		e.places = n.placesOf(named(src.Subnets, "the subnet is not told"), vpc, fam, src.Addresses)
		return e
	})
}

// appendValues writes lists of values so that different lists differ, whatever
// bytes an ID holds.
func appendValues(key []byte, lists ...[]stack.Value[string]) []byte {
	for _, list := range lists {
		key = binary.AppendUvarint(key, uint64(len(list)))
		for _, v := range list {
			id, _ := v.Get()
			key = appendText(appendText(key, id), v.Why())
		}
	}
	return key
}

func appendText(key []byte, s string) []byte {
	return append(binary.AppendUvarint(key, uint64(len(s))), s...)
}

// endAt is table.get for a key that becomes a string only where it is new.
func (n *Network) endAt(key []byte, compute func() *end) *end {
	n.ends.mu.RLock()
	e, ok := n.ends.m[string(key)]
	n.ends.mu.RUnlock()
	if ok {
		return e
	}
	return n.ends.store(string(key), compute())
}

func named(subnets []stack.Value[string], why string) []stack.Value[string] {
	if len(subnets) == 0 {
		return []stack.Value[string]{stack.Unknown[string](why)}
	}
	return subnets
}

// vpcOf returns the VPC of the first subnet that tells it, or "".
func (n *Network) vpcOf(subnets []stack.Value[string]) string {
	for _, s := range subnets {
		if r := n.subnets[s.Or("")]; r != nil && r.VPC.Or("") != "" {
			return r.VPC.Or("")
		}
	}
	return ""
}

// inZones keeps the places where nodes are, if all their zones are told.
func inZones(places []*place, zones []stack.Value[string]) []*place {
	in := map[string]bool{}
	for _, z := range zones {
		name, ok := z.Get()
		if !ok || name == "" {
			return places
		}
		in[name] = true
	}
	if len(in) == 0 {
		return places
	}
	kept := slices.DeleteFunc(slices.Clone(places), func(p *place) bool {
		zone, ok := p.zone.Get()
		return ok && zone != "" && !in[zone]
	})
	if len(kept) == 0 {
		return places
	}
	return kept
}

// rangeKey says what the end of a range depends on.
type rangeKey struct {
	prefix netip.Prefix
	dst    *end
	rest   bool
}

// rangeEnd is the end of a range, whose place depends on where the cache is.
func (n *Network) rangeEnd(src Source, dst *end) *end {
	return n.rangeEnds.get(rangeKey{src.Range, dst, src.rest != nil}, func() *end {
		return &end{places: n.rangePlaces(src, dst.places)}
	})
}

// rangePlaces is the place of a range, in the VPC that holds it.
func (n *Network) rangePlaces(src Source, caches []*place) []*place {
	var out []*place
	for _, q := range caches {
		p := n.places.get(placeKey{prefix: src.Range.Masked(), vpc: q.vpc, rest: src.rest != nil}, func() *place {
			s := spanOf(src.Range)
			p := &place{family: familyOf(src.Range.Addr()), spans: []span{s}, sure: true, free: true,
				zone: stack.Unknown[string]("a range is in no zone"), vpc: n.holder(s, familyOf(src.Range.Addr()), q.vpc)}
			if src.rest != nil {
				p.spans, p.vpc, p.name = src.rest, "", src.ID
			}
			p.vpcRes = n.vpcs[p.vpc]
			return p
		})
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// holder returns the VPC that holds a range: the cache's own, else one that is
// peered with it, else "".
func (n *Network) holder(s span, fam family, own string) string {
	near := []string{own}
	for _, p := range n.s.Peerings {
		if p == nil {
			continue
		}
		for _, ends := range [][2]string{{p.Requester.Or(""), p.Accepter.Or("")}, {p.Accepter.Or(""), p.Requester.Or("")}} {
			if ends[0] == own && own != "" {
				near = append(near, ends[1])
			}
		}
	}
	for _, id := range near {
		v := n.vpcs[id]
		if v == nil {
			continue
		}
		if spans := n.rangesOf(v, fam); coversAll(spans, []span{s}) && spans[0] != fam.all() {
			return id
		}
	}
	return ""
}
