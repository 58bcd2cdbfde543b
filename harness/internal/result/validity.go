package result

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/stat"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/harness/internal/unit"
	"github.com/archbench/archbench/lm"
)

// Validity says what the values of a measured cell are good for.
type Validity int

// The validities. A cell that was not measured has none: its status says why.
const (
	NotJudged Validity = iota
	Valid              // the values enter comparisons
	Suspect            // they enter marked, and pass no gate
	Invalid            // they enter no comparison, ranking or gate: they are n/a
)

// String returns "VALID", "SUSPECT" or "INVALID", and "" without a judgement.
func (v Validity) String() string { return [...]string{"", "VALID", "SUSPECT", "INVALID"}[v] }

// Judgement is the validity of a cell with its reasons: none if it is valid. A reason is a cause, mostly with details after a
// colon.
type Judgement struct {
	Validity Validity
	Reasons  []string
}

// String returns "SUSPECT: disturbed: 5 of 10 blocks; never stable: in 6 of 10 blocks the calls became faster to the end".
func (j Judgement) String() string { return j.with(j.Reasons) }

// Mark is the judgement without details, so that cells with the same causes share a footnote.
func (j Judgement) Mark() string { return j.with(Distinct(j.Reasons, causeOf)) }

func (j Judgement) with(reasons []string) string {
	return strings.TrimSuffix(j.Validity.String()+": "+strings.Join(reasons, "; "), ": ")
}

// causeOf returns the cause of a reason.
func causeOf(reason string) string {
	cause, _, _ := strings.Cut(reason, ":")
	return cause
}

// NeverStable is the cause of the warning of cells whose calls became faster to the end of their blocks.
const NeverStable = "never stable"

// mostDisturbed is the share of a cell's blocks that may count although they were disturbed. However much that slows them, it moves the
// median no further than to the 63rd percentile of the others, which is well within its interval.
const mostDisturbed = 0.2

// Rule says what makes a cell suspect or invalid, for the facts of a plan.
func Rule() string {
	return fmt.Sprintf("SUSPECT: fewer than %d blocks (documents of a quality), disturbed in more than %s of its blocks, calls that are never stable, "+
		"a trend over the blocks (Mann-Kendall at 1 %%), clocks that disagree in most blocks, answers not verified; "+
		"INVALID: a speed of a reduced precision without its quality, losses of a model that sees the future", stat.MinSamples, unit.Percent(mostDisturbed))
}

// Judge returns the validity of a cell. It is that of its values in this run: a speed of a reduced precision is valid only beside
// the quality of the same weights in the same precision.
func (ix *Index) Judge(c *record.Cell) Judgement {
	if c.Status != record.OK || probe.Find(c.Probe) == nil {
		return Judgement{}
	}
	j, known := ix.judged[c]
	if !known {
		j = ix.judge(c)
		ix.judged[c] = j
	}
	return j
}

// judgeAll judges all cells at once, on all cores. Without it each is judged when it is asked for.
func (ix *Index) judgeAll() {
	ix.survey()
	cells := keep(measured(ix.Run.All()), func(c *record.Cell) bool { _, known := ix.judged[c]; return !known })
	all := make([]Judgement, len(cells))
	onAllCores(len(cells), func(i int) {
		if probe.Find(cells[i].Probe) != nil {
			all[i] = ix.judge(cells[i])
		}
	})
	for i, c := range cells {
		ix.judged[c] = all[i]
	}
}

func (ix *Index) judge(c *record.Cell) Judgement {
	if reasons := reasonsOf(c, ix.seesFuture, ix.withoutQuality); reasons != nil {
		return Judgement{Invalid, reasons}
	}
	if reasons := reasonsOf(c, ix.tooFew, ix.incomplete, ix.disturbed, ix.neverStable, ix.clocksDisagree, ix.trending, ix.notVerified, ix.importedPrecision); reasons != nil {
		return Judgement{Suspect, reasons}
	}
	return Judgement{Validity: Valid}
}

func reasonsOf(c *record.Cell, causes ...func(*record.Cell) string) (reasons []string) {
	for _, why := range causes {
		if reason := why(c); reason != "" {
			reasons = append(reasons, reason)
		}
	}
	return reasons
}

// seesFuture finds losses of a model that knows what it predicts.
func (ix *Index) seesFuture(c *record.Cell) string {
	if SeesFuture(ix.ByName[c.Model]) && len(c.Of(probe.DocumentNats))+len(c.Of(probe.StreamNLL)) > 0 {
		return "sees the future"
	}
	return ""
}

// withoutQuality finds a speed that says nothing because nobody knows what the reduced precision costs.
func (ix *Index) withoutQuality(c *record.Cell) string {
	if ix.Run.Imported() || !ix.quick(c) {
		return ""
	}
	if why := ix.lacksQuality(ix.ByName[c.Model]); why != "" {
		return "speed without quality: " + why
	}
	return ""
}

