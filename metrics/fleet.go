package metrics

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// maxEnvironments bounds Result.EnvironmentsDetail.
const maxEnvironments = 1000

// fleet collects the lives of environments. The zero value is empty.
type fleet struct {
	index  map[string]int // ID → place in lives
	lives  []life         // of all environments
	detail []Environment  // of the first lives, at the same places
}

// life is from start to end in milliseconds since the start of the run.
type life struct {
	function   string
	start, end float64
}

// add records an environment, or replaces what was told of it before.
func (f *fleet) add(e Environment) {
	l := life{e.Function, e.StartedMS, e.EndedMS}
	if e.EndedMS == 0 {
		l.end = math.Inf(1) // alive
	}
	i, known := f.index[e.ID]
	if !known {
		if f.index == nil {
			f.index = make(map[string]int)
		}
		i = len(f.lives)
		f.index[e.ID] = i
		f.lives = append(f.lives, l)
		if i < maxEnvironments {
			f.detail = append(f.detail, e)
		}
		return
	}
	f.lives[i] = l
	if i < maxEnvironments {
		f.detail[i] = e
	}
}

// of counts the environments of a function.
func (f *fleet) of(function string) Environments {
	var lives []life
	for _, l := range f.lives {
		if l.function == function {
			lives = append(lives, l)
		}
	}
	return Environments{Started: int64(len(lives)), Peak: mostAlive(lives)}
}

// mostAlive returns the largest number of lives at one moment. A life that
// ends when another begins does not overlap it.
func mostAlive(lives []life) (peak int64) {
	type edge struct {
		at float64
		by int64
	}
	edges := make([]edge, 0, 2*len(lives))
	for _, l := range lives {
		edges = append(edges, edge{l.start, 1}, edge{l.end, -1})
	}
	slices.SortFunc(edges, func(a, b edge) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.by, b.by))
	})
	var alive int64
	for _, e := range edges {
		alive += e.by
		peak = max(peak, alive)
	}
	return peak
}

// result fills in the whole fleet. sampled is the peak that samples saw.
func (f *fleet) result(out *Result, sampled int64) {
	out.Environments = Environments{Started: int64(len(f.lives)), Peak: max(sampled, mostAlive(f.lives))}
	out.EnvironmentsDetail = slices.Clone(f.detail)
	if len(f.lives) > maxEnvironments {
		out.Notes = append(out.Notes, fmt.Sprintf("environments_detail holds the first %d of %d environments", maxEnvironments, len(f.lives)))
	}
}
