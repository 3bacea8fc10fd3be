package check

import (
	"slices"
	"strconv"
	"strings"

	"github.com/thawdev/thaw/stack"
)

func portDiffers() *Rule {
	return &Rule{
		ID: "THAW-A07", Name: "port-differs", Severity: Error,
		Doc: Doc{
			Title:   "The port in the environment is not the cache's",
			Why:     "The function connects to a port on which the cache does not listen, and which no rule opens: connecting times out.",
			Fix:     "Refer to the port of the cache instead of writing a number.",
			Sources: []string{"Amazon ElastiCache User Guide, \"Finding connection endpoints\"", sourceServerless},
		},
		Run: func(p *Pass) {
			p.eachVariable(func(c client, v variable) {
				port, stated := v.port(c.cache)
				ports := portsOf(c.cache)
				if !stated || !c.cache.Port.IsKnown() || !c.cache.ReaderPort.IsKnown() || slices.Contains(ports, port) {
					return
				}
				p.report(c.function.Resource, c.function.Origin, change(setTo(c, v, v.withPort(c.cache, port))),
					"Variable %s of function %s says port %d, but cache %s listens on %s.", v.name, c.function.ID, port, c.cache.ID, sentenceList(texts(ports)))
			})
		},
	}
}

// port returns the port that a variable states as a number.
func (v variable) port(c *stack.Cache) (int, bool) {
	if s, ok := v.literal(); ok && v.has("PORT") {
		if !v.names() {
			return 0, false
		}
		n, err := strconv.Atoi(strings.TrimSpace(s))
		return n, err == nil && n > 0
	}
	if u, ok := v.url(); ok && mentions(v.text, c) {
		return u.port()
	}
	// host:port
	if n := len(v.text); n > 1 && mentions(v.text, c) && v.text[n-2].Attribute == stack.EndpointAddress {
		return url{rest: v.text}.port()
	}
	return 0, false
}

// withPort is the text with the cache's port in place of a number.
func (v variable) withPort(c *stack.Cache, number int) stack.Text {
	right := stack.Part{Resource: c.ID, Attribute: stack.EndpointPort}
	t := slices.Clone(v.text)
	last := t[len(t)-1].Literal
	i := strings.LastIndex(last, strconv.Itoa(number))
	if i < 0 {
		return t
	}
	t = append(t[:len(t)-1], append(stack.Literal(last[:i]), right)...)
	return append(t, stack.Literal(last[i+len(strconv.Itoa(number)):])...)
}

func texts(ports []int) []string {
	var out []string
	for _, n := range ports {
		out = append(out, strconv.Itoa(n))
	}
	return out
}
