package result

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/archbench/archbench/harness/internal/record"
)

// layout arranges cells: the factors that choose a cell's table, row and column.
type layout struct {
	runs                []*Index
	options             []string // names of the models' options
	table, row, columns projection
}

func newLayout(runs []*record.Run, o CompareOptions) (*layout, error) {
	l := &layout{}
	for _, r := range runs {
		ix := New(r)
		ix.db = o.DB
		l.runs, l.options = append(l.runs, ix), append(l.options, optionNames(r)...)
	}
	if o.Columns == nil {
		o.Columns = []string{"model"}
		if len(runs) > 1 {
			o.Columns = []string{"run"}
		}
	}
	var err1, err2, err3 error
	l.columns, err1 = l.project(o.Columns)
	l.table, err2 = l.project(o.Table)
	if o.Rows == nil {
		o.Rows = l.defaultRows()
	}
	l.row, err3 = l.project(o.Rows)
	return l, errors.Join(err1, err2, err3)
}

// optionNames returns the names of all options of a run's models.
func optionNames(r *record.Run) []string {
	all := map[string]bool{}
	for _, m := range r.Models {
		for name := range m.Options {
			all[name] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// defaultRows are the quantity, the model unless other factors tell models apart, and the point.
func (l *layout) defaultRows() []string {
	all := slices.Concat(l.table, l.columns)
	rows := []string{"quantity"}
	switch {
	case all.has(append([]string{"model", "family", "seed"}, identity...)...) || all.has(l.options...):
	case all.has("precision", "head"):
		rows = append(rows, "family")
	default:
		rows = append(rows, "model")
	}
	rows = slices.DeleteFunc(rows, func(name string) bool { return l.table.has(name) })
	return append(rows, point)
}

// project looks up factors by name. The factor "point" consists of the axes that no projection names.
func (l *layout) project(names []string) (projection, error) {
	var p projection
	for _, name := range names {
		f := factor{name: point, of: func(s side) string { return l.point(s).String() }}
		if name != point {
			var err error
			if f, err = factorNamed(name, l.options); err != nil {
				return nil, err
			}
		}
		p = append(p, f)
	}
	return p, nil
}

// point is where a cell is on the axes that no projection names.
func (l *layout) point(s side) record.Point {
	return slices.DeleteFunc(slices.Clone(s.cell.Point), func(c record.Coordinate) bool {
		return l.table.has(c.Name) || l.row.has(c.Name) || l.columns.has(c.Name)
	})
}

// models returns the names of the compared models, in column order.
func (l *layout) models(o CompareOptions) ([]string, error) {
	names := o.Models
	for _, ix := range l.runs {
		switch {
		case o.Models != nil:
		case len(l.runs) > 1 || slices.Concat(l.table, l.row, l.columns).has("precision", "head"):
			names = append(names, modelNames(ix.Run)...)
		default:
			names = NamesOf(ix.Bases())
		}
	}
	if o.Base != "" && l.columns.has("model") && slices.Contains(modelNames(l.runs[0].Run), o.Base) {
		names = append(slices.Clone(names), o.Base)
	}
	for _, n := range names {
		if !slices.ContainsFunc(l.runs, func(ix *Index) bool { return ix.ByName[n] != nil }) {
			return nil, fmt.Errorf("run %s has no model %q; it has %s", l.runs[0].Run.ID, n, strings.Join(modelNames(l.runs[0].Run), ", "))
		}
	}
	return Distinct(names, func(n string) string { return n }), nil
}

func modelNames(r *record.Run) []string {
	return Distinct(r.Models, func(m record.Model) string { return m.Name })
}

// sides returns the compared cells for each quantity, each point of a model once, ordered by point and then as planned.
func (l *layout) sides(o CompareOptions) (all []side, err error) {
	quantities, err := quantitiesNamed(o.Quantities, o.Gates)
	if err != nil {
		return nil, err
	}
	models, err := l.models(o)
	if err != nil {
		return nil, err
	}
	for _, q := range quantities {
		var cells []*record.Cell
		from := map[*record.Cell]*Index{}
		for _, ix := range l.runs {
			seen := map[string]bool{}
			for _, c := range ix.Cells("", q.Probe) {
				at := c.Model + " " + c.Point.String()
				if !seen[at] && slices.Contains(models, c.Model) {
					seen[at], from[c] = true, ix
					cells = append(cells, c)
				}
			}
		}
		for _, c := range InOrder(cells) {
			if s := (side{q: q, ix: from[c], model: c.Model, cell: c}); l.columns.fits(s) {
				all = append(all, s)
			}
		}
	}
	for _, ix := range l.runs {
		ix.judgeAll()
	}
	onAllCores(len(all), func(i int) { all[i].value = all[i].ix.Value(all[i].q, all[i].cell) })
	if len(all) == 0 {
		return nil, fmt.Errorf("nothing to compare: no cell of %s%s; --quantity chooses others",
			strings.Join(Distinct(quantities, func(q *Quantity) string { return q.Name }), ", "), l.columns.axes())
	}
	return l.filter(all, o.Filter)
}

// filter keeps the cells with the wanted values. A filter that no cell passes is an error, never an empty comparison.
func (l *layout) filter(sides []side, want map[string][]string) ([]side, error) {
	for _, name := range slices.Sorted(maps.Keys(want)) {
		p, err := l.project([]string{name})
		if err != nil {
			return nil, err
		}
		kept := slices.DeleteFunc(slices.Clone(sides), func(s side) bool { return !slices.Contains(want[name], p.label(s)) })
		if len(kept) == 0 {
			return nil, fmt.Errorf("no cell has %s=%s; there are %s", name, strings.Join(want[name], ","), strings.Join(Distinct(sides, p.label), ", "))
		}
		sides = kept
	}
	return sides, nil
}

// columnsOf returns the column labels, the base first, then numbers by size and words as planned.
func (l *layout) columnsOf(sides []side, base string) ([]string, error) {
	all := Distinct(sides, l.columns.label)
	slices.SortStableFunc(all, compareNumbers)
	if base == "" {
		return all, nil
	}
	at := slices.Index(all, base)
	if at < 0 {
		return nil, fmt.Errorf("no %s %q to compare with; there are %s", strings.Join(l.columns.names(), " "), base, strings.Join(all, ", "))
	}
	return append([]string{base}, slices.Delete(all, at, at+1)...), nil
}
