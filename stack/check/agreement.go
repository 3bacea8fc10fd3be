package check

import (
	"strings"

	"github.com/thawdev/thaw/stack"
)

// agreement lists the rules that compare a function's environment with the
// cache. They speak only where both sides are written down: how the code uses
// its variables is not known, so a variable that may mean something else is
// left alone.
func agreement() []*Rule {
	return []*Rule{plainToTLS(), tlsToPlain(), noCredentials(), clusterHint(), fixedAddress(), readerMixedUp(), portDiffers()}
}

// eachVariable visits the variables of every client.
func (p *Pass) eachVariable(visit func(client, variable)) {
	for _, c := range p.paths() {
		for _, v := range p.variables(c) {
			visit(c, v)
		}
	}
}

// saysTLS reports whether a variable of the client switches TLS to a value.
func (p *Pass) saysTLS(c client, value bool) bool {
	for _, v := range p.variables(c) {
		if on, _ := v.truth(); v.isTLS() && on == value {
			return true
		}
		if u, ok := v.url(); ok && (value && u.isTLS() || !value && u.isPlain()) && mentions(v.text, c.cache) {
			return true
		}
	}
	return false
}

func setTo(c client, v variable, value stack.Text) edit {
	return setVariable{c.function, v.name, value}
}

// show writes a text for a message, without what may be a password in it.
func show(t stack.Text) string {
	s := t.String()
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return s
	}
	if i := strings.LastIndex(rest, "@"); i >= 0 {
		rest = "…" + rest[i:]
	}
	return scheme + "://" + rest
}
