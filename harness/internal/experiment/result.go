package experiment

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/archbench/archbench/harness/internal/stat"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/harness/internal/unit"
)

// Tables are the results of an experiment, complete or not: the comparison over seeds, and what the rates gave.
func (j *Journal) Tables(g Grid) []table.Table {
	return []table.Table{j.comparison(g), j.tuning(g)}
}

// replicates returns the values of the models that were trained with all seeds at their best rate, by model and seed.
func (j *Journal) replicates(g Grid) (models []string, values stat.Replicates) {
	losses := j.Losses()
	for _, model := range g.Models {
		var row []float64
		for _, seed := range g.Seeds {
			if o := j.outcome(Job{model, g.Best(model, losses), seed}); o != nil && o.Value.Finite() {
				row = append(row, float64(o.Value))
			}
		}
		if len(row) == len(g.Seeds) {
			models, values = append(models, model), append(values, row)
		}
	}
	return models, values
}

// outcome returns the outcome of a job; nil: none yet.
func (j *Journal) outcome(job Job) *Outcome {
	i := slices.IndexFunc(j.Outcomes, func(o Outcome) bool { return o.Job == job })
	if i < 0 {
		return nil
	}
	return &j.Outcomes[i]
}

// measured describes what the outcomes hold.
func (j *Journal) measured() (name, unit string, better int) {
	if len(j.Outcomes) == 0 {
		return "loss", "", -1
	}
	o := j.Outcomes[0]
	return o.Measure, o.Unit, o.Better
}

// rateWords writes a learning rate.
func rateWords(rate float64) string { return strconv.FormatFloat(rate, 'g', 3, 64) }

// comparison is the table of models over seeds.
func (j *Journal) comparison(g Grid) table.Table {
	name, of, better := j.measured()
	t := table.Table{ID: "experiment", Title: "Comparison", Main: true, Columns: append(table.Keys("model"),
		table.Column{Name: "parameters"}, table.Column{Name: "rate"}, table.Column{Name: spaced(name), ID: name, Unit: of, Better: better}, table.Column{Name: "sd", Unit: of, Beside: true},
		table.Column{Name: "difference", Unit: of}, table.Column{Name: "p", Beside: true}, table.Column{Name: "verdict", Beside: true})}
	models, values := j.replicates(g)
	differences := values.Compare()
	for _, model := range g.Models {
		i := slices.Index(models, model)
		if i < 0 {
			t.Add(j.unfinished(g, model)...)
			continue
		}
		row := []any{model, j.parameters(model), rateWords(g.Best(model, j.Losses()))}
		row = append(row, table.Figure(unit.Format(values.Mean(i), of), values.Mean(i)), deviation(values, i))
		if i == 0 {
			row = append(row, table.None, table.None, table.Text("base"))
		} else {
			row = append(row, versus(differences[i-1], models[0], model, better)...)
		}
		t.Add(row...)
	}
	t.Notes = notes(differences, values)
	if len(models) > 0 && models[0] != g.Models[0] {
		t.Notes = append(t.Notes, fmt.Sprintf("%s has no result over all seeds, so %s is the base", g.Models[0], models[0]))
	}
	return t
}

// unfinished is the row of a model that has no result over all seeds.
func (j *Journal) unfinished(g Grid, model string) []any {
	reason := "not all seeds are trained yet"
	if todo := g.Todo(j.Losses()); len(todo) == 0 && g.Best(model, j.Losses()) == 0 {
		reason = "every learning rate diverged"
	} else if len(todo) == 0 {
		reason = "a training of the comparison diverged"
	}
	return []any{model, j.parameters(model), table.None, table.Unavailable(reason), table.None, table.None, table.None, table.None}
}

// parameters is the size of a model.
func (j *Journal) parameters(model string) table.Value {
	i := slices.IndexFunc(j.Outcomes, func(o Outcome) bool { return o.Model == model && o.Parameters > 0 })
	if i < 0 {
		return table.Unavailable("not trained yet")
	}
	n := float64(j.Outcomes[i].Parameters)
	return table.Figure(unit.Number(n), n)
}

// versus is a model beside the base: the difference, its p-value and what it shows.
func versus(d stat.Difference, base, model string, better int) []any {
	verdict := fmt.Sprintf("cannot tell %s from %s", model, base)
	switch shown := d.Verdict(); {
	case shown == stat.Undecided:
	case (shown == stat.More) == (better > 0):
		verdict = model + " is ahead"
	default:
		verdict = base + " is ahead"
	}
	return []any{
		table.Ranged(d.Estimate, func(v float64) string { return unit.Signed(v, 3) }),
		table.Figure(fmt.Sprintf("%.3f", d.Adjusted), d.Adjusted), verdict,
	}
}

