package fleet

import "testing"

func TestSetReserved(t *testing.T) {
	f := newFleet(t, Config{Account: 200})
	a, _ := place(t, f, 0)
	place(t, f, 0)
	one := 1
	if err := f.SetReserved(fn, &one); err != nil {
		t.Fatal(err)
	}
	_, _, err := f.Place(1, fn)
	wantReason(t, err, ReservedConcurrency)
	f.Finish(2, a)
	_, _, err = f.Place(2, fn)
	wantReason(t, err, ReservedConcurrency) // the other one still runs
	if err := f.SetReserved(fn, nil); err != nil {
		t.Fatal(err)
	}
	place(t, f, 3)
	if f.account.inUse != 2 || f.account.limit != 200 {
		t.Errorf("account: %d of %d in use, want 2 of 200", f.account.inUse, f.account.limit)
	}
	tooMany := 101
	if err := f.SetReserved(fn, &tooMany); err == nil {
		t.Error("fewer than 100 unreserved executions were left and nobody minded")
	}
	if err := f.SetReserved("nobody", nil); err == nil {
		t.Error("an unknown function was changed")
	}
}

func TestSetProvisioned(t *testing.T) {
	f := newFleet(t, Config{Functions: []Function{{Name: fn, Provisioned: 3}}})
	ids := f.Provision(fn)
	for _, id := range ids {
		f.Started(0, id)
	}
	held, _ := place(t, f, 1) // the newest
	surplus, err := f.SetProvisioned(fn, 1)
	if err != nil || len(surplus) != 1 || surplus[0] != ids[1] {
		t.Errorf("surplus %v %v, want the idle one of the two newest", surplus, err)
	}
	if !f.Finish(2, held) {
		t.Error("the busy one of the surplus must end with its invocation")
	}
	if c := f.Counts(fn); c.Idle != 1 || c.Busy != 0 || c.InFlight != 0 {
		t.Errorf("%+v, want one idle environment", c)
	}
	if _, err := f.SetProvisioned(fn, 2); err != nil {
		t.Fatal(err)
	}
	if more := f.Provision(fn); len(more) != 1 {
		t.Errorf("started %v, want one more", more)
	}
}

func TestRetire(t *testing.T) {
	f := newFleet(t, Config{})
	ids := warm(t, f, 2)
	busy, _ := place(t, f, 5)
	fresh, _, _ := func() (ID, bool, error) { // a third in init
		place(t, f, 5)
		return f.Place(5, fn)
	}()
	f.Finish(6, ids[0])
	gone := f.Retire(fn)
	if len(gone) != 1 || gone[0] != ids[0] {
		t.Errorf("retired %v, want the idle %d", gone, ids[0])
	}
	if _, cold := place(t, f, 7); !cold {
		t.Error("a retired environment was used")
	}
	if !f.Finish(8, busy) {
		t.Error("a retired environment ends with its last invocation")
	}
	f.Started(9, fresh)
	if !f.Finish(10, fresh) {
		t.Error("an environment retired in init serves its one invocation and ends")
	}
	if c := f.Counts(fn); c.Starting != 1 || c.Idle+c.Busy != 0 || c.InFlight != 1 {
		t.Errorf("%+v, want only the new environment in init", c)
	}
}

// A provisioned environment that is no longer wanted when its init ends never
// serves: it would be idle for ever.
func TestRetireWhileProvisioning(t *testing.T) {
	f := newFleet(t, Config{Functions: []Function{{Name: fn, Provisioned: 2}}})
	ids := f.Provision(fn)
	if f.Started(1, ids[0]) {
		t.Error("a wanted environment was removed")
	}
	if surplus, err := f.SetProvisioned(fn, 1); err != nil || len(surplus) != 0 {
		t.Errorf("surplus %v %v, want none: the other is still starting", surplus, err)
	}
	if !f.Started(2, ids[1]) {
		t.Error("an environment that nobody wants any more was kept")
	}
	f.Retire(fn)
	next := f.Provision(fn)
	f.Retire(fn)
	for _, id := range next {
		if !f.Started(3, id) {
			t.Error("an environment of the old configuration was kept")
		}
	}
	if c := f.Counts(fn); c.Starting+c.Idle+c.Busy != 0 {
		t.Errorf("%+v, want none left", c)
	}
}
