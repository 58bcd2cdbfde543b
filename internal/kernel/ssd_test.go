package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// ssdCase returns an SSD over random data with X, B and C side by side in one row, as in the models.
func ssdCase(r *rand.Rand, length, heads, dim, groups, states int) SSD {
	stride := heads*dim + 2*groups*states
	all := Rows{normals(r, length*stride), stride}
	s := SSD{
		Len: length, Heads: heads, Dim: dim, Groups: groups, States: states,
		X: all, Delta: normals(r, length*heads), B: all.From(0, heads*dim), C: all.From(0, heads*dim+groups*states),
		A: normals(r, heads), D: normals(r, heads), H: normals(r, heads*dim*states),
		Y: make([]float32, length*heads*dim),
	}
	for i, v := range s.Delta {
		s.Delta[i] = v * v
	}
	for i, v := range s.A {
		s.A[i] = -v * v
	}
	return s
}

// asScan expands an SSD to the equivalent scans, one per head.
func asScan(s SSD, j int) Scan {
	w := Scan{Len: s.Len, Channels: s.Dim, States: s.States, Y: make([]float32, s.Len*s.Dim)}
	g := j / (s.Heads / s.Groups)
	w.B, w.C = s.B.From(0, g*s.States), s.C.From(0, g*s.States)
	for t := range s.Len {
		w.U = append(w.U, s.x(j, t)...)
		for range s.Dim {
			w.Delta = append(w.Delta, s.Delta[t*s.Heads+j])
		}
	}
	for range s.Dim * s.States {
		w.A = append(w.A, s.A[j])
	}
	for range s.Dim {
		w.D = append(w.D, s.D[j])
	}
	w.H = slices.Clone(s.state(j))
	return w
}

func TestSSDIsAScan(t *testing.T) { everyTier(t, ssdIsAScan) }

func ssdIsAScan(t *testing.T) {
	for _, size := range [][5]int{{1, 1, 1, 1, 1}, {5, 4, 3, 2, 6}, {40, 6, 8, 3, 5}} {
		s := ssdCase(rand.New(rand.NewPCG(1, 1)), size[0], size[1], size[2], size[3], size[4])
		got := s
		got.H = slices.Clone(s.H)
		got.Run(nil)
		for j := range s.Heads {
			want := asScan(s, j)
			want.Run(nil)
			for i, h := range want.H {
				if d := math.Abs(float64(h - got.state(j)[i])); d > 1e-5 {
					t.Fatalf("%v: state of head %d differs by %g", size, j, d)
				}
			}
			for at := range s.Len {
				for p, y := range got.y(got.Y, j, at) {
					if d := math.Abs(float64(y - want.Y[at*s.Dim+p])); d > 2e-5 {
						t.Fatalf("%v: output of head %d at %d differs by %g", size, j, at, d)
					}
				}
			}
		}
	}
}

func TestSSDInPiecesAndOnThreads(t *testing.T) { everyTier(t, ssdInPiecesAndOnThreads) }

func ssdInPiecesAndOnThreads(t *testing.T) {
	const length, heads, dim = 37, 6, 10
	whole := ssdCase(rand.New(rand.NewPCG(3, 4)), length, heads, dim, 2, 8)
	start := slices.Clone(whole.H)
	whole.Run(nil)
	for _, threads := range []int{1, 3} {
		for _, step := range []int{1, 5, 16} {
			pool := NewPool(threads)
			got := whole
			got.H, got.Y = slices.Clone(start), make([]float32, length*heads*dim)
			for at := 0; at < length; at += step {
				piece := got
				piece.Len = min(step, length-at)
				piece.X, piece.B, piece.C = got.X.From(at, 0), got.B.From(at, 0), got.C.From(at, 0)
				piece.Delta, piece.Y = got.Delta[at*heads:], got.Y[at*heads*dim:]
				piece.Run(pool)
			}
			pool.Close()
			if !slices.Equal(got.Y, whole.Y) || !slices.Equal(got.H, whole.H) {
				t.Errorf("threads=%d step=%d: outputs or states differ from those of one piece on one thread", threads, step)
			}
		}
	}
}

// ssdValue returns Σ w·y in float64.
func ssdValue(s SSD, w []float32) (sum float64) {
	for j := range s.Heads {
		scan := asScan(s, j)
		var part []float32
		for t := range s.Len {
			part = append(part, s.y(w, j, t)...)
		}
		sum += scanValue(scan, part)
	}
	return sum
}

// TestSSDGrad compares gradients with central differences of the definition in float64.
func TestSSDGrad(t *testing.T) { everyTier(t, ssdGrad) }

func ssdGrad(t *testing.T) {
	for _, size := range [][5]int{{1, 2, 3, 1, 2}, {5, 4, 3, 2, 4}, {2*saveEvery + 3, 4, 5, 4, 3}} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			r := rand.New(rand.NewPCG(7, uint64(size[0])))
			s := ssdCase(r, size[0], size[1], size[2], size[3], size[4])
			g := runSSDGrad(r, s, 2)
			for _, v := range []struct {
				name    string
				x, grad []float32
			}{
				{"X, B, C", s.X.Data, g.DX.Data}, {"Delta", s.Delta, g.DDelta}, {"A", s.A, g.DA}, {"D", s.D, g.DD},
			} {
				worst, scale := 0.0, largest(v.grad)
				for range 30 {
					i := r.IntN(len(v.x))
					want := slope(v.x, i, func() float64 { return ssdValue(s, g.DY) })
					worst = max(worst, math.Abs(float64(v.grad[i])-want))
				}
				t.Logf("d%s: largest difference %.2g of %.2g", v.name, worst, scale)
				if worst > 2e-4*scale+1e-5 {
					t.Errorf("d%s differs from central differences by %g of %g", v.name, worst, scale)
				}
			}
		})
	}
}

// runSSDGrad runs s forward and backward with a random output gradient.
func runSSDGrad(r *rand.Rand, s SSD, threads int) SSDGrad {
	pool := NewPool(threads)
	defer pool.Close()
	start := slices.Clone(s.H)
	s.Saved = make([]float32, s.SavedLen())
	s.Run(pool)
	copy(s.H, start)
	d := Rows{make([]float32, len(s.X.Data)), s.X.Stride}
	g := SSDGrad{
		SSD: s, DY: normals(r, len(s.Y)), DX: d, DDelta: make([]float32, len(s.Delta)),
		DB: d.From(0, s.Heads*s.Dim), DC: d.From(0, s.Heads*s.Dim+s.Groups*s.States),
		DA: make([]float32, s.Heads), DD: make([]float32, s.Heads),
	}
	g.Parts = make([]float32, g.PartsLen())
	g.Run(pool)
	return g
}
