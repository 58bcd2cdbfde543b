package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/archbench/archbench/harness/internal/host"
	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/session"
	"github.com/archbench/archbench/harness/internal/store"
	"github.com/archbench/archbench/harness/internal/unit"
	"github.com/archbench/archbench/lm"
)

// Execute stores a plan and measures it. If the context or the budget ends first it returns an error that wraps ErrInterrupted or
// ErrBudget; all results so far are in the database.
func Execute(ctx context.Context, db *store.DB, p *Plan) error {
	p.Run.Facts = append(p.Run.Facts, calibrate(ctx, p)...)
	for _, w := range db.Warnings {
		p.Run.Facts = append(p.Run.Facts, record.Fact{Name: "database", Value: w})
	}
	r := newRunner(db, p)
	for _, c := range p.Run.All() {
		r.addReproduce(c) // cells of models that did not load have failed already
	}
	if err := db.CreateRun(ctx, p.Run); err != nil {
		return err
	}
	return r.measureAll(ctx)
}

// runner measures the pending cells of a run.
type runner struct {
	db       *store.DB
	run      *record.Run
	models   map[string]*loadedModel
	roofline lm.Roofline
	boundary probe.Boundary
	memory   int64         // limit for all processes together, in bytes; 0: unknown
	least    time.Duration // shortest time limit of a measurement
	observe  func(Event)
	progress progress
	verified map[*record.Cell]bool // cells with a block whose answers were verified
	watch    watch
	judges   bool // the plan has this program's rule of disturbance
	value    probe.Estimator
	spare    time.Duration // that repetitions may still take
}

func newRunner(db *store.DB, p *Plan) *runner {
	r := &runner{
		db: db, run: p.Run, models: p.models, observe: p.options.Observe, verified: map[*record.Cell]bool{},
		roofline: ceilings(p.Run.Facts), boundary: probe.BoundaryOf(p.Run.Facts), memory: p.limits.Memory, least: cmp.Or(p.options.least, leastLimit),
		watch: p.options.watch, judges: fact(p.Run, ruleFact) == rule(), value: probe.EstimatorOf(p.Run.Facts),
	}
	if r.watch == nil {
		r.watch = func(pids []int) func() ([]record.Reading, [][]record.Reading) { return host.Begin(pids).End }
	}
	if limit := p.mostTime(); limit > 0 {
		r.progress.deadline = time.Now().Add(limit)
	}
	if r.observe == nil {
		r.observe = func(Event) {}
	}
	r.progress.start(r)
	return r
}

// measureAll measures all pending cells and records how the run ended.
func (r *runner) measureAll(ctx context.Context) error {
	before := host.Now()
	err := r.untimed(ctx)
	if err == nil {
		err = r.blocks(ctx)
	}
	if err != nil && errors.Is(err, ctx.Err()) {
		err = ErrInterrupted
	}
	r.run.Status, r.run.Ended = outcome(r.run), time.Now().UTC()
	if err != nil {
		r.run.Status = record.Interrupted
	}
	r.run.Facts = append(r.run.Facts, host.Now().Since(before)...)
	if lost := r.db.SetStatus(context.WithoutCancel(ctx), r.run); err == nil || errors.Is(err, ErrInterrupted) {
		err = cmp.Or(lost, err)
	}
	if errors.Is(err, ErrInterrupted) {
		return fmt.Errorf("%w; continue with `archbench resume %s`", err, r.run.ID)
	}
	return err
}

// outcome returns the status of a finished run. A run with failures and nothing measured has failed.
func outcome(r *record.Run) string {
	if r.Count(record.Failed) > 0 && r.Count(record.OK) == 0 {
		return record.RunFailed
	}
	return record.Done
}

