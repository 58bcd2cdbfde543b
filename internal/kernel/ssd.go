package kernel

import (
	"math"
	"sync"
)

// SSD is one document's piece of the recurrence of Mamba-2 (Dao and Gu 2024, section 3), a state-space model whose decay
// is one number a head. Head j of Dim channels reads input and output maps of group g = j / (Heads/Groups). For token
// t, channel p and state n
//
//	h[j,p,n] ← exp(Δ[t,j]·A[j])·h[j,p,n] + Δ[t,j]·B[t,g,n]·x[t,j,p]
//	y[t,j,p] = Σ_n C[t,g,n]·h[j,p,n] + D[j]·x[t,j,p]
//
// Heads are independent and each one's sums have a fixed order, so results depend neither on the pool nor on where a
// document is cut into pieces.
type SSD struct {
	Len, Heads, Dim, Groups, States int

	X     Rows      // [len, heads·dim]
	Delta []float32 // [len, heads]
	B, C  Rows      // [len, groups·states]
	A, D  []float32 // [heads]
	H     []float32 // [heads, dim, states]; the state before the piece, replaced by that after it
	Y     []float32 // [len, heads·dim]; the output

	// Saved, if not nil, receives the state before every saveEvery-th token, for backward: SavedLen floats.
	Saved []float32
}

// SavedLen is the length of Saved: [heads, ⌈len/saveEvery⌉, dim, states].
func (s *SSD) SavedLen() int { return s.Heads * s.saves() * s.Dim * s.States }

func (s *SSD) saves() int { return (s.Len + saveEvery - 1) / saveEvery }

// Run computes Y and advances H.
func (s SSD) Run(pool *Pool) {
	run := ssdRuns.Get().(*ssdRun)
	run.SSD = s
	if s.Len*s.Heads*s.Dim*s.States < serialScan {
		run.Do(0, s.Heads)
	} else {
		pool.Run(s.Heads, run)
	}
	run.SSD = SSD{}
	ssdRuns.Put(run)
}

// ssdRun is an SSD in flight. Runs are reused, so that decoding allocates nothing.
type ssdRun struct{ SSD }

var ssdRuns = sync.Pool{New: func() any { return &ssdRun{} }}

// Do runs heads [lo, hi).
func (s *ssdRun) Do(lo, hi int) {
	for j := lo; j < hi; j++ {
		s.head(j)
	}
}

// head walks head j through time.
func (s *SSD) head(j int) {
	n := s.States
	h := s.state(j)
	for t := range s.Len {
		if s.Saved != nil && t%saveEvery == 0 {
			copy(s.saved(j, t), h)
		}
		b, c := s.maps(j, t)
		delta, x, y := s.Delta[t*s.Heads+j], s.x(j, t), s.y(s.Y, j, t)
		decay := s.decay(j, t)
		for p, v := range x {
			y[p] = active.scan.channel(h[p*n:(p+1)*n], b, c, decay, delta*v) + s.D[j]*v
		}
	}
}

// ssdStep implements scanKernels.
func ssdStep(h, b, c []float32, decay, input float32) (y float32) {
	b, c = b[:len(h)], c[:len(h)]
	for i, v := range h {
		v = decay*v + input*b[i]
		h[i] = v
		y += c[i] * v
	}
	return y
}

// decay returns exp(Δ·A).
func (s *SSD) decay(j, t int) float32 {
	return float32(math.Exp(float64(max(s.Delta[t*s.Heads+j]*s.A[j], leastDecay))))
}

// state returns the state of head j.
func (s *SSD) state(j int) []float32 {
	size := s.Dim * s.States
	return s.H[j*size:][:size]
}

// saved returns the saved state of head j before token t, a multiple of saveEvery.
func (s *SSD) saved(j, t int) []float32 {
	size := s.Dim * s.States
	return s.Saved[(j*s.saves()+t/saveEvery)*size:][:size]
}

// maps returns B and C of head j's group.
func (s *SSD) maps(j, t int) (b, c []float32) {
	g := j / (s.Heads / s.Groups)
	return rowOf(s.B.From(t, g*s.States), 0, s.States), rowOf(s.C.From(t, g*s.States), 0, s.States)
}

// x returns the inputs of head j.
func (s *SSD) x(j, t int) []float32 { return rowOf(s.X.From(t, j*s.Dim), 0, s.Dim) }

// y returns the part of head j in a matrix like Y.
func (s *SSD) y(m []float32, j, t int) []float32 { return m[(t*s.Heads+j)*s.Dim:][:s.Dim] }
