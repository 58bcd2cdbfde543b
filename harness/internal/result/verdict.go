package result

import (
	"cmp"
	"slices"
	"strings"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/stat"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/harness/internal/unit"
)

// verdictQuantities are the questions of the table of verdicts, besides those about precisions. Numbers of benchmarks whose better
// direction is not known have no leader.
var verdictQuantities = []*Quantity{PrefillSpeed, DecodeLatency, StateBytes, FLOPsPerToken, BitsPerByte, TaskTime}

// Verdicts returns a table with the leader of each question, or that the samples cannot tell, these last.
func (ix *Index) Verdicts(questions []Question) table.Table {
	t := table.Table{
		ID: "verdicts", Title: "Who is ahead",
		Caption: "the leader against the nearest rival: centre of the ratios within blocks (Hodges-Lehmann) with its 95 % interval, p of the signed-rank test, " +
			"Holm-adjusted over the rivals of a row; bits per byte: difference over documents, by a paired bootstrap; without a leader, p is the largest; " +
			"a row of several lengths shows the values of the last",
		Columns: append(table.Keys("question", "at"), table.Column{Name: "leader"}, table.Column{Name: "value"}, table.Column{Name: "nearest rival"},
			table.Column{Name: "ahead by", Unit: unit.One}, table.Column{Name: "p", Unit: unit.One}, table.Column{Name: "verdict"}),
		Frame: &table.Frame{Keys: verdictKeys()},
	}
	if ix.Run.Imported() {
		t.Caption = "the leader against the nearest rival: Hodges-Lehmann ratio with its 95 % interval, p of the Mann-Whitney U test, Holm-adjusted over " +
			"the rivals of a row; without a leader, p is the largest"
	}
	for _, q := range questions {
		t.Frame.Rows = append(t.Frame.Rows, q.record())
	}
	for _, same := range inOrder(joined(questions)) {
		t.Rows = append(t.Rows, same[len(same)-1].row(placeOf(same)))
	}
	t.Notes = slices.Concat(ix.Absentees(), importedNotes(ix), ix.settleNote(questions))
	return t
}

// joined groups neighbours that say the same without noise, such as the sizes of a state at several lengths.
func joined(questions []Question) (groups [][]Question) {
	for _, q := range questions {
		if n := len(groups) - 1; n >= 0 && groups[n][0].same(q) {
			groups[n] = append(groups[n], q)
		} else {
			groups = append(groups, []Question{q})
		}
	}
	return groups
}

// same reports whether the other question has the same answer, without noise, at another value of the main axis.
func (q Question) same(o Question) bool {
	return q.Quantity.Exact && q.Quantity == o.Quantity && q.minor == o.minor && q.sentence() == o.sentence()
}

// placeOf describes the points of joined questions: "len 128 to 8K, batch 1".
func placeOf(same []Question) string {
	first, last := same[0], same[len(same)-1]
	if len(same) == 1 {
		return last.At
	}
	_, to, _ := strings.Cut(last.main, " ")
	return first.main + " to " + to + last.minor
}

// inOrder puts the decided questions first.
func inOrder(groups [][]Question) [][]Question {
	open := func(same []Question) bool { return same[0].Undecided() }
	decided := slices.DeleteFunc(slices.Clone(groups), open)
	return append(decided, slices.DeleteFunc(groups, func(same []Question) bool { return !open(same) })...)
}

// contenders returns the cells of the ranked models, each point of a model once, without the losses of untrained models.
func (ix *Index) contenders(q *Quantity) []*record.Cell {
	bases := ix.Bases()
	seen := map[string]bool{}
	var out []*record.Cell
	for _, c := range ix.Cells("", q.Probe) {
		m := ix.ByName[c.Model]
		key := c.Model + "\x00" + c.Point.String()
		if seen[key] || !slices.Contains(bases, m) || q.Documents && m.Initialised {
			continue
		}
		seen[key] = true
		out = append(out, c)
	}
	return out
}

