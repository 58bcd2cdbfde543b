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

// BenchmarkMulT times products in every precision: prefill-like with many rows, decode-like with one.
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

// BenchmarkMulAdd times the products of the backward pass.
func BenchmarkMulAdd(b *testing.B) {
	const m, n, k = 256, 768, 768
	x, y, c := gaussians(1, m*k), gaussians(2, k*n), make([]float32, m*n)
	for name, mul := range map[string]func(*Pool, []float32, []float32, []float32, int, int, int){"NN": MulNN, "TN": MulTN} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				mul(nil, c, x, y, m, n, k)
			}
			reportRates(b, 2*m*n*k, 4*(m*n+m*k+k*n))
		})
	}
}

// BenchmarkElementwise times the functions of one row of a transformer's feed-forward layer.
func BenchmarkElementwise(b *testing.B) {
	const n = 3072
	x, w, y := gaussians(1, n), gaussians(2, n), make([]float32, n)
	for _, c := range []struct {
		name string
		f    func()
	}{
		{"exp", func() { Exp(y, x) }},
		{"silu", func() { SiLU(y, x) }},
		{"gelu", func() { GELU(y, x) }},
		{"gelu_new", func() { GELUNew(y, x) }},
		{"softmax", func() { Softmax(y, x) }},
		{"rmsnorm", func() { RMSNorm(y, x, w, 1e-5) }},
		{"layernorm", func() { LayerNorm(y, x, w, w, 1e-5) }},
		{"dot", func() { y[0] = Dot(x, w) }},
		{"axpy", func() { Axpy(0.5, x, y) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				c.f()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/element")
		})
	}
}

// reportRates adds GFLOP/s and GB/s of the operands to a benchmark.
func reportRates[T int | int64](b *testing.B, flops int, bytes T) {
	seconds := b.Elapsed().Seconds() / float64(b.N)
	b.ReportMetric(float64(flops)/seconds/1e9, "GFLOP/s")
	b.ReportMetric(float64(bytes)/seconds/1e9, "GB/s")
}
