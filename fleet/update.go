package fleet

import "fmt"

// UnreservedKept is how many executions AWS keeps for functions that reserve
// none (PutFunctionConcurrency, Lambda developer guide); all of a smaller
// account.
const UnreservedKept = 100

// SetReserved changes the reserved concurrency of a function; nil gives it back
// to the account. Invocations that run are not touched: over a lower limit no
// new ones are admitted until enough have ended. As in AWS, the account keeps
// 100 executions for functions that reserve none.
func (f *Fleet) SetReserved(name string, reserved *int) error {
	fn := f.functions[name]
	if fn == nil {
		return fmt.Errorf("fleet: no function is named %q", name)
	}
	unreserved := f.config.Account
	for _, other := range f.functions {
		if other != fn && other.Reserved != nil {
			unreserved -= *other.Reserved
		}
	}
	if reserved != nil {
		if unreserved -= *reserved; unreserved < min(UnreservedKept, f.config.Account) {
			return fmt.Errorf("fleet: reserving %d for %s leaves %d unreserved concurrent executions, below the minimum of %d",
				*reserved, name, unreserved, UnreservedKept)
		}
		if *reserved < fn.Provisioned {
			return fmt.Errorf("fleet: %s provisions %d environments, more than %d reserved", name, fn.Provisioned, *reserved)
		}
	}
	fn.pool.inUse -= fn.counts.InFlight
	if reserved == nil {
		fn.pool = f.account
	} else {
		fn.pool = newPool(*reserved, true)
	}
	fn.pool.inUse += fn.counts.InFlight
	fn.Reserved = reserved
	f.account.resize(unreserved)
	return nil
}

// SetProvisioned changes how many environments of a function are kept
// initialised. It lists the idle ones that are no longer needed, which are
// removed; call Provision to start what is missing.
func (f *Fleet) SetProvisioned(name string, n int) (surplus []ID, err error) {
	fn := f.functions[name]
	if fn == nil {
		return nil, fmt.Errorf("fleet: no function is named %q", name)
	}
	if fn.Reserved != nil && n > *fn.Reserved {
		return nil, fmt.Errorf("fleet: %d provisioned for %s are more than the %d reserved", n, name, *fn.Reserved)
	}
	fn.Provisioned = n
	have := f.provisioned(fn)
	for _, env := range have[min(n, len(have)):] {
		env.retired = true
		if env.state == idle {
			surplus = append(surplus, env.id)
			f.Remove(env.id)
		}
	}
	return surplus, nil
}

// Retire makes every environment of a function the last of its kind, as when
// its configuration changes: idle ones are removed and listed, the others take
// no further invocation and end with the one they run; Finish tells.
func (f *Fleet) Retire(name string) []ID {
	var gone []ID
	for id, env := range f.byID {
		if env.fn.Name != name {
			continue
		}
		env.retired = true
		env.fn.idle.remove(env)
		if env.state == idle {
			gone = append(gone, id)
			f.Remove(id)
		}
	}
	return gone
}

// Provisioned returns how many environments a function wants initialised ahead,
// and how many of them are.
func (f *Fleet) Provisioned(name string) (requested, ready int) {
	fn := f.functions[name]
	if fn == nil {
		return 0, 0
	}
	for _, env := range f.provisioned(fn) {
		if env.state != starting {
			ready++
		}
	}
	return fn.Provisioned, ready
}

// provisioned lists the provisioned environments that serve, oldest first.
func (f *Fleet) provisioned(fn *function) []*environment {
	var have []*environment
	for id := ID(1); id <= f.lastID; id++ {
		if env := f.byID[id]; env != nil && env.fn == fn && env.provisioned && !env.retired {
			have = append(have, env)
		}
	}
	return have
}
