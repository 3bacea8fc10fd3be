package check

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/thawdev/thaw/stack"
)

// fragment is a CloudFormation fragment in the making. It holds new resources
// whole, and of existing ones only the properties that change: a merge patch in
// the sense of RFC 7396, in which null deletes and a list replaces a list.
type fragment struct {
	stack     *stack.Stack
	resources object
	inline    inlineRules
	made      map[string]bool // logical ids of new resources
}

// writeCloudFormation renders edits as a fragment, in JSON for a template in
// JSON.
func writeCloudFormation(s *stack.Stack, edits []edit) Patch {
	w := &fragment{stack: s, made: map[string]bool{}}
	var p Patch
	for _, e := range edits {
		if err := e.cloudFormation(w); err != nil {
			p.Words = append(p.Words, e.sentence()+" "+err.Error())
		}
	}
	p.Words = append(p.Words, w.restate()...)
	if len(w.resources) == 0 {
		return p
	}
	top := &object{{"Resources", &w.resources}}
	if strings.HasSuffix(fileOf(s), ".json") {
		p.Main, _ = json.MarshalIndent(top, "", "  ")
		p.Main = append(p.Main, '\n')
		return p
	}
	var b strings.Builder
	yaml(&b, top, 0)
	p.Main = []byte(strings.TrimPrefix(b.String(), "\n"))
	return p
}

// fileOf returns the file of the first resource.
func fileOf(s *stack.Stack) string {
	for _, r := range resources(s) {
		if r.Origin.File != "" {
			return strings.ToLower(r.Origin.File)
		}
	}
	return ""
}

// create adds a new resource and returns its properties.
func (w *fragment) create(id, typ string) *object {
	w.made[id] = true
	res := w.resources.child(id)
	res.set("Type", typ)
	return res.child("Properties")
}

// change returns the properties of an existing resource, to be changed.
func (w *fragment) change(r stack.Resource) (*object, error) {
	res, err := w.existing(r)
	if err != nil {
		return nil, err
	}
	return res.child("Properties"), nil
}

// existing returns an existing resource itself.
func (w *fragment) existing(r stack.Resource) (*object, error) {
	if !logicalID.MatchString(r.ID) || r.Type == "" {
		return nil, byHand("%s is not declared in this template.", r.ID)
	}
	res := w.resources.child(r.ID)
	res.set("Type", r.Type)
	return res, nil
}

var (
	logicalID    = regexp.MustCompile(`^[A-Za-z0-9]+$`)
	notInLogical = regexp.MustCompile(`[^A-Za-z0-9]+`)
)

// name makes a logical id of words that no resource has yet.
func (w *fragment) name(words ...string) string {
	base := ""
	for _, word := range words {
		for _, part := range notInLogical.Split(word, -1) {
			if part != "" {
				base += strings.ToUpper(part[:1]) + part[1:]
			}
		}
	}
	base = base[:min(len(base), 240)]
	name := base
	for n := 2; w.made[name] || w.declared(name); n++ {
		name = fmt.Sprintf("%s%d", base, n)
	}
	return name
}

func (w *fragment) declared(id string) bool {
	return slices.ContainsFunc(resources(w.stack), func(r *stack.Resource) bool { return r.ID == id || r.Origin.Address == id }) ||
		slices.ContainsFunc(w.stack.SecurityGroups, func(g *stack.SecurityGroup) bool {
			same := func(r stack.Rule) bool { return r.Origin.Address == id }
			return slices.ContainsFunc(g.Ingress, same) || slices.ContainsFunc(g.Egress, same)
		})
}

// group refers to a security group.
func (w *fragment) group(id string) any {
	switch {
	case strings.HasSuffix(id, ".DefaultSecurityGroup"):
		return call{"GetAtt", id}
	case w.made[id] || w.stack.SecurityGroup(id) != nil:
		return call{"GetAtt", id + ".GroupId"}
	}
	return id
}

// ref refers to any other resource by its ID.
func (w *fragment) ref(id string) any {
	if strings.HasSuffix(id, ".DefaultNetworkAcl") {
		return call{"GetAtt", id}
	}
	if logicalID.MatchString(id) && (w.made[id] || w.declared(id)) {
		return call{"Ref", id}
	}
	return id
}

func (w *fragment) groupList(ids []string) []any { return mapList(ids, w.group) }

func (w *fragment) refList(ids []string) []any { return mapList(ids, w.ref) }

