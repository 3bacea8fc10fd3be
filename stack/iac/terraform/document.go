package terraform

import (
	"fmt"
	"strconv"
	"strings"
)

// document is the JSON of a plan or a state, of which the large parts stay
// bytes.
type document struct {
	format    string
	errored   bool
	complete  value
	variables value
	entries   []*entry // what exists after apply
	before    []*entry // what others repeat, as it is before apply
	config    *config
	providers value
	raw       bool // a state file itself, not the output of terraform show
}

// entry is one resource of a plan or a state.
type entry struct {
	address, module, mode, typ, name string
	index                            value
	planned                          planned
}

// planned is what a plan or a state knows of one resource.
type planned struct {
	after, unknown, sensitive []byte
	values                    *[3]value
}

func (p *planned) parse() *[3]value {
	if p.values == nil {
		p.values = &[3]value{}
		for i, raw := range [][]byte{p.after, p.unknown, p.sensitive} {
			if raw != nil {
				p.values[i], _ = parseJSON(raw) // it was scanned before
			}
		}
		p.after, p.unknown, p.sensitive = nil, nil, nil
	}
	return p.values
}

// knows reports whether the plan states an attribute, be it as null.
func (p *planned) knows(name string) bool {
	_, ok := p.parse()[0].field(name)
	return ok
}

// readDocument reads the JSON of a plan or a state.
func readDocument(data []byte) (*document, error) {
	d := &document{}
	s := &scanner{data: data}
	if c := s.peek(); c != '{' {
		return nil, s.fail("a plan is one object")
	}
	var planned, prior []*entry
	err := s.object(1, func(key string) (err error) {
		switch key {
		case "format_version":
			v, err := s.value(2)
			d.format = v.lit
			return orErr(err, checkFormat(v.lit))
		case "version":
			d.raw = true
			return s.skip(2)
		case "errored":
			v, err := s.value(2)
			d.errored = v.lit == "true"
			return err
		case "complete":
			d.complete, err = s.value(2)
		case "variables":
			d.variables, err = s.value(2)
		case "resource_changes":
			err = s.array(2, func() error { return s.change(d, 3) })
		case "planned_values", "values":
			err = s.values(&planned, 2)
		case "prior_state":
			err = s.object(2, func(key string) error {
				if key != "values" {
					return s.skip(3)
				}
				return s.values(&prior, 3)
			})
		case "configuration":
			err = s.object(2, func(key string) (err error) {
				switch key {
				case "root_module":
					d.config, err = s.config(3)
				case "provider_config":
					d.providers, err = s.value(3)
				default:
					err = s.skip(3)
				}
				return err
			})
		default:
			err = s.skip(2)
		}
		return err
	})
	if err == nil {
		err = s.end()
	}
	if err != nil {
		return nil, err
	}
	d.gather(planned, prior)
	return d, d.check()
}

func orErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func checkFormat(version string) error {
	major, _, _ := strings.Cut(version, ".")
	n, err := strconv.Atoi(major)
	switch {
	case err != nil:
		return fmt.Errorf("format_version %q is not a version", version)
	case n > 1:
		return fmt.Errorf("format_version %s is newer than this version of thaw reads (1.x); update thaw, or run terraform show -json of an older Terraform", version)
	}
	return nil
}

func (d *document) check() error {
	switch {
	case d.format == "" && d.raw:
		return fmt.Errorf("this is a state file, which Terraform may change from version to version; give the output of terraform show -json instead")
	case d.format == "":
		return fmt.Errorf("not a Terraform plan: it has no format_version; give the output of terraform show -json")
	case d.config == nil:
		d.config = &config{parsed: map[string]value{}}
	}
	return nil
}

// gather decides which resources exist after apply. resource_changes lists
// each managed resource, those that do not change included, and data that is
// read at apply. Data that was read already is in the prior state.
func (d *document) gather(planned, prior []*entry) {
	if d.entries == nil && d.before == nil {
		d.entries = planned
	}
	known := map[string]bool{}
	for _, x := range d.entries {
		known[x.address] = true
	}
	for _, from := range [][]*entry{planned, prior} {
		for _, x := range from {
			if x.mode == "data" && !known[x.address] {
				known[x.address] = true
				d.entries = append(d.entries, x)
			}
		}
	}
}

