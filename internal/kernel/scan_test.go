package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/archbench/archbench/internal/sharedtest"
)

// scanCase returns a Scan over random data with B and C inside wider rows, as in the models.
func scanCase(r *rand.Rand, length, channels, states int) Scan {
	const before = 3
	stride := before + 2*states
	bc := Rows{normals(r, length*stride), stride}
	s := Scan{
		Len: length, Channels: channels, States: states,
		U: normals(r, length*channels), Delta: normals(r, length*channels),
		B: bc.From(0, before), C: bc.From(0, before+states),
		A: normals(r, channels*states), D: normals(r, channels), H: normals(r, channels*states),
		Y: make([]float32, length*channels),
	}
	for i, v := range s.Delta {
		s.Delta[i] = v * v
	}
	for i, v := range s.A {
		s.A[i] = -v * v
	}
	return s
}

func normals(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// scanValue returns Σ w·y of a scan, in float64 by definition.
func scanValue(s Scan, w []float32) float64 {
	h := make([]float64, len(s.H))
	for i, v := range s.H {
		h[i] = float64(v)
	}
	var sum float64
	for t := range s.Len {
		for e := range s.Channels {
			u, delta := float64(s.U[t*s.Channels+e]), float64(s.Delta[t*s.Channels+e])
			y := float64(s.D[e]) * u
			for i := range s.States {
				j := ScanIndex(s.Channels, s.States, e, i)
				b, c := float64(rowOf(s.B, t, s.States)[i]), float64(rowOf(s.C, t, s.States)[i])
				h[j] = math.Exp(delta*float64(s.A[j]))*h[j] + delta*b*u
				y += c * h[j]
			}
			sum += float64(w[t*s.Channels+e]) * y
		}
	}
	return sum
}

func TestScanMatchesDefinition(t *testing.T) { everyTier(t, scanMatchesDefinition) }

func scanMatchesDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, size := range [][3]int{{1, 1, 1}, {3, 5, 4}, {17, 67, 16}, {40, 130, 3}} {
		s := scanCase(r, size[0], size[1], size[2])
		h := slices.Clone(s.H)
		s.Run(nil)
		s.H = h
		w := make([]float32, len(s.Y))
		var worst float64
		for i := 0; i < len(s.Y); i += 1 + len(s.Y)/50 {
			w[i] = 1
			worst = max(worst, math.Abs(float64(s.Y[i])-scanValue(s, w)))
			w[i] = 0
		}
		t.Logf("%v: largest difference %.2g", size, worst)
		if worst > 2e-5 {
			t.Errorf("%v: output differs from the definition by %g", size, worst)
		}
	}
}

func TestScanInPiecesAndOnThreads(t *testing.T) { everyTier(t, scanInPiecesAndOnThreads) }

func scanInPiecesAndOnThreads(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	const length, channels, states = 37, 150, 8
	whole := scanCase(r, length, channels, states)
	start := slices.Clone(whole.H)
	whole.Run(nil)
	for _, threads := range []int{1, 2, 3} {
		for _, step := range []int{1, 3, 16, 36} {
			t.Run(fmt.Sprintf("threads=%d/step=%d", threads, step), func(t *testing.T) {
				pool := NewPool(threads)
				defer pool.Close()
				got := whole
				got.H, got.Y = slices.Clone(start), make([]float32, length*channels)
				for at := 0; at < length; at += step {
					piece := got
					piece.Len = min(step, length-at)
					piece.U, piece.Delta, piece.Y = got.U[at*channels:], got.Delta[at*channels:], got.Y[at*channels:]
					piece.B, piece.C = got.B.From(at, 0), got.C.From(at, 0)
					piece.Run(pool)
				}
				if !slices.Equal(got.Y, whole.Y) || !slices.Equal(got.H, whole.H) {
					t.Error("outputs or states differ from those of one piece on one thread")
				}
			})
		}
	}
}

func TestScanDecayUnderflows(t *testing.T) {
	s := Scan{
		Len: 1, Channels: 1, States: 1, U: []float32{1}, Delta: []float32{1e4}, B: Rows{[]float32{1}, 1}, C: Rows{[]float32{1}, 1},
		A: []float32{-1e4}, D: []float32{0}, H: []float32{7}, Y: []float32{0},
	}
	s.Run(nil)
	if s.Y[0] != 1e4 {
		t.Errorf("y = %v, want 1e4: the old state is forgotten", s.Y[0])
	}
}

func TestScanAllocatesNothing(t *testing.T) {
	pool := NewPool(1)
	defer pool.Close()
	s := scanCase(rand.New(rand.NewPCG(5, 6)), 4, 128, 16)
	if n := sharedtest.AllocsPerRun(t, 100, func() { s.Run(pool) }); n != 0 {
		t.Errorf("%v allocations a run, want 0", n)
	}
}