// notes say how the models were compared, and how small a difference could be seen.
func notes(differences []stat.Difference, values stat.Replicates) []string {
	if len(differences) == 0 {
		return nil
	}
	list := []string{"p by " + differences[0].Method + ", Holm-adjusted over the models"}
	if sd, freedom := values.Spread(); freedom > 0 {
		least := stat.DetectableOverSeeds(sd, len(values), len(values[0]))
		list = append(list, fmt.Sprintf("detects %s (with probability %g), from the spread of %s within seeds", unit.Number(least), stat.Power, unit.Number(sd)))
	}
	return list
}

// deviation is the spread of a model's results over seeds.
func deviation(values stat.Replicates, model int) table.Value {
	if len(values[model]) < 2 {
		return table.Unavailable("one seed")
	}
	sd := values.Deviation(model)
	return table.Figure(unit.Number(sd), sd)
}

// windowTolerance is how much worse than the best a learning rate may be that still counts as working: relative to the best loss, or
// in the accuracy.
const windowTolerance = 0.05

// tolerance is how much a loss may exceed the best one.
func tolerance(best float64, better int) float64 {
	if better > 0 {
		return windowTolerance
	}
	return windowTolerance * math.Abs(best)
}

// spaced is a measure's name for people.
func spaced(name string) string { return strings.ReplaceAll(name, "_", " ") }

// tuning is the table of learning rates: what each gave, how wide a range works, and how good the best of a few trials is expected
// to be.
func (j *Journal) tuning(g Grid) table.Table {
	name, of, better := j.measured()
	losses := j.Losses()
	rates := g.rates(losses)
	t := table.Table{ID: "tuning", Title: "Learning rates, " + spaced(name), Columns: table.Keys("model")}
	for _, rate := range rates {
		t.Columns = append(t.Columns, table.Column{Name: rateWords(rate), ID: "at_" + rateWords(rate), Unit: of, Better: better})
	}
	t.Columns = append(t.Columns, table.Column{Name: "window", ID: "window_decades", Unit: "decades"}, table.Column{Name: "best of 3", Unit: of, Better: better})
	for _, model := range g.Models {
		row := []any{model}
		var trials []stat.Trial
		for _, rate := range rates {
			loss := g.mean(model, rate, losses)
			trials = append(trials, stat.Trial{Rate: rate, Loss: loss})
			row = append(row, j.tuned(g, model, rate, of, better))
		}
		t.Add(append(row, window(trials, better), expected(trials, of, better))...)
	}
	within := fmt.Sprintf("whose loss exceeds the best by at most %g %%", 100*windowTolerance)
	if better > 0 {
		within = fmt.Sprintf("that are at most %g below the best", windowTolerance)
	}
	t.Notes = []string{"window: decades of the rates " + within + "; best of 3: expected for three of these rates at random"}
	return t
}

// tuned is what a rate gave in the mean of the tuning seeds.
func (j *Journal) tuned(g Grid, model string, rate float64, of string, better int) table.Value {
	sum := 0.0
	for _, seed := range g.Tuning {
		o := j.outcome(Job{model, rate, seed})
		switch {
		case o == nil:
			return table.Unavailable("not trained yet")
		case !o.Value.Finite():
			return table.Unavailable("diverged: " + o.Diverged)
		}
		sum += float64(o.Value)
	}
	value := sum / float64(len(g.Tuning))
	return table.Figure(unit.Format(value, of), value)
}

// window is the width of the range of rates that work.
func window(trials []stat.Trial, better int) table.Value {
	least := math.Inf(1)
	for _, t := range trials {
		if t.Loss < least {
			least = t.Loss
		}
	}
	w, ok := stat.WindowOf(trials, tolerance(least, better))
	if !ok {
		return table.Unavailable("every rate diverged")
	}
	text := fmt.Sprintf("%.2f", w.Decades())
	if w.Below || w.Above {
		text = "> " + text
	}
	return table.Figure(text, w.Decades())
}

// expected is the mean of the best of three trials.
func expected(trials []stat.Trial, of string, better int) table.Value {
	losses := make([]float64, len(trials))
	for i, t := range trials {
		losses[i] = t.Loss
	}
	best, ok := stat.ExpectedBest(losses, 3)
	if !ok {
		return table.Unavailable("fewer than three rates")
	}
	best *= -float64(better)
	return table.Figure(unit.Format(best, of), best)
}

// Typical returns the outcome of a model's median seed in the comparison, the lower of two; nil: it has none yet.
func (j *Journal) Typical(g Grid, model string) *Outcome {
	var all []*Outcome
	for _, seed := range g.Seeds {
		if o := j.outcome(Job{model, g.Best(model, j.Losses()), seed}); o != nil && o.Value.Finite() {
			all = append(all, o)
		}
	}
	if len(all) < len(g.Seeds) {
		return nil
	}
	slices.SortStableFunc(all, func(a, b *Outcome) int { return cmp.Compare(a.Value, b.Value) })
	return all[(len(all)-1)/2]
}
