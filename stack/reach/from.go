package reach

import (
	"fmt"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// Path tells whether f can open a TCP connection to c on a port, which is
// usually c.Port or c.ReaderPort.
func (n *Network) Path(f *stack.Function, c *stack.Cache, port stack.Value[int]) Path {
	return n.From(FromFunction(f), c, port)
}

// From is Path for any source.
func (n *Network) From(src Source, c *stack.Cache, port stack.Value[int]) Path {
	p := n.walk(src, c, port)
	if p.Verdict == Closed {
		p.Changes = n.changes(src, c, p)
	}
	return p
}

// walk is From without the changes.
func (n *Network) walk(src Source, c *stack.Cache, port stack.Value[int]) Path {
	if c == nil {
		c = &stack.Cache{}
	}
	w := n.ask(src, c, port)
	return w.path(port)
}

// walked is a Path before it is written out.
type walked struct {
	from, to string
	factors  []*Factor // the first is of kind Attached
	crossing *crossing // nil if the source is in no VPC, or has no address of the cache's family
	verdict  Verdict
	partial  bool
}

func (n *Network) ask(src Source, c *stack.Cache, port stack.Value[int]) walked {
	w := walked{from: src.ID, to: c.ID}
	fam, attached := attachment(src, c)
	if src.Detached != "" || src.Kind == RangeSource && attached.Verdict == Closed {
		w.factors, w.verdict = []*Factor{&attached}, Closed
		return w
	}
	w.crossing = n.crossing(n.endsOf(src, c, port, fam))
	w.join(&attached, n.dns(src, w.crossing))
	return w
}

// join orders the factors and joins their verdicts; dns is nil for an end that
// asks for no name.
func (w *walked) join(attached, dns *Factor) {
	x := w.crossing
	if x.subnet != nil && attached.Verdict == Open {
		w.verdict = Open
		w.factors = make([]*Factor, 1, 4+len(x.hops))
		w.factors[0] = x.subnet
	} else {
		w.verdict = attached.Verdict
		w.factors = append(make([]*Factor, 0, 4+len(x.hops)), attached)
	}
	w.factors = append(w.factors, x.connection...)
	if dns != nil {
		w.factors = append(w.factors, dns)
	}
	blocked := w.factors[0].Verdict == Closed
	for _, f := range w.factors[1:] {
		w.verdict = w.verdict.and(f.Verdict)
		blocked = blocked || f.Verdict == Closed
	}
	w.verdict = w.verdict.and(x.verdict)
	w.partial = w.verdict == Closed && x.through && !blocked
	w.factors = append(w.factors, x.hops...)
}

// deciding is Path.Deciding.
func (w *walked) deciding() *Factor {
	for _, f := range w.factors {
		if f.Verdict == w.verdict {
			return f
		}
	}
	return &Factor{}
}

func (w *walked) path(port stack.Value[int]) Path {
	p := Path{From: w.from, To: w.to, Port: port, Verdict: w.verdict, Partial: w.partial, Factors: make([]Factor, len(w.factors))}
	for i, f := range w.factors {
		p.Factors[i] = *f
	}
	if w.crossing != nil {
		p.Pairs = w.crossing.written()
	}
	return p
}

// attachment is the factor of both ends existing and having addresses of one
// family.
func attachment(src Source, c *stack.Cache) (family, Factor) {
	f := Factor{Kind: Attached, Resource: src.ID, Verdict: Open, Origin: src.Origin}
	fam := ipv4
	kind, ok := c.NetworkType.Get()
	if ok && kind == "ipv6" || ok && kind == "dual_stack" && src.Kind == RangeSource && src.Range.IsValid() && familyOf(src.Range.Addr()) == ipv6 {
		fam = ipv6
	}
	if src.Kind == RangeSource && src.Range.IsValid() && familyOf(src.Range.Addr()) != fam {
		f.Verdict, f.Reason = Closed, fmt.Sprintf("The cache has no address of the family of %s.", src.ID)
		return fam, f
	}
	switch dual, known := src.DualStack.Get(); {
	case src.Detached != "":
		f.Verdict = Closed
		f.Reason = fmt.Sprintf("%s %s is in no VPC: %s. A cache is reached only from within a VPC.", title(src.Kind), src.ID, src.Detached)
	case src.Conditional != "":
		f.Verdict, f.Reason = Unknown, fmt.Sprintf("%s may not exist: %s.", src.ID, src.Conditional)
	case c.Conditional != "":
		f.Verdict, f.Resource, f.Origin, f.Reason = Unknown, c.ID, c.Origin, fmt.Sprintf("%s may not exist: %s.", c.ID, c.Conditional)
	case !ok:
		f.Verdict, f.Resource, f.Origin, f.Reason = Unknown, c.ID, c.Origin, "It is not known whether the cache has IPv4 addresses: "+c.NetworkType.Why()+"."
	case fam == ipv6 && !known:
		f.Verdict, f.Reason = Unknown, fmt.Sprintf("The cache has IPv6 addresses only, and it is not known whether %s has one: %s.", src.ID, src.DualStack.Why())
	case fam == ipv6 && !dual:
		f.Verdict, f.Reason = Closed, fmt.Sprintf("The cache has IPv6 addresses only, and %s has none: it is not allowed IPv6 for dual-stack subnets.", src.ID)
	default:
		f.Reason = fmt.Sprintf("%s %s is in a VPC.", title(src.Kind), src.ID)
	}
	return fam, f
}

func title(k SourceKind) string { return strings.ToUpper(string(k[:1])) + string(k[1:]) }
