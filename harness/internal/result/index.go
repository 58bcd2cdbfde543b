// Package result turns the samples of a run into numbers: quantities with intervals, grids, rankings, comparisons and growth
// with length. It puts them into tables; pages and figures are the report's.
package result

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/stat"
	"github.com/archbench/archbench/harness/internal/table"
)

// Index looks up the models and cells of a run.
type Index struct {
	Run      *record.Run
	ByName   map[string]*record.Model
	Families []Family
	ByID     map[string]*record.Cell
	Style    map[string]int // index in Families, by model name
	db       string         // database that commands name; "": none

	judged   map[*record.Cell]Judgement
	quality  map[string]string              // why there is none, by weights and precision; nil: not surveyed yet
	unsteady map[string]bool                // models that answered equal requests differently
	added    map[*record.Cell]stat.Estimate // by rounding, see Added
	grown    map[grown][]growth
	compared sync.Map // of comparedPair to comparedBy
}

// Family is a model that the user asked for, in all precisions that were measured. Base represents it in comparisons.
type Family struct {
	Name   string
	Base   *record.Model
	Models []*record.Model // the base first
}

// New returns the index of a run.
func New(run *record.Run) *Index {
	ix := &Index{Run: run, ByName: map[string]*record.Model{}, ByID: map[string]*record.Cell{}, Style: map[string]int{},
		judged: map[*record.Cell]Judgement{}, added: map[*record.Cell]stat.Estimate{}, grown: map[grown][]growth{}}
	for i := range run.Cells {
		ix.ByID[run.Cells[i].ID] = &run.Cells[i]
	}
	at := map[string]int{}
	for i := range run.Models {
		m := &run.Models[i]
		ix.ByName[m.Name] = m
		key := cmp.Or(m.Family, weightsOf(m))
		f, ok := at[key]
		if !ok {
			f = len(ix.Families)
			at[key] = f
			ix.Families = append(ix.Families, Family{})
		}
		ix.Families[f].Models = append(ix.Families[f].Models, m)
		ix.Style[m.Name] = f
	}
	for i := range ix.Families {
		ix.Families[i].settle()
	}
	return ix
}

// weightsOf is equal for the precisions of a model. It identifies families in runs that did not record them.
func weightsOf(m *record.Model) string {
	return strings.Join([]string{m.Architecture, m.Mode, m.Checkpoint, m.Variant, strconv.FormatUint(m.Seed, 10), optionsOf(m)}, "\x00")
}

// familyOf returns the name of a model's family.
func (ix *Index) familyOf(model string) string {
	if ix.ByName[model] == nil {
		return ""
	}
	return ix.Families[ix.Style[model]].Name
}

// settle chooses the base (the model with the family's name, else f32, else the first) and a name without a precision.
func (f *Family) settle() {
	f.Base = f.Models[0]
	for _, isBase := range []func(*record.Model) bool{isWide, func(m *record.Model) bool { return m.Name == m.Family }} {
		if i := slices.IndexFunc(f.Models, isBase); i >= 0 {
			f.Base = f.Models[i]
		}
	}
	slices.SortStableFunc(f.Models, func(a, b *record.Model) int {
		switch f.Base {
		case a:
			return -1
		case b:
			return 1
		}
		return 0
	})
	f.Name = f.Base.Name
	if len(f.Models) > 1 {
		f.Name, _, _ = strings.Cut(f.Base.Name, "@")
	}
}

// isWide reports whether all weights of a model are f32.
func isWide(m *record.Model) bool { return m.Precision == "f32" && (m.Head == "" || m.Head == "f32") }

// Wide returns the f32 model with the same weights, preferably of the same family; nil if the run has none.
func (ix *Index) Wide(m *record.Model) *record.Model {
	var found *record.Model
	for i := range ix.Run.Models {
		o := &ix.Run.Models[i]
		if isWide(o) && weightsOf(o) == weightsOf(m) && (found == nil || o.Family == m.Family) {
			found = o
		}
	}
	return found
}

