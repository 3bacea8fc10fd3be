package guard

import (
	"math/rand/v2"
	"testing"
	"time"
)

var t0 = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func at(d time.Duration) time.Time { return t0.Add(d) }

func fail(t *testing.T, b *Breaker, now time.Time) {
	t.Helper()
	p, ok := b.Allow(now)
	if !ok {
		t.Fatalf("refused at %v in state %v", now.Sub(t0), b.State(now))
	}
	p.Done(now, Failure)
}

func TestBreakerOpensAndRecovers(t *testing.T) {
	b := NewBreaker(BreakerOptions{Failures: 3, Cooldown: time.Second})
	for range 3 {
		fail(t, b, at(0))
	}
	if s := b.State(at(0)); s != Open {
		t.Fatalf("after three failures: %v", s)
	}
	if _, ok := b.Allow(at(499 * time.Millisecond)); ok {
		t.Fatal("let a call through before half the cool-down")
	}
	p, ok := b.Allow(at(time.Second))
	if !ok || b.State(at(time.Second)) != HalfOpen {
		t.Fatal("no probe after the cool-down")
	}
	if _, ok := b.Allow(at(time.Second)); ok {
		t.Fatal("two probes at once")
	}
	p.Done(at(time.Second), Success)
	if s := b.State(at(time.Second)); s != Closed {
		t.Fatalf("after a good probe: %v", s)
	}
}

func TestBreakerDoesNotCountMissesAndCancellations(t *testing.T) {
	b := NewBreaker(BreakerOptions{Failures: 2})
	for range 100 {
		p, _ := b.Allow(at(0))
		p.Done(at(0), Ignored)
	}
	fail(t, b, at(0))
	p, _ := b.Allow(at(0))
	p.Done(at(0), Ignored) // neither a failure nor a success: the row goes on
	fail(t, b, at(0))
	if s := b.State(at(0)); s != Open {
		t.Fatalf("%v", s)
	}
}

// A freeze of an hour is an hour of cool-down, whatever the monotonic clock says.
func TestBreakerCountsWallTime(t *testing.T) {
	b := NewBreaker(BreakerOptions{Failures: 1})
	now := time.Now() // carries a monotonic reading
	p, _ := b.Allow(now)
	p.Done(now, Failure)
	thawed := now.Round(0).Add(time.Hour)
	if _, ok := b.Allow(thawed); !ok {
		t.Fatal("still open an hour later")
	}
}

func TestBreakerSurvivesAClockSetBack(t *testing.T) {
	b := NewBreaker(BreakerOptions{Failures: 1, Cooldown: time.Second})
	fail(t, b, at(24*time.Hour))
	if _, ok := b.Allow(at(0)); ok {
		t.Fatal("open breaker let a call through")
	}
	if _, ok := b.Allow(at(time.Second)); !ok {
		t.Fatal("open for a day because the clock was set back by a day")
	}
}

func TestBreakerForgetsALostProbe(t *testing.T) {
	b := NewBreaker(BreakerOptions{Failures: 1, Cooldown: time.Second})
	fail(t, b, at(0))
	lost, ok := b.Allow(at(time.Second))
	if !ok {
		t.Fatal("no probe")
	}
	if _, ok := b.Allow(at(2100 * time.Millisecond)); !ok {
		t.Fatal("a lost probe keeps the breaker half open for ever")
	}
	_ = lost
}

func TestBreakerDropsStaleVerdicts(t *testing.T) {
	b := NewBreaker(BreakerOptions{Failures: 1, Cooldown: time.Second})
	slow, _ := b.Allow(at(0))
	fail(t, b, at(0))
	probe, ok := b.Allow(at(time.Second))
	if !ok {
		t.Fatal("no probe")
	}
	slow.Done(at(time.Second), Failure)
	if s := b.State(at(time.Second)); s != HalfOpen {
		t.Fatalf("a failure from before the opening closed the probe: %v", s)
	}
	probe.Done(at(time.Second), Success)
	if s := b.State(at(time.Second)); s != Closed {
		t.Fatalf("%v", s)
	}
}

func TestBreakerCooldownDoublesToItsLimit(t *testing.T) {
	b := NewBreaker(BreakerOptions{Failures: 1, Cooldown: time.Second, MaxCooldown: 5 * time.Second, Seed: 7})
	now := at(0)
	want := []time.Duration{1, 2, 4, 5, 5}
	for i, w := range want {
		fail(t, b, now)
		got := b.Until(now).Sub(now)
		if w *= time.Second; got < w/2 || got > w {
			t.Fatalf("opening %d lasts %v, want %v to %v", i+1, got, w/2, w)
		}
		now = now.Add(got)
	}
}

