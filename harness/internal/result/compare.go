package result

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/stat"
	"github.com/archbench/archbench/harness/internal/table"
)

// ErrIncomparable says that two runs must not be compared as they are.
var ErrIncomparable = errors.New("report: not comparable")

// CompareOptions say what to compare.
type CompareOptions struct {
	Base        string   // model, or run when several are compared; "" is the first
	Models      []string // nil: all that the user asked for, or all models that several runs share
	Quantities  []string // names; nil: the timed ones and quality
	AcrossHosts bool     // compare timings of different machines all the same
}

// defaultQuantities are those that a comparison shows unless asked otherwise.
var defaultQuantities = []string{"prefill", "ttft", "decode", "state", "bits-per-byte"}

// QuantityNames lists what a comparison may show.
func QuantityNames() []string {
	return Distinct(Quantities(), func(q *Quantity) string { return q.Name })
}

// Compare relates the models of one run to a base model, by block; or one model after the other across several runs,
// to the first run. People get the form that benchstat's users know: a base column, and beside each other column its
// difference to the base, "~" where none is shown, with p and n. Programs get one row per comparison. The p-values are
// Holm-adjusted over each row of the table (one quantity at one point).
func Compare(runs []*record.Run, o CompareOptions) (table.Table, error) {
	if err := checkHosts(runs, o); err != nil {
		return table.Table{}, err
	}
	quantities, err := quantitiesNamed(o.Quantities)
	if err != nil {
		return table.Table{}, err
	}
	arms, err := arms(runs, o)
	if err != nil {
		return table.Table{}, err
	}
	byRun := len(runs) > 1
	var rows []compared
	for _, q := range quantities {
		rows = append(rows, compareRows(q, arms, byRun)...)
	}
	arms, rows = dropUnplanned(arms, rows)
	t := comparedTable(arms, rows, byRun)
	t.Frame = comparisons(rows)
	t.Notes = compareNotes(runs, arms, rows)
	return t, nil
}

func quantitiesNamed(names []string) ([]*Quantity, error) {
	if names == nil {
		names = defaultQuantities
	}
	all := make([]*Quantity, len(names))
	for i, name := range names {
		if all[i] = Named(name); all[i] == nil {
			return nil, fmt.Errorf("unknown quantity %q; there are %s", name, strings.Join(QuantityNames(), ", "))
		}
	}
	return all, nil
}

