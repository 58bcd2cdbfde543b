package result

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/archbench/archbench/harness/internal/stat"
	"github.com/archbench/archbench/harness/internal/unit"
)

// Question is a quantity at a point that at least two models have, and how they rank in it.
type Question struct {
	Quantity *Quantity
	At       string // "len 8K, batch 1"; "": there is only one point
	*ranking
	main, minor string // the parts of At
	nth         int    // of the points of the minor axes
}

// Questions returns what the run can say about its models, in the order of a report.
func (ix *Index) Questions() (all []Question) {
	ix.judgeAll()
	for _, q := range verdictQuantities {
		all = append(all, ix.questions(q)...)
	}
	return append(all, ix.roundingQuestions()...)
}

// questions are those about a quantity. All cores rank, and need judged cells.
func (ix *Index) questions(q *Quantity) (all []Question) {
	cells := ix.contenders(q)
	g, models := NewGrid(cells, q.Main), ix.ModelsOf(cells)
	minors, mains := g.Minors(), g.Mains()
	ranked := make([]*ranking, len(minors)*len(mains))
	onAllCores(len(ranked), func(i int) {
		ranked[i] = ix.rank(q, g.column(models, minors[i/len(mains)], mains[i%len(mains)]))
	})
	for i, r := range ranked {
		if nth, main := i/len(mains), mains[i%len(mains)]; r.compares() {
			at, name := g.place(minors[nth], main), columnName(g.main, main)
			all = append(all, Question{q, at, r, name, strings.TrimPrefix(at, name), nth})
		}
	}
	return all
}

// Where is At within a sentence: " at len 8K, batch 1".
func (q Question) Where() string {
	if q.At == "" {
		return ""
	}
	return " at " + q.At
}

// compares reports whether there is anything to compare, and completes what undecided comparisons say.
func (r *ranking) compares() bool {
	if r == nil || len(r.rivals) == 0 {
		return false
	}
	detect(r.rivals)
	return true
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

// Lead returns how far the leader is ahead of the nearest rival: by a factor, or by a difference of losses.
func (q Question) Lead() (factor stat.Comparison, difference *stat.Estimate, rival string) {
	p := q.decisive()
	if p.gap != nil {
		gap := p.gap.Map(func(x float64) float64 { return -x })
		difference = &gap
	}
	return p.ahead(), difference, p.base.model
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
