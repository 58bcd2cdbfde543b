package run

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
)

// blocks measures the timing cells. Each block is one round over all points in random order, and over all models in
// random order at each point, in fresh processes. So machine drift affects all models equally, and the spread includes
// the variation between processes.
func (r *runner) blocks(ctx context.Context) error {
	n := 0
	for _, c := range r.run.All() {
		if probe.Find(c.Probe).Timing {
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

// order returns the timing cells of a block in their order of measurement, whatever their status. It depends only on
// the seed and the plan, so a resumed block keeps its order.
func order(run *record.Run, block int) (all []*record.Cell) {
	random := rand.New(rand.NewPCG(run.Seed, uint64(block)))
	groups := groupsOf(slices.DeleteFunc(run.All(), func(c *record.Cell) bool {
		return !probe.Find(c.Probe).Timing || c.Repeats <= block
	}))
	random.Shuffle(len(groups), func(i, j int) { groups[i], groups[j] = groups[j], groups[i] })
	for _, g := range groups {
		random.Shuffle(len(g), func(i, j int) { g[i], g[j] = g[j], g[i] })
		all = append(all, g...)
	}
	return all
}

// block measures the cells that have no samples in this block yet.
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

// place sets the position of new samples and marks the cell OK after its last block.
func (r *runner) place(c *record.Cell, result *probe.Result, position int) {
	for i := range result.Samples {
		result.Samples[i].Position = position
	}
	addNotes(c, result)
	if measuredBlocks(c)+1 == c.Repeats {
		c.Status = record.OK
	}
}

// confirm checks the plugin's clock against the host's once a cell has all its samples.
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

// discard kills a model's process after a failure and returns its last output. The model's next cell gets a new process.
func (r *runner) discard(workers map[string]*worker, model string) string {
	w := workers[model]
	if w == nil {
		return ""
	}
	delete(workers, model)
	w.Kill()
	return w.Stderr()
}

// measureTimed warms up the model's process and takes one measurement.
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
	subject.Verify = r.verifyNow(c)
	return probe.Find(c.Probe).Measure(ctx, subject)
}

// verifyNow picks at random the one block of a cell whose timed answers are verified after the clock has stopped. A
// plugin that computes only during warm-up cannot predict it.
func (r *runner) verifyNow(c *record.Cell) bool {
	if r.verified[c] || rand.IntN(max(1, c.Repeats-measuredBlocks(c))) > 0 {
		return false
	}
	r.verified[c] = true
	return true
}

// A process is warmed up for each probe with the model's cheapest cell of that probe, whose results are not stored. Calls
// repeat until two in a row agree within stable, up to mostWarmups calls or warmupTime. After that each cell estimated at
// up to firstTouchLimit gets one warm-up of its own, which touches memory of its size for the first time; in longer cells
// that cost does not matter.
const (
	stable          = 0.1
	mostWarmups     = 3
	warmupTime      = 300 * time.Millisecond
	firstTouchLimit = 250 * time.Millisecond
)

// warmupBlock is the first block number of warm-up texts, so that no measurement reads a text that a warm-up has read.
const warmupBlock = 1 << 16

// warmUp warms up a process for a cell.
func (r *runner) warmUp(ctx context.Context, w *worker, c *record.Cell, block int) error {
	text := warmupBlock + block*(mostWarmups+1)
	first := r.cheapest(c)
	if !w.warm[c.Probe] {
		w.warm[c.Probe] = true
		if err := r.stabilise(ctx, w, first, text); err != nil {
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

// stabilise measures a cell until its values agree. It also verifies the first answer, which costs no measured time here.
func (r *runner) stabilise(ctx context.Context, w *worker, c *record.Cell, text int) error {
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

// cheapest returns the cell of the same model and probe with the lowest estimate.
func (r *runner) cheapest(c *record.Cell) *record.Cell {
	best := c
	for _, o := range r.run.All() {
		if o.Model == c.Model && o.Probe == c.Probe && (o.Status == record.Pending || o.Status == record.OK) && o.Estimate < best.Estimate {
			best = o
		}
	}
	return best
}
