package run

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
)

// budgetWord is a budget as a fact.
func budgetWord(budget time.Duration) string {
	if budget == 0 {
		return "none"
	}
	return budget.String()
}

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
func (p *Plan) price(c *record.Cell) time.Duration {
	if c.Status != record.Pending {
		return 0
	}
	if !probe.Find(c.Probe).Timing {
		return p.models[c.Model].estimator.start + c.Estimate
	}
	once := c.Estimate
	if once <= firstTouchLimit {
		once *= 2
	}
	return time.Duration(c.Repeats) * once
}

// total is the estimated time of the cells of the groups in, nil for all: each cell's own, and the start of a process
// per model and block.
func (p *Plan) total(in map[string]bool) time.Duration {
	var sum time.Duration
	blocks := map[string]int{}
	for i := range p.Run.Cells {
		c := &p.Run.Cells[i]
		if in != nil && !in[group(c)] {
			continue
		}
		sum += p.price(c)
		if c.Status == record.Pending && probe.Find(c.Probe).Timing {
			blocks[c.Model] = max(blocks[c.Model], c.Repeats)
		}
	}
	for model, n := range blocks {
		sum += time.Duration(n) * p.models[model].estimator.start
	}
	return sum
}

// keepBudget fills the budget with groups of cells, all models of a point together, since models are compared at
// points: first what guards the language-model cells, then what says whether a model is any good, then the others
// from the cheapest up. What does not fit keeps its cells, which say so.
func (p *Plan) keepBudget() {
	budget := budgetOf(p.options)
	if budget == 0 || p.total(nil) <= budget {
		return
	}
	in := map[string]bool{}
	for _, g := range p.ranked() {
		in[g.name] = true
		if g.rank < probe.Always && p.total(in) > budget {
			delete(in, g.name)
			p.leaveOut(g.name, fmt.Sprintf("left out for the budget of %v: about %v for all models", budget, g.price.Round(time.Second)))
		}
	}
}

// ranked is a group of cells with its place in the budget.
type ranked struct {
	name  string
	rank  probe.Rank
	price time.Duration
}

// ranked returns the groups in the order in which they fill the budget.
func (p *Plan) ranked() (all []ranked) {
	at := map[string]int{}
	for i := range p.Run.Cells {
		c := &p.Run.Cells[i]
		name := group(c)
		if _, ok := at[name]; !ok {
			at[name] = len(all)
			all = append(all, ranked{name: name, rank: probe.Find(c.Probe).Budget})
		}
		all[at[name]].price += p.price(c)
	}
	slices.SortStableFunc(all, func(a, b ranked) int { return cmp.Or(cmp.Compare(b.rank, a.rank), cmp.Compare(a.price, b.price)) })
	return all
}

// group names the cells that are compared with each other.
func group(c *record.Cell) string { return c.Probe + " " + c.Point.String() + " " + c.Params.String() }

// leaveOut settles the pending cells of a group.
func (p *Plan) leaveOut(name, reason string) {
	for i := range p.Run.Cells {
		if c := &p.Run.Cells[i]; c.Status == record.Pending && group(c) == name {
			c.Status, c.Reason, c.Warnings, c.Missing = record.Unavailable, reason, nil, nil
		}
	}
}
