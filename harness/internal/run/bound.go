package run

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/archbench/archbench/harness/internal/suite"
)

// Default bounds of a plan. A larger plan is more likely a typing error than intended.
const (
	MostCells   = 100_000
	MostRepeats = 10_000
)

// bounded rejects suites with too many cells or repeats before they are expanded.
func bounded(o Options) error {
	cells, most := 0.0, cmp.Or(o.MaxCells, MostCells)
	for _, s := range o.Suites {
		for _, p := range s.Parts {
			if limit := cmp.Or(o.MaxRepeats, MostRepeats); p.Repeats > limit {
				return fmt.Errorf("suite %s: probe %s asks for %d repeats; for more than %d use --max-repeats %d", s.Name, p.Probe.Name, p.Repeats, limit, p.Repeats)
			}
			if cells += cellsOf(p, o.Models); cells > float64(most) {
				return fmt.Errorf("suite %s: with probe %s the grids make %.0f cells; for more than %d use --max-cells", s.Name, p.Probe.Name, cells, most)
			}
		}
	}
	return nil
}

// cellsOf returns the number of cells that a part makes of models. It is a float64 because the number may exceed any
// integer type; up to 2^53 it is exact.
func cellsOf(p suite.Part, models []ModelSpec) float64 {
	n := len(models) * max(1, len(p.Precisions))
	for _, m := range models {
		if len(p.Precisions) > 0 && m.Precision != "" && !slices.Contains(p.Precisions, m.Precision) {
			n++
		}
	}
	cells := float64(n)
	for _, axis := range p.Grid {
		cells *= float64(len(axis.Values))
	}
	return cells
}
