package result

import (
	"maps"
	"math"
	"slices"

	"github.com/archbench/archbench/harness/internal/record"
)

// Measurement is a quantity of a cell, or the ratio of two, with its 95 % interval.
type Measurement struct {
	Value, Lo, Hi float64
	Cells         []string
}

// Measured returns a quantity of the cells with these factors or, if against is not nil, its ratio to that of the cells with
// those factors which are otherwise alike in point and precision. Cells without a value are left out.
func (ix *Index) Measured(q *Quantity, model, against map[string]string) (all []Measurement) {
	l := &layout{runs: []*Index{ix}, options: optionNames(ix.Run)}
	own, others := l.having(q, model), l.having(q, against)
	for _, s := range own {
		if s.value.Number == nil || q.Documents && ix.ByName[s.model].Initialised {
			continue // losses of untrained models mean nothing
		}
		if against == nil {
			e := q.Estimate(s.cell)
			all = append(all, Measurement{e.Value, e.Lo, e.Hi, []string{s.cell.ID}})
			continue
		}
		for _, o := range others {
			if s.cell == o.cell || q.Documents && ix.ByName[o.model].Initialised || !l.alike(s, o, model, against) {
				continue
			}
			if p := q.pair(o, s); p.reason == "" {
				all = append(all, Measurement{p.result.Value, math.Max(p.result.Lo, 0), p.result.Hi, []string{s.cell.ID, o.cell.ID}})
			}
		}
	}
	return all
}

// having returns the sides of a quantity with these factors, each point of a model once. An unknown factor has none.
func (l *layout) having(q *Quantity, want map[string]string) (all []side) {
	var p projection
	var values []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		f, err := factorNamed(name, l.options)
		if err != nil {
			return nil
		}
		p, values = append(p, f), append(values, want[name])
	}
	seen := map[string]bool{}
	for _, ix := range l.runs {
		for _, c := range InOrder(ix.Cells("", q.Probe)) {
			s := side{q: q, ix: ix, model: c.Model, cell: c, value: ix.Value(q, c)}
			if at := c.Model + " " + c.Point.String(); !seen[at] && slices.Equal(p.of(s), values) {
				seen[at] = true
				all = append(all, s)
			}
		}
	}
	return all
}

// alike reports whether two sides agree in point and precision, except where the factors name these.
func (l *layout) alike(a, b side, named ...map[string]string) bool {
	names := append(Axes([]*record.Cell{a.cell, b.cell}), "precision", "head")
	for _, name := range names {
		f, err := factorNamed(name, l.options)
		if err != nil || slices.ContainsFunc(named, func(m map[string]string) bool { _, ok := m[name]; return ok }) {
			continue
		}
		if f.of(a) != f.of(b) {
			return false
		}
	}
	return true
}
