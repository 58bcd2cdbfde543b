package run

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/archbench/archbench/harness/internal/probe"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/result"
)

// blocks measures the timing cells. Each block visits all points in random order, in fresh processes. At each point the
// calls of all models alternate at random, so machine drift affects all models equally; the spread between blocks includes
// the variation between processes.
func (r *runner) blocks(ctx context.Context) error {
	n := 0
	for _, c := range r.run.All() {
		if probe.Find(c.Probe).Timing {
			n = max(n, most(r.run, c))
		}
	}
	for block := range n {
		if err := r.overdue(); err != nil {
			return err
		}
		if err := r.block(ctx, block, n); err != nil {
			return err
		}
		if more, err := r.closing(ctx, block); !more || err != nil {
			return err
		}
	}
	return nil
}

// order returns the groups of timing cells of a block in their order of measurement, whatever their status. It depends only
// on the seed and the plan, so a resumed block keeps its order.
func order(run *record.Run, block int) [][]*record.Cell {
	random := rand.New(rand.NewPCG(run.Seed, uint64(block)))
	groups := groupsOf(slices.DeleteFunc(run.All(), func(c *record.Cell) bool {
		return !probe.Find(c.Probe).Timing || most(run, c) <= block
	}))
	random.Shuffle(len(groups), func(i, j int) { groups[i], groups[j] = groups[j], groups[i] })
	for _, g := range groups {
		random.Shuffle(len(g), func(i, j int) { g[i], g[j] = g[j], g[i] })
	}
	return groups
}

// block measures the cells that have no samples in this block yet.
func (r *runner) block(ctx context.Context, block, blocks int) error {
	workers := map[string]*worker{}
	defer func() {
		for _, w := range workers {
			w.Kill()
		}
	}()
	position := 0
	for _, g := range order(r.run, block) {
		var turns []*turn
		for _, c := range g {
			if c.Status == record.Pending && attemptsAt(c, block) == 0 {
				turns = append(turns, &turn{cell: c, position: position, block: block})
			}
			position++
		}
		if err := r.measure(ctx, workers, turns, blocks); err != nil {
			return err
		}
	}
	return r.repeat(ctx, workers, block, blocks)
}

// turn is the measurement of a cell in a block: the results of its calls so far, or why there are no more.
type turn struct {
	cell      *record.Cell
	block     int
	attempt   int // 0: first; 1: repetition of a disturbed one
	position  int
	verify    int // round whose answers are verified; -1: none
	results   []probe.Result
	err       error
	readings  []record.Reading
	disturbed []string // what disturbed the calls of the group
	warmUp    int      // calls at the start that do not count
}

// measure measures the turns of a group together, as far as memory allows.
func (r *runner) measure(ctx context.Context, workers map[string]*worker, turns []*turn, blocks int) error {
	for _, together := range r.fitting(turns) {
		if len(together) < len(turns) {
			r.keepOnly(workers, together)
		}
		if err := r.alternate(ctx, workers, together); err != nil {
			return err
		}
		for _, t := range together {
			if err := r.finish(ctx, workers, t, blocks); err != nil {
				return err
			}
		}
	}
	return nil
}

// fitting splits a group into parts whose models fit into memory together: all cells, else pairs, else single cells.
func (r *runner) fitting(turns []*turn) (parts [][]*turn) {
	if len(turns) == 0 {
		return nil
	}
	for _, size := range []int{len(turns), 2} {
		parts = slices.Collect(slices.Chunk(turns, size))
		if !slices.ContainsFunc(parts, func(p []*turn) bool { return r.memory > 0 && r.footprint(p) > r.memory }) {
			return parts
		}
	}
	return slices.Collect(slices.Chunk(turns, 1))
}

// footprint estimates the memory of the processes: weights, a quarter of that for states and activations, and the programs.
func (r *runner) footprint(turns []*turn) (bytes int64) {
	const program = 64 << 20
	for _, t := range turns {
		bytes += r.models[t.cell.Model].record.WeightBytes/4*5 + program
	}
	return bytes
}

// keepOnly kills the processes of all other models to free memory.
func (r *runner) keepOnly(workers map[string]*worker, turns []*turn) {
	for model, w := range workers {
		if !slices.ContainsFunc(turns, func(t *turn) bool { return t.cell.Model == model }) {
			w.Kill()
			delete(workers, model)
		}
	}
}

