package stack

import (
	"encoding/json"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTextResolve(t *testing.T) {
	url := Text{{Literal: "redis://"}, {Resource: "Cache", Attribute: EndpointAddress}, {Literal: ":"}, {Resource: "Cache", Attribute: EndpointPort}}
	lookup := func(resource, attribute string) (string, bool) {
		v, ok := map[string]string{"Cache/endpoint.address": "127.0.0.1", "Cache/endpoint.port": "6379"}[resource+"/"+attribute]
		return v, ok
	}
	if got, ok := url.Resolve(lookup).Get(); !ok || got != "redis://127.0.0.1:6379" {
		t.Errorf("got %q %v", got, ok)
	}
	if got := url.Resolve(nil); got.IsKnown() || got.Why() != "${Cache.endpoint.address}" {
		t.Errorf("without a lookup: %+v, want unknown because of the first reference", got)
	}
	unknown := append(Text{{Unknown: "ImportValue vpc"}}, url...)
	if got := unknown.Resolve(lookup); got.IsKnown() || got.Why() != "ImportValue vpc" {
		t.Errorf("%+v, want unknown because of ImportValue vpc", got)
	}
	if got, ok := Text(nil).Resolve(nil).Get(); !ok || got != "" {
		t.Errorf("the zero Text: %q %v", got, ok)
	}
	if diff := cmp.Diff([]string{"Cache", "Cache"}, url.References()); diff != "" {
		t.Error(diff)
	}
}

func TestUnknownIsNeverAGuess(t *testing.T) {
	v := Unknown[int]("")
	if n, ok := v.Get(); ok || n != 0 || v.Why() == "" || v.Or(7) != 7 {
		t.Errorf("%+v", v)
	}
	if n, ok := (Value[int]{}).Get(); !ok || n != 0 {
		t.Error("the zero Value must be known")
	}
	for want, v := range map[string]any{
		`3`:                         Known(3),
		`{"unknown":"parameter X"}`: Unknown[string]("parameter X"),
		`"a"`:                       Literal("a"),
		`""`:                        Literal(""),
		`[{"resource":"C"}]`:        Text{{Resource: "C"}},
	} {
		if got, err := json.Marshal(v); err != nil || string(got) != want {
			t.Errorf("got %s %v, want %s", got, err, want)
		}
	}
}

func TestSubnetCapacity(t *testing.T) {
	for cidr, want := range map[string]int{"10.0.0.0/24": 251, "10.0.0.0/28": 11, "10.0.0.0/30": 0} {
		s := Subnet{CIDR: Known(netip.MustParsePrefix(cidr))}
		if got, ok := s.Capacity().Get(); !ok || got != want {
			t.Errorf("%s: %d %v, want %d", cidr, got, ok, want)
		}
	}
	if s := (&Subnet{CIDR: Unknown[netip.Prefix]("parameter")}); s.Capacity().IsKnown() {
		t.Error("the capacity of an unknown range is unknown")
	}
	if s := (&Subnet{CIDR: Known(netip.MustParsePrefix("2001:db8::/64"))}); s.Capacity().IsKnown() {
		t.Error("an IPv6 range has no such capacity")
	}
}

func TestLookups(t *testing.T) {
	s := &Stack{
		Functions: []*Function{
			{Resource: Resource{ID: "Api"}, Name: Known("Worker"), Environment: map[string]Text{"HOST": {{Resource: "B", Attribute: EndpointAddress}}}},
			{Resource: Resource{ID: "Worker"}},
		},
		Caches: []*Cache{{Resource: Resource{ID: "A"}}, {Resource: Resource{ID: "B"}}},
	}
	if f := s.Function("Worker"); f == nil || f.ID != "Worker" {
		t.Error("an ID goes before a name")
	}
	if s.Function("none") != nil || s.Cache("none") != nil || s.Subnet("none") != nil || s.SecurityGroup("none") != nil {
		t.Error("something was found that is not there")
	}
	if got := s.CachesOf(s.Functions[0]); len(got) != 1 || got[0].ID != "B" {
		t.Errorf("%v, want the one cache that is mentioned", got)
	}
	if got := (Origin{File: "t.yaml", Line: 3, Address: "Api"}).String(); got != "t.yaml:3 (Api)" {
		t.Error(got)
	}
}
