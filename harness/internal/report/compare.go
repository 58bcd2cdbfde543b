package report

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/archbench/archbench/harness/internal/stat"
	"github.com/archbench/archbench/harness/internal/store"
	"github.com/archbench/archbench/harness/internal/unit"
)

// ErrIncomparable says that two runs must not be compared as they are.
var ErrIncomparable = errors.New("report: not comparable")

// CompareOptions say what to compare.
type CompareOptions struct {
	Base        string   // model, or run when several are compared; "" is the first
	Models      []string // nil: the base precision of every model, or all models that several runs share
	Quantities  []string // names; nil: the timed ones and quality
	AcrossHosts bool     // compare timings of different machines all the same
}

// defaultQuantities are those that a comparison shows unless asked otherwise.
var defaultQuantities = []string{"prefill", "ttft", "decode", "state"}

// QuantityNames lists what a comparison may show.
func QuantityNames() []string {
	names := make([]string, 0, len(Quantities)+1)
	for _, q := range Quantities {
		names = append(names, q.Name)
	}
	return append(names, "bits-per-byte")
}

// Compare relates the models of one run to a base model, by block; or one model after the other across several runs,
// to the first run. The table has the form that benchstat's users know: a base column, and beside each other column
// its difference to the base, "~" where none is shown, with p and n. The p-values are Holm-adjusted over each row's
// family (one quantity at one point).
func Compare(runs []*store.Run, o CompareOptions) (Table, error) {
	if err := checkHosts(runs, o); err != nil {
		return Table{}, err
	}
	arms, err := arms(runs, &o)
	if err != nil {
		return Table{}, err
	}
	t := Table{ID: "compare", Title: "Comparison", Columns: keys("quantity", "at")}
	if len(runs) > 1 {
		t.Columns = keys("quantity", "model", "at")
	}
	for i, a := range arms {
		t.Columns = append(t.Columns, Column{Name: a.name})
		if i > 0 {
			t.Columns = append(t.Columns, Column{Name: "vs " + arms[0].name})
		}
	}
	for _, name := range o.Quantities {
		rows, err := compareRows(name, arms, len(runs) > 1)
		if err != nil {
			return Table{}, err
		}
		t.Rows = append(t.Rows, rows...)
	}
	dropEmpty(&t)
	t.Notes = compareNotes(runs, t)
	if len(runs) == 1 {
		t.Notes = append(arms[0].ix.futureNotes(), t.Notes...)
	}
	return t, nil
}

// dropEmpty removes the columns of arms for which nothing was planned.
func dropEmpty(t *Table) {
	for i := len(t.Columns) - 1; i > 0; i-- {
		if strings.HasPrefix(t.Columns[i].Name, "vs ") || t.Columns[i].Key || len(t.Rows) == 0 {
			continue
		}
		planned := slices.ContainsFunc(t.Rows, func(row []Value) bool { return row[i].Text != notPlanned.Text })
		if planned || i+1 == len(t.Columns) || t.Columns[i+1].Key || !strings.HasPrefix(t.Columns[i+1].Name, "vs ") {
			continue
		}
		t.Columns = slices.Delete(t.Columns, i, i+2)
		for r := range t.Rows {
			t.Rows[r] = slices.Delete(t.Rows[r], i, i+2)
		}
	}
}

// checkHosts refuses timings of different machines, unless asked for.
func checkHosts(runs []*store.Run, o CompareOptions) error {
	if len(runs) == 0 {
		return errors.New("compare: no run")
	}
	for _, r := range runs[1:] {
		if r.Host.Fingerprint != runs[0].Host.Fingerprint && !o.AcrossHosts {
			return fmt.Errorf("%w: runs %s and %s come from different machines, so their timings differ for that reason; --across-hosts compares them all the same",
				ErrIncomparable, runs[0].ID, r.ID)
		}
	}
	return nil
}

