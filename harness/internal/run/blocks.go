package run

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
)

// blocks measures the timing cells: each block is one round over all points in random order, at each point over all
// models in random order, in processes that are new in each block. So drifts of the machine meet all models alike,
// and what varies from process to process shows in the spread.
func (r *runner) blocks(ctx context.Context) error {
	n := 0
	for i := range r.run.Cells {
		if c := &r.run.Cells[i]; probe.Find(c.Probe).Timing {
			n = max(n, c.Repeats)
		}
	}
	for block := range n {
		if err := r.block(ctx, block, n); err != nil {
			return err
		}
	}
	return nil
}

// order returns the timing cells of a block in their order of measurement, whatever their state: it depends on the
// seed and the plan alone, so a resumed block keeps its places.
func order(run *record.Run, block int) []*record.Cell {
	random := rand.New(rand.NewPCG(run.Seed, uint64(block)))
	var groups []string
	cells := map[string][]*record.Cell{}
	for i := range run.Cells {
		c := &run.Cells[i]
		if !probe.Find(c.Probe).Timing || c.Repeats <= block {
			continue
		}
		name := group(c)
		if cells[name] == nil {
			groups = append(groups, name)
		}
		cells[name] = append(cells[name], c)
	}
	random.Shuffle(len(groups), func(i, j int) { groups[i], groups[j] = groups[j], groups[i] })
	var all []*record.Cell
	for _, name := range groups {
		g := cells[name]
		random.Shuffle(len(g), func(i, j int) { g[i], g[j] = g[j], g[i] })
		all = append(all, g...)
	}
	return all
}

// block measures what one block still lacks.
func (r *runner) block(ctx context.Context, block, blocks int) error {
	workers := map[string]*worker{}
	defer func() {
		for _, w := range workers {
			w.Kill()
		}
	}()
	for position, c := range order(r.run, block) {
		if c.Status != record.Pending || slices.ContainsFunc(c.Samples, func(s record.Sample) bool { return s.Block == block }) {
			continue
		}
		result, err := r.measureTimed(ctx, workers, c, block)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			r.place(c, &result, position)
			err = r.confirm(c, result.Samples)
		}
		if err != nil {
			settle(c, err, r.discard(workers, c.Model), r.timeLimit(c))
		}
		if err := r.record(ctx, c, Event{Block: block + 1, Blocks: blocks}, result.Samples); err != nil {
			return err
		}
	}
	return nil
}

// place gives samples their position and settles the cell with its last block.
func (r *runner) place(c *record.Cell, result *probe.Result, position int) {
	for i := range result.Samples {
		result.Samples[i].Position = position
	}
	caution(c, result)
	if measuredBlocks(c)+1 == c.Repeats {
		c.Status = record.OK
	}
}

// confirm holds the plugin's clock against the host's once a cell has all its samples.
func (r *runner) confirm(c *record.Cell, last []record.Sample) error {
	if c.Status != record.OK {
		return nil
	}
	var calls []probe.Clocks
	for _, s := range slices.Concat(c.Samples, last) {
		if s.Host > 0 {
			calls = append(calls, probe.Clocks{Host: s.Host, Plugin: s.Plugin})
		}
	}
	return r.boundary.Contradiction(calls)
}

// discard ends the process of a model after a failure and returns what it printed last. The next cell of the model
// gets a new one.
func (r *runner) discard(workers map[string]*worker, model string) string {
	w := workers[model]
	if w == nil {
		return ""
	}
	delete(workers, model)
	w.Kill()
	return w.Stderr()
}

// measureTimed warms the model's process up and takes one measurement.
func (r *runner) measureTimed(ctx context.Context, workers map[string]*worker, c *record.Cell, block int) (probe.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeLimit(c))
	defer cancel()
	w := workers[c.Model]
	if w == nil {
		var err error
		w, err = r.models[c.Model].start(ctx, false)
		workers[c.Model] = w
		if err != nil {
			return probe.Result{}, err
		}
	}
	if err := r.warmUp(ctx, w, c, block); err != nil {
		return probe.Result{}, err
	}
	subject := w.subject(r, c, block)
	subject.Verify = r.draws(c)
	return probe.Find(c.Probe).Measure(ctx, subject)
}

// draws decides by lot in which one of a cell's blocks the answers that were timed are held against others, once they have
// come: a plugin that works only while it warms up cannot know which.
func (r *runner) draws(c *record.Cell) bool {
	if r.verified[c] || rand.IntN(max(1, c.Repeats-measuredBlocks(c))) > 0 {
		return false
	}
	r.verified[c] = true
	return true
}

// Warm-up. A process is warmed up for a probe with the model's cheapest cell of it: calls that are not stored, until
// two in a row agree within stable, at most mostWarmups of them and no more after warmupTime. Then each cell of at
// most firstTouchLimit gets one such call of its own, which touches the memory of its size for the first time; a longer
// one carries that cost with it.
const (
	stable          = 0.1
	mostWarmups     = 3
	warmupTime      = 300 * time.Millisecond
	firstTouchLimit = 250 * time.Millisecond
)

// warmupBlock numbers the blocks whose text warm-ups read, so that no measurement repeats what a warm-up has read.
const warmupBlock = 1 << 16

// warmUp brings a process into the state in which it is measured.
func (r *runner) warmUp(ctx context.Context, w *worker, c *record.Cell, block int) error {
	text := warmupBlock + block*(mostWarmups+1)
	first := r.cheapest(c)
	if !w.warm[c.Probe] {
		w.warm[c.Probe] = true
		if err := r.settleDown(ctx, w, first, text); err != nil {
			return err
		}
		if first == c {
			return nil
		}
	}
	if c.Estimate > firstTouchLimit {
		return nil
	}
	_, err := probe.Find(c.Probe).Measure(ctx, w.subject(r, c, text+mostWarmups))
	return err
}

// settleDown measures a cell until its values agree. What is timed is held against other answers of the model here,
// where that costs no measurement anything.
func (r *runner) settleDown(ctx context.Context, w *worker, c *record.Cell, text int) error {
	start, last := time.Now(), 0.0
	for i := range mostWarmups {
		subject := w.subject(r, c, text+i)
		subject.Verify = i == 0
		result, err := probe.Find(c.Probe).Measure(ctx, subject)
		if err != nil {
			return err
		}
		now := result.Samples[0].Value
		if (last > 0 && now < last*(1+stable) && last < now*(1+stable)) || time.Since(start) > warmupTime {
			return nil
		}
		last = now
	}
	return nil
}

// cheapest is the cell of the same model and probe with the least estimate.
func (r *runner) cheapest(c *record.Cell) *record.Cell {
	best := c
	for i := range r.run.Cells {
		o := &r.run.Cells[i]
		if o.Model == c.Model && o.Probe == c.Probe && (o.Status == record.Pending || o.Status == record.OK) && o.Estimate < best.Estimate {
			best = o
		}
	}
	return best
}
