package result

import (
	"cmp"
	"slices"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/stat"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/harness/internal/unit"
)

// roundingQuestions ask which model loses least in a precision, at each point, from many bits to few.
func (ix *Index) roundingQuestions() (all []Question) {
	for _, precision := range ix.precisions() {
		q := &Quantity{Probe: "quality", Quantity: probe.Quantity{
			Name: "bits-per-byte-to-f32", Title: "Loss from " + precision, Unit: unit.BitsPerByte, Better: -1, Main: "context", Documents: true}}
		var have []side
		for _, m := range ix.ranked(precision) {
			have = append(have, ix.rounded(q, m)...)
		}
		at := func(s side) string { return s.cell.Point.String() }
		for _, point := range Distinct(have, at) {
			here := slices.DeleteFunc(slices.Clone(have), func(s side) bool { return at(s) != point })
			if r := q.rank(here); r.compares() {
				name := columnName(q.Main, here[0].cell.Point.Get(q.Main))
				all = append(all, Question{Quantity: q, At: name, ranking: r, main: name})
			}
		}
	}
	return all
}

// precisions returns those that models were rounded to, from large to small models.
func (ix *Index) precisions() []string {
	var rounded []*record.Model
	for i := range ix.Run.Models {
		if m := &ix.Run.Models[i]; !isWide(m) {
			rounded = append(rounded, m)
		}
	}
	slices.SortStableFunc(rounded, func(a, b *record.Model) int { return cmp.Compare(b.WeightBytes, a.WeightBytes) })
	return Distinct(rounded, PrecisionOf)
}

// ranked returns the model of each family in a precision.
func (ix *Index) ranked(precision string) (models []*record.Model) {
	for _, f := range ix.Families {
		if i := slices.IndexFunc(f.Models, func(m *record.Model) bool { return PrecisionOf(m) == precision }); i >= 0 {
			models = append(models, f.Models[i])
		}
	}
	return models
}

// rounded returns the sides of what rounding costs a model.
func (ix *Index) rounded(q *Quantity, m *record.Model) (have []side) {
	for _, c := range OfModel(ix.Cells("", q.Probe), m.Name) {
		wide, reason := ix.WideCell(m, c)
		if reason != "" || ix.Unscored(c) != "" || m.Initialised {
			continue
		}
		if v := table.Ranged(ix.Added(c, wide), Signed(4), c.ID, wide.ID); v.Number != nil {
			have = append(have, side{q: q, ix: ix, model: m.Name, cell: c, value: ix.Judged(c, v), wide: wide})
		}
	}
	return have
}

// Added is what rounding adds to the bits per byte of a quality cell, beside that of the same weights in f32.
func (ix *Index) Added(c, wide *record.Cell) stat.Estimate {
	e, known := ix.added[c]
	if !known {
		e, _ = stat.CompareBitsPerByte(Documents(wide), Documents(c))
		ix.added[c] = e
	}
	return e
}

// Unscored is why a quality cell takes no part in comparisons of losses, "" if it does.
func (ix *Index) Unscored(c *record.Cell) string {
	if SeesFuture(ix.ByName[c.Model]) {
		return "sees the future"
	}
	if reason := Why(c); reason != "" {
		return reason
	}
	if len(Documents(c)) == 0 {
		return "no document was scored"
	}
	return ""
}

// WideCell is the quality cell of the same weights in f32 at the same point, or the reason for its absence.
func (ix *Index) WideCell(m *record.Model, quality *record.Cell) (wide *record.Cell, reason string) {
	base := ix.Wide(m)
	if base == nil {
		return nil, "the same weights were not scored in f32"
	}
	for _, c := range ix.Cells("", "quality") {
		if c.Model == base.Name && c.Point.String() == quality.Point.String() && ix.Unscored(c) == "" {
			return c, ""
		}
	}
	return nil, "the base " + base.Name + " has no quality"
}
