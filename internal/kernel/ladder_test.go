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
	flops  int // of one run, by the rule of the model's costs; 0: only its bytes count
	bytes  int // of operands and results, each once
	format Format
	setup  func(tr *tier) (run func()) // makes the operands
}

// BenchmarkLadder runs each operation of the forward and the backward on each tier that this CPU has, on one thread. The
// ceiling is the roofline: the time of the operation's FLOPs at the tier's own rate (for bf16 and int8 activations that
// of their products), or that of reading as many bytes, whichever is longer. Results go back to memory beside what is
// read, so operations that do little else may pass it. `make bench-kernels` prints it.
func BenchmarkLadder(b *testing.B) {
	for _, list := range [][]rung{ladderProducts(), ladderRows(), ladderSequences()} {
		for i := range list {
			eachTier(b, list[i].name, list[i].climb)
		}
	}
}

// eachTier runs a benchmark on every usable tier, the slowest first.
func eachTier(b *testing.B, name string, run func(b *testing.B, tr *tier)) {
	for _, tr := range slices.Backward(tiers) {
		if tr.usable() {
			b.Run(name+"/"+tr.name, func(b *testing.B) { withTier(b, tr, func() { run(b, tr) }) })
		}
	}
}

// climb times the operation, and reports its rate and its share of the ceiling.
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

// arithmeticCeiling is the rate of the instruction that a format's products use, in operations per second.
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

// readingTime is how long the tier takes to read so many bytes, which lie where the caches leave them.
func readingTime(tr *tier, bytes int) float64 {
	memory := make([]byte, bytes)
	for i := range memory {
		memory[i] = byte(i)
	}
	const enough = 1 << 20 // for the clock
	times := 1 + enough/bytes
	return fastest(func() {
		for range times {
			tr.read(memory)
		}
	}) / float64(times)
}

// fastest returns the least seconds of a few runs.
func fastest(run func()) float64 {
	least := time.Hour
	for range 7 {
		start := time.Now()
		run()
		least = min(least, time.Since(start))
	}
	return least.Seconds()
}
