package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/stat"
)

// answer says in three sentences who wins and by how much, how sure that is, and what could not be told.
func (ix *index) answer(questions []result.Question) []string {
	if len(questions) == 0 {
		return ix.answerWithoutRivals()
	}
	return []string{ix.winners(questions), ix.sureness(questions), ix.leftOpen(questions)}
}

// winners is "bk reads prompts fastest (1.15x); mistral generates fastest (1.04x, 3 of 4 points) and predicts held-out text best (...)."
func (ix *index) winners(questions []result.Question) string {
	foremost := ix.foremost(questions)
	if len(foremost) == 0 {
		return fmt.Sprintf("No model is shown to be ahead of all others in any of %s.", result.Describe(len(questions), "question"))
	}
	var clauses []string
	for _, leader := range result.Distinct(foremost, ix.leaderOf) {
		var feats []string
		for _, q := range foremost {
			if ix.leaderOf(q) == leader {
				feats = append(feats, feat(q)+ix.margin(q, questions))
			}
		}
		clauses = append(clauses, leader+" "+inList(feats))
	}
	return strings.Join(clauses, "; ") + "."
}

// foremost are the decisive questions of the models that lead at the most points of a quantity.
func (ix *index) foremost(questions []result.Question) (some []result.Question) {
	decided := slices.DeleteFunc(result.Decisive(questions), func(q result.Question) bool { return q.Leader() == "" })
	for _, q := range decided {
		led, _ := ix.points(q, questions)
		if !slices.ContainsFunc(decided, func(o result.Question) bool {
			more, _ := ix.points(o, questions)
			return o.Quantity == q.Quantity && more > led
		}) {
			some = append(some, q)
		}
	}
	return some
}

// leaderOf is the name of the leader's family.
func (ix *index) leaderOf(q result.Question) string {
	if q.Leader() == "" {
		return ""
	}
	return ix.Families[ix.Style[q.Leader()]].Name
}

// feats are what leaders of questions do best.
var feats = map[*result.Quantity]string{
	result.PrefillSpeed: "reads prompts fastest", result.DecodeLatency: "generates fastest", result.StateBytes: "carries the smallest state",
	result.FLOPsPerToken: "needs the fewest FLOPs per token", result.BitsPerByte: "predicts held-out text best", result.TaskTime: "is fastest",
}

func feat(q result.Question) string {
	if f, ok := feats[q.Quantity]; ok {
		return f
	}
	return "has the least " + strings.ToLower(q.Quantity.Title[:1]) + q.Quantity.Title[1:] // from rounding
}

// points counts the points of the same quantity, and those at which the leader leads.
func (ix *index) points(q result.Question, questions []result.Question) (led, all int) {
	for _, o := range questions {
		if o.Quantity == q.Quantity {
			all++
			if ix.leaderOf(o) == ix.leaderOf(q) {
				led++
			}
		}
	}
	return led, all
}

// margin is how far the leader is ahead, and at how many points if not at all: " (1.04x, 3 of 4 points)".
func (ix *index) margin(q result.Question, questions []result.Question) string {
	ratio, difference, _ := q.Lead()
	by := factor(ratio.Value) + "x"
	if difference != nil {
		by = factor(difference.Value) + " " + q.Quantity.Unit
	}
	if led, all := ix.points(q, questions); led < all {
		by += fmt.Sprintf(", %d of %d points", led, all)
	}
	return " (" + by + ")"
}

// sureness says how sure the leads are.
func (ix *index) sureness(questions []result.Question) string {
	largest, samples, exact := 0.0, []string(nil), []string(nil)
	for _, q := range questions {
		if q.Leader() == "" {
			continue
		}
		if q.Quantity.Exact {
			exact = append(exact, noun(q))
			continue
		}
		p, n := q.P()
		largest = math.Max(largest, p)
		samples = append(samples, ix.sampleCount(q, n))
	}
	var words []string
	if samples != nil || exact != nil {
		words = append(words, "each lead is over the nearest rival, at the longest of several points")
	}
	if samples != nil {
		words = append(words, fmt.Sprintf("the measured leads hold at 5 %% after adjustment for the number of rivals (largest %s; %s)", pText(largest), inList(result.Distinct(samples, itself))))
	}
	if exact != nil {
		words = append(words, inList(result.Distinct(exact, itself))+" "+plural(result.Distinct(exact, itself), "is", "are")+" counted or computed without noise")
	}
	if words == nil {
		words = append(words, "a lead is claimed only with an adjusted p below 5 %")
	}
	return sentence(strings.Join(words, "; "))
}

// pText is a p-value in a sentence: "p 0.021" or "p below 0.001".
func pText(p float64) string {
	if p < 0.001 {
		return "p below 0.001"
	}
	return fmt.Sprintf("p %.3f", p)
}

// sampleCount is the number of samples of a comparison: "10 blocks".
func (ix *index) sampleCount(q result.Question, n int) string {
	switch {
	case q.Quantity.Documents:
		return result.Describe(n, "document")
	case ix.Run.Imported():
		return result.Describe(n, "sample")
	}
	return result.Describe(n, "block")
}

func plural(list []string, one, many string) string {
	if len(list) == 1 {
		return one
	}
	return many
}

