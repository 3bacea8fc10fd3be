package experiment

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/thawdev/thaw/fleet"
	"github.com/thawdev/thaw/lab"
	"github.com/thawdev/thaw/lab/cache"
	"github.com/thawdev/thaw/stack"
)

const (
	// wholeCPU is the memory that comes with one vCPU (AWS Lambda quotas page).
	// With less, what an experiment times is mostly the CPU share.
	wholeCPU = 1769

	// patientMS is the careful handler's timeout where timeouts are not the
	// subject: a machine that is busy elsewhere must not look like a slow cache.
	patientMS = "1000"

	settleWithin = 30 * time.Second
)

// setting describes one run of an experiment.
type setting struct {
	name       string // of the run, for the report
	functions  []string
	env        map[string]string
	origin     time.Duration // latency of the database
	maxClients int           // of the cache; 0 is the node type's
	network    lab.Profile
	expiry     time.Duration // of idle environments; 0 is the lab's
	placement  fleet.Placement
	through    *relay                // between handlers and cache; nil: none
	change     func(*stack.Function) // of the stack's functions; nil: none
	query      string                // of the database; "" is the template's
}

// stage is a lab set up for an experiment.
type stage struct {
	*lab.Lab
	setting
	used atomic.Int64 // keys that fresh has given out
}

// on opens a stage for each setting, acts on them, and puts their results into
// the report, in their order.
func (o Options) on(ctx context.Context, r *Report, act func([]*stage) error, settings ...setting) (err error) {
	var stages []*stage
	defer func() {
		for _, s := range stages {
			r.add(s)
			err = errors.Join(err, s.Close())
		}
	}()
	for _, setting := range settings {
		s, err := o.open(ctx, setting)
		if err != nil {
			return err
		}
		stages = append(stages, s)
	}
	if err := act(stages); err != nil {
		return err
	}
	return ctx.Err()
}

// solo is on for a single stage.
func (o Options) solo(ctx context.Context, r *Report, s setting, act func(*stage) error) error {
	return o.on(ctx, r, func(all []*stage) error { return act(all[0]) }, s)
}

func (r *Report) add(s *stage) {
	result := s.Result()
	result.Run.Name = r.Experiment + " · " + s.name
	r.Runs = append(r.Runs, result)
}

// open prepares the lab; the stack of the options stays as it is.
func (o Options) open(ctx context.Context, s setting) (*stage, error) {
	options := o.Lab
	if options.Stack == nil {
		return nil, errors.New("no stack: give the template of the example")
	}
	copied := *options.Stack
	copied.Functions = nil
	for _, name := range s.functions {
		f := options.Stack.Function(name)
		if f == nil {
			return nil, fmt.Errorf("%s has no function %q: experiments run on examples/storefront, or on a template with the same functions",
				options.Stack.Name, name)
		}
		mine := *f
		mine.MemoryMB = stack.Known(wholeCPU)
		mine.Schedules = nil
		if s.change != nil {
			s.change(&mine)
		}
		copied.Functions = append(copied.Functions, &mine)
	}
	if options.Stack.Database == nil {
		return nil, fmt.Errorf("%s describes no origin database (Metadata, Thaw, Database)", options.Stack.Name)
	}
	if s.query != "" {
		database := *options.Stack.Database
		database.Query = s.query
		copied.Database = &database
	}
	options.Stack, options.Functions = &copied, s.functions
	options.Env = map[string]string{"CACHE_TIMEOUT_MS": patientMS}
	maps.Copy(options.Env, o.Lab.Env)
	maps.Copy(options.Env, s.env)
	if s.through != nil {
		maps.Copy(options.Env, s.through.variables())
	}
	options.OriginLatency, options.MaxClients = &s.origin, s.maxClients
	options.Network, options.IdleExpiry, options.Placement = s.network, s.expiry, s.placement
	l, err := lab.Open(ctx, options)
	if err != nil {
		return nil, err
	}
	if l.CacheServer("") == nil {
		return nil, errors.Join(errors.New("the functions mention no cache of the template"), l.Close())
	}
	if s.through != nil {
		s.through.connectTo(l.CacheServer(""))
	}
	return &stage{Lab: l, setting: s}, nil
}

// cacheNow reads the cache server.
func (s *stage) cacheNow(ctx context.Context) (cache.Sample, error) {
	return s.CacheServer("").Sample(ctx)
}

// fresh is a key that no invocation of this stage has asked for: a miss, which
// holds its environment for as long as the database takes.
func (s *stage) fresh(int) string { return strconv.FormatInt(s.used.Add(1), 10) }

// one is a key function that always asks for the same.
func one(key string) func(int) string { return func(int) string { return key } }

// settle waits until every environment is idle, and so frozen.
func (s *stage) settle(ctx context.Context) error {
	return s.until(ctx, "every environment is idle", func() bool {
		c := s.Counts()
		return c.Busy == 0 && c.Starting == 0
	})
}

// until waits for a condition.
func (s *stage) until(ctx context.Context, what string, holds func() bool) error {
	deadline := time.Now().Add(settleWithin)
	for !holds() {
		if time.Now().After(deadline) {
			return fmt.Errorf("waited %v in vain until %s: %+v", settleWithin, what, s.Counts())
		}
		if err := pause(ctx, 2*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// pause waits, or returns the error of a context that ends before.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
