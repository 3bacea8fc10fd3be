package workload

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
)

// Limits of Keys.
const (
	maxKeys     = 1_000_000_000
	maxExponent = 20
)

const keyForms = "accepted forms: zipf:10000,s=1.1; uniform:10000; single"

// Keys says which of N keys a request touches. Keys are ranks from 1, the most
// popular, to N. The zero value is a single key.
type Keys struct {
	N int64 `json:"n"` // number of keys; 0 means 1
	// S is the exponent of Zipf's law: key k is chosen with a probability
	// proportional to k^−S. 0 is uniform; 1 is the classic law; the larger,
	// the fewer keys take most requests.
	S float64 `json:"s"`
}

// ParseKeys reads "zipf:N,s=S" (s is 1 when left out), "uniform:N" or
// "single". An error names the part and lists the forms.
func ParseKeys(text string) (Keys, error) {
	k, err := parseKeys(text)
	if err == nil {
		err = k.validate()
	}
	if err != nil {
		return Keys{}, fmt.Errorf("workload: keys %q: %w; %s", text, err, keyForms)
	}
	return k, nil
}

func parseKeys(text string) (k Keys, err error) {
	shape, rest, _ := strings.Cut(text, ":")
	number, option, more := strings.Cut(rest, ",")
	switch {
	case text == "single":
		return Keys{N: 1}, nil
	case shape == "zipf":
		k.S = 1
		if more {
			value, ok := strings.CutPrefix(option, "s=")
			if k.S, err = strconv.ParseFloat(value, 64); err != nil || !ok {
				return Keys{}, fmt.Errorf("%q is no exponent such as s=1.1", option)
			}
		}
	case shape != "uniform":
		return Keys{}, fmt.Errorf("unknown shape %q", shape)
	case more:
		return Keys{}, fmt.Errorf("uniform has no option %q", option)
	}
	if k.N, err = strconv.ParseInt(number, 10, 64); err != nil || k.N < 1 {
		return Keys{}, fmt.Errorf("%q is no number of keys", number)
	}
	return k, nil
}

func (k Keys) validate() error {
	if k.N < 0 || k.N > maxKeys {
		return fmt.Errorf("%d keys are outside 1 … %d", k.N, maxKeys)
	}
	if !(k.S >= 0 && k.S <= maxExponent) {
		return fmt.Errorf("s=%g is outside 0 … %d", k.S, maxExponent)
	}
	return nil
}

// String returns the text that ParseKeys reads.
func (k Keys) String() string {
	switch {
	case k.N <= 1:
		return "single"
	case k.S == 0:
		return fmt.Sprintf("uniform:%d", k.N)
	}
	return fmt.Sprintf("zipf:%d,s=%s", k.N, strconv.FormatFloat(k.S, 'f', -1, 64))
}

// source returns a function that draws ranks.
func (k Keys) source(random *rand.Rand) func() int64 {
	switch {
	case k.N <= 1:
		return func() int64 { return 1 }
	case k.S == 0:
		return func() int64 { return 1 + random.Int64N(k.N) }
	}
	return newZipf(k.N, k.S, random).next
}

// zipf draws from a finite Zipf law by rejection-inversion (Hörmann and
// Derflinger, "Rejection-inversion to generate variates from monotone discrete
// distributions", 1996): exact for every n and s > 0, no table, and on average
// less than 1.2 draws. math/rand's Zipf needs s > 1.
//
//	h(x) = x^−s            weight of rank x, also between ranks
//	H(x) = ∫₁ˣ h           area under it; H⁻¹ is its inverse
//	area of rank k in the hat: H(k+½) − H(k−½) ≥ h(k), as h is convex
//
// A uniform draw from the area is a rank by H⁻¹ and rounding. It is accepted
// when it falls into the part h(k) of the rank's area.
type zipf struct {
	n         float64
	s         float64
	low, high float64 // ends of the area; low is moved so that rank 1 is never rejected
	near      float64 // x this close below its rank is accepted without another H
	random    *rand.Rand
}

func newZipf(n int64, s float64, random *rand.Rand) *zipf {
	z := &zipf{n: float64(n), s: s, random: random}
	z.low = z.area(1.5) - 1
	z.high = z.area(z.n + 0.5)
	z.near = 2 - z.inverse(z.area(2.5)-z.weight(2))
	return z
}

func (z *zipf) next() int64 {
	for {
		u := z.high + z.random.Float64()*(z.low-z.high)
		x := z.inverse(u)
		k := min(max(math.Floor(x+0.5), 1), z.n)
		if k-x <= z.near || u >= z.area(k+0.5)-z.weight(k) {
			return int64(k)
		}
	}
}

func (z *zipf) weight(x float64) float64 { return math.Exp(-z.s * math.Log(x)) }

// area is H(x) = (x^(1−s) − 1)/(1−s), written so that s = 1, where it is
// log x, needs no case of its own and values near 1 lose no digits.
func (z *zipf) area(x float64) float64 {
	log := math.Log(x)
	t := (1 - z.s) * log
	if math.Abs(t) < 1e-8 {
		return log * (1 + t/2) // expm1(t)/t by its series
	}
	return log * math.Expm1(t) / t
}

func (z *zipf) inverse(u float64) float64 {
	t := max(u*(1-z.s), -1) // rounding may go below −1, where log1p ends
	if math.Abs(t) < 1e-8 {
		return math.Exp(u * (1 - t/2)) // log1p(t)/t by its series
	}
	return math.Exp(u * math.Log1p(t) / t)
}
