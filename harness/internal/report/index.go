package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/table"
)

// index answers questions about a run in the order in which a report asks them.
type index struct {
	run      *record.Run
	byName   map[string]*record.Model
	families []family
	byID     map[string]*record.Cell
	style    map[string]int // by a model's name: that of its family
}

// family is a model that the user asked for, in the precisions in which its suites measured it. Base is the one that
// others are compared with.
type family struct {
	Name   string
	Base   *record.Model
	Models []*record.Model // the base first
}

func newIndex(run *record.Run) *index {
	ix := &index{run: run, byName: map[string]*record.Model{}, byID: map[string]*record.Cell{}, style: map[string]int{}}
	for i := range run.Cells {
		ix.byID[run.Cells[i].ID] = &run.Cells[i]
	}
	at := map[string]int{}
	for i := range run.Models {
		m := &run.Models[i]
		ix.byName[m.Name] = m
		key := cmp.Or(m.Family, weightsOf(m))
		f, ok := at[key]
		if !ok {
			f = len(ix.families)
			at[key] = f
			ix.families = append(ix.families, family{})
		}
		ix.families[f].Models = append(ix.families[f].Models, m)
		ix.style[m.Name] = f
	}
	for i := range ix.families {
		ix.families[i].settle()
	}
	return ix
}

// weightsOf is what the precisions of a model share. Runs of before know families by it.
func weightsOf(m *record.Model) string {
	options := make([]string, 0, len(m.Options))
	for k, v := range m.Options {
		options = append(options, k+"="+v)
	}
	slices.Sort(options)
	return strings.Join([]string{m.Architecture, m.Mode, m.Checkpoint, m.Variant, strconv.FormatUint(m.Seed, 10), strings.Join(options, ",")}, "\x00")
}

// settle chooses the base (the model of the family's name, else f32, else the first) and a name without a precision.
func (f *family) settle() {
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

// isWide reports whether a model has all its weights in f32.
func isWide(m *record.Model) bool { return m.Precision == "f32" && (m.Head == "" || m.Head == "f32") }

// wide is the f32 model of the same weights, that of the model's own family if it has one; nil if the run has none.
func (ix *index) wide(m *record.Model) *record.Model {
	var found *record.Model
	for i := range ix.run.Models {
		o := &ix.run.Models[i]
		if isWide(o) && weightsOf(o) == weightsOf(m) && (found == nil || o.Family == m.Family) {
			found = o
		}
	}
	return found
}

// bases are the models that are compared with each other: one per family.
func (ix *index) bases() []*record.Model {
	out := make([]*record.Model, len(ix.families))
	for i, f := range ix.families {
		out[i] = f.Base
	}
	return out
}

// seesFuture reports whether a model is no language model: the causality suite caught it, or it says so itself.
func seesFuture(m *record.Model) bool {
	return m != nil && (m.LeaksFuture || !m.Causal && m.Parameters > 0)
}

// competes reports whether something takes part in rankings: what is no language model is ahead of none, and what serves
// no model measures the boundary.
func competes(m *record.Model) bool { return !seesFuture(m) && !servesNone(m) }

// servesNone reports whether something has no parameters, as what only measures the boundary.
func servesNone(m *record.Model) bool { return m != nil && m.Causal && m.Parameters == 0 }

// absentees names what takes no part in rankings, and says why.
func (ix *index) absentees() (notes []string) {
	for _, kind := range []struct {
		is  func(*record.Model) bool
		say string
	}{{seesFuture, "sees the future, kept out of language-model tables."}, {servesNone, "no model, since it has no parameters, kept out of rankings."}} {
		var names []string
		for i := range ix.run.Models {
			if m := &ix.run.Models[i]; kind.is(m) {
				names = append(names, m.Name)
			}
		}
		if len(names) > 0 {
			notes = append(notes, strings.Join(names, ", ")+": "+kind.say)
		}
	}
	return notes
}

// manyPrecisions reports whether cells hold several precisions of the same weights.
func (ix *index) manyPrecisions(cells []*record.Cell) bool {
	first := map[string]string{}
	for _, c := range cells {
		m := ix.byName[c.Model]
		if m == nil {
			continue
		}
		key := weightsOf(m)
		if precision, ok := first[key]; ok && precision != precisionOf(m) {
			return true
		}
		first[key] = precisionOf(m)
	}
	return false
}

// suites lists the suites that have cells, in the order of the plan.
func (ix *index) suites() []string {
	var names []string
	for _, c := range ix.run.Cells {
		if !slices.Contains(names, c.Suite) {
			names = append(names, c.Suite)
		}
	}
	return names
}

// cells returns those of a suite and a probe; "" matches all.
func (ix *index) cells(suite, probe string) []*record.Cell {
	var out []*record.Cell
	for i := range ix.run.Cells {
		c := &ix.run.Cells[i]
		if (suite == "" || c.Suite == suite) && (probe == "" || c.Probe == probe) {
			out = append(out, c)
		}
	}
	return out
}

// ofModel keeps the cells of one model.
func ofModel(cells []*record.Cell, name string) []*record.Cell {
	var out []*record.Cell
	for _, c := range cells {
		if c.Model == name {
			out = append(out, c)
		}
	}
	return out
}

// modelsOf returns the models that have cells, in the order of the run.
func (ix *index) modelsOf(cells []*record.Cell) []*record.Model {
	var out []*record.Model
	for i := range ix.run.Models {
		m := &ix.run.Models[i]
		if slices.ContainsFunc(cells, func(c *record.Cell) bool { return c.Model == m.Name }) {
			out = append(out, m)
		}
	}
	return out
}

// axis returns the distinct values of one axis among cells, numbers in their order.
func axis(cells []*record.Cell, name string) []string {
	var values []string
	for _, c := range cells {
		if v := c.Point.Get(name); v != "" && !slices.Contains(values, v) {
			values = append(values, v)
		}
	}
	slices.SortStableFunc(values, compareNumbers)
	return values
}

// inOrder sorts cells by their points: numbers in their order, words in that of the plan, which the cells of a point keep.
func inOrder(cells []*record.Cell) []*record.Cell {
	places := make(map[*record.Cell][]int, len(cells))
	for _, name := range axes(cells) {
		values := axis(cells, name)
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
		return 0 // words keep the order of the plan
	}
	return cmp.Compare(x, y)
}

// axisKeys are the axes of all probes: each is a key of its own in rows about cells.
func axisKeys() []string {
	var all []string
	for _, p := range probe.Table {
		for _, a := range p.Axes {
			if !slices.Contains(all, a.Name) {
				all = append(all, a.Name)
			}
		}
	}
	return all
}

// axisValues is a point as the values of axisKeys.
func axisValues(p record.Point) []any {
	var all []any
	for _, name := range axisKeys() {
		value := p.Get(name)
		if n, err := strconv.Atoi(value); err == nil {
			all = append(all, n)
		} else {
			all = append(all, table.Word(value))
		}
	}
	return all
}

// number is an axis of a point as a number, 0 if it is none.
func number(p record.Point, name string) float64 {
	v, err := strconv.ParseFloat(p.Get(name), 64)
	if err != nil {
		return 0
	}
	return v
}

// why says in a few words why a cell has no value, "" if it has one.
func why(c *record.Cell) string {
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

// missing is the value of a cell that has none.
func missing(c *record.Cell) table.Value {
	v := table.Unavailable(why(c))
	v.Cells = []string{c.ID}
	return v
}

// describe counts things: "1 cell", "3 cells".
func describe(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// idOf is the list of one cell's ID.
func idOf(c *record.Cell) []string { return []string{c.ID} }