// untimed measures the cells of the probes that do not time, each in a process of its own, in the order of the probe
// table: causality comes first because other probes depend on its verdict.
func (r *runner) untimed(ctx context.Context) error {
	for _, c := range r.run.All() { // a resumed run may have been stopped between storing samples and marking the model
		if err := r.judge(ctx, c, c.Samples); err != nil {
			return err
		}
	}
	for _, p := range probe.Table {
		if p.Timing {
			continue
		}
		for _, c := range r.run.All() {
			if c.Probe != p.Name || c.Status != record.Pending {
				continue
			}
			if err := r.overdue(); err != nil {
				return err
			}
			if err := r.measureUntimed(ctx, p, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// measureUntimed measures one cell and records it. An error of the plugin fails the cell; a returned error ends the run.
func (r *runner) measureUntimed(ctx context.Context, p *probe.Probe, c *record.Cell) error {
	limit := r.timeLimit(c)
	cellCtx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	alone := r.alone(c.Model)
	w, err := r.models[c.Model].start(cellCtx, p.Versus && alone == "")
	defer w.Kill()
	var result probe.Result
	if err == nil {
		subject := w.subject(r, c, 0)
		subject.Alone = alone
		result, err = p.Measure(cellCtx, subject)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		settle(c, err, w.Stderr(), limit)
		return errors.Join(r.record(ctx, c, Event{}, nil), r.judge(ctx, c, nil))
	}
	c.Status = record.OK
	addNotes(c, &result)
	if err := r.record(ctx, c, Event{}, result.Samples); err != nil {
		return err
	}
	return r.judge(ctx, c, result.Samples)
}

// alone says why the f32 model of the same weights cannot be loaded beside a model, "" if it fits into memory.
func (r *runner) alone(model string) string {
	m := r.models[model].record
	if wide := 4 * m.Parameters; specOf(m).reduced() && r.memory > 0 && m.WeightBytes+wide > r.memory {
		return "its weights in f32 do not fit into memory beside it: " + unit.Format(float64(wide), unit.Byte)
	}
	return ""
}

// judge marks the model of a causality cell if it was found to see the future or to be non-deterministic.
func (r *runner) judge(ctx context.Context, c *record.Cell, samples []record.Sample) error {
	if c.Probe == "causality" && c.Status == record.Failed && c.Failure.Class == string(lm.Unsteady) {
		r.models[c.Model].unsteady = true
	}
	for _, s := range samples {
		if s.Metric == probe.CausalVerdict && s.Value == 0 {
			r.models[c.Model].record.LeaksFuture = true
			return r.db.MarkLeak(context.WithoutCancel(ctx), r.run.ID, c.Model)
		}
	}
	return nil
}

// record stores a cell with new samples and tells the observer.
func (r *runner) record(ctx context.Context, c *record.Cell, e Event, samples []record.Sample) error {
	r.addReproduce(c)
	if r.run.Until != "" {
		e.Blocks = 0 // nobody knows how many
	}
	if err := r.db.Record(context.WithoutCancel(ctx), r.run.ID, c, samples); err != nil {
		return err
	}
	c.Samples = append(c.Samples, samples...)
	e.Run, e.Cell, e.Samples = r.run, c, samples
	r.progress.advance(&e, c)
	r.observe(e)
	return nil
}

// settle sets the status of a cell from the error of its measurement: n/a for what the plugin does not support, else
// failed.
func settle(c *record.Cell, err error, stderr string, limit time.Duration) {
	missing, _ := errors.AsType[*probe.Unavailable](err)
	switch {
	case missing != nil:
		c.Status, c.Reason = record.Unavailable, missing.Reason
	case lm.KindOf(err) == lm.Unsupported:
		c.Status, c.Reason = record.Unavailable, err.Error()
	default:
		c.Status, c.Failure = record.Failed, session.Failure(err, stderr, limit)
	}
}

// addReproduce adds to a failure the command that reproduces it.
func (r *runner) addReproduce(c *record.Cell) {
	if c.Status == record.Failed && c.Failure.Reproduce == "" {
		c.Failure.Reproduce = reproduce(r.db.Path(), r.run, r.models[c.Model].record, c)
	}
}

// addNotes adds the warnings and missing metrics of a measurement to a cell, each once.
func addNotes(c *record.Cell, r *probe.Result) {
	c.Warnings = addNew(c.Warnings, r.Warnings)
	c.Missing = addNew(c.Missing, r.Missing)
}

// addNew appends the elements of more that list does not contain yet.
func addNew[T comparable](list, more []T) []T {
	for _, x := range more {
		if !slices.Contains(list, x) {
			list = append(list, x)
		}
	}
	return list
}

// The time limit of one measurement is ten times its estimate, but at least a minute.
const (
	leastLimit  = time.Minute
	limitFactor = 10
)

func (r *runner) timeLimit(c *record.Cell) time.Duration { return max(r.least, limitFactor*c.Estimate) }

// progress counts measurements.
type progress struct {
	done, total int
	left        time.Duration
	deadline    time.Time // of the run; zero: none
}

// start counts the measurements to do: one per block of each pending cell.
func (p *progress) start(r *runner) {
	for _, c := range r.run.All() {
		if c.Status == record.Pending {
			n := max(0, c.Repeats-measuredBlocks(c))
			p.total += n
			p.left += time.Duration(n*calls(c)) * c.Estimate
		}
	}
}

// advance counts one measurement, and the remaining ones of a cell that ended early. Once a rule adds blocks, the time left is
// that of the budget.
func (p *progress) advance(e *Event, c *record.Cell) {
	n := 1
	switch {
	case c.Status == record.Failed || c.Status == record.Unavailable:
		n = max(0, c.Repeats-measuredBlocks(c))
	case len(e.Samples) == 0 || e.Samples[0].Attempt > 0: // a cell that ends between blocks, or a repetition: not planned
		n = 0
	}
	p.done = min(p.done+n, p.total)
	p.left = max(0, p.left-time.Duration(n*calls(c))*c.Estimate)
	e.Done, e.Total, e.Left = p.done, p.total, p.left
	if p.done == p.total && e.Run.Until != "" {
		e.Left = max(0, time.Until(p.deadline))
	}
}

// over reports whether the time of the run is over.
func (p *progress) over() bool { return !p.deadline.IsZero() && time.Now().After(p.deadline) }

// measuredBlocks returns the number of blocks of a cell that have samples.
func measuredBlocks(c *record.Cell) int {
	seen := map[int]bool{}
	for _, s := range c.Samples {
		seen[s.Block] = true
	}
	return len(seen)
}