// arm is one column of a comparison: a model of a run, or a run.
type arm struct {
	name  string
	ix    *index
	model string // "" when the column is a run: rows then name the model
}

func arms(runs []*store.Run, o *CompareOptions) ([]arm, error) {
	if o.Quantities == nil {
		o.Quantities = append(slices.Clone(defaultQuantities), "bits-per-byte")
	}
	var all []arm
	if len(runs) > 1 {
		for _, r := range runs {
			all = append(all, arm{name: r.ID, ix: newIndex(r)})
		}
		return baseFirst(all, o.Base, "run")
	}
	ix := newIndex(runs[0])
	names := o.Models
	if names == nil {
		for _, m := range ix.bases() {
			names = append(names, m.Name)
		}
	}
	for _, n := range names {
		if ix.byName[n] == nil {
			return nil, fmt.Errorf("run %s has no model %q; it has %s", runs[0].ID, n, strings.Join(modelNames(runs[0]), ", "))
		}
		all = append(all, arm{name: n, ix: ix, model: n})
	}
	if o.Base != "" && ix.byName[o.Base] != nil && !slices.Contains(names, o.Base) {
		all = append(all, arm{name: o.Base, ix: ix, model: o.Base})
	}
	return baseFirst(all, o.Base, "model")
}

func modelNames(r *store.Run) []string {
	names := make([]string, len(r.Models))
	for i, m := range r.Models {
		names[i] = m.Name
	}
	return names
}

// baseFirst moves the base to the front.
func baseFirst(all []arm, base, kind string) ([]arm, error) {
	if base == "" {
		return all, nil
	}
	at := slices.IndexFunc(all, func(a arm) bool { return a.name == base })
	if at < 0 {
		names := make([]string, len(all))
		for i, a := range all {
			names[i] = a.name
		}
		return nil, fmt.Errorf("no %s %q to compare with; there are %s", kind, base, strings.Join(names, ", "))
	}
	b := all[at]
	return append([]arm{b}, slices.Delete(slices.Clone(all), at, at+1)...), nil
}

func compareRows(name string, arms []arm, byRun bool) ([][]Value, error) {
	if name == "bits-per-byte" {
		return comparePoints(arms, "quality", "Bits per byte", byRun, qualityEntry), nil
	}
	at := slices.IndexFunc(Quantities, func(q *Quantity) bool { return q.Name == name })
	if at < 0 {
		return nil, fmt.Errorf("unknown quantity %q; there are %s", name, strings.Join(QuantityNames(), ", "))
	}
	q := Quantities[at]
	return comparePoints(arms, q.Probe, q.Title, byRun, func(base, other *store.Cell, _ *index) (Value, *delta) {
		return q.value(other), q.delta(base, other, byRun)
	}), nil
}

// entry gives the value of a cell and its difference to the base's; base is nil for the base itself.
type entry func(base, other *store.Cell, ix *index) (Value, *delta)

// delta is a difference that still waits for Holm.
type delta struct {
	comparison *stat.Comparison
	write      func(*stat.Comparison) Value
}

// comparePoints makes the rows of one quantity: one per point, and per model when the columns are runs.
func comparePoints(arms []arm, probe, title string, byRun bool, of entry) [][]Value {
	var rows [][]Value
	base := arms[0]
	seen := map[string]bool{}
	for _, c := range base.ix.cells("", probe) {
		key := c.Model + "\x00" + c.Point.String()
		if seen[key] || !byRun && c.Model != base.model {
			continue
		}
		seen[key] = true
		row := []Value{text(title)}
		if byRun {
			row = append(row, text(c.Model))
		}
		row = append(row, text(c.Point.String()))
		rows = append(rows, append(row, compareCells(c, arms, of)...))
	}
	return rows
}

