package kernel

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkLadder runs each operation on each tier that this CPU has, on one thread, with its share of the ceiling that
// binds: the tier's own multiply-adds (for bf16 and int8 activations, its products of those) where many rows are
// multiplied, reading memory at the weights' footprint where one row is. `make bench-kernels` prints it.
func BenchmarkLadder(b *testing.B) {
	for _, format := range []string{"f32", "bf16", "int8", "int4", "nf4", "int8a8", "int4a8"} {
		for _, size := range [][3]int{{512, 2304, 768}, {512, 768, 3072}, {1024, 1024, 1024}, {1, 4096, 4096}, {1, 11008, 4096}} {
			eachTier(b, fmt.Sprintf("product/%s/%dx%dx%d", format, size[0], size[1], size[2]), func(b *testing.B, tr *tier) {
				ladderProduct(b, tr, format, size[0], size[1], size[2])
			})
		}
	}
	x, y := gaussians(1, 2048), make([]float32, 2048)
	for name, op := range map[string]func(tr *tier){
		"exp": func(tr *tier) { tr.exp(y, x) }, "silu": func(tr *tier) { tr.silu(y, x) }, "gelu_new": func(tr *tier) { tr.geluNew(y, x) },
		"softplus": func(tr *tier) { tr.softplus(y, x) }, "softmax": func(tr *tier) { tr.softmax(y, x) },
		"logsumexp": func(tr *tier) { tr.logSumExp(x) }, "rmsnorm": func(tr *tier) { tr.rmsNorm(y, x, x, 1e-5) },
		"layernorm": func(tr *tier) { tr.layerNorm(y, x, x, x, 1e-5) },
	} {
		eachTier(b, "row/"+name, func(b *testing.B, tr *tier) {
			for b.Loop() {
				op(tr)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(x)), "ns/element")
		})
	}
}

// eachTier runs a benchmark on every usable tier, the slowest first.
func eachTier(b *testing.B, name string, run func(b *testing.B, tr *tier)) {
	for i := len(tiers) - 1; i >= 0; i-- {
		if tr := tiers[i]; tr.usable() {
			b.Run(name+"/"+tr.name, func(b *testing.B) { withTier(b, tr, func() { run(b, tr) }) })
		}
	}
}

func ladderProduct(b *testing.B, tr *tier, name string, rows, out, in int) {
	f, err := ParseFormat(name)
	if err != nil {
		b.Fatal(err)
	}
	line := gaussians(2, in)
	w := NewMatrix(f, out, in, func(_ int, dst []float32) { copy(dst, line) })
	x, y := gaussians(3, rows*in), make([]float32, rows*out)
	w.MulT(nil, y, x, rows)
	for b.Loop() {
		w.MulT(nil, y, x, rows)
	}
	seconds := b.Elapsed().Seconds() / float64(b.N)
	flops := 2 * float64(rows) * float64(out) * float64(in)
	if rows > 1 {
		b.ReportMetric(flops/seconds/1e9, "GFLOP/s")
		b.ReportMetric(100*flops/seconds/arithmeticCeiling(tr, f), "%ceiling")
		return
	}
	memory := make([]byte, w.Bytes())
	for i := range memory {
		memory[i] = byte(i)
	}
	reading := fastest(func() { tr.read(memory) })
	b.ReportMetric(float64(w.Bytes())/seconds/1e9, "GB/s")
	b.ReportMetric(100*reading/seconds, "%ceiling")
}

// arithmeticCeiling is the rate of the instruction that a format's products use, in operations per second.
func arithmeticCeiling(tr *tier, f Format) float64 {
	best := tr.ceilings[0]
	for _, c := range tr.ceilings {
		if f.A8 && c.Name == "dot.int8" || f == BF16 && c.Name == "dot.bf16" {
			best = c
		}
	}
	const rounds = 1 << 16
	return best.Amount * rounds / fastest(func() { best.Run(rounds) })
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
