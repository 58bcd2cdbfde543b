package run

import (
	"cmp"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/archbench/archbench/harness/internal/suite"
)

// The bounds of a plan: what is above them is more likely a slip than a cellRequest.
const (
	MostCells   = 100_000
	MostRepeats = 10_000
)

// bounded refuses suites whose grids or repeats are out of all proportion, before they are expanded.
func bounded(o Options) error {
	cells, most := uint64(0), uint64(cmp.Or(o.MaxCells, MostCells))
	for _, s := range o.Suites {
		for _, p := range s.Parts {
			if limit := cmp.Or(o.MaxRepeats, MostRepeats); p.Repeats > limit {
				return fmt.Errorf("suite %s: probe %s asks for %d repeats; above %d say --max-repeats %d", s.Name, p.Probe.Name, p.Repeats, limit, p.Repeats)
			}
			n := cellsOf(p, o.Models)
			if cells += n; cells < n || cells > most {
				return fmt.Errorf("suite %s: the grids make %s cells with that of probe %s; above %d say --max-cells", s.Name, atLeast(cells, n), p.Probe.Name, most)
			}
		}
	}
	return nil
}

// cellsOf is how many cells a part makes of some models, math.MaxUint64 for all that is not below.
func cellsOf(p suite.Part, models []ModelSpec) uint64 {
	n := times(uint64(len(models)), uint64(max(1, len(p.Precisions))))
	for _, m := range models {
		if len(p.Precisions) > 0 && m.Precision != "" && !slices.Contains(p.Precisions, m.Precision) {
			n++
		}
	}
	for _, axis := range p.Grid {
		n = times(n, uint64(len(axis.Values)))
	}
	return n
}

// times multiplies without turning over.
func times(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
	if high > 0 {
		return math.MaxUint64
	}
	return low
}

// atLeast writes a sum in words, whose last addend may have turned it over.
func atLeast(sum, last uint64) string {
	if sum < last || last == math.MaxUint64 {
		return "more than 10^19"
	}
	return fmt.Sprint(sum)
}