// importedPrecision finds a speed of a reduced precision that another tool measured: its file says nothing about quality.
func (ix *Index) importedPrecision(c *record.Cell) string {
	if ix.Run.Imported() && ix.quick(c) {
		return "speed without quality: imported"
	}
	return ""
}

// quick reports whether the cell has times of a precision that is known and not f32.
func (ix *Index) quick(c *record.Cell) bool {
	m := ix.ByName[c.Model]
	return m != nil && probe.Find(c.Probe).Clocked() && reduced(m)
}

// reduced reports whether any weights are known to be in another precision than f32.
func reduced(m *record.Model) bool {
	wide := m.Precision == "" || strings.EqualFold(strings.TrimPrefix(m.Precision, "all "), "f32")
	return !wide || m.Head != "" && m.Head != "f32"
}

// lacksQuality says why a run has no quality of a model's weights in its precision, "" if it has: the loss of trained weights, or the
// divergence from their own f32, which random weights have too.
func (ix *Index) lacksQuality(m *record.Model) string {
	ix.survey()
	why, known := ix.quality[weightsOf(m)+PrecisionOf(m)]
	if !known {
		return "the run does not compare this precision with f32"
	}
	return why
}

// survey finds out once what cells say about the other cells of their models.
func (ix *Index) survey() {
	if ix.quality != nil {
		return
	}
	ix.quality, ix.unsteady = map[string]string{}, map[string]bool{}
	for _, c := range ix.Run.All() {
		m := ix.ByName[c.Model]
		if p := probe.Find(c.Probe); m != nil && p != nil && p.Versus {
			key := weightsOf(m) + PrecisionOf(m)
			if why, known := ix.quality[key]; !known || why != "" {
				ix.quality[key] = missesQuality(m, c)
			}
		}
		if c.Status == record.Failed && c.Failure != nil && c.Failure.Class == string(lm.Unsteady) {
			ix.unsteady[c.Model] = true
		}
	}
}

// missesQuality says why a cell does not tell the quality of its model, "" if it does.
func missesQuality(m *record.Model, c *record.Cell) string {
	switch {
	case c.Status != record.OK:
		return "its " + c.Probe + " is " + record.NA(Why(c))
	case len(c.Of(probe.DocumentKL)) > 0 || len(c.Of(probe.DocumentNats)) > 0 && !m.Initialised:
		return ""
	}
	return "its " + c.Probe + " has no divergence from f32"
}

// tooFew finds what has no 95 % interval for lack of blocks or documents.
func (ix *Index) tooFew(c *record.Cell) string {
	n, of := stat.MinSamples, ""
	switch p := probe.Find(c.Probe); {
	case ix.Run.Imported():
		n, of = len(ix.main(c).independent()), "values"
	case p.Timing:
		n, of = len(ix.blocks(c)), "blocks"
	case len(Documents(c)) > 0:
		n, of = len(Documents(c)), "documents"
	}
	if n >= stat.MinSamples {
		return ""
	}
	return fmt.Sprintf("too few %s for a 95 %% interval: %d, at least %d are needed", of, n, stat.MinSamples)
}

// main is the cell in the metric that its probe puts first.
func (ix *Index) main(c *record.Cell) side {
	q := &Quantity{}
	if len(c.Samples) > 0 {
		q.Metric = c.Samples[0].Metric
	}
	return side{q: q, ix: ix, model: c.Model, cell: c}
}

// blocks returns the value of each block of a timing cell.
func (ix *Index) blocks(c *record.Cell) map[int]float64 { return ix.main(c).q.raw(c) }

// incomplete finds a cell that lacks blocks of its plan.
func (ix *Index) incomplete(c *record.Cell) string {
	if n := len(ix.blocks(c)); probe.Find(c.Probe).Timing && !ix.Run.Imported() && n < c.Repeats {
		return fmt.Sprintf("not all blocks were measured: %d of %d", n, c.Repeats)
	}
	return ""
}

// disturbed finds a cell of which too many blocks count although they were disturbed, because their repetition was, too, or there
// was no time for one.
func (ix *Index) disturbed(c *record.Cell) string {
	bad, all := blocksWith(c, func(s *record.Sample) bool { return len(s.Disturbed) > 0 })
	if float64(bad) <= mostDisturbed*float64(all) {
		return ""
	}
	return fmt.Sprintf("disturbed: %d of %d blocks", bad, all)
}

// blocksWith counts the blocks of a cell, and those of which a sample that counts has a property.
func blocksWith(c *record.Cell, has func(*record.Sample) bool) (some, all int) {
	blocks := map[int]bool{}
	for s := range c.Counting() {
		blocks[s.Block] = blocks[s.Block] || has(s)
	}
	for _, found := range blocks {
		if found {
			some++
		}
	}
	return some, len(blocks)
}

