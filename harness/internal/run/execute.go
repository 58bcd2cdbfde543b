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
	"github.com/archbench/archbench/harness/internal/store"
	"github.com/archbench/archbench/lm"
)

// Execute stores a plan and measures it. It returns ErrInterrupted, wrapped, when the context ends first; whatever
// was measured is in the database.
func Execute(ctx context.Context, db *store.DB, p *Plan) error {
	p.Run.Facts = append(p.Run.Facts, calibrate(ctx, p)...)
	for _, w := range db.Warnings {
		p.Run.Facts = append(p.Run.Facts, record.Fact{Name: "database", Value: w})
	}
	r := newRunner(db, p)
	for i := range p.Run.Cells {
		r.explain(&p.Run.Cells[i]) // what did not load has failed already
	}
	if err := db.CreateRun(ctx, p.Run); err != nil {
		return err
	}
	return r.all(ctx)
}

// runner measures the pending cells of a run.
type runner struct {
	db       *store.DB
	run      *record.Run
	models   map[string]*loadedModel
	roofline lm.Roofline
	boundary probe.Boundary
	least    time.Duration // that a measurement may take
	observe  func(Event)
	progress progress
	verified map[*record.Cell]bool // whose timed answers have been held against others
}

func newRunner(db *store.DB, p *Plan) *runner {
	r := &runner{
		db: db, run: p.Run, models: p.models,
		observe: p.options.Observe, verified: map[*record.Cell]bool{}, roofline: ceilings(p.Run.Facts), boundary: boundaryOf(p.Run.Facts), least: cmp.Or(p.options.least, leastLimit),
	}
	if r.observe == nil {
		r.observe = func(Event) {}
	}
	r.progress.start(r)
	return r
}

// all measures everything that is pending and records how the run ended.
func (r *runner) all(ctx context.Context) error {
	before := host.Now()
	err := r.alone(ctx)
	if err == nil {
		err = r.blocks(ctx)
	}
	r.run.Status, r.run.Ended = outcome(r.run), time.Now().UTC()
	if err != nil {
		r.run.Status = record.Interrupted
	}
	r.run.Facts = append(r.run.Facts, host.Now().Since(before)...)
	if lost := r.db.SetStatus(context.WithoutCancel(ctx), r.run); err == nil || ctx.Err() != nil {
		err = cmp.Or(lost, err)
	}
	if err != nil && errors.Is(err, ctx.Err()) {
		return fmt.Errorf("%w; go on with `archbench resume %s`", ErrInterrupted, r.run.ID)
	}
	return err
}

// outcome is how a run stands whose cells are settled: one that could measure nothing has failed.
func outcome(r *record.Run) string {
	if Failed(r) > 0 && !slices.ContainsFunc(r.Cells, func(c record.Cell) bool { return c.Status == record.OK }) {
		return record.RunFailed
	}
	return record.Done
}

// alone measures the cells that do not vary, each in a process of its own, in the order of the probe table: causality
// decides about others and comes first.
func (r *runner) alone(ctx context.Context) error {
	for i := range r.run.Cells { // a run that is resumed may have been stopped between finding and marking
		if err := r.judge(ctx, &r.run.Cells[i], r.run.Cells[i].Samples); err != nil {
			return err
		}
	}
	for _, p := range probe.Table {
		if p.Timing {
			continue
		}
		for i := range r.run.Cells {
			c := &r.run.Cells[i]
			if c.Probe != p.Name || c.Status != record.Pending {
				continue
			}
			if err := r.measureAlone(ctx, p, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// measureAlone measures one cell that does not vary and records it. An error ends the run; that of a plugin does
// not.
func (r *runner) measureAlone(ctx context.Context, p *probe.Probe, c *record.Cell) error {
	limit := r.timeLimit(c)
	cellCtx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	w, err := r.models[c.Model].start(cellCtx, p.Versus)
	defer w.Kill()
	var result probe.Result
	if err == nil {
		result, err = p.Measure(cellCtx, w.subject(r, c, 0))
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		settle(c, err, w.Stderr(), limit)
		return errors.Join(r.record(ctx, c, Event{}, nil), r.judge(ctx, c, nil))
	}
	c.Status = record.OK
	caution(c, &result)
	if err := r.record(ctx, c, Event{}, result.Samples); err != nil {
		return err
	}
	return r.judge(ctx, c, result.Samples)
}

// judge marks the model of a causality cell as one that sees the future, or whose answers vary, if that is what was
// found.
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
	r.explain(c)
	if err := r.db.Record(context.WithoutCancel(ctx), r.run.ID, c, samples); err != nil {
		return err
	}
	c.Samples = append(c.Samples, samples...)
	e.Cell, e.Samples = c, samples
	r.progress.advance(&e, c)
	r.observe(e)
	return nil
}

// explain gives a failure the command that makes it happen again.
func (r *runner) explain(c *record.Cell) {
	if c.Status == record.Failed && c.Failure.Reproduce == "" {
		c.Failure.Reproduce = reproduce(r.db.Path(), r.run, r.models[c.Model].record, c)
	}
}

// caution adds to a cell what a measurement warns of and what it lacks, each once.
func caution(c *record.Cell, r *probe.Result) {
	c.Warnings = addNew(c.Warnings, r.Warnings)
	c.Missing = addNew(c.Missing, r.Missing)
}

func addNew[T comparable](list, more []T) []T {
	for _, x := range more {
		if !slices.Contains(list, x) {
			list = append(list, x)
		}
	}
	return list
}

// The limit of one measurement: ten times its estimate, and at least a minute.
const (
	leastLimit  = time.Minute
	limitFactor = 10
)

func (r *runner) timeLimit(c *record.Cell) time.Duration { return max(r.least, limitFactor*c.Estimate) }

// progress counts measurements.
type progress struct {
	done, total int
	left        time.Duration
}

// start counts what is to be done: one measurement per cell that does not vary, one per block of the others.
func (p *progress) start(r *runner) {
	for i := range r.run.Cells {
		if c := &r.run.Cells[i]; c.Status == record.Pending {
			n := c.Repeats - measuredBlocks(c)
			p.total += n
			p.left += time.Duration(n) * c.Estimate
		}
	}
}

// advance counts one measurement. A cell that has ended early will not be measured again.
func (p *progress) advance(e *Event, c *record.Cell) {
	n := 1
	if c.Status == record.Failed || c.Status == record.Unavailable {
		n = c.Repeats - measuredBlocks(c)
	}
	p.done += n
	p.left = max(0, p.left-time.Duration(n)*c.Estimate)
	e.Done, e.Total, e.Left = p.done, p.total, p.left
}

// measuredBlocks is how many blocks of a cell have samples.
func measuredBlocks(c *record.Cell) int {
	seen := map[int]bool{}
	for _, s := range c.Samples {
		seen[s.Block] = true
	}
	return len(seen)
}
