package main

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"sync"
	"time"

	"github.com/archbench/archbench/lm"
)

// footprints are the sizes of memory that are read, over all threads: inside a core's cache, about a shared cache,
// and beyond.
var footprints = []int{1 << 20, 16 << 20, 256 << 20}

// passBytes is the least that one pass reads, going over a small footprint again, so that starting the threads does
// not count.
const passBytes = 64 << 20

// spell is how long each ceiling is measured.
const spell = 300 * time.Millisecond

// Calibrate implements lm.Calibrator: how fast the threads together can read memory and multiply-add in float32, in
// plain Go. Each ceiling is the best of all passes, since a disturbance can only slow one down.
func (architecture) Calibrate(ctx context.Context, threads int) (lm.Roofline, error) {
	if threads < 0 {
		return lm.Roofline{}, lm.Errorf(lm.Invalid, "calibrate", "threads is %d", threads)
	}
	if threads == 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	r := lm.Roofline{Threads: threads}
	memory := make([]uint64, footprints[len(footprints)-1]/8)
	for i := range memory {
		memory[i] = uint64(i) // pages that were never written share one page of zeros
	}
	for _, bytes := range footprints {
		rounds := max(1, passBytes/bytes)
		value, err := best(ctx, threads, float64(bytes*rounds), readers(memory[:bytes/8], threads, rounds))
		if err != nil {
			return lm.Roofline{}, err
		}
		r.Ceilings = append(r.Ceilings, lm.Ceiling{
			Name: fmt.Sprintf("read.%dMiB", bytes>>20), Unit: "B/s", Value: value, Kernels: kernels,
		})
	}
	value, err := best(ctx, threads, float64(threads*fmaFLOPs), func(int) { multiplyAdd() })
	if err != nil {
		return lm.Roofline{}, err
	}
	r.Ceilings = append(r.Ceilings, lm.Ceiling{Name: "fma.f32", Unit: "FLOP/s", Value: value, Kernels: kernels})
	return r, nil
}

// best repeats a pass of all threads for a spell and returns the highest rate in amounts per second.
func best(ctx context.Context, threads int, amount float64, pass func(thread int)) (float64, error) {
	var rate float64
	for end := time.Now().Add(spell); time.Now().Before(end); {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		start := time.Now()
		var wg sync.WaitGroup
		for t := 1; t < threads; t++ {
			wg.Go(func() { pass(t) })
		}
		pass(0)
		wg.Wait()
		rate = math.Max(rate, amount/time.Since(start).Seconds())
	}
	return rate, nil
}

// readers splits memory over threads; each reads its part that many times in a pass.
func readers(memory []uint64, threads, rounds int) func(thread int) {
	sums := make([]uint64, threads*8) // one cache line each
	return func(t int) {
		part := memory[len(memory)*t/threads : len(memory)*(t+1)/threads]
		for range rounds {
			sums[8*t] += sum(part)
		}
	}
}

// sum reads eight words at a time into independent sums: the loads, not the additions, bind.
func sum(words []uint64) uint64 {
	var a, b, c, d, e, f, g, h uint64
	for len(words) >= 8 {
		w := words[:8:8]
		a, b, c, d = a+w[0], b+w[1], c+w[2], d+w[3]
		e, f, g, h = e+w[4], f+w[5], g+w[6], h+w[7]
		words = words[8:]
	}
	return a + b + c + d + e + f + g + h
}

// fmaFLOPs is the work of one multiplyAdd.
const (
	fmaSteps = 1 << 20
	fmaFLOPs = 2 * 8 * fmaSteps
)

// sink keeps the compiler from dropping the work.
var sink float32

// multiplyAdd runs eight independent chains of x·y + z, which stay finite.
func multiplyAdd() {
	const y, z = 0.5, 1
	var a, b, c, d, e, f, g, h float32 = 1, 2, 3, 4, 5, 6, 7, 8
	for range fmaSteps {
		a, b, c, d = a*y+z, b*y+z, c*y+z, d*y+z
		e, f, g, h = e*y+z, f*y+z, g*y+z, h*y+z
	}
	if s := a + b + c + d + e + f + g + h; s < 0 { // never: the chains tend to 2
		sink = s
	}
}
