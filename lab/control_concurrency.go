package lab

import (
	"cmp"
	"context"
	"time"

	"github.com/thawdev/thaw/fleet"
	"github.com/thawdev/thaw/lab/lambdaapi"
)

// provisioned is what the API keeps of a function's provisioned concurrency
// beside the fleet's count. The zero value is that of the template.
type provisioned struct {
	qualifier string
	modified  time.Time
	failed    string // why the last attempt to start what was missing failed
}

// provisionedOn is the alias or version that carries provisioned concurrency.
func (fn *function) provisionedOn() string {
	return cmp.Or(fn.provisioned.qualifier, fn.alias, lambdaapi.Published)
}

// SetReserved changes the reserved concurrency.
func (c control) SetReserved(name string, n *int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	fn, err := c.find(name)
	if err != nil {
		return err
	}
	if n != nil {
		requested, _ := c.fleet.Provisioned(fn.stack.ID)
		limit := c.accountLimit()
		switch kept := min(fleet.UnreservedKept, limit); {
		case *n < requested:
			return lambdaapi.Invalid("Specified ReservedConcurrentExecutions for function is lower than its provisioned concurrency of [%d].", requested)
		case limit-c.reservedBut(fn)-*n < kept:
			return lambdaapi.Invalid("Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [%d].", kept)
		}
	}
	if err := c.fleet.SetReserved(fn.stack.ID, n); err != nil {
		return lambdaapi.Invalid("%v", err)
	}
	fn.reserved = n
	return nil
}

// SetProvisioned changes the provisioned concurrency. In AWS each version and
// alias may have its own; the lab runs one version and so keeps one.
func (c control) SetProvisioned(name, qualifier string, n int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	fn, err := c.find(name)
	if err != nil {
		return err
	}
	requested, _ := c.fleet.Provisioned(fn.stack.ID)
	limit := c.accountLimit()
	switch kept := min(fleet.UnreservedKept, limit); {
	case requested > 0 && fn.provisionedOn() != qualifier:
		return lambdaapi.Invalid("the lab keeps one provisioned concurrency config for each function, and %s has one on %s: delete that first", fn.sandbox.Name, fn.provisionedOn())
	case fn.reserved != nil && n > *fn.reserved:
		return lambdaapi.Invalid("Specified ConcurrentExecutions for function is greater than function's ReservedConcurrentExecutions [%d].", *fn.reserved)
	case fn.reserved == nil && n > 0 && limit-c.reservedBut(nil)-n < kept:
		return lambdaapi.Invalid("Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [%d].", kept)
	}
	surplus, err := c.fleet.SetProvisioned(fn.stack.ID, n)
	if err != nil {
		return lambdaapi.Invalid("%v", err)
	}
	fn.provisioned = provisioned{qualifier: qualifier, modified: time.Now()}
	gone := c.forget(surplus)
	c.spawn(func(ctx context.Context) {
		for _, env := range gone {
			c.stop(env, "no longer provisioned")
		}
		c.startProvisioned(ctx, fn)
	})
	return nil
}

// Provisioned tells how many environments are provisioned and ready.
func (c control) Provisioned(name string) (lambdaapi.Provisioned, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fn, err := c.find(name)
	if err != nil {
		return lambdaapi.Provisioned{}, err
	}
	out := lambdaapi.Provisioned{Qualifier: fn.provisionedOn(), Failed: fn.provisioned.failed, Modified: fn.provisioned.modified}
	if out.Modified.IsZero() {
		out.Modified = fn.modified
	}
	if out.Requested, out.Ready = c.fleet.Provisioned(fn.stack.ID); out.Requested == 0 {
		return lambdaapi.Provisioned{}, nil
	}
	return out, nil
}

// Account tells the account's limits.
func (c control) Account() lambdaapi.Account {
	c.mu.Lock()
	defer c.mu.Unlock()
	limit := c.accountLimit()
	return lambdaapi.Account{Concurrent: limit, Unreserved: limit - c.reservedBut(nil)}
}

func (c control) accountLimit() int {
	if n := c.options.Account; n != 0 {
		return n
	}
	return fleet.DefaultAccount
}

// reservedBut adds up what functions other than one reserve; the lock must be
// held.
func (c control) reservedBut(but *function) (sum int) {
	for _, fn := range c.order {
		if fn != but && fn.reserved != nil {
			sum += *fn.reserved
		}
	}
	return sum
}
