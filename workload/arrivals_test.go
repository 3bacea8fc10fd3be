package workload

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func mustArrivals(t testing.TB, text string) Spec {
	t.Helper()
	s, err := ParseArrivals(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// collect returns all offsets and checks that they never decrease and stay
// inside the run.
func collect(t testing.TB, s Spec, duration time.Duration, seed uint64) []time.Duration {
	t.Helper()
	a, err := s.Arrivals(duration, seed)
	if err != nil {
		t.Fatal(err)
	}
	var all []time.Duration
	for {
		offset, ok := a.Next()
		if !ok {
			break
		}
		if offset < 0 || duration > 0 && offset >= duration {
			t.Fatalf("%v: offset %v is outside of the run", s, offset)
		}
		if n := len(all); n > 0 && offset < all[n-1] {
			t.Fatalf("%v: offset %v after %v", s, offset, all[n-1])
		}
		all = append(all, offset)
	}
	if _, ok := a.Next(); ok {
		t.Fatalf("%v: goes on after its end", s)
	}
	return all
}

func TestConstantIsExact(t *testing.T) {
	for _, c := range []struct {
		text     string
		duration time.Duration
		want     int
	}{
		{"constant:200/s", 10 * time.Second, 2000},
		{"constant:3/s", 100 * time.Second, 300},
		{"constant:0.1/s", 30 * time.Second, 3},
		{"constant:1/m", time.Second, 1},
		{"constant:90/m", 2 * time.Second, 3},
		{"constant:7/h", 24 * time.Hour, 168},
	} {
		if got := len(collect(t, mustArrivals(t, c.text), c.duration, 1)); got != c.want {
			t.Errorf("%s for %v: %d requests, want %d", c.text, c.duration, got, c.want)
		}
	}
	want := []time.Duration{0, 5 * time.Millisecond, 10 * time.Millisecond, 15 * time.Millisecond}
	if diff := cmp.Diff(want, collect(t, mustArrivals(t, "constant:200/s"), 20*time.Millisecond, 1)); diff != "" {
		t.Error(diff)
	}
}

// The count in every window must match the integral of the rate, computed here
// by summing the definition of each shape.
func TestCountsMatchTheRate(t *testing.T) {
	const run, window = 60 * time.Second, time.Second
	shapes := map[string]func(t float64) float64{
		"constant:200/s":               func(t float64) float64 { return 200 },
		"ramp:0/s..500/s":              func(t float64) float64 { return 500 * t / 60 },
		"ramp:500/s..0/s":              func(t float64) float64 { return 500 - 500*t/60 },
		"ramp:100/s..100/s":            func(t float64) float64 { return 100 },
		"ramp:10/s..400/s,over=20s":    func(t float64) float64 { return min(400, 10+390*t/20) },
		"sine:100/s..400/s,period=30s": func(t float64) float64 { return 250 - 150*math.Cos(2*math.Pi*t/30) },
		"sine:0/s..400/s,period=7s":    func(t float64) float64 { return 200 - 200*math.Cos(2*math.Pi*t/7) },
		"burst:50/s,peak=500/s,every=10s,for=1s": func(t float64) float64 {
			if math.Mod(t, 10) >= 9 {
				return 500
			}
			return 50
		},
		"burst:0/s,peak=500/s,every=10s,for=2500ms": func(t float64) float64 {
			if math.Mod(t, 10) >= 7.5 {
				return 500
			}
			return 0
		},
	}
	for text, rate := range shapes {
		for _, random := range []bool{false, true} {
			s := mustArrivals(t, text)
			s.Poisson = random
			counts := make([]float64, run/window)
			for _, offset := range collect(t, s, run, 42) {
				counts[offset/window]++
			}
			total, expected := 0.0, 0.0
			for i, got := range counts {
				want := integral(rate, float64(i), float64(i+1))
				slack := 1.5 // both ends of a window can cut a request
				if random {
					slack = 5*math.Sqrt(want) + 1.5
				}
				if math.Abs(got-want) > slack {
					t.Errorf("%v: %.0f requests in second %d, want %.1f ± %.1f", s, got, i, want, slack)
				}
				total += got
				expected += want
			}
			slack := 1.0
			if random {
				slack = 4 * math.Sqrt(expected)
			}
			if math.Abs(total-expected) > slack {
				t.Errorf("%v: %.0f requests, want %.1f ± %.1f", s, total, expected, slack)
			}
			if got := s.Expected(run); math.Abs(got-expected) > 0.1 {
				t.Errorf("%v: Expected %.3f, want %.3f", s, got, expected)
			}
		}
	}
}

func integral(rate func(float64) float64, from, to float64) (sum float64) {
	const steps = 10_000
	for i := range steps {
		sum += rate(from+(float64(i)+0.5)*(to-from)/steps) * (to - from) / steps
	}
	return sum
}

// A curve's two functions must undo each other, over many periods.
func TestCurveInverse(t *testing.T) {
	for _, text := range []string{
		"constant:0.3/s", "ramp:0/s..500/s", "ramp:500/s..499.999/s", "sine:0/s..1000/s,period=1s",
		"sine:100/s..400/s,period=30s", "burst:1/s,peak=9/s,every=7s,for=3s", "ramp:5/s..7/s,over=3s",
	} {
		c := mustArrivals(t, text).curve(time.Hour)
		whole := c.mass(3600)
		for i := range 10_000 {
			x := whole * float64(i) / 10_000
			// Compared as counts: where the rate is 0, many times have one count.
			if back := c.mass(c.at(x)); math.Abs(back-x) > 1e-6 {
				t.Errorf("%s: mass(at(%v)) = %v", text, x, back)
			}
		}
	}
}

func TestPoissonGaps(t *testing.T) {
	all := collect(t, mustArrivals(t, "poisson:1000/s"), 100*time.Second, 7)
	longer := 0
	for i := 1; i < len(all); i++ {
		if all[i]-all[i-1] > 2*time.Millisecond {
			longer++
		}
	}
	// P(gap > 2 × mean) = e⁻²
	n := float64(len(all) - 1)
	want, sigma := n*math.Exp(-2), math.Sqrt(n*math.Exp(-2)*(1-math.Exp(-2)))
	if math.Abs(float64(longer)-want) > 4*sigma {
		t.Errorf("%d gaps above twice the mean, want %.0f ± %.0f", longer, want, 4*sigma)
	}
}

func TestEndless(t *testing.T) {
	a, err := mustArrivals(t, "ramp:10/s..0/s,over=10s").Arrivals(0, 1)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, ok := a.Next(); ok; _, ok = a.Next() {
		n++
	}
	if n != 51 { // the request at the very end of the ramp is the 51st
		t.Errorf("%d requests of a ramp that ends at 0, want 51", n)
	}
	if _, err := mustArrivals(t, "ramp:10/s..0/s").Arrivals(0, 1); err == nil || !strings.Contains(err.Error(), "over=") {
		t.Errorf("a ramp without a duration: %v", err)
	}
	if _, err := mustArrivals(t, "constant:1/s").Arrivals(-1, 1); err == nil {
		t.Error("a negative duration is accepted")
	}
}

func TestParseArrivalsErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                                   `column 1: no ":"`,
		"steady:1/s":                         `column 1: unknown shape "steady"`,
		"constant:":                          `column 10: "" is no rate`,
		"constant:200":                       `column 10: "200" is no rate`,
		"constant:-1/s":                      `column 10: the rate -1/s`,
		"constant:NaN/s":                     `column 10: the rate NaN/s`,
		"constant:0/s":                       `column 10: the rate 0/s`,
		"constant:1e12/s":                    `column 10: the rate 1e+12/s`,
		"constant:1/s,poisson":               `column 14: constant has no option "poisson"`,
		"ramp:5/s":                           `column 6: ramp needs two rates`,
		"ramp:5/s..x":                        `column 11: "x" is no rate`,
		"ramp:0/s..0/s":                      `column 6: a ramp needs a rate above 0`,
		"ramp:0/s..1/s,over=0s":              `column 15: "0s" is no duration`,
		"sine:4/s..1/s,period=1s":            `column 6: the peak 1/s is below`,
		"sine:1/s..4/s":                      `column 6: the period 0s`,
		"burst:1/s..2/s":                     `column 7: burst needs one rate`,
		"burst:1/s,peak=2/s":                 `column 7: the period 0s`,
		"burst:1/s,peak=2/s,peak=3":          `column 20: "peak" is given twice`,
		"burst:1/s,peak=2/s,every=1s,for=2s": `column 7: a burst for=2s does not fit`,
		"trace:":                             `column 7: a trace needs a file`,
	} {
		_, err := ParseArrivals(text)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "accepted forms") {
			t.Errorf("%q: %v, want %s and the forms", text, err, want)
		}
	}
}

