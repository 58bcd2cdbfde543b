package result

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/stat"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/harness/internal/unit"
)

// side is one of two compared cells.
type side struct {
	q     *Quantity
	ix    *Index
	model string       // "": unknown, because the cell is not planned
	cell  *record.Cell // nil: not planned
	value table.Value
	wide  *record.Cell // of what rounding costs: the cell of the same weights in f32; else nil
}

// pair is the comparison of two cells in one quantity. Every statement about them, in a table, a sentence or a row for
// programs, is derived from it.
type pair struct {
	q           *Quantity
	base, other side
	result      stat.Comparison // other / base; the caller, who knows the family, adjusts it (Holm)
	gap         *stat.Estimate  // other - base, if compared by documents
	test        string          // that gave p and interval
	reason      string          // why the two cannot be compared; ""
	columns     [2]string       // labels of base and other in a table of comparisons
	detects     func() *float64 // the smallest ratio that an undecided comparison by blocks would have found; nil: is decided
	varies      projection      // further factors in which the two differ
}

// pair compares two cells: by document or exactly if the quantity is of that kind, else by their values.
func (q *Quantity) pair(base, other side) *pair {
	p := &pair{q: q, base: base, other: other}
	for _, s := range []side{base, other} {
		if s.value.Number == nil {
			p.reason = s.model + ": " + s.value.Reason
			return p
		}
	}
	switch {
	case q.Documents:
		p.test = "bootstrap"
		gap, ratio := base.byDocument(other)
		p.gap, p.result = &gap, ratio
	case q.PerToken:
		p.test = "bootstrap"
		_, p.result = stat.CompareBitsPerByte(perDocument(base.cell, q.Metric), perDocument(other.cell, q.Metric))
	case q.Exact:
		p.test = "exact"
		p.result = stat.ExactRatio(*base.value.Number, *other.value.Number)
	default:
		p.test, p.result = p.compared()
	}
	if !p.result.Valid() {
		p.reason = firstOf(p.result.Warnings)
	}
	return p
}

// byDocument compares the losses of two sides or, of what rounding costs, what it adds to them.
func (s side) byDocument(other side) (difference stat.Estimate, ratio stat.Comparison) {
	if s.wide == nil {
		return stat.CompareBitsPerByte(Documents(s.cell), Documents(other.cell))
	}
	return stat.CompareAdded([2][]stat.Document{Documents(s.wide), Documents(s.cell)}, [2][]stat.Document{Documents(other.wide), Documents(other.cell)})
}

// The tests of comparisons by block.
const (
	byRank = "signed-rank"
	bySign = "sign-anytime"
)

// byBlock reports whether the blocks' ratios are compared.
func (p *pair) byBlock() bool { return p.test == byRank || p.test == bySign }

// comparedPair identifies a comparison of values within a run.
type comparedPair struct {
	probe, quantity string
	base, other     *record.Cell
}

// comparedBy is what such a comparison gives.
type comparedBy struct {
	test   string
	result stat.Comparison
}

// compared compares the values. Two cells of a run are compared once, because tables, verdicts and figures ask for the same.
func (p *pair) compared() (test string, c stat.Comparison) {
	key := comparedPair{p.q.Probe, p.q.Name, p.base.cell, p.other.cell}
	if p.base.ix == p.other.ix {
		if known, ok := p.base.ix.compared.Load(key); ok {
			return known.(comparedBy).test, known.(comparedBy).result
		}
	}
	test, c = p.ratios(func(v float64) float64 { return v })
	if p.base.ix == p.other.ix {
		p.base.ix.compared.Store(key, comparedBy{test, c})
	}
	return test, c
}

// ratios compares what f makes of the values: by block if one run interleaved both cells, else as independent samples.
func (p *pair) ratios(f func(float64) float64) (test string, c stat.Comparison) {
	blocks := func(s side) map[int]float64 {
		all := p.q.Blocks(s.cell)
		for block, v := range all {
			all[block] = f(v)
		}
		return all
	}
	independent := func(s side) []float64 {
		all := s.independent()
		for i := range all {
			all[i] = f(all[i])
		}
		return all
	}
	switch {
	case p.base.ix != p.other.ix || p.base.ix.Run.Imported():
		return "mann-whitney", stat.Unpaired(independent(p.base), independent(p.other))
	case p.base.ix.Run.Until != "":
		return bySign, stat.Anytime(blocks(p.base), blocks(p.other))
	}
	return byRank, stat.Paired(blocks(p.base), blocks(p.other))
}

// independent returns the values that a test of independent samples takes: one per block, but every value of an imported cell,
// which mostly has one block.
func (s side) independent() []float64 {
	if s.ix.Run.Imported() {
		return s.q.Calls(s.cell)
	}
	return values(s.q.Blocks(s.cell))
}

// verdict is what the comparison shows about the other model, in a word.
func (p *pair) verdict() string {
	more, less := "more", "less"
	switch {
	case p.q.Better == 0:
	case p.q.timed():
		more, less = "faster", "slower"
	default:
		more, less = "better", "worse"
	}
	if p.q.Better < 0 {
		more, less = less, more
	}
	switch p.result.Verdict() {
	case stat.More:
		return more
	case stat.Less:
		return less
	case stat.Equal:
		return "equal"
	}
	return "undecided"
}

