package result

import (
	"slices"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/unit"
)

// Progress follows the comparisons of times while a run is measured: those that [Open] looks at.
type Progress struct {
	run    *record.Run
	places map[string]tally
}

// tally counts the comparisons at a place.
type tally struct{ decided, all int }

// NewProgress returns the progress of a run, as far as it was measured.
func NewProgress(run *record.Run) *Progress {
	s := &Progress{run: run, places: map[string]tally{}}
	for _, c := range run.All() {
		if _, counted := s.places[place(c)]; !counted {
			s.Update(c)
		}
	}
	return s
}

// Update takes new samples of a cell into account.
func (s *Progress) Update(c *record.Cell) {
	here := *s.run
	here.Cells = nil
	for _, o := range s.at(c) {
		here.Cells = append(here.Cells, *o)
	}
	var t tally
	for _, p := range timedPairs(&here) {
		switch {
		case p.reason == "":
			t.all++
			if settled(s.run.Until, p.result) {
				t.decided++
			}
		case p.pending():
			t.all++
		}
	}
	s.places[place(c)] = t
}

// at returns the cells at the place of a cell.
func (s *Progress) at(c *record.Cell) []*record.Cell {
	return keep(s.run.All(), func(o *record.Cell) bool { return place(o) == place(c) })
}

// pending reports whether the pair may still get values.
func (p *pair) pending() bool {
	return !slices.ContainsFunc([]side{p.base, p.other}, func(s side) bool {
		return s.cell == nil || s.cell.Status != record.Pending && s.cell.Status != record.OK
	})
}

// Decided returns how many comparisons are decided, and how many there are.
func (s *Progress) Decided() (decided, all int) {
	for _, t := range s.places {
		decided, all = decided+t.decided, all+t.all
	}
	return decided, all
}

// Medians returns the medians so far of all models at the point of a timing cell: "gpt2 12.34 ms", "mamba 9.87m". The first has the
// unit.
func (s *Progress) Medians(c *record.Cell) (words []string) {
	quantities := QuantitiesOf(c.Probe)
	timed := slices.IndexFunc(quantities, (*Quantity).timed)
	if timed < 0 || !probe.Find(c.Probe).Timing {
		return nil
	}
	q := quantities[timed]
	for _, o := range s.at(c) {
		e := q.Estimate(o)
		switch {
		case !e.Valid():
		case words == nil:
			words = append(words, o.Model+" "+unit.Format(e.Value, q.Unit))
		default:
			words = append(words, o.Model+" "+unit.Scaled(e.Value, q.Unit, 3))
		}
	}
	return words
}

// At names the point of a cell by the coordinates in which it differs from others of its probe.
func (s *Progress) At(c *record.Cell) string {
	return slices.DeleteFunc(slices.Clone(c.Point), func(x record.Coordinate) bool {
		return !slices.ContainsFunc(s.run.All(), func(o *record.Cell) bool { return o.Probe == c.Probe && o.Point.Get(x.Name) != x.Value })
	}).String()
}
