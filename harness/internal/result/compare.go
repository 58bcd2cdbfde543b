package result

import (
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/stat"
	"github.com/archbench/archbench/harness/internal/table"
)

// ErrIncomparable means that two runs must not be compared as they are.
var ErrIncomparable = errors.New("report: not comparable")

// CompareOptions selects and arranges what is compared.
type CompareOptions struct {
	Table, Rows, Columns []string            // factors that arrange cells; nil: one table, a row per question, a column per model (per run if there are several)
	Filter               map[string][]string // allowed values by factor
	Base                 string              // label of the base column; "": the first
	Models               []string            // names; nil: one per family, or all where precisions or several runs are compared
	Quantities           []string            // names; nil: the timed ones and quality
	AcrossHosts          bool                // compare timings of different machines all the same
	DB                   string              // database that commands name; "": none
	Gates                []*Gate             // bounds to hold the comparison against; their quantities are compared too
}

// defaultQuantities are the quantities of a comparison unless the user names some.
var defaultQuantities = []string{"prefill", "ttft", "decode", "state", "bits-per-byte", "task-time", "figure"}

// QuantityNames returns the names of all quantities.
func QuantityNames() []string {
	return Distinct(Quantities(), func(q *Quantity) string { return q.Name })
}

// Comparison is cells beside each other, as people and programs see them.
type Comparison struct {
	layout  *layout
	columns []string // the base first
	groups  []group
	gates   []*Gate
}

// Relate relates cells that are alike in all but the factors of the columns: the models of a run to a base model by
// block, a run to an earlier one, a precision to f32. People get the form that benchstat's users know: a base column, and
// beside each other column its difference to the base, "~" where none is shown, with p and n. Programs get one row per
// comparison, all in the first table. The p-values are Holm-adjusted over each row (one quantity at one point).
func Relate(runs []*record.Run, o CompareOptions) (*Comparison, error) {
	if err := checkRuns(runs, o); err != nil {
		return nil, err
	}
	l, err := newLayout(runs, o)
	if err != nil {
		return nil, err
	}
	columns, groups, err := l.compare(o)
	if err != nil {
		return nil, err
	}
	c := &Comparison{layout: l, columns: columns, groups: groups, gates: o.Gates}
	return c, c.checkGates()
}

// Compare is the tables of a comparison.
func Compare(runs []*record.Run, o CompareOptions) ([]table.Table, error) {
	c, err := Relate(runs, o)
	if err != nil {
		return nil, err
	}
	return c.Tables(), nil
}

// Tables are the comparison, then what the gates decide.
func (c *Comparison) Tables() []table.Table {
	var tables []table.Table
	pairs := c.pairs()
	onAllCores(len(pairs), func(i int) { pairs[i].detectable() })
	fixed := c.layout.constants(c.rows())
	for _, g := range c.groups {
		tables = append(tables, c.layout.render(g.label, c.columns, g.rows, fixed))
	}
	if len(tables) > 1 {
		tables = slices.DeleteFunc(tables, func(t table.Table) bool { return len(t.Rows) == 0 })
	}
	for i := range tables {
		tables[i].Frame = &table.Frame{}
	}
	tables[0].Frame = comparisons(c.rows())
	tables[len(tables)-1].Notes = slices.Concat(c.layout.notes(c.rows(), c.columns), constantNotes(c.rows(), fixed), c.layout.openNote(pairs))
	if c.gates != nil {
		tables = append(tables, c.gateTable())
	}
	return tables
}

// rows are those of all tables.
func (c *Comparison) rows() (rows []compared) {
	for _, g := range c.groups {
		rows = append(rows, g.rows...)
	}
	return rows
}

// pairs are the comparisons of all tables.
func (c *Comparison) pairs() (pairs []*pair) {
	for _, r := range c.rows() {
		pairs = append(pairs, r.pairs...)
	}
	return pairs
}

// group holds the rows of one table.
type group struct {
	label string
	rows  []compared
}

// compare compares the cells of each table. It also returns the column labels, the base first.
func (l *layout) compare(o CompareOptions) (columns []string, groups []group, err error) {
	sides, err := l.sides(o)
	if err != nil {
		return nil, nil, err
	}
	if columns, err = l.columnsOf(sides, o.Base); err != nil {
		return nil, nil, err
	}
	for _, label := range Distinct(sides, l.table.label) {
		of := slices.DeleteFunc(slices.Clone(sides), func(s side) bool { return l.table.label(s) != label })
		rows, err := l.compareRows(of, columns)
		if err != nil {
			return nil, nil, err
		}
		groups = append(groups, group{label, rows})
	}
	return columns, groups, nil
}