// brief is the value with half its interval at most: a table of many columns has no room for two bounds.
func (s side) brief() table.Value {
	v := s.value
	if v.Lo != nil && v.Hi != nil && strings.HasSuffix(v.Text, "]") {
		half := stat.Estimate{Value: *v.Number, Lo: *v.Lo, Hi: *v.Hi, N: v.N}.RelativeHalfWidth()
		v.Text = unit.Format(*v.Number, s.q.Unit) + " ±" + unit.Percent(half)
	}
	return v
}

// compact is the value without its unit and with half its interval, as benchstat writes it: "61.2k ±1.2%". A reason for its
// absence is a footnote.
func (s side) compact() table.Value {
	v, digits := s.value, 3
	if s.q.Documents {
		digits = 4 // its differences are small, and it has no prefix
	}
	switch {
	case v.Number == nil:
		v.Text, v.Notes = "n/a", append([]string{v.Reason}, v.Notes...)
	case s.q.Exact || v.Lo != nil && v.Hi != nil && *v.Lo == *v.Hi:
		v.Text = unit.Scaled(*v.Number, s.q.Unit, 4)
	case v.Lo == nil || v.Hi == nil:
		v.Text = unit.Scaled(*v.Number, s.q.Unit, digits) + " ±∞"
	default:
		half := stat.Estimate{Value: *v.Number, Lo: *v.Lo, Hi: *v.Hi, N: v.N}.RelativeHalfWidth()
		v.Text = unit.Scaled(*v.Number, s.q.Unit, digits) + " ±" + percent(half)
	}
	return v
}

// percent is a share without a space before the sign.
func percent(share float64) string { return strings.ReplaceAll(unit.Percent(share), " ", "") }

// difference is the change from the base that the comparison shows, "~" if it shows none.
func (p *pair) difference() table.Value {
	if p.reason != "" {
		v := table.Unavailable("nothing to compare")
		v.Text = table.None.Text // the reason stands beside it
		return v
	}
	c := p.result
	v := table.Value{Number: &c.Value, N: c.N, Notes: p.caveats(), Cells: []string{p.base.cell.ID, p.other.cell.ID}}
	if c.Bounded() {
		v.Lo, v.Hi = &c.Lo, &c.Hi
	}
	switch {
	case c.Verdict() == stat.Undecided:
		v.Text = "~"
	case p.gap != nil:
		v.Text = unit.Signed(p.gap.Value, 4)
	default:
		v.Text = change(c.Value)
	}
	return v
}

// reach is what an undecided comparison would have found, or how far its interval reaches: "detects 4.1 %", "±6 %"; "" if that is
// not known.
func (p *pair) reach() string {
	switch {
	case p.gap != nil && p.result.Bounded():
		return "±" + unit.Number(math.Max(p.gap.Hi-p.gap.Value, p.gap.Value-p.gap.Lo)) + " " + p.q.Unit
	case p.detectable() != nil:
		return "detects " + unit.Percent(*p.detectable()-1)
	case p.result.Bounded() && !p.result.Exact:
		return "±" + unit.Percent(p.shows())
	}
	return ""
}

// certainty is the p-value within the family of the row.
func (p *pair) certainty() table.Value {
	switch {
	case p.reason != "":
		return table.None
	case p.result.Exact:
		return table.Text("exact")
	}
	return table.Text(strings.TrimLeft(pText(p.result.Adjusted), "p="))
}

// interval is the 95 % interval of the change and, if that shows no difference, which one would have been found.
func (p *pair) interval() table.Value {
	c := p.result
	var words []string
	switch {
	case p.reason != "" || c.Exact:
	case p.gap != nil && p.gap.Bounded():
		words = append(words, "["+unit.Signed(p.gap.Lo, 4)+", "+unit.Signed(p.gap.Hi, 4)+"]")
	case p.gap == nil && c.Bounded():
		words = append(words, "["+change(c.Lo)+", "+change(c.Hi)+"]")
	}
	if ratio := p.detectable(); ratio != nil {
		words = append(words, "detects "+percent(*ratio-1))
	}
	if words == nil {
		return table.None
	}
	return table.Text(strings.Join(words, " "))
}

// words are the difference with all that is known of it: "+29.7% (p=0.021 n=10 [+14.0%, +48.1%])".
func (p *pair) words() string {
	about := "exact"
	if !p.result.Exact {
		about = fmt.Sprintf("%s n=%d", pText(p.result.Adjusted), p.result.N)
	}
	if v := p.interval(); v.Text != table.None.Text {
		about += " " + v.Text
	}
	return p.difference().Text + " (" + about + ")"
}

