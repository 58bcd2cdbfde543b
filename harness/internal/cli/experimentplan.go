package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"

	"github.com/archbench/archbench/harness/internal/experiment"
	"github.com/archbench/archbench/harness/internal/host"
	"github.com/archbench/archbench/harness/internal/result"
	"github.com/archbench/archbench/harness/internal/session"
	"github.com/archbench/archbench/harness/internal/stat"
	"github.com/archbench/archbench/harness/internal/table"
	"github.com/archbench/archbench/harness/internal/train"
	"github.com/archbench/archbench/harness/internal/unit"
	"github.com/archbench/archbench/lm"
)

// size is what was measured of a model before it is trained.
type size struct {
	parameters int64
	flops      float64 // of forward and backward, a token of the training's length; 0: the plugin has no formula
	state      int64   // bytes of a document's state after that many tokens; -1: it has none
}

// of returns one of [experiment.Quantities].
func (s size) of(quantity string) (float64, error) {
	switch {
	case quantity == "flops" && s.flops > 0:
		return s.flops, nil
	case quantity == "state" && s.state >= 0:
		return float64(s.state), nil
	case quantity == "parameters":
		return float64(s.parameters), nil
	}
	return 0, fmt.Errorf("the plugin does not report the %s of this model", quantity)
}

// sizes finds the width of each model and measures it. Widths that were found before stay.
func (e *trial) sizes(ctx context.Context) (map[string]size, error) {
	all := map[string]size{}
	if e.journal.Widths == nil {
		e.journal.Widths = map[string]int{}
	}
	for i := range e.spec.Models {
		m := &e.spec.Models[i]
		s, err := e.sizeOf(ctx, m)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.Name, err)
		}
		all[m.Name] = s
	}
	return all, nil
}

