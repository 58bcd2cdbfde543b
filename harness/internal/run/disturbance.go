package run

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/archbench/archbench/harness/internal/host"
	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/harness/internal/stat"
)

// watch starts to watch processes and returns a function that returns the readings since: of the machine, and of each
// process.
type watch func(pids []int) (end func() (machine []record.Reading, processes [][]record.Reading))

// limit is the highest reading of a sensor that does not disturb a sample.
type limit struct {
	sensor string
	most   float64
	unit   string
	scale  float64 // of the unit
	own    bool    // the sensor reads the process of a model
}

// limits are the rule by which a sample is disturbed. docs/measurement.md says where the values come from.
var limits = []limit{
	{sensor: host.Steal, most: 0.1, scale: 100, unit: "% of the CPU time"},
	{sensor: host.Strangers, most: 0.1, scale: 100, unit: "% of the CPU time"},
	{sensor: host.Quota, most: 0, scale: 100, unit: "% of the time"},
	{sensor: host.Throttling, most: 0, scale: 1, unit: "times"},
	{sensor: host.MemoryPressure, most: 0.01, scale: 100, unit: "% of the time"},
	{sensor: host.MajorFaults, most: 10, scale: 1, unit: "pages", own: true},
}

const ruleFact = "a sample is disturbed by"

// rule describes the limits.
func rule() string {
	var words []string
	for _, l := range limits {
		words = append(words, fmt.Sprintf("%s above %g %s", l.sensor, l.most*l.scale, l.unit))
	}
	return strings.Join(words, ", ")
}

// disturbances returns the readings that exceed their limits, in words. model names the process.
func disturbances(model string, readings []record.Reading) (reasons []string) {
	values := map[string]float64{}
	for _, r := range readings {
		if r.Reason == "" {
			values[r.Name] = r.Value
		}
	}
	for _, l := range limits {
		if value := values[l.sensor]; value > l.most {
			reason := fmt.Sprintf("%s %.3g %s", l.sensor, value*l.scale, l.unit)
			if l.own {
				reason += " (" + model + ")"
			}
			reasons = append(reasons, reason)
		}
	}
	return reasons
}

// blame marks the turns of a group as disturbed if any of them was, so that the same attempt of all models counts.
func (r *runner) blame(turns []*turn) {
	var reasons []string
	for _, t := range turns {
		if r.judges {
			reasons = addNew(reasons, disturbances(t.cell.Model, t.readings))
		}
	}
	for _, t := range turns {
		t.disturbed = reasons
	}
}

// dropWarmUps finds the calls at the start that do not count: those that were a warm-up of any model of the group, so that the
// values of all models come from the same rounds.
func dropWarmUps(turns []*turn) {
	most := 0
	for _, t := range turns {
		var times []float64
		for _, result := range t.results {
			if len(result.Samples) > 0 {
				times = append(times, result.Samples[0].Value)
			}
		}
		if t.err == nil {
			most = max(most, stat.WarmUp(times))
		}
	}
	for _, t := range turns {
		t.warmUp = most
	}
}

// leastUnstable is the fewest blocks without stable calls for which a cell is marked.
const leastUnstable = 2

// unstable returns in how many blocks the calls became faster to the end.
func unstable(c *record.Cell) (blocks int) {
	for s := range c.Counting() {
		if s.Host > 0 && stat.Falls(s.Values()) {
			blocks++
		}
	}
	return blocks
}

// repeatShare is the share of the planned time of all blocks so far that repetitions may take.
const repeatShare = 0.25

// repeat measures the disturbed groups of a block once more, as far as there is time, and ends the cells whose last block this
// was. What it does depends only on the plan and the stored samples, so a resumed run repeats the same groups.
func (r *runner) repeat(ctx context.Context, workers map[string]*worker, block, blocks int) error {
	groups := order(r.run, block)
	position := len(slices.Concat(groups...)) // after the first attempts
	for _, c := range slices.Concat(groups...) {
		r.spare += time.Duration(repeatShare * float64(planned(c)))
		if attemptsAt(c, block) > 1 {
			r.spare -= planned(c)
		}
	}
	for _, g := range groups {
		var turns []*turn
		cost := time.Duration(0)
		for _, c := range g {
			if c.Status == record.Pending && attemptsAt(c, block) == 1 && disturbedAt(c, block) {
				turns = append(turns, &turn{cell: c, block: block, attempt: 1, position: position})
				cost += planned(c)
			}
			position++
		}
		if cost > r.spare || r.progress.over() {
			continue
		}
		r.spare -= cost
		if err := r.measure(ctx, workers, turns, blocks); err != nil {
			return err
		}
	}
	return r.closeComplete(ctx, groups, block)
}

// closeComplete ends the cells whose last block was not repeated.
func (r *runner) closeComplete(ctx context.Context, groups [][]*record.Cell, block int) error {
	for _, c := range slices.Concat(groups...) {
		if c.Status == record.Pending && block+1 == most(r.run, c) {
			if err := r.close(ctx, c, block); err != nil {
				return err
			}
		}
	}
	return nil
}

// planned returns the estimated time of a cell in a block.
func planned(c *record.Cell) time.Duration { return time.Duration(calls(c)) * c.Estimate }

// attemptsAt returns how many attempts at a block of a cell are stored.
func attemptsAt(c *record.Cell, block int) (n int) {
	for i := range c.Samples {
		if s := &c.Samples[i]; s.Block == block {
			n = max(n, s.Attempt+1)
		}
	}
	return n
}

// disturbedAt reports whether a block of a cell was disturbed.
func disturbedAt(c *record.Cell, block int) bool {
	return slices.ContainsFunc(c.Samples, func(s record.Sample) bool { return s.Block == block && len(s.Disturbed) > 0 })
}