func TestSpecIsPlainData(t *testing.T) {
	for _, text := range []string{
		"constant:200/s", "poisson:0.5/s", "ramp:0/s..500/s,over=1m0s,poisson",
		"burst:50/s,peak=500/s,every=10s,for=1s", "sine:100/s..400/s,period=30s", "trace:a,b.csv,spread=even",
	} {
		s := mustArrivals(t, text)
		if s.String() != text {
			t.Errorf("String: %q, want %q", s, text)
		}
		data, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var back Spec
		if err := json.Unmarshal(data, &back); err != nil || back != s {
			t.Errorf("%s came back as %+v, %v", data, back, err)
		}
	}
	if got := mustArrivals(t, "burst:50/s,peak=500/s,every=10s,for=1s").PeakRate(); got != 500 {
		t.Errorf("PeakRate: %v", got)
	}
}

func FuzzParseArrivals(f *testing.F) {
	for _, text := range []string{
		"constant:200/s", "poisson:10/m", "ramp:0/s..500/s,over=2s", "burst:50/s,peak=500/s,every=10s,for=1s",
		"sine:0/s..400/s,period=30s,poisson", "trace:x.csv,spread=even", "constant:1e6/s", "ramp:1/h..0/s",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseArrivals(text)
		if err != nil {
			return
		}
		back, err := ParseArrivals(s.String())
		if err != nil || back != s {
			t.Fatalf("%q is written %q, which reads %+v, %v; want %+v", text, s, back, err, s)
		}
		if s.Shape == Trace {
			return
		}
		a, err := s.Arrivals(10*time.Second, 1)
		if err != nil {
			t.Fatal(err)
		}
		last := time.Duration(0)
		for range 1000 {
			offset, ok := a.Next()
			if !ok {
				break
			}
			if offset < last || offset >= 10*time.Second {
				t.Fatalf("%q: %v after %v", text, offset, last)
			}
			last = offset
		}
	})
}
