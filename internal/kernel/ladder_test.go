package kernel

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// rung is an operation of the ladder.
type rung struct {
	name   string
	flops  int // per run, by the counting rule of the models; 0: only bytes count
	bytes  int // operands and results, each counted once
	format Format
	setup  func(tr *tier) (run func()) // makes the operands
}

// BenchmarkLadder runs each forward and backward operation on each tier that this CPU has, on one thread. The ceiling
// is the roofline: the longer of the time for the operation's FLOPs at the tier's own rate (for bf16 and int8
// activations, that of their products) and the time to read as many bytes. Results are written while operands are read,
// so memory-bound operations may pass it. `make bench-kernels` prints it.
func BenchmarkLadder(b *testing.B) {
	for _, list := range [][]rung{ladderProducts(), ladderRows(), ladderSequences()} {
		for i := range list {
			eachTier(b, list[i].name, list[i].climb)
		}
	}
}

// eachTier runs a benchmark on every usable tier, slowest first.
func eachTier(b *testing.B, name string, run func(b *testing.B, tr *tier)) {
	for _, tr := range slices.Backward(tiers) {
		if tr.usable() {
			b.Run(name+"/"+tr.name, func(b *testing.B) { withTier(b, tr, func() { run(b, tr) }) })
		}
	}
}

// climb times the operation, and reports its rate and its fraction of the ceiling.
func (r *rung) climb(b *testing.B, tr *tier) {
	run := r.setup(tr)
	run()
	for b.Loop() {
		run()
	}
	seconds := b.Elapsed().Seconds() / float64(b.N)
	least := readingTime(tr, r.bytes)
	if r.flops > 0 {
		b.ReportMetric(float64(r.flops)/seconds/1e9, "GFLOP/s")
		least = max(least, float64(r.flops)/arithmeticCeiling(tr, r.format))
	}
	b.ReportMetric(float64(r.bytes)/seconds/1e9, "GB/s")
	b.ReportMetric(100*least/seconds, "%ceiling")
}

// arithmeticCeiling is the rate of the instruction used by a format's products, in operations per second.
func arithmeticCeiling(tr *tier, f Format) float64 {
	best := tr.ceilings[0]
	for _, c := range tr.ceilings { // AMX comes last
		if base, _, _ := strings.Cut(f.String(), "-"); slices.Contains(c.Precisions, base) {
			best = c
		}
	}
	const rounds = 1 << 16
	return best.Amount * rounds / fastest(func() { best.Run(rounds) })
}

// readingTime is how long the tier takes to read that many bytes from wherever they are: a cache or memory.
func readingTime(tr *tier, bytes int) float64 {
	memory := make([]byte, bytes)
	for i := range memory {
		memory[i] = byte(i)
	}
	const enough = 1 << 20 // enough for the clock's resolution
	times := 1 + enough/bytes
	return fastest(func() {
		for range times {
			tr.read(memory)
		}
	}) / float64(times)
}

// fastest returns the shortest of several runs, in seconds.
func fastest(run func()) float64 {
	least := time.Hour
	for range 7 {
		start := time.Now()
		run()
		least = min(least, time.Since(start))
	}
	return least.Seconds()
}
