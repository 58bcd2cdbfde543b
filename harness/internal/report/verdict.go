package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/archbench/archbench/harness/internal/stat"
	"github.com/archbench/archbench/harness/internal/store"
	"github.com/archbench/archbench/harness/internal/unit"
)

// verdicts says who is ahead where, and where the samples cannot tell: one row per question and point, over the
// models at their base precision.
func (ix *index) verdicts() Table {
	t := Table{
		ID: "verdicts", Title: "Who is ahead",
		Caption: "ratios are medians of paired blocks with 95 % intervals; p of a sign-flip test, Holm-adjusted over the rivals of a row",
		Columns: append(keys("question", "at"), Column{Name: "best"}, Column{Name: "value"}, Column{Name: "nearest rival"},
			Column{Name: "ahead by", Unit: unit.One}, Column{Name: "p", Unit: unit.One}, Column{Name: "verdict"}),
	}
	for _, q := range []*Quantity{prefillSpeed, decodeLatency, stateBytes} {
		cells := ix.ofBases(ix.cells("", q.Probe))
		g := newGrid(cells, q.Main)
		for _, minor := range g.minors() {
			for _, main := range axis(cells, g.main) {
				if row := ix.verdict(q, g, minor, main); row != nil {
					t.Rows = append(t.Rows, row)
				}
			}
		}
	}
	t.Rows = append(t.Rows, ix.qualityVerdicts()...)
	t.Notes = ix.futureNotes()
	return t
}

// ofBases keeps the cells of the models that others are compared with, each point of a model once. What sees the
// future is no language model and takes no part.
func (ix *index) ofBases(cells []*store.Cell) []*store.Cell {
	bases := ix.bases()
	seen := map[string]bool{}
	var out []*store.Cell
	for _, c := range cells {
		key := c.Model + "\x00" + c.Point.String()
		if seen[key] || seesFuture(ix.byName[c.Model]) || !slices.ContainsFunc(bases, func(m *store.Model) bool { return m.Name == c.Model }) {
			continue
		}
		seen[key] = true
		out = append(out, c)
	}
	return out
}

func (ix *index) verdict(q *Quantity, g grid, minor []string, main string) []Value {
	r := rank(q, g.column(ix.modelsOf(g.cells), minor, main))
	if r == nil || len(r.rivals) == 0 {
		return nil
	}
	at := columnName(g.main, main)
	for i, name := range g.minor {
		at += ", " + columnName(name, minor[i])
	}
	rival := r.rivals[0]
	row := []Value{text(q.Title), text(at), text(r.best.Model), q.value(r.best), text(rival.cell.Model)}
	ratio := advantage(q, rival)
	ratio.Cells = []string{r.best.ID, rival.cell.ID}
	return append(row, ratio, pValue(q, rival), text(r.sentence(q)))
}

// advantage is by what factor the best is better than a rival, whichever side better is.
func advantage(q *Quantity, r rival) Value {
	e := r.comparison.Estimate
	if q.Better > 0 {
		e = e.Map(func(x float64) float64 { return 1 / x })
	}
	if q.Exact {
		return Value{Text: factor(e.Value), Number: &e.Value}
	}
	return ranged(e, factor)
}

func pValue(q *Quantity, r rival) Value {
	if q.Exact {
		return text("exact")
	}
	p := r.comparison.Adjusted
	return Value{Text: fmt.Sprintf("%s (n=%d)", pText(p), r.comparison.N), Number: &p, N: r.comparison.N}
}

// pText writes a p-value the way benchstat does.
func pText(p float64) string {
	if p < 0.001 {
		return "p<0.001"
	}
	return fmt.Sprintf("p=%.3f", p)
}

// sentence puts a ranking into words.
func (r *ranking) sentence(q *Quantity) string {
	var behind, undecided []string
	for _, rival := range r.rivals {
		if rival.behind(q) {
			behind = append(behind, rival.cell.Model)
		} else {
			undecided = append(undecided, rival.cell.Model)
		}
	}
	switch {
	case len(undecided) == 0:
		return r.best.Model + " is ahead"
	case q.Exact && len(behind) == 0:
		return "all equal"
	case q.Exact:
		return r.best.Model + " and " + strings.Join(undecided, ", ") + " are equal, ahead of " + strings.Join(behind, ", ")
	case len(behind) == 0:
		return "cannot tell " + r.best.Model + " from " + strings.Join(undecided, ", ")
	}
	return "cannot tell " + r.best.Model + " from " + strings.Join(undecided, ", ") + "; ahead of " + strings.Join(behind, ", ")
}

// qualityVerdicts ranks trained models by bits per byte, paired over documents.
func (ix *index) qualityVerdicts() [][]Value {
	var rows [][]Value
	cells := ix.ofBases(ix.cells("", "quality"))
	for _, at := range points(cells) {
		var have []*store.Cell
		for _, c := range cells {
			if c.Point.String() == at && ix.unfit(c) == "" && !ix.byName[c.Model].Initialised {
				have = append(have, c)
			}
		}
		if len(have) > 1 {
			rows = append(rows, qualityVerdict(at, have))
		}
	}
	return rows
}

func points(cells []*store.Cell) []string {
	var out []string
	for _, c := range cells {
		if p := c.Point.String(); !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

func qualityVerdict(at string, cells []*store.Cell) []Value {
	slices.SortStableFunc(cells, func(a, b *store.Cell) int {
		switch x, y := stat.BitsPerByte(documents(a)).Value, stat.BitsPerByte(documents(b)).Value; {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	best := cells[0]
	var undecided []string
	for _, c := range cells[1:] {
		if d := stat.BitsPerByteDifference(documents(best), documents(c)); !d.Bounded() || d.Lo <= 0 {
			undecided = append(undecided, c.Model)
		}
	}
	verdict := best.Model + " is ahead"
	if len(undecided) > 0 {
		verdict = "cannot tell " + best.Model + " from " + strings.Join(undecided, ", ")
	}
	difference := ranged(stat.BitsPerByteDifference(documents(best), documents(cells[1])), signed(4), best.ID, cells[1].ID)
	difference.Text += " bit/B"
	difference.Notes = append(slices.Clone(difference.Notes), notControlled)
	return []Value{text("Bits per byte"), text(at), text(best.Model), measured(stat.BitsPerByte(documents(best)), unit.BitsPerByte, best.ID),
		text(cells[1].Model), difference, text("interval over documents"), text(verdict)}
}