func TestBreakerTrip(t *testing.T) {
	b := NewBreaker(BreakerOptions{})
	b.Trip(at(0))
	if _, ok := b.Allow(at(0)); ok {
		t.Fatal("tripped breaker let a call through")
	}
}

func TestBreakerReset(t *testing.T) {
	b := NewBreaker(BreakerOptions{})
	b.Trip(at(0))
	b.Reset()
	if p, ok := b.Allow(at(0)); !ok {
		t.Fatal("closed breaker refused a call")
	} else {
		p.Done(at(0), Success)
	}
}

// slowBreaker is the obvious form: it keeps every verdict since the last change of
// state and counts again each time. No fast path, no counters to forget.
type slowBreaker struct {
	o        BreakerOptions
	state    State
	verdicts []Outcome
	out      []time.Duration // times of the probes given out
	opened   time.Duration
	length   func() time.Duration // the shipped breaker's draw: jitter is tested elsewhere
	epoch    int
}

func (s *slowBreaker) tick(now time.Duration) {
	if s.state == Open && now >= s.opened+s.length() {
		s.become(HalfOpen)
	}
}

func (s *slowBreaker) become(x State) { s.state, s.verdicts, s.out = x, nil, nil; s.epoch++ }

func (s *slowBreaker) allow(now time.Duration) bool {
	s.tick(now)
	if s.state == HalfOpen {
		if n := len(s.out); n > 0 && now-s.out[n-1] >= s.length() {
			s.out = nil
		}
		if len(s.out) >= s.o.Probes {
			return false
		}
		s.out = append(s.out, now)
	}
	return s.state != Open
}

func (s *slowBreaker) done(now time.Duration, epoch int, o Outcome) {
	s.tick(now)
	if epoch != s.epoch {
		return
	}
	if s.state == HalfOpen && len(s.out) > 0 {
		s.out = s.out[1:]
	}
	s.verdicts = append(s.verdicts, o)
	if s.state == HalfOpen {
		switch o {
		case Success:
			s.become(Closed)
		case Failure:
			s.opened = now
			s.become(Open)
		}
		return
	}
	row := 0
	for _, v := range s.verdicts {
		switch v {
		case Success:
			row = 0
		case Failure:
			row++
		}
	}
	if row >= s.o.Failures {
		s.opened = now
		s.become(Open)
	}
}

func TestBreakerAgainstSlowModel(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		o := BreakerOptions{Failures: 1 + r.IntN(4), Probes: 1 + r.IntN(3), Cooldown: time.Second, MaxCooldown: 4 * time.Second, Seed: seed}
		b := NewBreaker(o)
		m := &slowBreaker{o: o, length: func() time.Duration { return b.cooldown }}
		type held struct {
			p     Permit
			epoch int
		}
		var permits []held
		now := time.Duration(0)
		for step := range 400 {
			now += time.Duration(r.IntN(300)) * time.Millisecond
			if r.IntN(2) == 0 {
				p, got := b.Allow(at(now))
				if want := m.allow(now); got != want {
					t.Fatalf("seed %d step %d: Allow = %v, the model says %v (%v)", seed, step, got, want, m.state)
				}
				if got {
					permits = append(permits, held{p, m.epoch})
				}
			} else if len(permits) > 0 {
				i := r.IntN(len(permits))
				out := Outcome(r.IntN(3))
				permits[i].p.Done(at(now), out)
				m.done(now, permits[i].epoch, out)
				permits = append(permits[:i], permits[i+1:]...)
			}
			if got, want := b.State(at(now)), m.stateAt(now); got != want {
				t.Fatalf("seed %d step %d: %v, the model says %v", seed, step, got, want)
			}
		}
	}
}

func (s *slowBreaker) stateAt(now time.Duration) State { s.tick(now); return s.state }

func BenchmarkBreakerClosed(b *testing.B) {
	br := NewBreaker(BreakerOptions{})
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		p, _ := br.Allow(now)
		p.Done(now, Success)
	}
}

func BenchmarkBreakerOpen(b *testing.B) {
	br := NewBreaker(BreakerOptions{})
	now := time.Now()
	br.Trip(now)
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := br.Allow(now); ok {
			b.Fatal("open")
		}
	}
}
