package run

import (
	"fmt"
	"maps"
	"slices"
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

// price is the estimated time that all measurements of a cell take, with the warm-up of its own.
func (p *Plan) price(c *store.Cell) time.Duration {
	if c.Status != store.Pending {
		return 0
	}
	if !probe.Find(c.Probe).Timing {
		return p.entries[c.Model].speed.start + c.Estimate
	}
	once := c.Estimate
	if once <= firstTouchLimit {
		once *= 2
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
// for all models, since models are compared at points. What is left out keeps its cell and says why. What says whether
// a model is any good goes last, and what guards that never.
func (p *Plan) keepBudget() {
	budget := budgetOf(p.options)
	for _, essential := range []bool{false, true} {
		for budget > 0 && p.total() > budget {
			name, price := p.dearest(essential)
			if name == "" {
				break
			}
			p.leaveOut(name, fmt.Sprintf("left out for the budget of %v: about %v for all models", budget, price.Round(time.Second)))
		}
	}
}

// group names the cells that are compared with each other.
func group(c *store.Cell) string { return c.Probe + " " + c.Point.String() + " " + c.Params.String() }

// dearest is the group of cells with the highest price among the essential ones, or among the others.
func (p *Plan) dearest(essential bool) (name string, price time.Duration) {
	prices := map[string]time.Duration{}
	for i := range p.Run.Cells {
		c := &p.Run.Cells[i]
		if c.Status == store.Pending && c.Probe != "causality" && (c.Probe == "quality") == essential {
			prices[group(c)] += p.price(c)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(prices)) {
		if prices[key] > price {
			name, price = key, prices[key]
		}
	}
	return name, price
}

// leaveOut settles the pending cells of a group.
func (p *Plan) leaveOut(name, reason string) {
	for i := range p.Run.Cells {
		if c := &p.Run.Cells[i]; c.Status == store.Pending && group(c) == name {
			c.Status, c.Reason, c.Warnings = store.Unavailable, reason, nil
		}
	}
}
