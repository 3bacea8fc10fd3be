package reach

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/thawdev/thaw/stack"
)

// Diff names what became reachable and what no longer is.
func TestDiff(t *testing.T) {
	names := func(edges []Edge) string {
		var out []string
		for _, e := range edges {
			out = append(out, string(e.Kind)+" "+e.From)
		}
		return strings.Join(out, ", ")
	}
	for _, tc := range []struct {
		name                    string
		change                  func(s *stack.Stack)
		opened, closed, unknown string
	}{
		{"nothing", func(*stack.Stack) {}, "", "", ""},
		{"the VPC is let in", func(s *stack.Stack) {
			s.SecurityGroups[1].Ingress = append(s.SecurityGroups[1].Ingress, rule("tcp", 6379, "cidr:10.0.0.0/16"))
		}, "range 10.0.0.0/16", "", ""},
		{"the function is shut out", func(s *stack.Stack) { s.SecurityGroups[1].Ingress = nil }, "", "function Api, group AppGroup", ""},
		{"the function is gone", func(s *stack.Stack) { s.Functions = nil }, "", "function Api", ""},
		{"the port moves", func(s *stack.Stack) { s.Caches[0].Port = stack.Known(6380) }, "", "function Api, group AppGroup", ""},
		{"an instance joins the group", func(s *stack.Stack) {
			s.Interfaces = append(s.Interfaces, &stack.Interface{Resource: stack.Resource{ID: "Bastion"}, VPC: stack.Known("Vpc"), Subnets: known([]string{"AppA"}), SecurityGroups: known([]string{"AppGroup"})})
		}, "interface Bastion", "", ""},
		{"a rule is not known any more", func(s *stack.Stack) { s.SecurityGroups[1].Ingress[0].SecurityGroup = stack.Unknown[string]("x") }, "", "group AppGroup", "function Api, range unknown"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := shop()
			tc.change(s)
			d := Diff(shop(), s)
			if names(d.Opened) != tc.opened || names(d.Closed) != tc.closed || names(d.Unknown) != tc.unknown {
				t.Errorf("opened %q closed %q unknown %q", names(d.Opened), names(d.Closed), names(d.Unknown))
			}
			back := Diff(s, shop())
			if names(back.Closed) != tc.opened && tc.unknown == "" {
				t.Errorf("the other way round: closed %q, want %q", names(back.Closed), tc.opened)
			}
		})
	}
}

// The proof over sources names functions, interfaces, groups and ranges, each
// with its rule, and tells the internet from a VPC.
func TestSources(t *testing.T) {
	s := withNAT()
	s.SecurityGroups[1].Ingress = append(s.SecurityGroups[1].Ingress, rule("tcp", 6379, "cidr:0.0.0.0/0"), rule("tcp", 6379, "OtherGroup"), rule("tcp", 22, "cidr:10.0.0.0/8"))
	n := New(s)
	var got []string
	for _, e := range n.Sources(s.Caches[0], s.Caches[0].Port) {
		got = append(got, strings.TrimSpace(string(e.Kind)+" "+e.ID+strings.TrimPrefix(e.Range.String(), "invalid Prefix"))+" "+e.Verdict.String())
		if len(e.Rules) == 0 || e.Reason == "" {
			t.Errorf("no rule or reason: %+v", e)
		}
	}
	want := []string{"function Api open", "group AppGroup open", "group OtherGroup unknown", "range 10.0.0.0/16 open"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	s.RouteTables[1].Subnets = append(s.RouteTables[1].Subnets, stack.Known("DataA"))
	last := New(s).Sources(s.Caches[0], s.Caches[0].Port)
	if e := last[len(last)-1]; e.Kind != InternetSource || e.Verdict != Unknown || e.Range != netip.MustParsePrefix("0.0.0.0/0") || !strings.Contains(e.Reason, "DataA") {
		t.Errorf("a cache in a public subnet: %+v", e)
	}
}

// A rule for another port is unused; a rule within another is implied.
func TestUnusedAndImplied(t *testing.T) {
	s := shop()
	s.SecurityGroups[1].Ingress = append(s.SecurityGroups[1].Ingress, rule("tcp", 11211, "AppGroup"), rule("tcp", 6379, "cidr:10.0.0.0/8"),
		rule("tcp", 6379, "cidr:10.0.1.0/24"), rule("-1", -1, "cidr:10.0.1.0/24"), rule("tcp", 6379, "AppGroup"))
	n := New(s)
	unused := n.Unused([]Path{n.Path(s.Functions[0], s.Caches[0], s.Caches[0].Port)})
	if len(unused) != 1 || unused[0].Index != 1 || unused[0].Text != "allow tcp 11211 from AppGroup" {
		t.Errorf("unused %+v", unused)
	}
	implied := n.Implied()
	if len(implied) != 2 || implied[0].Rule.Index != 3 || implied[1].Rule.Index != 5 || implied[1].By.Index != 0 {
		t.Errorf("implied %+v", implied)
	}
}
