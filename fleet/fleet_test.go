package fleet

import (
	"errors"
	"testing"
	"time"
)

const fn = "f"

func newFleet(t *testing.T, c Config) *Fleet {
	t.Helper()
	if c.Functions == nil {
		c.Functions = []Function{{Name: fn}}
	}
	f, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// place expects an environment.
func place(t *testing.T, f *Fleet, now time.Duration) (ID, bool) {
	t.Helper()
	id, cold, err := f.Place(now, fn)
	if err != nil {
		t.Fatal(err)
	}
	return id, cold
}

// warm starts n environments, which are idle afterwards.
func warm(t *testing.T, f *Fleet, n int) []ID {
	t.Helper()
	var ids []ID
	for range n {
		id, cold := place(t, f, 0)
		if !cold {
			t.Fatal("expected a cold start")
		}
		ids = append(ids, id)
	}
	for i, id := range ids {
		f.Started(time.Duration(i), id)
		f.Finish(time.Duration(i), id)
	}
	return ids
}

func wantReason(t *testing.T, err error, want Reason) {
	t.Helper()
	var throttle *Throttle
	if !errors.As(err, &throttle) || throttle.Reason != want {
		t.Fatalf("got %v, want a throttle for %s", err, want)
	}
}

func TestOneInvocationForEachEnvironment(t *testing.T) {
	f := newFleet(t, Config{})
	a, cold := place(t, f, 0)
	if !cold {
		t.Error("the first invocation must start an environment")
	}
	b, cold := place(t, f, 0)
	if !cold || a == b {
		t.Error("a second invocation at the same time needs an environment of its own")
	}
	f.Started(1, a)
	f.Finish(2, a)
	if got, cold := place(t, f, 3); cold || got != a {
		t.Errorf("got %d cold=%v, want the idle environment %d", got, cold, a)
	}
}

func TestPlacement(t *testing.T) {
	for _, test := range []struct {
		placement Placement
		want      int // index of the environment that is used first
	}{{NewestFirst, 2}, {MostRecentlyUsed, 1}, {LeastRecentlyUsed, 0}} {
		t.Run(test.placement.String(), func(t *testing.T) {
			f := newFleet(t, Config{Placement: test.placement})
			ids := warm(t, f, 3)
			// Use the middle one last, whatever the rule.
			var held []ID
			for range ids {
				id, _ := place(t, f, 10)
				held = append(held, id)
			}
			f.Finish(11, ids[0])
			f.Finish(12, ids[2])
			f.Finish(13, ids[1])
			f.byID[ids[0]].lastUse, f.byID[ids[2]].lastUse, f.byID[ids[1]].lastUse = 100, 101, 102
			for _, id := range ids { // re-key with the order of use above
				env := f.byID[id]
				env.fn.idle.remove(env)
				env.fn.idle.add(env, f.key(env))
			}
			if got, _ := place(t, f, 20); got != ids[test.want] {
				t.Errorf("got environment %d of %v (held %v), want %d", got, ids, held, ids[test.want])
			}
		})
	}
}

func TestParsePlacement(t *testing.T) {
	for p := NewestFirst; p <= Random; p++ {
		if got, err := ParsePlacement(p.String()); err != nil || got != p {
			t.Errorf("%v: got %v, %v", p, got, err)
		}
	}
	if _, err := ParsePlacement("best"); err == nil {
		t.Error("an unknown name was accepted")
	}
}

func TestReservedConcurrency(t *testing.T) {
	two := 2
	f := newFleet(t, Config{Account: 10, Functions: []Function{{Name: fn, Reserved: &two}, {Name: "g"}}})
	place(t, f, 0)
	id, _ := place(t, f, 0)
	_, _, err := f.Place(0, fn)
	wantReason(t, err, ReservedConcurrency)
	f.Started(1, id)
	f.Finish(1, id)
	place(t, f, 1)

	// The others share what is left: 10 - 2.
	for range 8 {
		if _, _, err := f.Place(0, "g"); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err = f.Place(0, "g")
	wantReason(t, err, AccountConcurrency)
}

func TestReservedZeroRefusesAll(t *testing.T) {
	zero := 0
	f := newFleet(t, Config{Functions: []Function{{Name: fn, Reserved: &zero}}})
	_, _, err := f.Place(0, fn)
	wantReason(t, err, ReservedConcurrency)
}

func TestScalingRate(t *testing.T) {
	f := newFleet(t, Config{Account: 100_000})
	start := func(now time.Duration) (n int) {
		for {
			if _, _, err := f.Place(now, fn); err != nil {
				wantReason(t, err, ScalingRate)
				return n
			}
			n++
		}
	}
	for _, step := range []struct {
		at   time.Duration
		want int
	}{
		{0, 1000},                // a full step at once
		{time.Second, 100},       // refilled continuously
		{11 * time.Second, 1000}, // ten seconds more are one step
		{time.Hour, 1000},        // nothing is saved up
	} {
		if got := start(step.at); got != step.want {
			t.Errorf("at %v: %d environments started, want %d", step.at, got, step.want)
		}
	}
}

func TestRequestRate(t *testing.T) {
	one := 1
	f := newFleet(t, Config{Functions: []Function{{Name: fn, Reserved: &one}}})
	for i := range 10 {
		id, _ := place(t, f, 0)
		f.Started(0, id)
		f.Finish(0, id)
		_ = i
	}
	_, _, err := f.Place(0, fn)
	wantReason(t, err, ReservedRate)
	place(t, f, 100*time.Millisecond)
}

func TestExpiry(t *testing.T) {
	f := newFleet(t, Config{IdleExpiry: time.Minute})
	ids := warm(t, f, 3)
	id, _ := place(t, f, 30*time.Second) // the newest
	f.Finish(31*time.Second, id)
	if at, ok := f.NextExpiry(); !ok || at != time.Minute {
		t.Errorf("next expiry %v %v, want 1m", at, ok)
	}
	if got := f.Expire(59 * time.Second); len(got) != 0 {
		t.Errorf("expired early: %v", got)
	}
	if got := f.Expire(61 * time.Second); len(got) != 2 || got[0] != ids[0] || got[1] != ids[1] {
		t.Errorf("expired %v, want the two that were idle", got)
	}
	if c := f.Counts(""); c.Idle != 1 {
		t.Errorf("%+v, want one idle", c)
	}
	if got := f.Expire(91 * time.Second); len(got) != 1 {
		t.Errorf("expired %v, want the last", got)
	}
	if _, ok := f.NextExpiry(); ok {
		t.Error("an empty fleet has no next expiry")
	}
}

func TestProvisioned(t *testing.T) {
	f := newFleet(t, Config{IdleExpiry: time.Minute, Functions: []Function{{Name: fn, Provisioned: 2}}})
	ids := f.Provision(fn)
	if len(ids) != 2 {
		t.Fatalf("provisioned %v, want two", ids)
	}
	for _, id := range ids {
		f.Started(0, id)
	}
	if again := f.Provision(fn); len(again) != 0 {
		t.Errorf("provisioned %v again", again)
	}
	for range 2 {
		if _, cold := place(t, f, 1); cold {
			t.Error("a provisioned environment was not used")
		}
	}
	spill, cold := place(t, f, 1)
	if !cold {
		t.Error("beyond the provisioned ones an environment must start")
	}
	f.Started(2, spill)
	f.Finish(2, spill)
	f.Finish(2, ids[1])
	if got, _ := place(t, f, 3); got != ids[1] {
		t.Errorf("got %d, want the provisioned %d before the newer on-demand one", got, ids[1])
	}
	f.Finish(4, ids[0])
	f.Finish(4, ids[1])
	if gone := f.Expire(time.Hour); len(gone) != 1 || gone[0] != spill {
		t.Errorf("expired %v, want only the on-demand environment %d", gone, spill)
	}
	f.Remove(ids[0])
	if got := f.Provision(fn); len(got) != 1 {
		t.Errorf("provisioned %v, want a replacement for the removed one", got)
	}
}

func TestSeveralInvocationsInOneEnvironment(t *testing.T) {
	f := newFleet(t, Config{Functions: []Function{{Name: fn, PerEnvironment: 3}}})
	id, _ := place(t, f, 0)
	if other, cold := place(t, f, 0); !cold || other == id {
		t.Error("an environment in init takes only the invocation that started it")
	} else {
		f.Remove(other)
	}
	f.Started(1, id)
	for range 2 {
		if got, cold := place(t, f, 1); cold || got != id {
			t.Fatalf("got %d cold=%v, want room in %d", got, cold, id)
		}
	}
	if _, cold := place(t, f, 1); !cold {
		t.Error("a fourth invocation does not fit")
	}
	f.Finish(2, id)
	if got, cold := place(t, f, 2); cold || got != id {
		t.Error("the free place was not used")
	}
}

func TestBadConfig(t *testing.T) {
	r := func(n int) *int { return &n }
	for name, c := range map[string]Config{
		"reserve more than the account": {Account: 10, Functions: []Function{{Name: "a", Reserved: r(11)}}},
		"provision more than reserved":  {Functions: []Function{{Name: "a", Reserved: r(1), Provisioned: 2}}},
		"two of a name":                 {Functions: []Function{{Name: "a"}, {Name: "a"}}},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	f := newFleet(t, Config{})
	if _, _, err := f.Place(0, "nobody"); err == nil {
		t.Error("an unknown function was placed")
	}
}
