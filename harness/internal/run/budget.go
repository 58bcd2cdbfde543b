package run

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
)

// budgetOf returns the time limit of a run: Options.Budget, else the sum of the suites' budgets, or 0 for no limit.
func budgetOf(o Options) time.Duration {
	if o.Budget > 0 {
		return o.Budget
	}
	var sum time.Duration
	for _, s := range o.Suites {
		if s.Budget == 0 {
			return 0
		}
		sum += s.Budget
	}
	return sum
}

// mostTime is how long the plan may be measured, 0 for any time. The budgets of suites only choose what is planned: a run that takes
// longer than estimated is of more use if it is whole. One that the user gave is kept, and so is any if a rule adds blocks.
func (p *Plan) mostTime() time.Duration {
	if p.options.Budget > 0 || p.Run.Until == "" {
		return p.options.Budget
	}
	planned, _ := time.ParseDuration(fact(p.Run, budgetFact))
	return cmp.Or(planned, result.UntilBudget)
}

// overdue is ErrBudget if the time is over and something is left to measure. If a rule adds blocks, closing ends the cells instead.
func (r *runner) overdue() error {
	if r.run.Until == "" && r.progress.over() && r.run.Count(record.Pending) > 0 {
		return ErrBudget
	}
	return nil
}

// duration estimates the time of all measurements of a cell, including its own warm-ups.
func (p *Plan) duration(c *record.Cell) time.Duration {
	if c.Status != record.Pending {
		return 0
	}
	if !probe.Find(c.Probe).Timing {
		return p.models[c.Model].estimator.start + c.Estimate
	}
	n := calls(c)
	if c.Estimate <= firstTouchLimit {
		n++ // its warm-up
	}
	return time.Duration(c.Repeats*n) * c.Estimate
}

// Groups returns the cells that are compared with each other, by probe, point and parameters.
func (p *Plan) Groups() [][]*record.Cell { return groupsOf(p.Run.All()) }

// Time estimates the time of cells without the start of their processes.
func (p *Plan) Time(cells []*record.Cell) (sum time.Duration) {
	for _, c := range cells {
		sum += p.duration(c)
	}
	return sum
}

// total estimates the time of cells, including the start of one process per model and block.
func (p *Plan) total(cells []*record.Cell) time.Duration {
	var sum time.Duration
	blocks := map[string]int{}
	for _, c := range cells {
		sum += p.duration(c)
		if c.Status == record.Pending && probe.Find(c.Probe).Timing {
			blocks[c.Model] = max(blocks[c.Model], c.Repeats)
		}
	}
	for model, n := range blocks {
		sum += time.Duration(n) * p.models[model].estimator.start
	}
	return sum
}

// keepBudget fills the budget with groups of cells, so that a point is measured for all models or none. Probes that
// guard others come first, then those that judge the quality of a model, then the rest in order of estimated time. Groups
// that do not fit become n/a.
func (p *Plan) keepBudget() {
	budget := budgetOf(p.options)
	if budget == 0 || p.total(p.Run.All()) <= budget {
		return
	}
	p.thinRounds(budget)
	rank := func(g []*record.Cell) probe.Rank { return probe.Find(g[0].Probe).Budget }
	groups := groupsOf(p.Run.All())
	slices.SortStableFunc(groups, func(a, b []*record.Cell) int {
		return cmp.Or(cmp.Compare(rank(b), rank(a)), cmp.Compare(p.Time(a), p.Time(b)))
	})
	var kept []*record.Cell
	for _, g := range groups {
		with := slices.Concat(kept, g)
		if rank(g) < probe.Always && p.total(with) > budget {
			leaveOut(g, fmt.Sprintf("left out for the budget of %v: about %v for all models", budget, p.Time(g).Round(time.Second)))
			continue
		}
		kept = with
	}
}

// thinRounds halves the calls of the samples until all cells fit into a budget, or each sample is a single call: a point with
// fewer calls says more than one that is left out.
func (p *Plan) thinRounds(budget time.Duration) {
	for thinner := true; thinner && p.total(p.Run.All()) > budget; {
		thinner = false
		for _, c := range p.Run.All() {
			if c.Rounds > 1 {
				c.Rounds, thinner = (c.Rounds+1)/2, true
			}
		}
	}
}

// groupsOf groups cells by probe, point and parameters: models are compared within a group. Groups come in the order of
// their first cells.
func groupsOf(cells []*record.Cell) (groups [][]*record.Cell) {
	at := map[string]int{}
	for _, c := range cells {
		i, ok := at[group(c)]
		if !ok {
			i = len(groups)
			at[group(c)] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], c)
	}
	return groups
}

// group names the group of a cell.
func group(c *record.Cell) string { return c.Probe + " " + c.Point.String() + " " + c.Params.String() }

// leaveOut marks the pending cells of a group as n/a.
func leaveOut(group []*record.Cell, reason string) {
	for _, c := range group {
		if c.Status == record.Pending {
			c.Status, c.Reason, c.Warnings, c.Missing = record.Unavailable, reason, nil, nil
		}
	}
}