// checkHosts refuses timings of different machines, unless asked for.
func checkHosts(runs []*record.Run, o CompareOptions) error {
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

// arm is what is held against the base: a model of a run, or a run.
type arm struct {
	name  string
	ix    *Index
	model string // "" when the arm is a run: rows then name the model
}

func arms(runs []*record.Run, o CompareOptions) ([]arm, error) {
	var all []arm
	if len(runs) > 1 {
		for _, r := range runs {
			all = append(all, arm{name: r.ID, ix: New(r)})
		}
		return baseFirst(all, o.Base, "run")
	}
	ix := New(runs[0])
	names := o.Models
	if names == nil {
		names = NamesOf(ix.Bases())
	}
	for _, n := range names {
		if ix.ByName[n] == nil {
			return nil, fmt.Errorf("run %s has no model %q; it has %s", runs[0].ID, n, strings.Join(modelNames(runs[0]), ", "))
		}
		all = append(all, arm{name: n, ix: ix, model: n})
	}
	if o.Base != "" && ix.ByName[o.Base] != nil && !slices.Contains(names, o.Base) {
		all = append(all, arm{name: o.Base, ix: ix, model: o.Base})
	}
	return baseFirst(all, o.Base, "model")
}

func modelNames(r *record.Run) []string {
	return Distinct(r.Models, func(m record.Model) string { return m.Name })
}

// baseFirst moves the base to the front.
func baseFirst(all []arm, base, kind string) ([]arm, error) {
	if base == "" {
		return all, nil
	}
	at := slices.IndexFunc(all, func(a arm) bool { return a.name == base })
	if at < 0 {
		names := Distinct(all, func(a arm) string { return a.name })
		return nil, fmt.Errorf("no %s %q to compare with; there are %s", kind, base, strings.Join(names, ", "))
	}
	b := all[at]
	return append([]arm{b}, slices.Delete(slices.Clone(all), at, at+1)...), nil
}

// compared is one quantity at one point: the base and what is held against it, an entry for each further arm.
type compared struct {
	q     *Quantity
	base  side
	pairs []*pair
}

// compareRows compares the arms at every point of the base.
func compareRows(q *Quantity, arms []arm, byRun bool) []compared {
	var rows []compared
	seen := map[string]bool{}
	for _, c := range InOrder(arms[0].ix.Cells("", q.Probe)) {
		key := c.Model + "\x00" + c.Point.String()
		if seen[key] || !byRun && c.Model != arms[0].model {
			continue
		}
		seen[key] = true
		row := compared{q: q, base: arms[0].side(q, c)}
		var family []*stat.Comparison
		for _, a := range arms[1:] {
			p := q.pair(row.base, a.side(q, c), !byRun)
			row.pairs = append(row.pairs, p)
			if p.reason == "" {
				family = append(family, &p.result)
			}
		}
		stat.Holm(family)
		rows = append(rows, row)
	}
	return rows
}

// side finds the counterpart of a base cell in an arm.
func (a arm) side(q *Quantity, base *record.Cell) side {
	s := side{ix: a.ix, model: a.model, value: NotPlanned}
	if s.model == "" {
		s.model = base.Model
	}
	for _, c := range a.ix.Cells("", base.Probe) {
		if c.Model == s.model && c.Point.String() == base.Point.String() {
			s.cell, s.value = c, a.ix.Value(q, c)
			break
		}
	}
	return s
}

// dropUnplanned leaves out the arms for which no row was planned.
func dropUnplanned(arms []arm, rows []compared) ([]arm, []compared) {
	for i := len(arms) - 1; i > 0 && len(rows) > 0; i-- {
		if slices.ContainsFunc(rows, func(r compared) bool { return r.pairs[i-1].other.cell != nil }) {
			continue
		}
		arms = slices.Delete(slices.Clone(arms), i, i+1)
		for r := range rows {
			rows[r].pairs = slices.Delete(rows[r].pairs, i-1, i)
		}
	}
	return arms, rows
}

// comparedTable is what people see of the rows.
func comparedTable(arms []arm, rows []compared, byRun bool) table.Table {
	t := table.Table{ID: "compare", Title: "Comparison", Columns: table.Keys("quantity", "at")}
	against := "vs " + arms[0].name
	if tested(rows, "sign") {
		against += ", by block"
	}
	if byRun {
		t.Columns = table.Keys("quantity", "model", "at")
	}
	t.Columns = append(t.Columns, table.Column{Name: arms[0].name})
	for _, a := range arms[1:] {
		t.Columns = append(t.Columns, table.Column{Name: a.name}, table.Column{Name: against})
	}
	for _, r := range rows {
		row := []table.Value{table.Text(r.q.Title)}
		if byRun {
			row = append(row, table.Text(r.base.model))
		}
		row = append(row, table.Text(r.base.cell.Point.String()), r.base.value)
		for _, p := range r.pairs {
			row = append(row, p.other.value, p.difference())
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// compareNotes are what a reader of a comparison must know.
func compareNotes(runs []*record.Run, arms []arm, rows []compared) (notes []string) {
	if len(runs) == 1 {
		notes = arms[0].ix.Absentees()
	}
	if tested(rows, "sign") {
		notes = append(notes, "by block: median of the ratios within blocks, which need not be the ratio of the medians beside it; "+
			"p: sign test over the blocks, Holm-adjusted over each row; ±: 95 % interval of the median; ~: no difference shown, -o csv bounds what it could be.")
	}
	if tested(rows, "mann-whitney") {
		notes = append(notes, "p: Mann-Whitney U test, Holm-adjusted over each row; differences: Hodges-Lehmann ratios; ~: no difference shown. "+
			"Runs are not interleaved, so drift between them counts as a difference.")
	}
	if tested(rows, "bootstrap") {
		notes = append(notes, "Bits per byte: difference over the documents that both scored, with p and interval of a paired bootstrap.")
	}
	if len(runs) > 1 {
		return append(notes, unshared(arms)...)
	}
	if slices.ContainsFunc(rows, func(r compared) bool { return r.q.Documents }) {
		models := Distinct(arms, func(a arm) *record.Model { return a.ix.ByName[a.model] })
		notes = append(notes, NotAlike(models...)...)
	}
	return notes
}

// tested reports whether a comparison of the rows comes from a test.
func tested(rows []compared, test string) bool {
	return slices.ContainsFunc(rows, func(r compared) bool {
		return slices.ContainsFunc(r.pairs, func(p *pair) bool { return p.reason == "" && p.test == test })
	})
}

// unshared names the models that a run does not share with the first, and that are therefore not compared.
func unshared(arms []arm) []string {
	var notes []string
	for _, a := range arms[1:] {
		for _, pair := range [2][2]arm{{arms[0], a}, {a, arms[0]}} {
			for _, name := range modelNames(pair[0].ix.Run) {
				if pair[1].ix.ByName[name] == nil {
					notes = append(notes, fmt.Sprintf("%s is not compared: run %s has no model of that name.", name, pair[1].name))
				}
			}
		}
	}
	slices.Sort(notes)
	return slices.Compact(notes)
}