// sizeOf finds the width of one model, unless it is known, and measures it.
func (e *trial) sizeOf(ctx context.Context, m *experiment.Model) (s size, err error) {
	o, err := e.trainOptions(ctx, e.flags(experiment.Job{Model: m.Name, Rate: 1, Seed: e.spec.Seeds[0]}))
	if err != nil {
		return s, err
	}
	opened, err := session.Open(ctx, o.Plugins, m.Plugin, session.Limits{})
	if err != nil {
		return s, errors.Join(err, opened.Close())
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	measure := func(width int) (size, error) { return measureSize(ctx, opened, o, m.At(width)) }
	if e.spec.Match == nil || e.journal.Widths[m.Name] != 0 {
		return measure(e.journal.Widths[m.Name])
	}
	match := e.spec.Match
	if match.Quantity == "parameters" {
		if err := storable(match.Value); err != nil {
			return s, err
		}
	}
	var widest, parameters int64
	below, above, err := experiment.Solve(match.Value, m.Width.Step, func(width int) (float64, error) {
		if err := loadable(int64(width), widest, parameters); err != nil {
			return 0, err
		}
		s, err := measure(width)
		if err != nil {
			return 0, err
		}
		if int64(width) > widest {
			widest, parameters = int64(width), s.parameters
		}
		return s.of(match.Quantity)
	})
	if err != nil {
		return s, err
	}
	best, err := experiment.Nearest(match.Value, match.Tolerance, below, above)
	if err != nil {
		return s, usage("%s of models with %s: %w; change the value, the tolerance or the step", match.Quantity, m.Width.Option, err)
	}
	e.journal.Widths[m.Name] = best.Width
	return measure(best.Width)
}

// loadable reports an error if a model of a width does not fit into the free memory. Its size follows from the widest model so far,
// 0 for none: parameters grow at most with the square of the width.
func loadable(width, widest, parameters int64) error {
	if widest == 0 || width <= widest {
		return nil
	}
	growth := float64(width) / float64(widest)
	return storable(growth * growth * float64(parameters))
}

// storable reports an error if so many parameters do not fit into the free memory.
func storable(parameters float64) error {
	const width = 4 // bytes of f32
	if free, known := host.FreeMemory(); known && width*parameters > float64(free) {
		return usage("match: a model may have up to %s of weights, and %s of memory are free: match a smaller value",
			unit.Format(width*parameters, unit.Byte), unit.Format(float64(free), unit.Byte))
	}
	return nil
}

// measureSize loads a model of a training with other options and measures it.
func measureSize(ctx context.Context, s *session.Session, o train.Options, options map[string]string) (of size, err error) {
	req := lm.LoadRequest{Config: o.Model.Config, Variant: o.Model.Variant, Seed: o.Seed, Options: map[string]string{}, Device: o.Model.Device}
	maps.Copy(req.Options, o.Model.Options)
	maps.Copy(req.Options, options)
	m, err := s.Load(ctx, req)
	if err != nil {
		return of, err
	}
	defer func() { err = errors.Join(err, m.Model.Close()) }()
	of = size{parameters: m.Info.Parameters, state: -1}
	if coster, ok := lm.As[lm.Coster](m.Model); ok {
		reply, err := coster.Cost(ctx, lm.CostRequest{Phase: lm.Train, Batch: 1, Length: o.Length})
		if err != nil {
			return of, err
		}
		for _, item := range reply.Analytic {
			of.flops += float64(item.FLOPs) / float64(o.Length)
		}
	}
	of.state, err = stateBytes(ctx, m.Model, o.Length)
	return of, err
}

// stateBytes feeds a document and returns the memory of its state.
func stateBytes(ctx context.Context, m lm.Model, length int) (n int64, err error) {
	stepper, ok := lm.As[lm.Stepper](m)
	if !ok {
		return -1, nil
	}
	state, err := stepper.NewState(ctx)
	if err != nil {
		return -1, err
	}
	defer func() { err = errors.Join(err, state.Close()) }()
	_, err = stepper.Step(ctx, lm.StepRequest{Inputs: []lm.StepInput{{State: state, Tokens: make([]int32, length)}}})
	return state.Bytes(), err
}

// plan shows what will be trained, and how small a difference that can show.
func (e *trial) plan(sizes map[string]size) (table.Table, error) {
	grid := e.spec.Grid()
	t := table.Table{ID: "plan", Title: "Experiment " + e.spec.Name, Columns: append(table.Keys("model"),
		table.Column{Name: "width"}, table.Column{Name: "parameters"}, table.Column{Name: "training", ID: "training_flops_per_token", Unit: "FLOP/token"},
		table.Column{Name: "state", ID: "state_bytes", Unit: unit.Byte})}
	for _, m := range e.spec.Models {
		s := sizes[m.Name]
		width := table.None
		if w := e.journal.Widths[m.Name]; w > 0 {
			width = table.Figure(fmt.Sprint(w), float64(w))
		}
		row := []any{m.Name, width, table.Figure(unit.Number(float64(s.parameters)), float64(s.parameters)), table.Unavailable("no formula"), table.Unavailable("no state")}
		if s.flops > 0 {
			row[3] = table.Figure(unit.Format(s.flops, unit.FLOP), s.flops)
		}
		if s.state >= 0 {
			row[4] = table.Figure(unit.Format(float64(s.state), unit.Byte), float64(s.state))
		}
		t.Add(row...)
	}
	budget, err := train.ParseBudget(e.spec.Train.Budget)
	if err != nil {
		return t, usage("train: budget %q: %w", e.spec.Train.Budget, err)
	}
	if budget.Time > 0 || budget.FLOPs > 0 {
		return t, usage("train: budget %q: a budget of time or FLOPs gives a slower model fewer tokens; name updates or tokens", e.spec.Train.Budget)
	}
	rates := result.Describe(len(grid.Rates), "learning rate")
	if grid.Widenings > 0 {
		rates = fmt.Sprintf("%d to %d learning rates", len(grid.Rates), len(grid.Rates)+grid.Widenings)
	}
	t.Notes = []string{
		fmt.Sprintf("each model: %s with %s, then %s at its best rate; %s each", rates, result.Describe(len(grid.Tuning), "seed"), result.Describe(len(grid.Seeds), "seed"), budget),
		fmt.Sprintf("at most %d trainings, %d done", grid.Most(), len(e.journal.Outcomes)),
		detectable(grid),
	}
	return t, nil
}

// detectable says how small a difference the seeds can show, in units of the spread that the experiment will measure.
func detectable(g experiment.Grid) string {
	d := stat.DetectableOverSeeds(1, len(g.Models), len(g.Seeds))
	if math.IsInf(d, 1) {
		return "one seed decides no comparison: give at least two"
	}
	return fmt.Sprintf("detects differences of %.2g times the spread within seeds, with probability %g", d, stat.Power)
}
