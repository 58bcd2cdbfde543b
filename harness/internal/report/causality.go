package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/harness/internal/unit"
)

// addCausality shows whether each model sees the future, whatever it declares.
func addCausality(ix *index, s *Section, cells []*record.Cell) {
	t := table.Table{
		ID: "causality", Title: "Causality", Caption: "largest change of a prediction caused by what it must not see, as a share of the largest logit",
		Columns: append(table.Keys("model"), table.Column{Name: "verdict", ID: "causal"}, table.Column{Name: "declared", ID: "causal-declared"},
			table.Column{Name: "changed suffix", ID: "causality-suffix", Unit: unit.One, Better: -1}, table.Column{Name: "prefix alone", ID: "causality-prefix", Unit: unit.One, Better: -1},
			table.Column{Name: "other documents in the batch", ID: "causality-batch", Unit: unit.One, Better: -1}),
	}
	var leaking []string
	for _, m := range ix.ModelsOf(cells) {
		t.Rows = append(t.Rows, causalityRow(m, result.OfModel(cells, m.Name)))
		if result.SeesFuture(m) {
			leaking = append(leaking, m.Name)
		}
	}
	if len(leaking) > 0 {
		t.Notes = append(t.Notes, strings.Join(leaking, ", ")+": sees the future, so it is kept out of language-model tables.")
	}
	s.Data = append(s.Data, t)
	s.Tables = append(s.Tables, ix.oneForAll(t))
}

// oneForAll puts the models without a leak into one row, with the largest changes of them all.
func (ix *index) oneForAll(t table.Table) table.Table {
	clean := func(row []table.Value) bool {
		return row[1].Text == noLeak && row[1].Notes == nil && row[2].Text == declaredCausal
	}
	at := slices.IndexFunc(t.Rows, clean)
	if at < 0 {
		return t
	}
	one, names := slices.Clone(t.Rows[at]), []string(nil)
	for _, row := range t.Rows {
		if !clean(row) {
			continue
		}
		names = append(names, row[0].Text)
		for i, v := range row {
			one[i].Cells = result.Distinct(append(slices.Clone(one[i].Cells), v.Cells...), itself)
			if v.Number != nil && i > 2 && (one[i].Number == nil || *v.Number > *one[i].Number) {
				v.Cells = one[i].Cells
				one[i] = v
			}
		}
	}
	one[0].Text = strings.Join(ix.families(names), ", ")
	if len(names) > 1 {
		one[1].Text = fmt.Sprintf("%s in any of %d", noLeak, len(names))
	}
	t.Rows = append(slices.DeleteFunc(slices.Clone(t.Rows), clean), one) // leaks first
	return t
}

// families shortens a list of models: one family instead of all its models.
func (ix *index) families(names []string) (short []string) {
	for _, f := range ix.Families {
		own := result.NamesOf(f.Models)
		listed := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !slices.Contains(own, n) })
		if len(listed) > 1 && len(listed) == len(own) {
			listed = []string{f.Name}
		}
		short = append(short, listed...)
	}
	return short
}

const (
	noLeak         = "no leak found"
	declaredCausal = "causal"
)

func causalityRow(m *record.Model, cells []*record.Cell) []table.Value {
	declared := "bidirectional"
	if m.Causal {
		declared = declaredCausal
	}
	c := result.Longest(cells)
	if c == nil {
		na := result.Missing(cells[0])
		return []table.Value{table.Text(m.Name), na, table.Text(declared), na, na, na}
	}
	verdict := table.Unavailable("not measured here")
	if v, ok := result.Only(c, probe.CausalVerdict); ok {
		verdict = table.Figure(noLeak, v, c.ID)
		verdict.Notes = c.Warnings
		if v != 1 {
			verdict.Text = "SEES THE FUTURE"
		}
		if v != 1 && m.Causal {
			verdict.Notes = append(slices.Clone(verdict.Notes), "declared causal: the declaration is wrong")
		}
	}
	return []table.Value{table.Text(m.Name), verdict, table.Text(declared),
		single(c, probe.SuffixDiff, unit.One), single(c, probe.PrefixDiff, unit.One), single(c, probe.BatchDiff, unit.One)}
}