func quantitiesNamed(names []string, gates []*Gate) ([]*Quantity, error) {
	if names == nil {
		names = defaultQuantities
	}
	for _, g := range gates {
		if !slices.ContainsFunc(names, func(name string) bool { return Named(name) != nil && Named(name).Name == g.q.Name }) {
			names = append(slices.Clone(names), g.q.Name)
		}
	}
	all := make([]*Quantity, len(names))
	for i, name := range names {
		if all[i] = Named(name); all[i] == nil {
			return nil, fmt.Errorf("unknown quantity %q; there are %s", name, strings.Join(QuantityNames(), ", "))
		}
	}
	return all, nil
}

// checkRuns rejects a run that is named twice, and runs of different machines unless the user asks for them.
func checkRuns(runs []*record.Run, o CompareOptions) error {
	if len(runs) == 0 {
		return errors.New("compare: no run")
	}
	if ids := Distinct(runs, func(r *record.Run) string { return r.ID }); len(ids) < len(runs) {
		return fmt.Errorf("compare: a run is named twice: %s", strings.Join(ids, ", "))
	}
	for _, r := range runs[1:] {
		for _, unknown := range []*record.Run{runs[0], r} {
			if unknown.Imported() && unknown.Host.Fingerprint == "" && !o.AcrossHosts {
				return fmt.Errorf("%w: the machine of run %s is not known, so timings may differ for that reason; --across-hosts compares them all the same",
					ErrIncomparable, unknown.ID)
			}
		}
		if r.Host.Fingerprint != runs[0].Host.Fingerprint && !o.AcrossHosts {
			return fmt.Errorf("%w: runs %s and %s come from different machines, so their timings differ for that reason; --across-hosts compares them all the same",
				ErrIncomparable, runs[0].ID, r.ID)
		}
	}
	return nil
}

// compared is one row of a table: the base, and its comparison with each further column.
type compared struct {
	base   side
	others []side // by column
	pairs  []*pair
}

// compareRows compares the cells of each row that has a base. Several cells in one place of a table are an error, because
// its number would be that of an arbitrary one.
func (l *layout) compareRows(sides []side, columns []string) (rows []compared, err error) {
	type line struct {
		q     *Quantity
		label string
	}
	type place struct {
		line
		column string
	}
	lineOf := func(s side) line { return line{s.q, l.row.label(s)} }
	cells := map[place]side{}
	for _, s := range sides {
		at := place{lineOf(s), l.columns.label(s)}
		if first, taken := cells[at]; taken {
			return nil, l.ambiguous(first, s)
		}
		cells[at] = s
	}
	for _, key := range Distinct(sides, lineOf) {
		base, ok := cells[place{key, columns[0]}]
		if !ok {
			continue
		}
		others := make([]side, len(columns)-1)
		for i, column := range columns[1:] {
			if others[i], ok = cells[place{key, column}]; !ok {
				others[i] = l.absent(base, column)
			}
		}
		rows = append(rows, compared{base: base, others: others})
	}
	onAllCores(len(rows), func(i int) { l.compareRow(&rows[i], columns) })
	return rows, nil
}

// compareRow compares the cells of a row as a family.
func (l *layout) compareRow(row *compared, columns []string) {
	var family []*stat.Comparison
	for i, other := range row.others {
		p := row.base.q.pair(row.base, other)
		row.pairs = append(row.pairs, p)
		p.columns = [2]string{columns[0], columns[i+1]}
		if p.reason == "" {
			p.varies = l.columns.unexplained(row.base, other)
			family = append(family, &p.result)
		}
	}
	stat.Holm(family)
	detect(row.pairs)
}

// onAllCores does n independent things.
func onAllCores(n int, do func(i int)) {
	var next atomic.Int64
	var cores sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		cores.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	cores.Wait()
}

// absent is the side of a column without a planned cell. It has a model or run if the column names it.
func (l *layout) absent(base side, column string) side {
	s := side{q: base.q, ix: base.ix, value: NotPlanned}
	switch names := l.columns.names(); {
	case slices.Equal(names, []string{"model"}):
		s.model = column
	case slices.Equal(names, []string{"run"}):
		s.model = base.model
		s.ix = l.runs[slices.IndexFunc(l.runs, func(ix *Index) bool { return ix.Run.ID == column })]
	}
	return s
}

