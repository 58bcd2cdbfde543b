package run

import (
	"fmt"
	"time"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/store"
)

// budgetOf is the time that the run may take: that of the options, else the sum of those of the suites; 0: no limit.
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

// warmupCalls is how many calls the budget reckons with before a timed one of a cheap cell.
const warmupCalls = 2

// price is the estimated time that all measurements of a cell take.
func (p *Plan) price(c *store.Cell) time.Duration {
	if c.Status != store.Pending {
		return 0
	}
	start := p.entries[c.Model].speed.start
	if !probe.Find(c.Probe).Timing {
		return start + c.Estimate
	}
	once := c.Estimate
	if once <= warmupLimit {
		once *= 1 + warmupCalls
	}
	return time.Duration(c.Repeats) * once
}

// total is the estimated time of all cells, with the start of a process per model and block.
func (p *Plan) total() time.Duration {
	var sum time.Duration
	blocks := map[string]int{}
	for i := range p.Run.Cells {
		c := &p.Run.Cells[i]
		sum += p.price(c)
		if c.Status == store.Pending && probe.Find(c.Probe).Timing {
			blocks[c.Model] = max(blocks[c.Model], c.Repeats)
		}
	}
	for model, n := range blocks {
		sum += time.Duration(n) * p.entries[model].speed.start
	}
	return sum
}

// keepBudget leaves out what is too much: as long as the estimate is above the budget, the dearest point of a probe,
// for all models, since models are compared at points. What is left out keeps its cell and says why. The guard
// of the language-model cells stays.
func (p *Plan) keepBudget() {
	budget := budgetOf(p.options)
	if budget == 0 {
		return
	}
	for total := p.total(); total > budget; total = p.total() {
		worst, price := "", time.Duration(0)
		for key, t := range p.groups() {
			if t > price || (t == price && key < worst) {
				worst, price = key, t
			}
		}
		if worst == "" {
			return
		}
		p.leaveOut(worst, fmt.Sprintf("left out for the budget of %v: about %v for all models", budget, price.Round(time.Second)))
	}
}

// group names the cells that are compared with each other.
func group(c *store.Cell) string { return c.Probe + " " + c.Point.String() + " " + c.Params.String() }

// groups prices the groups that may be left out.
func (p *Plan) groups() map[string]time.Duration {
	all := map[string]time.Duration{}
	for i := range p.Run.Cells {
		if c := &p.Run.Cells[i]; c.Status == store.Pending && c.Probe != "causality" {
			all[group(c)] += p.price(c)
		}
	}
	return all
}

// leaveOut settles the pending cells of a group.
func (p *Plan) leaveOut(name, reason string) {
	for i := range p.Run.Cells {
		if c := &p.Run.Cells[i]; c.Status == store.Pending && group(c) == name {
			c.Status, c.Reason, c.Warnings = store.Unavailable, reason, nil
		}
	}
}
