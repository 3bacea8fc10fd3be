package check

import (
	"strings"

	"github.com/thawdev/thaw/stack"
)

// formatBlocks writes blocks in the layout of terraform fmt.
func formatBlocks(blocks []*block) []byte {
	var b strings.Builder
	for i, block := range blocks {
		if i > 0 {
			b.WriteByte('\n')
		}
		block.write(&b, "")
	}
	if b.Len() == 0 {
		return nil
	}
	return []byte(b.String())
}

func (b *block) write(out *strings.Builder, indent string) {
	if b.header != "" {
		out.WriteString(indent + "# " + b.header + "\n")
	}
	out.WriteString(indent + b.kind)
	for _, label := range b.labels {
		out.WriteString(" " + quoteHCL(label))
	}
	out.WriteString(" {\n")
	width := 0
	for _, s := range b.settings {
		width = max(width, len(s.name))
	}
	for _, s := range b.settings {
		value := strings.ReplaceAll(s.value, "\n", "\n"+indent+"  ")
		out.WriteString(indent + "  " + s.name + strings.Repeat(" ", width-len(s.name)) + " = " + value + "\n")
	}
	for i, inner := range b.blocks {
		if i > 0 || len(b.settings) > 0 {
			out.WriteByte('\n')
		}
		inner.write(out, indent+"  ")
	}
	out.WriteString(indent + "}\n")
}

// quoteHCL writes a string literal. Templates in it lose their meaning.
func quoteHCL(s string) string {
	r := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "${", "$${", "%{", "%%{")
	return `"` + r.Replace(s) + `"`
}

// text writes a text that may mention resources.
func (w *configuration) text(t stack.Text) (string, error) {
	if len(t) == 1 && t[0].Resource != "" {
		return w.part(t[0])
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, part := range t {
		switch {
		case part.Unknown != "" || part.Secret:
			return "", errUnknownPiece
		case part.Resource != "":
			ref, err := w.part(part)
			if err != nil {
				return "", err
			}
			b.WriteString("${" + ref + "}")
		default:
			quoted := quoteHCL(part.Literal)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	b.WriteByte('"')
	return b.String(), nil
}

// part spells an attribute of a cache in the words of Terraform's provider.
func (w *configuration) part(p stack.Part) (string, error) {
	c := w.stack.Cache(p.Resource)
	if c == nil {
		if p.Attribute == "" {
			return w.id(p.Resource)
		}
		return w.attribute(p.Resource, p.Attribute)
	}
	address := p.Attribute == stack.EndpointAddress
	reader := p.Attribute == stack.ReaderAddress
	port := p.Attribute == stack.EndpointPort || p.Attribute == stack.ReaderPort
	name := p.Attribute
	switch {
	case !address && !reader && !port:
	case c.Kind == stack.Serverless:
		list := "endpoint[0]."
		if reader || p.Attribute == stack.ReaderPort {
			list = "reader_endpoint[0]."
		}
		name = list + map[bool]string{true: "port", false: "address"}[port]
	case port:
		name = "port"
	case c.Kind == stack.ReplicationGroup && reader:
		name = "reader_endpoint_address"
	case c.Kind == stack.ReplicationGroup && !c.ClusterMode.IsKnown():
		return "", errUnknownPiece
	case c.Kind == stack.ReplicationGroup && c.ClusterMode.Or(false):
		name = "configuration_endpoint_address"
	case c.Kind == stack.ReplicationGroup:
		name = "primary_endpoint_address"
	case c.Engine.Or("") == stack.Memcached:
		name = "cluster_address"
	default:
		name = "cache_nodes[0].address"
	}
	return w.attribute(p.Resource, name)
}