func (l *layout) ambiguous(a, b side) error {
	var names []string
	for _, f := range slices.Concat(l.table, l.row, l.columns).unexplained(a, b) {
		names = append(names, f.name)
	}
	if names == nil {
		names = []string{"model"}
	}
	return fmt.Errorf("%s has several cells of %s at %s, which differ in %s: name that among the factors of tables, rows or columns, or choose with a filter",
		l.columns.label(a), a.q.Name, a.cell.Point, strings.Join(names, ", "))
}

// notes are the caveats and explanations below a comparison.
func (l *layout) notes(rows []compared, columns []string) (notes []string) {
	if len(l.runs) == 1 {
		notes = l.runs[0].Absentees()
	}
	const how = "Holm-adjusted over each row; ±: 95 % interval of the median; ~: no difference shown"
	if tested(rows, byRank) {
		notes = append(notes, "vs base ("+columns[0]+"), by block: centre of the ratios within blocks, which need not be the ratio of the medians beside it; signed-rank test, "+how+"; "+detects)
	}
	if tested(rows, bySign) {
		notes = append(notes, "vs base ("+columns[0]+"), by block: median of the ratios within blocks, which were added until the comparisons were decided; a sign test that holds at any number of blocks, "+how+"; "+detects)
	}
	if tested(rows, "mann-whitney") {
		notes = append(notes, "vs base ("+columns[0]+"): Hodges-Lehmann ratio; Mann-Whitney U test, "+how+".")
		if len(l.runs) > 1 {
			notes[len(notes)-1] += " Runs are not interleaved, so drift between them counts as a difference."
		}
		notes = append(notes, importedNotes(l.runs...)...)
	}
	if tested(rows, "bootstrap") {
		notes = append(notes, "bits-per-byte: difference over the documents that both scored, with p and interval of a paired bootstrap.")
	}
	notes = append(notes, l.alsoVaries(rows, columns)...)
	if len(l.runs) > 1 {
		return append(notes, l.unshared()...)
	}
	var models []*record.Model
	for _, r := range rows {
		if r.base.q.Documents {
			models = append(models, r.base.ix.ByName[r.base.model])
			for _, p := range r.pairs {
				models = append(models, p.other.ix.ByName[p.other.model])
			}
		}
	}
	return append(notes, NotAlike(models...)...)
}

// importedNotes say what the samples of imported runs do not show.
func importedNotes(runs ...*Index) []string {
	var names []string
	sequence := false
	for _, ix := range runs {
		if ix.Run.Imported() {
			names = append(names, ix.Run.ID)
			sequence = sequence || slices.ContainsFunc(ix.Run.Cells, func(c record.Cell) bool { return c.Rounds > 1 })
		}
	}
	if names == nil {
		return nil
	}
	note := "Imported samples (" + strings.Join(names, ", ") + ") were taken one after another, not interleaved, so drift counts as a difference."
	if sequence {
		note += " Those of one process count as independent; how much processes differ, they do not show."
	}
	return []string{note}
}

// alsoVaries warns of each column whose cells differ from the base's in factors that the columns do not explain.
func (l *layout) alsoVaries(rows []compared, columns []string) (notes []string) {
	for i, column := range columns[1:] {
		var differ []string
		for _, r := range rows {
			for _, f := range r.pairs[i].varies {
				differ = append(differ, fmt.Sprintf("%s (%s, %s)", f.name, cmp.Or(f.of(r.base), "none"), cmp.Or(f.of(r.pairs[i].other), "none")))
			}
		}
		if differ != nil {
			notes = append(notes, fmt.Sprintf("%s and %s also differ in %s.", columns[0], column, strings.Join(Distinct(differ, func(s string) string { return s }), ", ")))
		}
	}
	return notes
}

// tested reports whether any comparison of the rows uses a test.
func tested(rows []compared, test string) bool {
	return slices.ContainsFunc(rows, func(r compared) bool {
		return slices.ContainsFunc(r.pairs, func(p *pair) bool { return p.reason == "" && p.test == test })
	})
}

// unshared names the models that are not compared because not all runs have them.
func (l *layout) unshared() (notes []string) {
	first := l.runs[0]
	for _, other := range l.runs[1:] {
		for _, pair := range [2][2]*Index{{first, other}, {other, first}} {
			for _, name := range modelNames(pair[0].Run) {
				if pair[1].ByName[name] == nil {
					notes = append(notes, fmt.Sprintf("%s is not compared: run %s has no model of that name.", name, pair[1].Run.ID))
				}
			}
		}
	}
	slices.Sort(notes)
	return slices.Compact(notes)
}
