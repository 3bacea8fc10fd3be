package snapshot

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"

	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/thawdev/thaw/stack/snapshot/query"
)

// collector gathers the items of calls that run at the same time.
type collector struct {
	Clients
	opts   Options
	cancel context.CancelCauseFunc
	slots  chan struct{} // one for each call that may run

	mu    sync.Mutex
	done  int
	items map[string][]item
	gaps  map[[2]string]*Gap // by call and error

	// What later calls and the redaction need, each written by one call.
	vpcs         []query.VPC
	subnets      []query.Subnet
	prefixLists  []query.PrefixList
	functions    []lambdatypes.FunctionConfiguration
	clusters     []query.CacheCluster
	groups       []query.ReplicationGroup
	serverless   []query.ServerlessCache
	subnetGroups []query.CacheSubnetGroup
	policies     map[string]bool // ARNs of customer managed policies
}

// item is what a call gave for one resource, with what it is sorted by.
type item struct {
	key  string
	data json.RawMessage
}

func newCollector(clients Clients, opts Options, cancel context.CancelCauseFunc) *collector {
	if opts.Parallel <= 0 {
		opts.Parallel = 4
	}
	c := &collector{Clients: clients, opts: opts, cancel: cancel, slots: make(chan struct{}, opts.Parallel),
		items: map[string][]item{}, gaps: map[[2]string]*Gap{}, policies: map[string]bool{}}
	for _, call := range calls() {
		c.items[call.name] = nil
	}
	delete(c.items, "iam:GetPolicy") // only finds the version to get
	return c
}

// identity finds the account, and whether AWS accepts the credentials at all.
func (c *collector) identity(ctx context.Context) (string, error) {
	out, err := c.STS.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	switch {
	case ctx.Err() != nil:
		return "", fmt.Errorf("snapshot: stopped before it began: %w", context.Cause(ctx))
	case err != nil && unreached(errorClass(err)):
		return "", fmt.Errorf("snapshot: cannot reach AWS in %s (sts:GetCallerIdentity: %s); check the name of the region, the network and HTTPS_PROXY", c.opts.Region, errorClass(err))
	case err != nil && busy(errorClass(err)):
		return "", fmt.Errorf("snapshot: AWS in %s is too busy to answer (sts:GetCallerIdentity: %s); try again later", c.opts.Region, errorClass(err))
	case err != nil:
		return "", fmt.Errorf("snapshot: %w in %s (sts:GetCallerIdentity: %s); check AWS_PROFILE or --profile, and that the region is enabled", ErrCredentials, c.opts.Region, reason(err))
	case out.Account == nil:
		return "", nil
	}
	return *out.Account, nil
}

// group runs calls a few at a time and waits for all of them.
type group struct {
	c  *collector
	wg sync.WaitGroup
}

// run runs one call for one resource ("" for a call that lists). A call that
// fails becomes a gap.
func (g *group) run(ctx context.Context, call, resource string, f func(context.Context) error) {
	g.wg.Go(func() {
		select {
		case g.c.slots <- struct{}{}:
			defer func() { <-g.c.slots }()
		case <-ctx.Done():
			return
		}
		if ctx.Err() != nil {
			return
		}
		g.c.progress(call)
		if err := f(ctx); err != nil && ctx.Err() == nil {
			g.c.fail(call, resource, err)
		}
	})
}

func (c *collector) progress(call string) {
	c.mu.Lock()
	n := c.done
	c.done++
	c.mu.Unlock()
	if c.opts.Progress != nil {
		c.opts.Progress(n, call)
	}
}

// fail records a gap; the same error for many resources is one gap.
func (c *collector) fail(call, resource string, err error) {
	code := errorClass(err)
	if refused(code) || errors.Is(err, query.ErrNoCredentials) {
		c.cancel(fmt.Errorf("%w: %s gave %s", ErrCredentials, call, code))
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	key := [2]string{call, code}
	g := c.gaps[key]
	if g == nil {
		g = &Gap{Call: call, Error: code, Unknown: describe(call).unknown}
		c.gaps[key] = g
	}
	if resource != "" {
		g.Resources = append(g.Resources, resource)
	}
}

// add adds an item of a call.
func (c *collector) add(call, key string, v any) {
	data := marshal(v)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.items[call] = append(c.items[call], item{key, data})
}

// document puts the items in order. A call that failed altogether has no list,
// so that nobody takes it for an empty one.
func (c *collector) document(account string) *Document {
	d := &Document{Format: Format, Region: c.opts.Region, Account: account, VPCs: c.opts.VPCs,
		Calls: map[string][]json.RawMessage{}, Gaps: []Gap{}, redactIDs: c.opts.RedactIDs}
	if !c.opts.Now.IsZero() {
		now := c.opts.Now.UTC()
		d.TakenAt = &now
	}
	failed := map[string]bool{}
	for _, g := range c.gaps {
		slices.Sort(g.Resources)
		d.Gaps = append(d.Gaps, *g)
		failed[g.Call] = true
	}
	slices.SortFunc(d.Gaps, func(a, b Gap) int { return cmp.Or(cmp.Compare(a.Call, b.Call), cmp.Compare(a.Error, b.Error)) })
	for call, items := range c.items {
		if len(items) == 0 && failed[call] {
			continue
		}
		slices.SortStableFunc(items, func(a, b item) int {
			return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(string(a.data), string(b.data)))
		})
		d.Calls[call] = make([]json.RawMessage, len(items))
		for i, it := range items {
			d.Calls[call][i] = it.data
		}
	}
	return d
}

// each gives each page of a list to f. What came before an error counts.
func each[T any](list iter.Seq2[[]T, error], f func([]T)) error {
	for page, err := range list {
		if err != nil {
			return err
		}
		f(page)
	}
	return nil
}

// addEach adds each item of a list.
func addEach[T any](c *collector, call string, list iter.Seq2[[]T, error], key func(T) *string) error {
	return each(list, func(page []T) { addAll(c, call, page, key) })
}

// pager is what the paginators of the SDK have in common.
type pager[Output, Option any] interface {
	HasMorePages() bool
	NextPage(context.Context, ...func(*Option)) (Output, error)
}

// maxPages bounds a list of the SDK that does not end. Package query bounds its
// own.
const maxPages = 10_000

// errEndless is the error of a list that does not end.
var errEndless = fmt.Errorf("more than %d pages", maxPages)

// pages gives each page of a call of the SDK to each. What came before an error
// counts.
func pages[Output, Option any](ctx context.Context, p pager[Output, Option], each func(Output)) error {
	for n := 0; p.HasMorePages(); n++ {
		if n == maxPages {
			return errEndless
		}
		out, err := p.NextPage(ctx)
		if err != nil {
			return err
		}
		each(out)
	}
	return nil
}

// addAll adds each item of a page.
func addAll[T any](c *collector, call string, list []T, key func(T) *string) {
	for _, v := range list {
		c.add(call, deref(key(v)), v)
	}
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