// compareCells fills the columns of one row.
func compareCells(base *store.Cell, arms []arm, of entry) []Value {
	values := make([]Value, 0, 2*len(arms))
	deltas := make([]*delta, len(arms))
	var family []*stat.Comparison
	for i, a := range arms {
		c := a.cell(base)
		if c == nil {
			values = append(values, notPlanned)
			continue
		}
		v, d := of(base, c, a.ix)
		values = append(values, v)
		if i > 0 && d != nil {
			deltas[i] = d
			if d.comparison != nil {
				family = append(family, d.comparison)
			}
		}
	}
	stat.Holm(family)
	out := values[:1:1]
	for i := 1; i < len(arms); i++ {
		d := unavailable("nothing to compare")
		if deltas[i] != nil {
			d = deltas[i].write(deltas[i].comparison)
		}
		out = append(out, values[i], d)
	}
	return out
}

// cell finds the counterpart of a base cell.
func (a arm) cell(base *store.Cell) *store.Cell {
	model := a.model
	if model == "" {
		model = base.Model
	}
	for _, c := range a.ix.cells("", base.Probe) {
		if c.Model == model && c.Point.String() == base.Point.String() {
			return c
		}
	}
	return nil
}

// delta compares two cells; nil where one of them has no value.
func (q *Quantity) delta(base, other *store.Cell, byRun bool) *delta {
	if !q.estimate(base).Valid() || !q.estimate(other).Valid() {
		return nil
	}
	c := q.compare(base, other, !byRun)
	if q.Exact {
		return &delta{write: func(*stat.Comparison) Value { return change(c.Value, "exact") }}
	}
	return &delta{comparison: &c, write: deltaText}
}

// deltaText writes a difference the way benchstat does.
func deltaText(c *stat.Comparison) Value {
	why := fmt.Sprintf("%s n=%d", pText(c.Adjusted), c.N)
	if !c.Decided() {
		v := Value{Text: "~ (" + why + ")", N: c.N}
		if c.Bounded() {
			ratio, lo, hi := c.Value-1, c.Lo-1, c.Hi-1
			v.Number, v.Lo, v.Hi = &ratio, &lo, &hi
		} else {
			v.Notes = c.Warnings
		}
		return v
	}
	v := change(c.Value, why)
	lo, hi := c.Lo-1, c.Hi-1
	v.Lo, v.Hi, v.N = &lo, &hi, c.N
	return v
}

// change writes a ratio as a percentage, and as a factor where that is easier to grasp.
func change(ratio float64, why string) Value {
	d := ratio - 1
	s := unit.Signed(100*d, 2) + "%"
	if ratio >= 3 {
		s = unit.Number(ratio) + "x"
	}
	return Value{Text: s + " (" + why + ")", Number: &d}
}

// qualityEntry compares bits per byte, paired over documents.
func qualityEntry(base, other *store.Cell, ix *index) (Value, *delta) {
	v := ix.bitsPerByte(other)
	if v.Number == nil || len(documents(base)) == 0 {
		return v, nil
	}
	e := stat.BitsPerByteDifference(documents(base), documents(other))
	return v, &delta{write: func(*stat.Comparison) Value {
		d := ranged(e, signed(4), base.ID, other.ID)
		if e.Bounded() && e.Lo <= 0 && e.Hi >= 0 {
			d.Text = "~ " + d.Text
		}
		return d
	}}
}

func compareNotes(runs []*store.Run, t Table) []string {
	notes := []string{"p: sign-flip test over paired blocks, Holm-adjusted over each row; ±: 95 % interval of the median; " +
		"~: no difference shown, -o csv bounds what it could be."}
	if len(runs) > 1 {
		notes = []string{"p: Mann-Whitney U test, Holm-adjusted over each row; ~: no difference shown. Runs are not interleaved, so drift between them counts as a difference."}
	}
	for _, row := range t.Rows {
		if row[0].Text == "Bits per byte" && len(runs) == 1 {
			notes = append(notes, notControlled)
			break
		}
	}
	return notes
}
