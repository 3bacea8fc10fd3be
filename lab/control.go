package lab

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/thawdev/thaw/fleet"
	"github.com/thawdev/thaw/lab/lambdaapi"
)

// API serves the Lambda API of AWS over the functions that the lab runs, and
// begins the recorded run. Close it before the lab.
func (l *Lab) API() *lambdaapi.Server {
	l.Begin()
	return lambdaapi.New(control{l})
}

// control is the lab as the Lambda API sees it. Functions go by AWS's name or
// by their logical id.
type control struct{ *Lab }

// find returns a function; the lock must be held.
func (c control) find(name string) (*function, error) {
	for _, fn := range c.order {
		if fn.sandbox.Name == name {
			return fn, nil
		}
	}
	if fn := c.functions[name]; fn != nil {
		return fn, nil
	}
	return nil, lambdaapi.NotFound("arn:aws:lambda:" + region + ":" + account + ":function:" + name)
}

func (fn *function) configuration() lambdaapi.Configuration {
	return lambdaapi.Configuration{
		Name: fn.sandbox.Name, ARN: fn.sandbox.ARN, Runtime: fn.sandbox.Runtime, Handler: fn.sandbox.Handler,
		MemoryMB: fn.sandbox.MemoryMB, TimeoutS: int(fn.sandbox.Timeout / time.Second),
		Environment: maps.Clone(fn.variables), SubnetIDs: fn.vpc.subnets, SecurityGroupIDs: fn.vpc.securityGroups,
		Architecture: fn.stack.Architecture.Or("x86_64"), Reserved: fn.reserved,
		Modified: fn.modified, Revision: fn.revision, Updating: fn.updating,
	}
}

// Functions lists the functions that run.
func (c control) Functions() []lambdaapi.Configuration {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []lambdaapi.Configuration
	for _, fn := range c.order {
		all = append(all, fn.configuration())
	}
	return all
}

// Function finds one.
func (c control) Function(name string) (lambdaapi.Configuration, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fn, err := c.find(name)
	if err != nil {
		return lambdaapi.Configuration{}, err
	}
	return fn.configuration(), nil
}

// Invoke runs a function and records the invocation as part of the run.
func (c control) Invoke(ctx context.Context, name string, in lambdaapi.Invocation) (lambdaapi.Reply, error) {
	c.mu.Lock()
	fn, err := c.find(name)
	c.mu.Unlock()
	if err != nil {
		return lambdaapi.Reply{}, err
	}
	at := c.now() - c.zero()
	reply, err := c.send(ctx, request{
		Invocation: Invocation{
			Function: fn.stack.ID, Payload: in.Payload,
			ClientContext: in.ClientContext, TraceID: in.TraceID, RequestID: in.RequestID,
		},
		intended: at, sent: at,
	})
	switch {
	case err != nil:
		return lambdaapi.Reply{}, err
	case reply.Throttle != nil:
		reason := reply.Throttle.Reason
		if reason == fleet.ScalingRate {
			reason = fleet.AccountConcurrency // what AWS names it by is not documented; SDKs know this one
		}
		return lambdaapi.Reply{}, lambdaapi.Throttled(string(reason))
	}
	out := lambdaapi.Reply{Payload: reply.Payload, Log: reply.Log}
	if reply.Err != nil {
		out.FunctionError, out.Payload = true, reply.Err.Payload
	}
	return out, nil
}

// Update changes a function. Environments of the old configuration take no
// further invocation.
func (c control) Update(name string, u lambdaapi.Update) (lambdaapi.Configuration, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fn, err := c.find(name)
	if err != nil {
		return lambdaapi.Configuration{}, err
	}
	switch {
	case u.Revision != "" && u.Revision != fn.revision:
		return lambdaapi.Configuration{}, lambdaapi.Stale()
	case fn.updating:
		return lambdaapi.Configuration{}, lambdaapi.Conflict(fn.sandbox.ARN)
	}
	changed := *fn.sandbox
	apply(&changed.MemoryMB, u.MemoryMB)
	apply(&changed.Handler, u.Handler)
	if u.TimeoutS != nil {
		changed.Timeout = time.Duration(*u.TimeoutS) * time.Second
	}
	if u.Environment != nil {
		fn.variables = maps.Clone(u.Environment)
		changed.Env = fn.environment()
	}
	if u.SubnetIDs != nil {
		fn.vpc = vpcSettings{slices.Clone(u.SubnetIDs), slices.Clone(u.SecurityGroupIDs)}
		fn.eni = nil
		if len(u.SubnetIDs) > 0 {
			fn.eni = newENI(c.options.Network, c.options.Seed)
		}
	}
	fn.sandbox, fn.modified, fn.revision, fn.updating = &changed, time.Now(), uuid.NewString(), true
	old := c.retire(fn)
	c.spawn(func(ctx context.Context) { c.replace(ctx, fn, old) })
	return fn.configuration(), nil
}

func apply[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// retire forgets the idle environments of fn; the lock must be held.
func (c control) retire(fn *function) []*environment {
	return c.forget(c.fleet.Retire(fn.stack.ID))
}

// forget takes environments that the fleet has removed out of the lab's list;
// the lock must be held.
func (l *Lab) forget(ids []fleet.ID) []*environment {
	var gone []*environment
	for _, id := range ids {
		if env := l.environments[id]; env != nil {
			gone = append(gone, env)
			delete(l.environments, id)
		}
	}
	return gone
}

// replace ends an update: the old environments stop and provisioned ones of the
// new configuration start.
func (c control) replace(ctx context.Context, fn *function, old []*environment) {
	for _, env := range old {
		c.stop(env, "updated")
	}
	c.startProvisioned(ctx, fn)
	c.mu.Lock()
	fn.updating = false
	c.mu.Unlock()
}

// startProvisioned starts the provisioned environments that are missing and
// keeps the reason if some do not come.
func (c control) startProvisioned(ctx context.Context, fn *function) {
	err := c.provision(ctx, fn)
	c.mu.Lock()
	defer c.mu.Unlock()
	fn.provisioned.failed = ""
	if err != nil {
		fn.provisioned.failed = err.Error()
	}
}
