package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// scanTiers runs a test on the inner loops of every usable tier except the reference.
func scanTiers(t *testing.T, test func(t *testing.T, k scanKernels)) {
	for _, tr := range tiers {
		if tr != &reference && tr.usable() {
			t.Run(tr.name, func(t *testing.T) { test(t, tr.scan) })
		}
	}
}

// everyTier runs a test on every usable tier in turn.
func everyTier(t *testing.T, test func(t *testing.T)) {
	for _, tr := range tiers {
		if tr.usable() {
			t.Run(tr.name, func(t *testing.T) { withTier(t, tr, func() { test(t) }) })
		}
	}
}

// near32 fails unless got is within a few ulps of want, for numbers of size scale. NaN equals only NaN, and an infinity
// only itself.
func near32(t *testing.T, what string, got, want []float32, scale float64) {
	t.Helper()
	for i, a := range want {
		b := got[i]
		if class(a) != class(b) || class(a) == "finite" && math.Abs(float64(a)-float64(b)) > 1e-6*(scale+math.Abs(float64(a))) {
			t.Fatalf("%s %d is %v, want %v", what, i, b, a)
		}
	}
}

// unaligned returns a copy of x that starts off every vector boundary.
func unaligned(x []float32) []float32 { return append([]float32{7}, x...)[1:] }

func TestTierScanTokens(t *testing.T) {
	scanTiers(t, func(t *testing.T, k scanKernels) {
		r := rand.New(rand.NewPCG(1, 1))
		for _, states := range []int{1, 3, 16, 19} {
			for channels := 1; channels <= scanBlock+3; channels++ {
				want := scanCase(r, 5, channels, states)
				want.Delta[0], want.U[channels/2] = 0, float32(math.Inf(1))
				want.H[len(want.H)/2] = float32(math.NaN())
				want.H[0] = 1e-41
				want.A[len(want.A)-1] = -1e30 // its decay is the least
				got := want
				got.H, got.Y = unaligned(want.H), unaligned(want.Y)
				for lo := 0; lo < channels; lo += scanBlock {
					hi := min(channels, lo+scanBlock)
					scanTokens(&want, 1, 5, lo, hi)
					k.tokens(&got, 1, 5, lo, hi)
				}
				near32(t, "state", got.H, want.H, 10)
				near32(t, "output", got.Y, want.Y, 30)
			}
		}
	})
}

func TestTierSSDTokens(t *testing.T) {
	scanTiers(t, func(t *testing.T, k scanKernels) {
		r := rand.New(rand.NewPCG(2, 2))
		for _, states := range []int{1, 4, 7, 64} {
			for dim := 1; dim <= scanBlock; dim++ {
				want := ssdCase(r, 6, 4, dim, 2, states)
				want.H[len(want.H)/2] = float32(math.Inf(-1))
				got := want
				got.H, got.Y = unaligned(want.H), unaligned(want.Y)
				steps := []float32{.5, 2, 0, 1, 1, .1}
				for j := range want.Heads {
					ssdTokens(&want, j, 2, steps, 0, dim)
					k.ssd(&got, j, 2, steps, 0, dim)
				}
				near32(t, "state", got.H, want.H, 10)
				near32(t, "output", got.Y, want.Y, 100)
			}
		}
	})
}

func TestTierConvolve(t *testing.T) {
	scanTiers(t, func(t *testing.T, k scanKernels) {
		r := rand.New(rand.NewPCG(3, 3))
		for n := 1; n < 40; n++ {
			for _, taps := range []int{1, 2, 4, 5} {
				for _, tokens := range []int{1, 3} {
					rows := func(rows, stride int) Rows { return Rows{unaligned(normals(r, rows*stride)), stride} }
					w, x, bias := rows(taps, n+2), rows(tokens+taps-1, n+3), normals(r, n)
					x.Data[n/2] = float32(math.NaN())
					want := rows(tokens, n+1)
					got := Rows{slices.Clone(want.Data), n + 1}
					convolveReference(want, bias, w, taps, x, tokens)
					k.convolve(got, bias, w, taps, x, tokens)
					near32(t, "output", got.Data, want.Data, 10)
				}
			}
		}
	})
}

// TestTierScanBack compares the backward walk through a stretch.
func TestTierScanBack(t *testing.T) {
	scanTiers(t, func(t *testing.T, k scanKernels) {
		r := rand.New(rand.NewPCG(4, 4))
		for _, states := range []int{1, 2, 16, 17} {
			for _, tokens := range []int{1, 5, saveEvery} {
				want, got := walkCase(r, states), newScanWalk(states)
				got.tokens = want.tokens
				copy(got.h, want.h)
				copy(got.a, want.a)
				copy(got.g, want.g)
				b, c := Rows{normals(r, tokens*(states+1)), states + 1}, normals(r, states)
				scanStates(want, tokens, b)
				k.states(got, tokens, b)
				near32(t, "decay", flat(got.decay), flat(want.decay), .01)
				near32(t, "state", flat(got.h), flat(want.h), 10)
				sums := [2][]float32{normals(r, 2*states), nil}
				sums[1] = slices.Clone(sums[0])
				for at := tokens - 1; at >= 0; at-- {
					scanBack(want, at, b.Data, c, sums[0][:states], sums[0][states:])
					k.back(got, at, b.Data, c, sums[1][:states], sums[1][states:])
				}
				near32(t, "sum over channels", sums[1], sums[0], 300)
				near32(t, "adjoint", flat(got.g), flat(want.g), 100)
				near32(t, "gradient of A", flat(got.da), flat(want.da), 300)
				for at := range tokens {
					near32(t, "gradient of the input", got.tokens[at].dInput[:], want.tokens[at].dInput[:], 100)
					near32(t, "gradient of the step", got.tokens[at].dDelta[:], want.tokens[at].dDelta[:], 300)
				}
			}
		}
	})
}

// walkCase returns a walk with random inputs, states before the first token, decay rates and adjoints.
func walkCase(r *rand.Rand, states int) *scanWalk {
	w := newScanWalk(states)
	for s := range states {
		for e := range w.a[s] {
			w.h[s][e], w.g[s][e] = float32(r.NormFloat64()), float32(r.NormFloat64())
			w.a[s][e] = -float32(r.ExpFloat64())
		}
	}
	for t := range w.tokens {
		for e := range scanBlock {
			w.tokens[t].u[e], w.tokens[t].dy[e] = float32(r.NormFloat64()), float32(r.NormFloat64())
			w.tokens[t].delta[e] = float32(r.ExpFloat64())
		}
	}
	return w
}

// flat returns the numbers of rows.
func flat(rows []blockRow) (x []float32) {
	for _, row := range rows {
		x = append(x, row[:]...)
	}
	return x
}
