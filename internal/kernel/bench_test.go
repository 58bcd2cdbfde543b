package kernel

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// gaussians returns n values of N(0, 1).
func gaussians(seed uint64, n int) []float32 {
	r := rand.New(rand.NewPCG(seed, 0))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// packGaussians returns a matrix of normally distributed weights.
func packGaussians(f Format, out, in int) (Matrix, []float32) {
	w := gaussians(uint64(out*in), out*in)
	return NewMatrix(f, out, in, func(o int, dst []float32) { copy(dst, w[o*in:]) }), w
}

func mustFormat(tb testing.TB, name string) Format {
	tb.Helper()
	f, err := ParseFormat(name)
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

// BenchmarkMulT times products in every precision, with many rows as in prefill and with one as in decoding.
func BenchmarkMulT(b *testing.B) {
	for _, rows := range []int{1, 64} {
		for _, name := range FormatNames {
			for _, threads := range []int{1, 2} {
				b.Run(fmt.Sprintf("rows=%d/%s/threads=%d", rows, name, threads), func(b *testing.B) {
					const out, in = 768, 768
					m, _ := packGaussians(mustFormat(b, name), out, in)
					x, y := gaussians(1, rows*in), make([]float32, rows*out)
					pool := NewPool(threads)
					defer pool.Close()
					b.ReportAllocs()
					for b.Loop() {
						m.MulT(pool, y, x, rows)
					}
					reportRates(b, 2*rows*out*in, m.Bytes())
				})
			}
		}
	}
}

// reportRates adds GFLOP/s and GB/s of the operands to a benchmark.
func reportRates[T int | int64](b *testing.B, flops int, bytes T) {
	seconds := b.Elapsed().Seconds() / float64(b.N)
	b.ReportMetric(float64(flops)/seconds/1e9, "GFLOP/s")
	b.ReportMetric(float64(bytes)/seconds/1e9, "GB/s")
}
