package lab

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Profile says what attaching a function to a VPC costs a new environment.
type Profile string

// The network profiles.
const (
	// Hyperplane is AWS since September 2019: network interfaces are made when
	// the function is created or its VPC settings change, and are shared by its
	// environments. A new environment waits for nothing.
	Hyperplane Profile = "hyperplane"
	// PerEnvironmentENI is AWS before that, and still many people's picture: an
	// interface is attached for each new environment. The lab injects 100 to
	// 300 ms, evenly spread. Measurements of that time show far more, 3 to 15 s
	// (sasidhar.com, 2019-11); the smaller figure is the one that is quoted as
	// the price of a VPC today.
	PerEnvironmentENI Profile = "per-environment-eni"
)

const (
	eniShortest = 100 * time.Millisecond
	eniLongest  = 300 * time.Millisecond
)

func (p Profile) valid() error {
	switch p {
	case "", Hyperplane, PerEnvironmentENI:
		return nil
	}
	return fmt.Errorf("lab: unknown network profile %q: use %s or %s", p, Hyperplane, PerEnvironmentENI)
}

// describe says for the report what the profile does.
func (p Profile) describe() string {
	if p == PerEnvironmentENI {
		return fmt.Sprintf("loopback; per-environment ENI, %d to %d ms injected (modelled)",
			eniShortest.Milliseconds(), eniLongest.Milliseconds())
	}
	return "loopback; hyperplane, no delay at a cold start"
}

// eni injects the delay of a profile for the environments of one function. A
// nil eni is a function outside a VPC.
type eni struct {
	mu   sync.Mutex
	rand *rand.Rand // nil: no delay
}

func newENI(p Profile, seed uint64) *eni {
	if p != PerEnvironmentENI {
		return &eni{}
	}
	return &eni{rand: rand.New(rand.NewPCG(seed, 0x656e69))}
}

// attach waits as long as attaching an interface takes.
func (e *eni) attach(ctx context.Context) (time.Duration, error) {
	if e == nil || e.rand == nil {
		return 0, nil
	}
	e.mu.Lock()
	delay := eniShortest + time.Duration(e.rand.Int64N(int64(eniLongest-eniShortest)))
	e.mu.Unlock()
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return delay, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}