// neverStable finds a cell whose calls went on becoming faster.
func (ix *Index) neverStable(c *record.Cell) string {
	if i := slices.IndexFunc(c.Warnings, func(w string) bool { return causeOf(w) == NeverStable }); i >= 0 {
		return c.Warnings[i]
	}
	return ""
}

// clocksDisagree finds a cell of which most blocks have no call that the host's clock confirms.
func (ix *Index) clocksDisagree(c *record.Cell) string {
	boundary := probe.BoundaryOf(ix.Run.Facts)
	bad, all := blocksWith(c, func(s *record.Sample) bool { return boundary.Disagrees(probe.Clocks{Host: s.Host, Plugin: s.Plugin}) })
	if 2*bad <= all {
		return ""
	}
	return fmt.Sprintf("clocks disagree: in %d of %d blocks the host waited longer than the plugin's time and the boundary explain", bad, all)
}

// trending finds a cell whose values rise or fall over its blocks, so that their median is that of no time of the run.
func (ix *Index) trending(c *record.Cell) string {
	if !probe.Find(c.Probe).Timing {
		return ""
	}
	switch sorted := values(ix.blocks(c)); stat.Trend(sorted) {
	case +1:
		return fmt.Sprintf("not stationary: the times rise over %d blocks", len(sorted))
	case -1:
		return fmt.Sprintf("not stationary: the times fall over %d blocks", len(sorted))
	}
	return ""
}

// notVerified finds answers that could not be checked against the model's logits.
func (ix *Index) notVerified(c *record.Cell) string {
	p, m := probe.Find(c.Probe), ix.ByName[c.Model]
	switch {
	case m == nil || !p.Clocked() && !p.Language && !p.Versus:
		return ""
	case slices.Contains(slices.Concat(m.Warnings, c.Warnings), probe.NotVerified):
		return probe.NotVerified
	case !p.Clocked():
		return ""
	case SeesFuture(m):
		return "answers not verified: the model sees the future"
	}
	if ix.survey(); ix.unsteady[c.Model] {
		return "answers not verified: the model is not deterministic"
	}
	return ""
}

// Usable reports whether a cell was measured and is not invalid.
func (ix *Index) Usable(c *record.Cell) bool {
	return c.Status == record.OK && ix.Judge(c).Validity != Invalid
}

// Judged is a value of a cell as its validity allows: n/a if it is invalid, marked if it is suspect.
func (ix *Index) Judged(c *record.Cell, v table.Value) table.Value {
	j := ix.Judge(c)
	switch {
	case j.Validity == Invalid:
		v = table.Unavailable(j.Mark())
		v.Cells = []string{c.ID}
	case j.Validity == Suspect && v.Number != nil:
		v.Notes = slices.DeleteFunc(slices.Clone(v.Notes), func(note string) bool { return slices.Contains(j.Reasons, note) })
		v.Notes = append(v.Notes, j.Mark())
	}
	return v
}

// judgement is that of the side's cell, none if it is not planned.
func (s side) judgement() Judgement {
	if s.cell == nil {
		return Judgement{}
	}
	return s.ix.Judge(s.cell)
}

// validity is the worse one of the two cells.
func (p *pair) validity() Validity {
	return max(p.base.judgement().Validity, p.other.judgement().Validity)
}

// suspect says which cells are suspect and why, "" if none is.
func (p *pair) suspect() string {
	var doubts []string
	for _, s := range []side{p.base, p.other} {
		if j := s.judgement(); j.Validity == Suspect {
			doubts = append(doubts, s.model+": "+strings.Join(j.Reasons, "; "))
		}
	}
	return strings.Join(doubts, "; ")
}

// Validities counts the measured cells of the run: "150 VALID, 12 SUSPECT (most often disturbed), 0 INVALID".
func (ix *Index) Validities() string {
	cells, causes := map[Validity]int{}, map[Validity]map[string]int{Suspect: {}, Invalid: {}}
	for _, c := range ix.Run.All() {
		j := ix.Judge(c)
		cells[j.Validity]++
		for _, cause := range Distinct(j.Reasons, causeOf) {
			causes[j.Validity][cause]++
		}
	}
	var words []string
	for _, v := range []Validity{Valid, Suspect, Invalid} {
		said := fmt.Sprintf("%d %s", cells[v], v)
		if cause := mostOften(causes[v]); cause != "" {
			said += " (most often " + cause + ")"
		}
		words = append(words, said)
	}
	return strings.Join(words, ", ")
}

// mostOften returns the word with the highest count, "" if there is none.
func mostOften(counts map[string]int) (most string) {
	for _, word := range slices.Sorted(maps.Keys(counts)) {
		if counts[word] > counts[most] {
			most = word
		}
	}
	return most
}