// Bases returns the models to compare with each other: one per family.
func (ix *Index) Bases() []*record.Model {
	return Distinct(ix.Families, func(f Family) *record.Model { return f.Base })
}

// SeesFuture reports whether a model is not a language model: it says so, or the causality suite caught it.
func SeesFuture(m *record.Model) bool {
	return m != nil && (m.LeaksFuture || !m.Causal && m.Parameters > 0)
}

// competes reports whether a model takes part in rankings. One that sees the future or has no parameters does not.
func competes(m *record.Model) bool { return !SeesFuture(m) && !servesNone(m) }

// servesNone reports whether a model has no parameters, like that of plugins/echo, which measures the boundary.
func servesNone(m *record.Model) bool { return m != nil && m.Causal && m.Parameters == 0 }

// Absentees returns notes on the models that take no part in rankings, with the reasons.
func (ix *Index) Absentees() (notes []string) {
	for _, kind := range []struct {
		is  func(*record.Model) bool
		say string
	}{{SeesFuture, "sees the future, kept out of language-model tables."}, {servesNone, "no model, since it has no parameters, kept out of rankings."}} {
		var names []string
		for i := range ix.Run.Models {
			if m := &ix.Run.Models[i]; kind.is(m) {
				names = append(names, m.Name)
			}
		}
		if len(names) > 0 {
			notes = append(notes, strings.Join(names, ", ")+": "+kind.say)
		}
	}
	return notes
}

// NamesOf returns the names of models.
func NamesOf(models []*record.Model) []string {
	return Distinct(models, func(m *record.Model) string { return m.Name })
}

// ManyPrecisions reports whether cells include several precisions of the same weights.
func (ix *Index) ManyPrecisions(cells []*record.Cell) bool {
	first := map[string]string{}
	for _, c := range cells {
		m := ix.ByName[c.Model]
		if m == nil {
			continue
		}
		key := weightsOf(m)
		if precision, ok := first[key]; ok && precision != PrecisionOf(m) {
			return true
		}
		first[key] = PrecisionOf(m)
	}
	return false
}

// Suites returns the suites with cells, in plan order.
func (ix *Index) Suites() []string {
	return Distinct(ix.Run.Cells, func(c record.Cell) string { return c.Suite })
}

// Distinct returns the distinct values of a function over a list, in order.
func Distinct[E any, T comparable](list []E, of func(E) T) (all []T) {
	for _, e := range list {
		if x := of(e); !slices.Contains(all, x) {
			all = append(all, x)
		}
	}
	return all
}

// Cells returns the cells of a suite and a probe; "" matches all.
func (ix *Index) Cells(suite, probe string) []*record.Cell {
	var out []*record.Cell
	for i := range ix.Run.Cells {
		c := &ix.Run.Cells[i]
		if (suite == "" || c.Suite == suite) && (probe == "" || c.Probe == probe) {
			out = append(out, c)
		}
	}
	return out
}

// keep returns the cells that satisfy a condition.
func keep(cells []*record.Cell, holds func(*record.Cell) bool) []*record.Cell {
	return slices.DeleteFunc(slices.Clone(cells), func(c *record.Cell) bool { return !holds(c) })
}

// OfModel returns the cells of one model.
func OfModel(cells []*record.Cell, name string) []*record.Cell {
	return keep(cells, func(c *record.Cell) bool { return c.Model == name })
}

// OfProbe returns the cells of one probe.
func OfProbe(cells []*record.Cell, name string) []*record.Cell {
	return keep(cells, func(c *record.Cell) bool { return c.Probe == name })
}

// With returns the cells with one value of an axis.
func With(cells []*record.Cell, axis, value string) []*record.Cell {
	return keep(cells, func(c *record.Cell) bool { return c.Point.Get(axis) == value })
}

