package main

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/lm"
)

// footprints are the amounts of memory read by all threads together: within the cores' caches, about the size of a shared
// cache, and beyond it.
var footprints = []int{1 << 20, 16 << 20, 256 << 20}

const (
	duration   = 300 * time.Millisecond // time spent on each ceiling
	passBytes  = 64 << 20               // minimum per pass, so that the start of the threads does not matter
	passRounds = 1 << 17                // rounds of arithmetic per pass, about a millisecond, for the same reason
)

// Calibrate implements lm.Calibrator. It measures how fast all threads together read memory and do the arithmetic of the
// active kernel tier. Each ceiling is the best of all passes, because a disturbance can only slow a pass down.
func (architecture) Calibrate(ctx context.Context, threads int) (lm.Roofline, error) {
	if threads < 0 {
		return lm.Roofline{}, lm.Errorf(lm.Invalid, "calibrate", "threads is %d", threads)
	}
	if err := kernel.Available(); err != nil {
		return lm.Roofline{}, &lm.Error{Op: "calibrate", Kind: lm.Unsupported, Err: err}
	}
	if threads == 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	c := calibration{roofline: lm.Roofline{Threads: threads}}
	c.read(ctx)
	c.compute(ctx)
	if c.err != nil {
		return lm.Roofline{}, c.err
	}
	return c.roofline, nil
}

// calibration collects ceilings until the first error.
type calibration struct {
	roofline lm.Roofline
	err      error
}

// read measures the bandwidth of reading at each footprint.
func (c *calibration) read(ctx context.Context) {
	memory := make([]byte, footprints[len(footprints)-1])
	for i := range memory {
		memory[i] = byte(i) // unwritten pages would all map to one page of zeros
	}
	threads := c.roofline.Threads
	for _, bytes := range footprints {
		rounds := max(1, passBytes/bytes)
		limit := lm.Ceiling{Name: fmt.Sprintf("read.%dMiB", bytes>>20), Operation: lm.Reading, Footprint: int64(bytes), Unit: "B/s"}
		c.measure(ctx, limit, float64(bytes*rounds), func(t int) {
			for range rounds {
				kernel.Read(memory[bytes*t/threads : bytes*(t+1)/threads])
			}
		})
	}
}

// compute measures the arithmetic of the active tier.
func (c *calibration) compute(ctx context.Context) {
	for _, l := range kernel.Ceilings() {
		limit := lm.Ceiling{Name: l.Name, Operation: lm.Arithmetic, Precisions: l.Precisions, Unit: l.Unit}
		c.measure(ctx, limit, l.Amount*passRounds*float64(c.roofline.Threads), func(int) { l.Run(passRounds) })
	}
}

// measure repeats a pass of all threads for a while and keeps the highest rate, in amounts per second.
func (c *calibration) measure(ctx context.Context, limit lm.Ceiling, amount float64, pass func(thread int)) {
	for end := time.Now().Add(duration); c.err == nil && time.Now().Before(end); c.err = ctx.Err() {
		start := time.Now()
		var wg sync.WaitGroup
		for t := 1; t < c.roofline.Threads; t++ {
			wg.Go(func() { pass(t) })
		}
		pass(0)
		wg.Wait()
		limit.Value = max(limit.Value, amount/time.Since(start).Seconds())
	}
	limit.Kernels = kernel.Tier()
	c.roofline.Ceilings = append(c.roofline.Ceilings, limit)
}
