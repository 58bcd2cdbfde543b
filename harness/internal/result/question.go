package result

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/stat"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/harness/internal/unit"
)

// Question is a quantity at a point that at least two models have, and how they rank in it.
type Question struct {
	Quantity *Quantity
	At       string // "len 8K, batch 1"
	*ranking
	main, minor string // the parts of At
	nth         int    // of the points of the minor axes
}

// Questions returns what the run can say about its models, in the order of a report.
func (ix *Index) Questions() (all []Question) {
	for _, q := range verdictQuantities {
		cells := ix.contenders(q)
		g := NewGrid(cells, q.Main)
		for i, minor := range g.Minors() {
			for _, main := range Axis(cells, g.main) {
				if r := ix.rank(q, g.column(ix.ModelsOf(cells), minor, main)); r.compares() {
					at := g.place(minor, main)
					name := columnName(g.main, main)
					all = append(all, Question{q, at, r, name, strings.TrimPrefix(at, name), i})
				}
			}
		}
	}
	return append(all, ix.roundingQuestions()...)
}

// compares reports whether there is anything to compare, and completes what undecided comparisons say.
func (r *ranking) compares() bool {
	if r == nil || len(r.rivals) == 0 {
		return false
	}
	detect(r.rivals)
	return true
}

// roundingQuestions ask which model loses least in a precision, at each point, from many bits to few.
func (ix *Index) roundingQuestions() (all []Question) {
	for _, precision := range ix.precisions() {
		q := &Quantity{Probe: "quality", Quantity: probe.Quantity{
			Name: "bits-per-byte-to-f32", Title: "Loss from " + precision, Unit: unit.BitsPerByte, Better: -1, Main: "context", Documents: true}}
		var have []side
		for _, m := range ix.ranked(precision) {
			have = append(have, ix.rounded(q, m)...)
		}
		at := func(s side) string { return s.cell.Point.String() }
		for _, point := range Distinct(have, at) {
			here := slices.DeleteFunc(slices.Clone(have), func(s side) bool { return at(s) != point })
			if r := q.rank(here); r.compares() {
				name := columnName(q.Main, here[0].cell.Point.Get(q.Main))
				all = append(all, Question{Quantity: q, At: name, ranking: r, main: name})
			}
		}
	}
	return all
}

// precisions returns those that models were rounded to, from large to small models.
func (ix *Index) precisions() []string {
	var rounded []*record.Model
	for i := range ix.Run.Models {
		if m := &ix.Run.Models[i]; !isWide(m) {
			rounded = append(rounded, m)
		}
	}
	slices.SortStableFunc(rounded, func(a, b *record.Model) int { return cmp.Compare(b.WeightBytes, a.WeightBytes) })
	return Distinct(rounded, PrecisionOf)
}

// ranked returns the model of each family in a precision.
func (ix *Index) ranked(precision string) (models []*record.Model) {
	for _, f := range ix.Families {
		if i := slices.IndexFunc(f.Models, func(m *record.Model) bool { return PrecisionOf(m) == precision }); i >= 0 {
			models = append(models, f.Models[i])
		}
	}
	return models
}

// rounded returns the sides of what rounding costs a model.
func (ix *Index) rounded(q *Quantity, m *record.Model) (have []side) {
	for _, c := range OfModel(ix.Cells("", q.Probe), m.Name) {
		wide, reason := ix.WideCell(m, c)
		if reason != "" || ix.Unscored(c) != "" || m.Initialised {
			continue
		}
		if v := table.Ranged(ix.Added(c, wide), Signed(4), c.ID, wide.ID); v.Number != nil {
			have = append(have, side{q: q, ix: ix, model: m.Name, cell: c, value: ix.Judged(c, v), wide: wide})
		}
	}
	return have
}

// Added is what rounding adds to the bits per byte of a quality cell, beside that of the same weights in f32.
func (ix *Index) Added(c, wide *record.Cell) stat.Estimate {
	e, known := ix.added[c]
	if !known {
		e, _ = stat.CompareBitsPerByte(Documents(wide), Documents(c))
		ix.added[c] = e
	}
	return e
}