func mapList(ids []string, f func(string) any) []any {
	out := make([]any, 0, len(ids))
	for _, id := range ids {
		out = append(out, f(id))
	}
	return out
}

// restate writes the lists of inline rules that lost one.
func (w *fragment) restate() (words []string) {
	for _, l := range w.inline.lists {
		items := []any{}
		var failed error
		for _, r := range l.rest() {
			item := &object{}
			if failed = cloudFormationRule(w, item, r, l.egress); failed != nil {
				break
			}
			items = append(items, item)
		}
		switch {
		case failed != nil:
			words = append(words, l.sentence()+" The other rules cannot be repeated here, because "+failed.Error()+".")
			continue
		case l.egress && len(items) == 0 && !l.standaloneEgress(w):
			words = append(words, l.sentence()+" Do not leave the list empty: CloudFormation then allows all egress again.")
			continue
		}
		properties, err := w.change(l.group.Resource)
		if err != nil {
			words = append(words, l.sentence()+" "+err.Error())
			continue
		}
		key := "SecurityGroupIngress"
		if l.egress {
			key = "SecurityGroupEgress"
		}
		properties.set(key, items)
	}
	return words
}

// standaloneEgress reports whether the group keeps an egress rule of its own
// resource, which takes the place of the rule that allows everything.
func (l *inlineList) standaloneEgress(w *fragment) bool {
	for _, r := range l.group.Egress {
		if !r.Implicit && !isInline(l.group, r) {
			return true
		}
	}
	for _, f := range w.resources {
		o, ok := f.value.(*object)
		if ok && (*o)[0].value == "AWS::EC2::SecurityGroupEgress" && slices.Contains(*o.child("Properties"), field{"GroupId", w.group(l.group.ID)}) {
			return true
		}
	}
	return false
}

// text writes a text that may mention resources.
func (w *fragment) text(t stack.Text) (any, error) {
	if len(t) == 1 && t[0].Resource != "" {
		attribute, err := w.attribute(t[0])
		if err != nil {
			return nil, err
		}
		if attribute == "" {
			return call{"Ref", t[0].Resource}, nil
		}
		return call{"GetAtt", t[0].Resource + "." + attribute}, nil
	}
	if v, ok := t.Resolve(nil).Get(); ok && !secret(t) {
		return v, nil
	}
	var b strings.Builder
	for _, part := range t {
		switch {
		case part.Unknown != "" || part.Secret:
			return nil, errUnknownPiece
		case part.Resource != "":
			attribute, err := w.attribute(part)
			if err != nil {
				return nil, err
			}
			b.WriteString("${" + strings.TrimSuffix(part.Resource+"."+attribute, ".") + "}")
		default:
			b.WriteString(strings.ReplaceAll(part.Literal, "${", "${!"))
		}
	}
	return call{"Sub", b.String()}, nil
}

func secret(t stack.Text) bool {
	return slices.ContainsFunc(t, func(p stack.Part) bool { return p.Secret })
}

// attribute spells an attribute of a cache in CloudFormation's words.
func (w *fragment) attribute(p stack.Part) (string, error) {
	c := w.stack.Cache(p.Resource)
	if c == nil {
		return p.Attribute, nil
	}
	reader := p.Attribute == stack.ReaderAddress || p.Attribute == stack.ReaderPort
	field := ".Address"
	if p.Attribute == stack.EndpointPort || p.Attribute == stack.ReaderPort {
		field = ".Port"
	}
	switch {
	case !slices.Contains([]string{stack.EndpointAddress, stack.EndpointPort, stack.ReaderAddress, stack.ReaderPort}, p.Attribute):
		return p.Attribute, nil
	case c.Kind == stack.Serverless && reader:
		return "ReaderEndpoint" + field, nil
	case c.Kind == stack.Serverless:
		return "Endpoint" + field, nil
	case c.Kind == stack.ReplicationGroup && reader:
		return "ReaderEndPoint" + field, nil
	case c.Kind == stack.ReplicationGroup:
		mode, ok := c.ClusterMode.Get()
		if !ok {
			return "", errUnknownPiece
		}
		if mode {
			return "ConfigurationEndPoint" + field, nil
		}
		return "PrimaryEndPoint" + field, nil
	case c.Engine.Or("") == stack.Memcached:
		return "ConfigurationEndpoint" + field, nil
	}
	return "RedisEndpoint" + field, nil
}