// TestScanGrad compares gradients with central differences of the definition in float64.
func TestScanGrad(t *testing.T) { everyTier(t, scanGrad) }

func scanGrad(t *testing.T) {
	for _, size := range [][3]int{{1, 2, 3}, {5, 3, 4}, {saveEvery, 9, 2}, {2*saveEvery + 5, scanBlock*scanGroup + 3, 4}} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			r := rand.New(rand.NewPCG(7, uint64(size[0])))
			s := scanCase(r, size[0], size[1], size[2])
			g := runScanGrad(r, s, 1)
			check := func(name string, x, grad []float32) {
				worst := 0.0
				for range 20 {
					i := r.IntN(len(x))
					worst = max(worst, math.Abs(float64(grad[i])-slope(x, i, func() float64 { return scanValue(s, g.DY) })))
				}
				scale := largest(grad)
				t.Logf("d%s: largest difference %.2g of %.2g", name, worst, scale)
				if worst > 2e-4*scale+1e-5 {
					t.Errorf("d%s differs from central differences by %g of %g", name, worst, scale)
				}
			}
			check("U", s.U, g.DU)
			check("Delta", s.Delta, g.DDelta)
			check("A", s.A, g.DA)
			check("D", s.D, g.DD)
			// B and C share rows with other columns, whose gradient stays 0.
			check("BC", s.B.Data[:len(g.DB.Data)], g.DB.Data)
		})
	}
}

func TestScanGradOnThreads(t *testing.T) { everyTier(t, scanGradOnThreads) }

func scanGradOnThreads(t *testing.T) {
	one := runScanGrad(rand.New(rand.NewPCG(9, 9)), scanCase(rand.New(rand.NewPCG(8, 8)), 20, 3*scanBlock*scanGroup+1, 5), 1)
	two := runScanGrad(rand.New(rand.NewPCG(9, 9)), scanCase(rand.New(rand.NewPCG(8, 8)), 20, 3*scanBlock*scanGroup+1, 5), 3)
	if !slices.Equal(one.DB.Data, two.DB.Data) || !slices.Equal(one.DA, two.DA) || !slices.Equal(one.DU, two.DU) {
		t.Error("gradients depend on the number of threads")
	}
}

// runScanGrad runs s forward and backward with a random output gradient. The gradients of B and C share rows as B and C
// do.
func runScanGrad(r *rand.Rand, s Scan, threads int) ScanGrad {
	pool := NewPool(threads)
	defer pool.Close()
	start := slices.Clone(s.H)
	s.Saved = make([]float32, s.SavedLen())
	s.Run(pool)
	copy(s.H, start)
	d := Rows{make([]float32, len(s.B.Data)), s.B.Stride}
	g := ScanGrad{
		Scan: s, DY: normals(r, len(s.Y)),
		DU: make([]float32, len(s.U)), DDelta: make([]float32, len(s.U)),
		DB: d, DC: d.From(0, s.States),
		DA: make([]float32, len(s.A)), DD: make([]float32, len(s.D)),
	}
	g.Parts = make([]float32, g.PartsLen())
	g.Run(pool)
	return g
}

// slope is the central difference of f along x[i]; f reads x.
func slope(x []float32, i int, f func() float64) float64 {
	old := x[i]
	defer func() { x[i] = old }()
	x[i] = old + 1e-3
	up, hi := f(), x[i]
	x[i] = old - 1e-3
	down, lo := f(), x[i]
	return (up - down) / (float64(hi) - float64(lo))
}

// largest returns max |x|.
func largest(x []float32) float64 {
	var m float64
	for _, v := range x {
		m = max(m, math.Abs(float64(v)))
	}
	return m
}

// BenchmarkScan times 64 tokens of a layer of mamba-130m and of mamba2-130m.
func BenchmarkScan(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	scan := scanCase(r, 64, 1536, 16)
	b.Run("mamba", func(b *testing.B) {
		for b.Loop() {
			scan.Run(nil)
		}
		reportRates(b, 7*64*1536*16, 4*(3*64*1536+3*1536*16))
	})
	ssd := ssdCase(r, 64, 24, 64, 1, 128)
	b.Run("mamba2", func(b *testing.B) {
		for b.Loop() {
			ssd.Run(nil)
		}
		reportRates(b, 5*64*1536*128, 4*(2*64*1536+2*1536*128))
	})
	conv := convCase(r, 64, 1536, 4)
	b.Run("conv", func(b *testing.B) {
		for b.Loop() {
			conv.Run(nil)
		}
		reportRates(b, 8*64*1536, 4*2*64*1536)
	})
}