// measured returns the cells that were measured.
func measured(cells []*record.Cell) []*record.Cell {
	return keep(cells, func(c *record.Cell) bool { return c.Status == record.OK })
}

// Longest returns the measured cell with the greatest length, nil if there is none.
func Longest(cells []*record.Cell) *record.Cell {
	if cells = measured(cells); len(cells) == 0 {
		return nil
	}
	return slices.MaxFunc(cells, func(a, b *record.Cell) int { return cmp.Compare(Number(a.Point, "len"), Number(b.Point, "len")) })
}

// ModelsOf returns the models of cells, in the order of the run.
func (ix *Index) ModelsOf(cells []*record.Cell) []*record.Model {
	var out []*record.Model
	for i := range ix.Run.Models {
		m := &ix.Run.Models[i]
		if slices.ContainsFunc(cells, func(c *record.Cell) bool { return c.Model == m.Name }) {
			out = append(out, m)
		}
	}
	return out
}

// Axis returns the distinct values of one axis of cells, numbers in ascending order.
func Axis(cells []*record.Cell, name string) []string {
	values := Distinct(cells, func(c *record.Cell) string { return c.Point.Get(name) })
	values = slices.DeleteFunc(values, func(v string) bool { return v == "" })
	slices.SortStableFunc(values, compareNumbers)
	return values
}

// InOrder sorts cells by their points: numbers in ascending order, words in plan order. Cells of one point keep their order.
func InOrder(cells []*record.Cell) []*record.Cell {
	places := make(map[*record.Cell][]int, len(cells))
	for _, name := range Axes(cells) {
		values := Axis(cells, name)
		for _, c := range cells {
			places[c] = append(places[c], slices.Index(values, c.Point.Get(name)))
		}
	}
	sorted := slices.Clone(cells)
	slices.SortStableFunc(sorted, func(a, b *record.Cell) int { return slices.Compare(places[a], places[b]) })
	return sorted
}

func compareNumbers(a, b string) int {
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	if errX != nil || errY != nil {
		return 0 // words keep the plan's order
	}
	return cmp.Compare(x, y)
}

// AxisKeys returns the axes of all probes, which are keys of rows about cells.
func AxisKeys() []string {
	var all []string
	for _, p := range probe.All() {
		for _, a := range p.Axes {
			if !slices.Contains(all, a.Name) {
				all = append(all, a.Name)
			}
		}
	}
	return all
}

// AxisValues returns the values of AxisKeys at a point, nil where the point lacks the axis.
func AxisValues(p record.Point) []any {
	var all []any
	for _, name := range AxisKeys() {
		value := p.Get(name)
		if n, err := strconv.Atoi(value); err == nil {
			all = append(all, n)
		} else {
			all = append(all, table.Word(value))
		}
	}
	return all
}

// Number returns an axis of a point as a number, 0 if it is not one.
func Number(p record.Point, name string) float64 {
	v, err := strconv.ParseFloat(p.Get(name), 64)
	if err != nil {
		return 0
	}
	return v
}

// Why returns in a few words why a cell has no value, "" if it has one.
func Why(c *record.Cell) string {
	switch c.Status {
	case record.OK:
		return ""
	case record.Unavailable:
		return c.Reason
	case record.Failed:
		if c.Failure == nil {
			return "failed"
		}
		return "failed: " + c.Failure.Class
	}
	return "not run"
}

// Missing is the table entry of a cell without a value.
func Missing(c *record.Cell) table.Value {
	v := table.Unavailable(Why(c))
	v.Cells = []string{c.ID}
	return v
}

// Describe counts things: "1 cell", "3 cells".
func Describe(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// PrecisionOf returns a model's precision, with that of its head if it differs.
func PrecisionOf(m *record.Model) string {
	if m.Head == "" || m.Head == m.Precision {
		return m.Precision
	}
	return m.Precision + ", head " + m.Head
}