// Unscored is why a quality cell takes no part in comparisons of losses, "" if it does.
func (ix *Index) Unscored(c *record.Cell) string {
	if SeesFuture(ix.ByName[c.Model]) {
		return "sees the future"
	}
	if reason := Why(c); reason != "" {
		return reason
	}
	if len(Documents(c)) == 0 {
		return "no document was scored"
	}
	return ""
}

// WideCell is the quality cell of the same weights in f32 at the same point, or the reason for its absence.
func (ix *Index) WideCell(m *record.Model, quality *record.Cell) (wide *record.Cell, reason string) {
	base := ix.Wide(m)
	if base == nil {
		return nil, "the same weights were not scored in f32"
	}
	for _, c := range ix.Cells("", "quality") {
		if c.Model == base.Name && c.Point.String() == quality.Point.String() && ix.Unscored(c) == "" {
			return c, ""
		}
	}
	return nil, "the base " + base.Name + " has no quality"
}

// Leader returns the name of the model that is shown to be ahead of all others, "" if there is none.
func (q Question) Leader() string {
	if c := q.leader(); c != nil {
		return c.Model
	}
	return ""
}

// Undecided reports whether the samples cannot tell who is ahead. Equal sizes are decided.
func (q Question) Undecided() bool { return q.leader() == nil && !q.Quantity.Exact }

// AheadBy says how far the leader is ahead of which model: "1.155x [1.066x, 1.265x]", "mistral".
func (q Question) AheadBy() (lead, rival string) {
	p := q.decisive()
	return p.aheadBy().Text, p.base.model
}

// Together names the models that the samples cannot tell apart, and says what they would have found.
func (q Question) Together() (names []string, reach string) {
	names = []string{q.first.model}
	for _, p := range q.rivals {
		if !p.leads() {
			names = append(names, p.base.model)
		}
	}
	return names, q.decisive().reach()
}

// P returns the p-value to show, adjusted over the rivals, and the number of its samples.
func (q Question) P() (p float64, n int) { return q.decisive().result.Adjusted, q.decisive().result.N }

// Decisive returns the questions that a summary shows: of each quantity the longest point that most models share, and the
// longest of each further leader.
func Decisive(questions []Question) (some []Question) {
	name := func(q Question) string { return q.Quantity.Name }
	for _, quantity := range Distinct(questions, name) {
		own := slices.DeleteFunc(slices.Clone(questions), func(q Question) bool { return name(q) != quantity })
		slices.Reverse(own) // the longest first
		first := slices.MaxFunc(own, func(a, b Question) int {
			return cmp.Or(cmp.Compare(len(a.rivals), len(b.rivals)), cmp.Compare(b.nth, a.nth))
		})
		chosen := []Question{first}
		for _, q := range own {
			leads := func(o Question) bool { return o.Leader() == q.Leader() }
			if q.Leader() != "" && !slices.ContainsFunc(chosen, leads) {
				chosen = append(chosen, q)
			}
		}
		some = append(some, chosen...)
	}
	return some
}

// State is how a model stands in a question.
type State string

// The states.
const (
	Won         State = "won"  // shown to be ahead of all others
	Tied        State = "tied" // nothing is shown to be ahead of it
	Lost        State = "lost"
	NotCompared State = "n/a"
)

// Standing is how a model stands in a question.
type Standing struct {
	State State
	Value table.Value // of the quantity, or why there is none
	Lead  string      // how far it is ahead or behind, or why that cannot be told
	Note  string      // that the value is suspect; ""
	Cells []string
}

// Standing returns how the model of a family stands.
func (q Question) Standing(f Family) Standing {
	of := func(name string) bool {
		return slices.ContainsFunc(f.Models, func(m *record.Model) bool { return m.Name == name })
	}
	if of(q.first.model) {
		return q.standingOfFirst()
	}
	for _, p := range q.rivals {
		if of(p.base.model) {
			return p.standing()
		}
	}
	return Standing{State: NotCompared, Value: q.absent(f)}
}

func (q Question) standingOfFirst() Standing {
	p := q.decisive()
	s := Standing{State: Tied, Value: q.first.brief(), Note: q.first.doubt(), Cells: p.cells()}
	switch names, reach := q.Together(); {
	case q.leader() != nil:
		s.State, s.Lead = Won, p.aheadBy().Text+" ahead of "+p.base.model
	case q.Quantity.Exact:
		s.Lead = "equal to " + strings.Join(names[1:], ", ")
	default:
		s.Lead = strings.TrimSuffix("~ "+strings.Join(names[1:], ", ")+", "+reach, ", ")
	}
	return s
}