// alternate warms up the processes of the cells, makes their calls, and finds out what disturbed them and how many were still
// a warm-up. A cell that fails drops out. A returned error ends the run.
func (r *runner) alternate(ctx context.Context, workers map[string]*worker, turns []*turn) error {
	var pids []int
	for _, t := range turns {
		if t.err = r.prepare(ctx, workers, t); ctx.Err() != nil {
			return ctx.Err()
		}
		t.verify = r.verifiedRound(t.cell)
		pids = append(pids, workers[t.cell.Model].PID())
	}
	end := r.watch(pids)
	if err := r.rounds(ctx, workers, turns); err != nil {
		return err
	}
	machine, processes := end()
	for i, t := range turns {
		t.readings = slices.Concat(machine, processes[i])
	}
	r.blame(turns)
	dropWarmUps(turns)
	return nil
}

// rounds makes the calls of the turns: in a round one call per cell, in random order.
func (r *runner) rounds(ctx context.Context, workers map[string]*worker, turns []*turn) error {
	most := 0
	for _, t := range turns {
		most = max(most, calls(t.cell))
	}
	random := rand.New(rand.NewPCG(r.run.Seed, uint64(turns[0].block)<<32|uint64(turns[0].position)))
	shuffled := slices.Clone(turns)
	for round := range most {
		random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		for _, t := range shuffled {
			if t.err != nil || round >= calls(t.cell) {
				continue
			}
			if t.err = r.call(ctx, workers[t.cell.Model], t, round); ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
	return nil
}

// calls returns the planned number of calls of a cell in a block.
func calls(c *record.Cell) int { return max(1, c.Rounds) }

// prepare starts the process of a cell's model unless it runs, and warms it up.
func (r *runner) prepare(ctx context.Context, workers map[string]*worker, t *turn) (err error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeLimit(t.cell))
	defer cancel()
	w := workers[t.cell.Model]
	if w == nil {
		w, err = r.models[t.cell.Model].start(ctx, false)
		workers[t.cell.Model] = w
		if err != nil {
			return err
		}
	}
	return r.warmUp(ctx, w, t.cell, t.block)
}

// call makes one timed call.
func (r *runner) call(ctx context.Context, w *worker, t *turn, round int) error {
	ctx, cancel := context.WithTimeout(ctx, r.timeLimit(t.cell))
	defer cancel()
	subject := w.subject(r, t.cell, t.block)
	subject.Round, subject.Verify = round+t.attempt*calls(t.cell), round == t.verify // a repetition reads other text
	result, err := probe.Find(t.cell.Probe).Measure(ctx, subject)
	t.results = append(t.results, result)
	return err
}

// verifiedRound picks at random the round of a block whose timed answers are verified, or -1 for none. A cell with several
// calls per block is verified in every block; a cell with one call only in one block, because verifying costs as much as
// measuring. A plugin that computes only during warm-up cannot predict the choice.
func (r *runner) verifiedRound(c *record.Cell) int {
	switch {
	case calls(c) > 1:
		return rand.IntN(calls(c))
	case r.verified[c] || rand.IntN(max(1, c.Repeats-measuredBlocks(c))) > 0:
		return -1
	}
	r.verified[c] = true
	return 0
}

// finish summarises the calls of a turn and records the samples.
func (r *runner) finish(ctx context.Context, workers map[string]*worker, t *turn, blocks int) error {
	c, err := t.cell, t.err
	var result probe.Result
	if err == nil {
		result = probe.Summarise(t.results, t.warmUp, r.value)
		for i := range result.Samples {
			s := &result.Samples[i]
			s.Position, s.Attempt, s.Disturbed = t.position, t.attempt, t.disturbed
		}
		result.Samples[0].Readings = t.readings
		addNotes(c, &result)
		if t.block+1 == most(r.run, c) && (len(t.disturbed) == 0 || t.attempt > 0) {
			err = r.complete(c, result.Samples)
		}
	}
	if err != nil {
		settle(c, err, r.discard(workers, c.Model), r.timeLimit(c))
	}
	return r.record(ctx, c, Event{Block: t.block + 1, Blocks: blocks}, result.Samples)
}

// complete ends a cell that has all its samples, of which the last ones are new. It checks the plugin's clock against the
// host's.
func (r *runner) complete(c *record.Cell, last []record.Sample) error {
	c.Status = record.OK
	whole := record.Cell{Samples: slices.Concat(c.Samples, last)}
	if blocks := unstable(&whole); blocks >= leastUnstable && 2*blocks >= measuredBlocks(&whole) {
		c.Warnings = addNew(c.Warnings, []string{fmt.Sprintf(result.NeverStable+": in %d of %d blocks the calls became faster to the end", blocks, measuredBlocks(&whole))})
	}
	var clocks []probe.Clocks
	for _, s := range whole.Samples {
		if s.Host > 0 {
			clocks = append(clocks, probe.Clocks{Host: s.Host, Plugin: s.Plugin})
		}
	}
	return r.boundary.Contradiction(clocks)
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