// change reads one of resource_changes, and leaves out what apply deletes.
func (s *scanner) change(d *document, depth int) error {
	x := &entry{mode: "managed"}
	var actions value
	var before []byte
	gone := false
	err := s.object(depth, func(key string) (err error) {
		switch key {
		case "change":
			return s.object(depth+1, func(key string) (err error) {
				switch key {
				case "actions":
					actions, err = s.value(depth + 2)
				case "before":
					before, err = s.raw(depth + 2)
				case "after":
					x.planned.after, err = s.raw(depth + 2)
				case "after_unknown":
					x.planned.unknown, err = s.raw(depth + 2)
				case "after_sensitive":
					x.planned.sensitive, err = s.raw(depth + 2)
				default:
					err = s.skip(depth + 2)
				}
				return err
			})
		case "deposed": // the old object of a replacement
			gone = true
			return s.skip(depth + 1)
		}
		return s.head(x, key, depth+1)
	})
	if len(actions.items) == 1 && !gone {
		switch actions.items[0].lit {
		case "delete":
			gone = true
		case "forget": // Terraform lets go of it, and it stays in AWS
			x.planned = planned{after: before}
			before = nil
		}
	}
	if !gone && x.address != "" {
		d.entries = append(d.entries, x)
	}
	if isRepeated(x.typ) && len(before) > 0 && before[0] == '{' {
		old := *x
		old.planned = planned{after: before}
		d.before = append(d.before, &old)
	}
	return err
}

// isRepeated reports whether what a type attaches to shows it too. A group that
// exists repeats its rules, those included that apply will delete; so do route
// tables, network ACLs and gateway endpoints.
func isRepeated(typ string) bool {
	switch typ {
	case "aws_security_group_rule", "aws_vpc_security_group_ingress_rule", "aws_vpc_security_group_egress_rule",
		"aws_route", "aws_network_acl_rule", "aws_network_acl_association", "aws_vpc_endpoint_route_table_association":
		return true
	}
	return false
}

// head reads what resources of a plan and of a state have in common.
func (s *scanner) head(x *entry, key string, depth int) error {
	var to *string
	switch key {
	case "address":
		to = &x.address
	case "module_address":
		to = &x.module
	case "mode":
		to = &x.mode
	case "type":
		to = &x.typ
	case "name":
		to = &x.name
	case "index":
		v, err := s.value(depth)
		x.index = v
		return err
	default:
		return s.skip(depth)
	}
	v, err := s.value(depth)
	*to = strings.Clone(v.lit) // the address must not keep the plan in memory
	return err
}

// values reads planned_values, or the values of a state.
func (s *scanner) values(all *[]*entry, depth int) error {
	return s.object(depth, func(key string) error {
		if key != "root_module" {
			return s.skip(depth + 1)
		}
		return s.moduleValues(all, "", depth+1)
	})
}

func (s *scanner) moduleValues(all *[]*entry, address string, depth int) error {
	first := len(*all)
	err := s.object(depth, func(key string) (err error) {
		switch key {
		case "address":
			v, err := s.value(depth + 1)
			address = v.lit
			return err
		case "resources":
			return s.array(depth+1, func() error {
				x := &entry{mode: "managed", module: address}
				deposed := false
				err := s.object(depth+2, func(key string) (err error) {
					switch key {
					case "values":
						x.planned.after, err = s.raw(depth + 3)
					case "sensitive_values":
						x.planned.sensitive, err = s.raw(depth + 3)
					case "deposed_key": // the old object of a replacement
						deposed = true
						err = s.skip(depth + 3)
					default:
						err = s.head(x, key, depth+3)
					}
					return err
				})
				if !deposed {
					*all = append(*all, x)
				}
				return err
			})
		case "child_modules":
			return s.array(depth+1, func() error { return s.moduleValues(all, "", depth+2) })
		}
		return s.skip(depth + 1)
	})
	for _, x := range (*all)[first:] {
		if x.module == "" {
			x.module = moduleOf(x.address, x.mode, x.typ, x.name)
		}
	}
	return err
}

// moduleOf returns the module part of the address of a resource.
func moduleOf(address, mode, typ, name string) string {
	key := typ + "." + name
	if mode == "data" {
		key = "data." + key
	}
	if i := strings.LastIndex(address, "."+key); i > 0 {
		return address[:i]
	}
	return ""
}