// doubt is the mark of a suspect value, "" of others.
func (s side) doubt() string {
	if j := s.judgement(); j.Validity == Suspect {
		return j.Mark()
	}
	return ""
}

// standing is that of the base of a pair whose other side is the first of its question.
func (p *pair) standing() Standing {
	s := Standing{State: Tied, Value: p.base.brief(), Note: p.base.doubt(), Cells: []string{p.base.cell.ID, p.other.cell.ID}}
	switch {
	case p.leads():
		s.State, s.Lead = Lost, p.aheadBy().Text+" behind "+p.other.model
	case p.q.Exact:
		s.Lead = "equal to " + p.other.model
	default:
		s.Lead = strings.TrimSuffix("~ "+p.other.model+", "+p.reach(), ", ")
	}
	return s
}

// absent is why a family is not compared.
func (q Question) absent(f Family) table.Value {
	ix := q.first.ix
	switch {
	case servesNone(f.Base):
		return table.Unavailable("no model")
	case SeesFuture(f.Base):
		return table.Unavailable("sees the future")
	case q.Quantity.Documents && f.Base.Initialised:
		return table.Unavailable("untrained")
	}
	for _, c := range ix.Cells("", q.Quantity.Probe) {
		own := slices.Contains(f.Models, ix.ByName[c.Model])
		if v := ix.Value(q.Quantity, c); own && v.Reason != "" && slices.Equal(c.Point, q.first.cell.Point) {
			return v
		}
	}
	return NotPlanned
}

// Factor is how many times as good as the base a model is.
type Factor struct {
	Model string
	stat.Comparison
	Cells []string
}

// Against compares the other models of a question with that of a family by ratios, which losses from rounding do not have. It
// returns nil if the family has no value.
func (q Question) Against(f Family) (factors []Factor) {
	sides := []side{q.first}
	for _, p := range q.rivals {
		sides = append(sides, p.base)
	}
	base := slices.IndexFunc(sides, func(s side) bool { return slices.Contains(f.Models, s.ix.ByName[s.model]) })
	if base < 0 || q.first.wide != nil {
		return nil
	}
	r := q.Quantity.against(sides, base)
	for _, p := range r.rivals { // the base is their other side
		factors = append(factors, Factor{p.base.model, p.ahead().Inverse(), p.cells()})
	}
	slices.SortStableFunc(factors, func(a, b Factor) int {
		return cmp.Compare(q.first.ix.Style[a.Model], q.first.ix.Style[b.Model])
	})
	return factors
}

// openPairs are the comparisons that more blocks could decide.
func openPairs(questions []Question) (open []*pair) {
	for _, q := range questions {
		if !q.Undecided() {
			continue
		}
		for _, p := range q.rivals {
			if p.open() {
				open = append(open, p)
			}
		}
	}
	return open
}

// Settling is what more blocks could tell.
type Settling struct {
	Comparisons int
	Width       string // to which they narrow the intervals: "±2.0 %"
	Took        string // in words; "": not known
	Command     string
}

// Settling returns what would settle the comparisons that more blocks can decide; without Comparisons, there are none.
func (ix *Index) Settling(questions []Question) (s Settling) {
	open := openPairs(questions)
	if len(open) == 0 {
		return s
	}
	a := again{ix: ix, blocks: map[string]int{}}
	most, widest := 0, openWidth
	for _, p := range open {
		blocks, width := p.narrowed(1)
		most, widest = max(most, blocks), max(widest, width)
	}
	for _, p := range open {
		a.blocks[place(p.base.cell)] = most
	}
	a.flags = []string{"--set", "repeats=" + strconv.Itoa(most)}
	s = Settling{Comparisons: len(open), Width: "±" + unit.Percent(widest), Command: a.String()}
	if took := a.duration(); took > 0 {
		s.Took = inWords(took)
	}
	return s
}

// settleNote says what would settle the questions that the samples cannot tell, if more blocks can.
func (ix *Index) settleNote(questions []Question) []string {
	s := ix.Settling(questions)
	if s.Comparisons == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s undecided; to narrow to %s: %s", Describe(s.Comparisons, "comparison"), s.Width, s.Command)}
}