// ranking compares the best of several cells with each other one.
type ranking struct {
	q      *Quantity
	first  side
	rivals []*pair // the first model against each other one, the nearest first
}

// rank puts first the model that each comparison favours, else the one with the best value, which then leads nobody. It
// returns nil if no cell has a value or the quantity has no better direction.
func (ix *Index) rank(q *Quantity, cells []*record.Cell) *ranking { return q.rank(ix.sides(q, cells)) }

// sides returns the sides of a quantity that compete; cells may be nil.
func (ix *Index) sides(q *Quantity, cells []*record.Cell) (have []side) {
	for _, c := range cells {
		if c == nil || !competes(ix.ByName[c.Model]) {
			continue
		}
		if v := ix.Value(q, c); v.Number != nil {
			have = append(have, side{q: q, ix: ix, model: c.Model, cell: c, value: v})
		}
	}
	return have
}

func (q *Quantity) rank(have []side) *ranking {
	if len(have) == 0 || q.Better == 0 {
		return nil
	}
	slices.SortStableFunc(have, func(a, b side) int {
		return -q.Better * cmp.Compare(*a.value.Number, *b.value.Number)
	})
	for i := range have {
		if r := q.against(have, i); !slices.ContainsFunc(r.rivals, func(p *pair) bool { return p.lead() < 1 }) {
			return r
		}
	}
	return q.against(have, 0)
}

// against compares one side with every other one as a Holm family.
func (q *Quantity) against(have []side, first int) *ranking {
	r := &ranking{q: q, first: have[first]}
	var family []*stat.Comparison
	for i, s := range have {
		if i == first {
			continue
		}
		p := q.pair(s, have[first])
		r.rivals = append(r.rivals, p)
		family = append(family, &p.result)
	}
	stat.Holm(family)
	slices.SortStableFunc(r.rivals, func(a, b *pair) int { return cmp.Compare(a.lead(), b.lead()) })
	return r
}

// ahead is the comparison as the factor by which the other side is better, whatever the direction of the quantity.
func (p *pair) ahead() stat.Comparison {
	if p.q.Better < 0 {
		return p.result.Inverse()
	}
	return p.result
}

// lead is the factor by which the other side is better than the base.
func (p *pair) lead() float64 { return p.ahead().Value }

// leads reports whether the other side is shown to be better than the base.
func (p *pair) leads() bool {
	return p.result.Verdict() == stat.More && p.q.Better > 0 || p.result.Verdict() == stat.Less && p.q.Better < 0
}

// leader returns the cell that is shown to be ahead of all others, nil if there is none.
func (r *ranking) leader() *record.Cell {
	if r == nil || len(r.rivals) == 0 || slices.ContainsFunc(r.rivals, func(p *pair) bool { return !p.leads() }) {
		return nil
	}
	return r.first.cell
}

// decisive returns the comparison to show: with the nearest rival, or without a leader the one furthest from a decision.
func (r *ranking) decisive() *pair {
	if r.leader() != nil {
		return r.rivals[0]
	}
	return slices.MaxFunc(r.rivals, func(a, b *pair) int { return cmp.Compare(a.result.Adjusted, b.result.Adjusted) })
}

// row is the ranking as people see it. Without a leader it has no value or rival, and says what it would have found.
func (r *ranking) row(at string) []table.Value {
	p := r.decisive()
	row := []table.Value{table.Text(r.q.Title), table.Text(cmp.Or(at, table.None.Text)), table.None, table.None, table.None, table.None, table.Text("exact"), table.Text(r.sentence())}
	if !p.result.Exact {
		row[6] = table.Value{Text: pText(p.result.Adjusted) + " (n=" + unit.Number(float64(p.result.N)) + ")", Number: &p.result.Adjusted, N: p.result.N, Cells: p.cells()}
	}
	switch {
	case r.leader() != nil:
		row[2], row[3], row[4], row[5] = table.Text(r.first.model), r.first.value, table.Text(p.base.model), p.aheadBy()
	case p.reach() != "":
		row[5] = table.Text(p.reach())
	}
	row[5].Notes, row[5].Cells = r.notes(), p.cells()
	return row
}

