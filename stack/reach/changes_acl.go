package reach

import (
	"fmt"
	"slices"

	"github.com/thawdev/thaw/stack"
)

// The numbers that AWS allows for entries of a network ACL; the closing entry,
// which denies, is listed by AWS as 32767.
const (
	firstACLNumber = 1
	lastACLNumber  = 32766
)

// acl opens the ACLs that a subnet has or may have.
func (b *plan) acl(h aclHop) {
	if !h.port.sure {
		b.stuck = true
		return
	}
	ids, _ := bordersOf(h.at, b.n.aclOf, b.n.acls, "network ACL", "")
	for _, id := range ids {
		if id != awsDefault {
			b.openACL(b.aclCopy(id), h)
		}
	}
}

func (b *plan) aclCopy(id string) *stack.NetworkACL {
	if a := b.acls[id]; a != nil {
		return a
	}
	a := *b.n.acls[id].res
	a.Entries = slices.Clone(a.Entries)
	b.acls[id] = &a
	return &a
}

// openACL adds entries that allow the hop before any entry denies it.
func (b *plan) openACL(a *stack.NetworkACL, h aclHop) {
	t := h.target()
	entries, refs := aclEntries(a, h.egress, h.far.family)
	limit, denied := lastACLNumber+1, false
	for _, p := range decide(t.boxes(), entries) {
		if !p.deny {
			continue
		}
		denied = true
		for _, at := range append(slices.Clone(p.may), p.by) {
			if at >= 0 && entries[at].deny {
				limit = min(limit, refs[entries[at].index].acl.Number.Or(limit))
			}
		}
	}
	if !denied {
		return
	}
	ranges := h.far.prefixes()
	b.stuck = b.stuck || len(ranges) == 0
	for _, r := range ranges {
		number, ok := b.roomBelow(a, h.egress, limit)
		if !ok {
			b.stuck = true
			return
		}
		if limit <= lastACLNumber {
			limit = max(limit, number+1) // the denying entry may have moved up
		}
		c := Change{Kind: AddACLEntry, Resource: a.ID, Number: number, Egress: h.egress, Protocol: "tcp", CIDR: r, FromPort: h.port.from, ToPort: h.port.to,
			Why: fmt.Sprintf("Subnet %s needs it: network ACLs are stateless, and the first entry that matches counts.", h.at.subnet)}
		a.Entries = append(a.Entries, entryOf(c))
		b.add(c)
	}
}

func entryOf(c Change) stack.ACLEntry {
	return stack.ACLEntry{Number: stack.Known(c.Number), Egress: stack.Known(c.Egress), Allow: stack.Known(true), Protocol: stack.Known("6"),
		CIDR: stack.Known(c.CIDR), FromPort: stack.Known(c.FromPort), ToPort: stack.Known(c.ToPort)}
}

// roomBelow returns a free number below limit, the largest. If there is none, it
// moves the entries from limit on up to the next gap by one.
func (b *plan) roomBelow(a *stack.NetworkACL, egress bool, limit int) (int, bool) {
	taken := map[int]bool{}
	highest := 0
	for _, e := range a.Entries {
		if n, ok := e.Number.Get(); ok && e.Egress.Or(egress) == egress {
			taken[n] = true
			if n <= lastACLNumber {
				highest = max(highest, n)
			}
		}
	}
	if next := (highest/10 + 1) * 10; limit > lastACLNumber && next <= lastACLNumber {
		return next, true // nothing denies but the end of the list
	}
	for n := min(limit, lastACLNumber+1) - 1; n >= firstACLNumber; n-- {
		if !taken[n] {
			return n, true
		}
	}
	gap := max(limit, firstACLNumber)
	for taken[gap] {
		gap++
	}
	if gap > lastACLNumber {
		return 0, false
	}
	for n := gap - 1; n >= max(limit, firstACLNumber); n-- {
		b.moveEntry(a, egress, n)
	}
	return max(limit, firstACLNumber), true
}

func (b *plan) moveEntry(a *stack.NetworkACL, egress bool, number int) {
	for i := range a.Entries {
		e := &a.Entries[i]
		if n, ok := e.Number.Get(); ok && n == number && e.Egress.Or(!egress) == egress {
			e.Number = stack.Known(number + 1)
		}
	}
	b.add(Change{Kind: MoveACLEntry, Resource: a.ID, Number: number, NewNumber: number + 1, Egress: egress, Why: "An entry that allows has to come before it, and no lower number is free."})
}
