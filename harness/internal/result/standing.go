package result

import (
	"cmp"
	"slices"
	"strings"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/stat"
	"github.com/archbench/archbench/harness/internal/table"
)

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