// aheadBy is how far the other side is ahead.
func (p *pair) aheadBy() table.Value {
	lead := p.ahead()
	switch {
	case p.gap != nil:
		v := table.Ranged(p.gap.Map(func(x float64) float64 { return -x }), Signed(4))
		v.Text += " " + p.q.Unit
		return v
	case !lead.Valid():
		return table.Unavailable("it has 0")
	case lead.Exact:
		return table.Value{Text: times(lead.Value), Number: &lead.Value}
	}
	return table.Ranged(lead.Estimate, times)
}

func (p *pair) cells() []string { return []string{p.other.cell.ID, p.base.cell.ID} }

// notes are the caveats of the row.
func (r *ranking) notes() []string {
	notes := r.decisive().notes()
	if r.leader() == nil {
		notes = slices.Clone(r.decisive().result.Warnings) // no ratio is shown that medians could contradict
	}
	var models []*record.Model
	for _, s := range r.sides() {
		models = append(models, s.ix.ByName[s.model])
		if doubt := s.doubt(); doubt != "" {
			notes = append(notes, doubt)
		}
	}
	if r.q.Documents {
		notes = append(notes, NotAlike(models...)...)
	}
	return Distinct(notes, func(note string) string { return note })
}

// sides are the ranked cells, the first one first.
func (r *ranking) sides() []side {
	all := []side{r.first}
	for _, p := range r.rivals {
		all = append(all, p.base)
	}
	return all
}

// validity is the worst of the ranked cells.
func (r *ranking) validity() (worst Validity) {
	for _, s := range r.sides() {
		worst = max(worst, s.judgement().Validity)
	}
	return worst
}

// verdictKeys are the keys of record.
func verdictKeys() []string {
	return slices.Concat([]string{"run", "probe", "quantity", "unit", "direction"}, AxisKeys(), []string{"verdict", "leader", "leader_value",
		"rival", "ratio", "lo", "hi", "difference", "difference_lo", "difference_hi", "detectable", "p", "p_adjusted", "n", "text", "validity", "notes", "cells"})
}

// record is the ranking as a row for programs.
func (r *ranking) record() []any {
	p := r.decisive()
	said := make([]any, 10)
	said[0] = "undecided"
	switch {
	case r.leader() != nil:
		said = slices.Concat([]any{"ahead", r.first.model, *r.first.value.Number, p.base.model}, p.numbersAhead())
	case r.q.Exact:
		said[0] = "equal"
	}
	return slices.Concat([]any{r.first.ix.Run.ID, r.q.Probe, r.q.Name, r.q.Unit, table.Direction(r.q.Better)}, AxisValues(r.first.cell.Point),
		said, []any{p.detectable()}, p.pValues(), []any{p.result.N, r.sentence(), table.Word(r.validity().String()), r.notes(), p.cells()})
}

// numbersAhead are ratio and difference by which the other side is ahead, each with its interval.
func (p *pair) numbersAhead() []any {
	ratio, difference := make([]any, 3), make([]any, 3)
	if lead := p.ahead(); p.base.wide == nil {
		ratio = []any{lead.Value, lead.Lo, lead.Hi}
	}
	if p.gap != nil {
		difference = []any{-p.gap.Value, -p.gap.Hi, -p.gap.Lo}
	}
	return append(ratio, difference...)
}

// sentence describes the ranking.
func (r *ranking) sentence() string {
	var behind, level []string
	for _, p := range r.rivals {
		if p.leads() {
			behind = append(behind, p.base.model)
		} else {
			level = append(level, p.base.model)
		}
	}
	after := ""
	if len(behind) > 0 {
		after = "; " + r.first.model + " is ahead of " + strings.Join(behind, ", ")
	}
	switch {
	case len(level) == 0:
		return r.first.model + " is ahead"
	case r.q.Exact:
		return r.first.model + " and " + strings.Join(level, ", ") + " are equal" + after
	}
	return "cannot tell " + r.first.model + " from " + strings.Join(level, ", ") + after
}