// leftOpen says what could not be told, and what it would take to tell.
func (ix *index) leftOpen(questions []result.Question) string {
	open := slices.DeleteFunc(slices.Clone(questions), func(q result.Question) bool { return !q.Undecided() })
	text := "no question was left open"
	if len(open) > 0 {
		text = fmt.Sprintf("in %d of %s the samples cannot tell who is first, as in %s", len(open), result.Describe(len(questions), "question"), ix.example(open))
	}
	if s := ix.Settling(questions); s.Comparisons > 0 {
		more := "more blocks"
		if s.Took != "" {
			more = "about " + s.Took + " of further blocks"
		}
		text += fmt.Sprintf("; %s would narrow %s to %s, by the command below", more, result.Describe(s.Comparisons, "comparison"), s.Width)
	}
	if i := slices.IndexFunc(open, func(q result.Question) bool { return q.Quantity.Documents }); i >= 0 {
		_, n := open[i].P()
		text += "; to tell losses apart takes more than " + result.Describe(n, "document")
	}
	if len(open) > 0 && ix.Run.Imported() {
		text += "; a file with more samples may tell"
	}
	if n := ix.Run.Count(record.Failed); n > 0 {
		text += "; " + result.Describe(n, "cell") + " failed"
	}
	return sentence(text)
}

// example is the first open question that the summary shows: "decode time per step at depth 384 (bk and mistral; detects 4.1 %)".
func (ix *index) example(open []result.Question) string {
	q := result.Decisive(open)[0]
	names, reach := q.Together()
	text := fmt.Sprintf("%s%s (%s", noun(q), q.Where(), inList(names))
	switch found, detects := strings.CutPrefix(reach, "detects "); {
	case detects:
		text += "; a difference of " + found + " would have been found"
	case reach != "":
		text += "; the interval reaches " + reach
	}
	return text + ")"
}

// inSentence is a title within a sentence: "decode time per step", but "FLOPs per token".
func inSentence(title string) string {
	if len(title) > 1 && strings.ToLower(title[1:2]) != title[1:2] {
		return title
	}
	return strings.ToLower(title[:1]) + title[1:]
}

// noun names a question's quantity in a sentence, without what follows a comma: "by formula".
func noun(q result.Question) string {
	name, _, _ := strings.Cut(q.Quantity.Title, ",")
	return inSentence(name)
}

// sentence makes a sentence of a text.
func sentence(text string) string { return sentenceCase(text) + "." }

func sentenceCase(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// answerWithoutRivals says why nothing is compared, and what was measured.
func (ix *index) answerWithoutRivals() []string {
	measured := ix.Run.Count(record.OK)
	if measured == 0 {
		return []string{"Nothing was measured: " + Counts(ix.Run) + "."}
	}
	if len(ix.Families) != 1 && ix.Run.Imported() {
		return []string{"No model is ranked: no two have a time at the same point, and of other numbers the file does not say whether more is better; the run has " + Counts(ix.Run) + "."}
	}
	if len(ix.Families) != 1 {
		return []string{"Nothing was asked that ranks models; the run has " + Counts(ix.Run) + "."}
	}
	only := ix.Families[0]
	text := "Only " + only.Name + " was measured, so there is no other model to compare it with; the run has " + Counts(ix.Run) + "."
	return slices.Concat([]string{text}, ix.portrait(), ix.rounding(only))
}

// rounding says what the smallest precision of a model saves and costs.
func (ix *index) rounding(f result.Family) []string {
	small := slices.MinFunc(f.Models, func(a, b *record.Model) int { return cmp.Compare(a.WeightBytes, b.WeightBytes) })
	wide := ix.Wide(small)
	if wide == nil || small == wide || small.WeightBytes == 0 {
		return nil
	}
	feats := []string{fmt.Sprintf("takes %s instead of %s", modelBytes(small).Text, modelBytes(wide).Text)}
	for _, speed := range []struct {
		does string
		q    *result.Quantity
	}{{"reads", result.PrefillSpeed}, {"generates", result.DecodeSpeed}} {
		if all := ix.Measured(speed.q, factorsOf(small), factorsOf(wide)); len(all) > 0 {
			m := all[len(all)-1]
			ratio := stat.Comparison{Estimate: stat.Estimate{Value: m.Value, Lo: m.Lo, Hi: m.Hi}}
			feats = append(feats, speed.does+" "+factorText(ratio)+" as fast")
		}
	}
	if e := ix.added(ix.Cells("", ""), small); e.Bounded() {
		feats = append(feats, fmt.Sprintf("adds %.4f [%.4f, %.4f] bit/B", e.Value, e.Lo, e.Hi))
	}
	return []string{sentence(fmt.Sprintf("of its %d precisions, %s %s, against f32", len(f.Models), result.PrecisionOf(small), inList(feats)))}
}

// factorsOf are what distinguishes a model from its other precisions.
func factorsOf(m *record.Model) map[string]string {
	return map[string]string{"model": m.Name, "precision": m.Precision, "head": m.Head}
}

// portrait is the last value of each quantity of a run with one model.
func (ix *index) portrait() []string {
	var parts []string
	for _, q := range []*result.Quantity{result.PrefillSpeed, result.DecodeLatency, result.StateBytes, result.FLOPsPerToken, result.BitsPerByte} {
		cells := result.InOrder(result.OfModel(ix.Cells("", q.Probe), ix.Families[0].Base.Name))
		for _, c := range slices.Backward(cells) {
			if v := ix.Value(q, c); v.Number != nil {
				parts = append(parts, fmt.Sprintf("%s %s (%s)", inSentence(q.Title), v.Text, c.Point))
				break
			}
		}
	}
	if parts == nil {
		return nil
	}
	return []string{sentence("measured: " + strings.Join(parts, "; "))}
}
