package run

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
)

// most is the largest number of blocks that a cell of a run can have. If a rule adds blocks, those of the plan are the least.
func most(run *record.Run, c *record.Cell) int {
	if run.Until != "" {
		return max(c.Repeats, result.MostBlocks)
	}
	return c.Repeats
}

// Blocks returns the most blocks of a cell: those of the plan, or if a rule adds blocks, as many as fit into the budget while no
// comparison is settled.
func (p *Plan) Blocks(c *record.Cell) int {
	if p.Run.Until == "" || c.Status != record.Pending || !probe.Find(c.Probe).Timing {
		return c.Repeats
	}
	var once, block time.Duration
	starts := map[string]time.Duration{}
	for _, o := range p.Run.All() {
		switch {
		case o.Status != record.Pending:
		case probe.Find(o.Probe).Timing:
			block += p.duration(o) / time.Duration(o.Repeats)
			starts[o.Model] = p.models[o.Model].estimator.start
		default:
			once += p.duration(o)
		}
	}
	for _, start := range starts {
		block += start
	}
	left := cmp.Or(budgetOf(p.options), result.UntilBudget) - once
	return min(most(p.Run, c), max(c.Repeats, int(left/max(block, 1))))
}

// closing ends the cells whose comparisons need no more blocks by the run's rule, and all of them once the budget is over. It
// reports whether blocks are to go on.
func (r *runner) closing(ctx context.Context, block int) (more bool, err error) {
	if r.run.Until == "" {
		return true, nil
	}
	over := r.progress.over()
	open := result.Open(r.run)
	for _, c := range r.run.All() {
		if c.Status != record.Pending || !probe.Find(c.Probe).Timing {
			continue
		}
		if block+1 < c.Repeats || open[c.ID] && !over {
			more = true
			continue
		}
		if open[c.ID] {
			c.Warnings = addNew(c.Warnings, []string{"the budget ended before its comparisons were decided"})
		}
		err = errors.Join(err, r.close(ctx, c, block))
	}
	return more, err
}

// close ends a cell between blocks.
func (r *runner) close(ctx context.Context, c *record.Cell, block int) error {
	if failure := r.complete(c, nil); failure != nil {
		settle(c, failure, "", r.timeLimit(c))
	}
	return r.record(ctx, c, Event{Block: block + 1}, nil)
}
