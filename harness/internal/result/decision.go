package result

import (
	"fmt"
	"slices"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/stat"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/harness/internal/unit"
)

// Outcome is what a gate decides about a comparison.
type Outcome string

// The outcomes. Only Pass passes.
const (
	Pass       Outcome = "pass"      // the whole interval is within the bound
	Fail       Outcome = "fail"      // the whole interval is beyond it
	CannotTell Outcome = "undecided" // the bound is within the interval, or the interval within the bound but a cell is suspect
	NoValue    Outcome = "n/a"       // there is nothing to compare
)

// Decision is a gate's outcome for one comparison.
type Decision struct {
	Outcome Outcome
	gate    *Gate
	pair    *pair
	worse   stat.Estimate // unless NoValue
	reason  string        // of NoValue, and why a whole interval within the bound does not pass
}

// rounding lets a change of exactly the bound pass, whatever the last digits of its ratio are.
const rounding = 1e-12

// decide holds a comparison against the gate.
func (g *Gate) decide(p *pair) Decision {
	d := Decision{gate: g, pair: p, Outcome: NoValue, reason: p.reason}
	if d.reason != "" {
		return d
	}
	d.worse = g.worsening(p)
	limit := g.limit + rounding
	switch {
	case !d.worse.Valid():
		d.reason = firstOf(d.worse.Warnings)
	case d.worse.Bounded() && d.worse.Hi <= limit:
		if d.Outcome = Pass; p.suspect() != "" {
			d.Outcome, d.reason = CannotTell, "a SUSPECT cell passes no gate: "+p.suspect()
		}
	case d.worse.Bounded() && d.worse.Lo > limit:
		d.Outcome = Fail
	default:
		d.Outcome = CannotTell
	}
	return d
}

// Decisions are the outcomes of all gates, by gate.
func (c *Comparison) Decisions() (all []Decision) {
	for _, g := range c.gates {
		for _, p := range c.pairs() {
			if g.holds(p) {
				all = append(all, g.decide(p))
			}
		}
	}
	return all
}

// amount writes a worsening: "+1.2%".
func (g *Gate) amount(v float64) string {
	if g.relative {
		return unit.Signed(100*v, 1) + "%"
	}
	text := unit.Format(v, g.q.Unit)
	if v > 0 {
		text = "+" + text
	}
	return text
}

// where names a comparison: "prefill at len=512 batch=1: mamba vs gpt2".
func (p *pair) where() string { return p.q.Name + " at " + p.point().String() + ": " + p.sides() }

// point is where the other cell is, or would be.
func (p *pair) point() record.Point {
	if p.other.cell != nil {
		return p.other.cell.Point
	}
	return p.base.cell.Point
}

// sides names what is compared: "mamba vs gpt2", or "gpt2, r-2 vs r-1".
func (p *pair) sides() string {
	sides := p.columns[1] + " vs " + p.columns[0]
	if m := p.other.model; m != "" && m == p.base.model {
		return m + ", " + sides
	}
	return sides
}

// numbers say how much worse it is and how much is allowed, and what would settle a gate that is undecided.
func (d Decision) numbers() string {
	if d.Outcome == NoValue {
		return d.reason + "; a gate passes only what was measured: choose points with @AXIS=VALUE, models with --models or cells with --filter"
	}
	text := fmt.Sprintf("worse by %s, allowed %s", d.shown().Text, d.gate.amount(d.gate.limit))
	switch {
	case d.reason != "":
		text += "; " + d.reason
	case d.Outcome == CannotTell:
		text += "; " + settle([]Decision{d})
	}
	return text
}

// shown is how much worse it is; the caveats stand beside the comparison.
func (d Decision) shown() table.Value {
	if d.worse.Lo == d.worse.Hi {
		return table.Text(d.gate.amount(d.worse.Value))
	}
	return table.Text(table.Ranged(d.worse, d.gate.amount).Text)
}

// Finding is what a comparison says about two cells, for a CI system.
type Finding struct {
	Gate    string  // that it was held against; "": none
	Outcome Outcome // without a gate Pass, or NoValue
	Where   string
	Text    string
}

// Findings are the decisions of the gates; without gates, all comparisons.
func (c *Comparison) Findings() (all []Finding) {
	for _, d := range c.Decisions() {
		all = append(all, Finding{d.gate.text, d.Outcome, d.pair.where(), d.gate.Meaning() + ": " + d.numbers()})
	}
	if c.gates != nil {
		return all
	}
	for _, p := range c.pairs() {
		f := Finding{Outcome: NoValue, Where: p.where(), Text: p.reason}
		if p.reason == "" {
			f.Outcome, f.Text = Pass, fmt.Sprintf("%s: %s, %s vs %s", p.verdict(), p.words(), p.other.value.Text, p.base.value.Text)
		}
		if doubts := p.suspect(); doubts != "" {
			f.Text += "; SUSPECT: " + doubts
		}
		all = append(all, f)
	}
	return all
}

// gateTable is what the gates decide.
func (c *Comparison) gateTable() table.Table {
	t := table.Table{ID: "gates", Title: "Gates", Columns: append(table.Keys("gate", "at", "compared"),
		table.Column{Name: "worse by"}, table.Column{Name: "allowed"}, table.Column{Name: "decision"})}
	t.Frame = &table.Frame{Keys: slices.Concat([]string{"gate", "run", "base_run", "quantity", "unit"}, AxisKeys(), []string{"base_column", "column", "base", "model",
		"worse_by", "lo", "hi", "limit", "decision", "reason", "base_cell", "cell"})}
	decisions := c.Decisions()
	for _, d := range decisions {
		t.Rows = append(t.Rows, d.row())
		t.Frame.Rows = append(t.Frame.Rows, d.record())
	}
	for _, g := range c.gates {
		t.Notes = append(t.Notes, g.text+": "+g.Meaning()+".")
		if open := slices.DeleteFunc(slices.Clone(decisions), func(d Decision) bool { return d.gate != g || d.Outcome != CannotTell || d.reason != "" }); len(open) > 0 {
			t.Notes = append(t.Notes, fmt.Sprintf("%s: undecided in %s; %s", g.text, Describe(len(open), "comparison"), settle(open)))
		}
	}
	return t
}

// row is what people see.
func (d Decision) row() []table.Value {
	row := []table.Value{table.Text(d.gate.text), table.Text(d.pair.point().String()), table.Text(d.pair.sides()), table.Unavailable(d.reason), table.Text(d.gate.amount(d.gate.limit)), table.Text(string(d.Outcome))}
	if d.Outcome != NoValue {
		row[3] = d.shown()
	}
	if d.Outcome == CannotTell {
		row[5].Text, row[5].Notes = "cannot tell", []string{d.reason}
	}
	return row
}

// record is the row for programs. worse_by and limit are shares of the base's value where the unit is 1.
func (d Decision) record() []any {
	p, unitOf := d.pair, d.gate.q.Unit
	if d.gate.relative {
		unitOf = unit.One
	}
	about := slices.Concat([]any{d.gate.text, p.other.ix.Run.ID, p.base.ix.Run.ID, p.q.Name, unitOf}, AxisValues(p.point()),
		[]any{p.columns[0], p.columns[1], p.base.model, table.Word(p.other.model)})
	if d.Outcome == NoValue {
		return slices.Concat(about, []any{nil, nil, nil, d.gate.limit, nil, d.reason, p.base.id(), p.other.id()})
	}
	return slices.Concat(about, []any{d.worse.Value, d.worse.Lo, d.worse.Hi, d.gate.limit, string(d.Outcome), table.Word(d.reason), p.base.id(), p.other.id()})
}