// change formats a ratio as a percentage of three digits, or as a factor from 3 up.
func change(ratio float64) string {
	percent := 100 * (ratio - 1)
	switch {
	case ratio >= 3:
		return unit.Number(ratio) + "x"
	case math.Abs(percent) >= 100:
		return unit.Signed(percent, 0) + "%"
	case math.Abs(percent) >= 10:
		return unit.Signed(percent, 1) + "%"
	}
	return unit.Signed(percent, 2) + "%"
}

// notes are the caveats of the comparison and of both values.
func (p *pair) notes() []string {
	notes := slices.Clone(p.result.Warnings)
	for _, note := range slices.Concat(p.base.value.Notes, p.other.value.Notes, p.caveats()) {
		if !slices.Contains(notes, note) {
			notes = append(notes, note)
		}
	}
	return notes
}

// caveats are those of the comparison alone, above all that its ratio contradicts that of the displayed medians.
func (p *pair) caveats() []string {
	notes := slices.Clone(p.result.Warnings)
	medians := *p.other.value.Number / *p.base.value.Number
	if ratio := p.result.Value; p.byBlock() && (medians-1)*(ratio-1) < 0 {
		notes = append(notes, fmt.Sprintf("the medians have the ratio %s, the blocks %s: they differ more from block to block than from model to model",
			times(medians), times(ratio)))
	}
	return notes
}

// pText formats a p-value as benchstat does.
func pText(p float64) string {
	if p < 0.001 {
		return "p<0.001"
	}
	return fmt.Sprintf("p=%.3f", p)
}

func firstOf(list []string) string {
	if len(list) == 0 {
		return "not comparable"
	}
	return list[0]
}

// pValues returns the p-values of the comparison alone and within its family; null for exact quantities.
func (p *pair) pValues() []any {
	if p.result.Exact || p.reason != "" {
		return []any{nil, nil}
	}
	return []any{p.result.P, p.result.Adjusted}
}

// comparisons returns the rows for programs, one per pair.
func comparisons(rows []compared) *table.Frame {
	f := &table.Frame{Keys: slices.Concat([]string{"run", "base_run", "suite", "probe", "quantity", "unit", "direction"}, AxisKeys(), []string{
		"base_column", "column", "also_varies", "base", "model", "base_precision", "precision", "base_value", "value", "ratio", "lo", "hi", "p", "p_adjusted", "n", "test", "verdict", "detectable",
		"difference", "difference_lo", "difference_hi", "reason", "validity", "notes", "base_cell", "cell"})}
	for _, r := range rows {
		for _, p := range r.pairs {
			f.Rows = append(f.Rows, p.record())
		}
	}
	return f
}

// record is the comparison as a row for programs.
func (p *pair) record() []any {
	about := slices.Concat([]any{p.other.ix.Run.ID, p.base.ix.Run.ID, p.base.cell.Suite, p.q.Probe, p.q.Name, p.q.Unit, table.Direction(p.q.Better)},
		AxisValues(p.base.cell.Point), []any{p.columns[0], p.columns[1], p.varies.names(), p.base.model, table.Word(p.other.model), p.base.precision(), p.other.precision(), p.base.value.Program(), p.other.value.Program()})
	gap := stat.Estimate{Value: math.NaN(), Lo: math.NaN(), Hi: math.NaN()}
	if p.gap != nil {
		gap = *p.gap
	}
	if p.reason != "" {
		return slices.Concat(about, make([]any, 12), []any{p.reason, table.Word(p.validity().String()), nil, p.base.id(), p.other.id()})
	}
	c := p.result
	return slices.Concat(about, []any{c.Value, c.Lo, c.Hi}, p.pValues(), []any{c.N, p.test, p.verdict(), p.detectable(), gap.Value, gap.Lo, gap.Hi, nil,
		table.Word(p.validity().String()), p.notes(), p.base.id(), p.other.id()})
}

func (s side) precision() any {
	if m := s.ix.ByName[s.model]; m != nil {
		return table.Word(PrecisionOf(m))
	}
	return nil
}

func (s side) id() any {
	if s.cell == nil {
		return nil
	}
	return s.cell.ID
}

// NotPlanned is the table entry for a cell that is not in the plan.
var NotPlanned = table.Unavailable("not planned")

// Signed formats a difference with its sign.
func Signed(digits int) func(float64) string {
	return func(v float64) string { return unit.Signed(v, digits) }
}

func times(v float64) string { return unit.Number(math.Round(v*1000)/1000) + "x" }

func fixed2(v float64) string { return strings.TrimPrefix(unit.Signed(v, 2), "+") }

// NotControlled is the caveat of every comparison of losses of different models.
const NotControlled = "The models were not trained alike (text, steps, tokenizer): comparing their losses is not a controlled comparison of architectures."

// NotAlike returns NotControlled if models include several with different trained weights; precisions of one model are
// comparable.
func NotAlike(models ...*record.Model) []string {
	var first *record.Model
	for _, m := range models {
		switch {
		case m == nil || m.Initialised || SeesFuture(m):
		case first == nil:
			first = m
		case m.WeightsSHA == "" || m.WeightsSHA != first.WeightsSHA:
			return []string{NotControlled}
		}
	}
	return nil
}
