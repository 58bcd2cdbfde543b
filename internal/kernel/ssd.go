package kernel

import "sync"

// SSD is one document's piece of Mamba-2's recurrence (Dao and Gu 2024, section 3), a state-space model with one decay
// per head. Head j of Dim channels reads the input and output maps of group g = j / (Heads/Groups). For token t,
// channel p and state n
//
//	h[j,p,n] ← exp(Δ[t,j]·A[j])·h[j,p,n] + Δ[t,j]·B[t,g,n]·x[t,j,p]
//	y[t,j,p] = Σ_n C[t,g,n]·h[j,p,n] + D[j]·x[t,j,p]
//
// Heads are independent and each sums in a fixed order, so results depend neither on the pool nor on where a document
// is split.
type SSD struct {
	Len, Heads, Dim, Groups, States int

	X     Rows      // [len, heads·dim]
	Delta []float32 // [len, heads]
	B, C  Rows      // [len, groups·states]
	A, D  []float32 // [heads]
	H     []float32 // [heads, dim, states], each head in the order of ScanIndex; the state, updated in place
	Y     []float32 // [len, heads·dim]; the output

	// Saved, if not nil, receives the state before every saveEvery-th token for the backward pass: SavedLen floats.
	Saved []float32
}

// ssdStretch is the number of tokens whose decays are computed together.
const ssdStretch = 64

// SavedLen is the length of Saved: [heads, ⌈len/saveEvery⌉, dim, states].
func (s *SSD) SavedLen() int { return s.Heads * s.saves() * s.Dim * s.States }

func (s *SSD) saves() int { return (s.Len + saveEvery - 1) / saveEvery }

// Run computes Y and advances H.
func (s SSD) Run(pool *Pool) {
	spreadPooled(&ssdRuns, pool, s.Heads, ssdWork*s.Len*s.Heads*s.Dim*s.States, ssdRun{s})
}

// ssdRun is the state of one Run. It is pooled, so decoding does not allocate.
type ssdRun struct{ SSD }

var ssdRuns = sync.Pool{New: func() any { return &ssdRun{} }}

// Do runs heads [lo, hi).
func (s *ssdRun) Do(lo, hi int) {
	steps := ssdSteps.Get().(*ssdScratch)
	for j := lo; j < hi; j++ {
		s.head(steps, j)
	}
	ssdSteps.Put(steps)
}

// ssdScratch is a thread's memory for the tokens of a stretch: decays, and each decay paired with its Δ.
type ssdScratch struct {
	decays [ssdStretch]float32
	steps  [2 * ssdStretch]float32
}

var ssdSteps = sync.Pool{New: func() any { return new(ssdScratch) }}

// of returns the steps of head j from token t on.
func (w *ssdScratch) of(s *SSD, j, t, tokens int) []float32 {
	decays, steps := w.decays[:tokens], w.steps[:2*tokens]
	for i := range decays {
		steps[2*i+1] = s.Delta[(t+i)*s.Heads+j]
		decays[i] = max(steps[2*i+1]*s.A[j], leastDecay)
	}
	Exp(decays, decays)
	for i, v := range decays {
		steps[2*i] = v
	}
	return steps
}

// head advances head j through time.
func (s *SSD) head(w *ssdScratch, j int) {
	stretch := ssdStretch
	if s.Saved != nil {
		stretch = saveEvery
	}
	for t := 0; t < s.Len; t += stretch {
		if s.Saved != nil {
			copy(s.saved(j, t), s.state(j))
		}
		steps := w.of(s, j, t, min(stretch, s.Len-t))
		for lo := 0; lo < s.Dim; lo += scanBlock {
			active.scan.ssd(s, j, t, steps, lo, min(s.Dim, lo+scanBlock))
		}
	}
}

// ssdTokens implements scanKernels.
func ssdTokens(s *SSD, j, from int, steps []float32, lo, hi int) {
	state := s.state(j)[lo*s.States : hi*s.States]
	for i := 0; i < len(steps); i += 2 {
		t, decay, delta := from+i/2, steps[i], steps[i+1]
		b, c := s.maps(j, t)
		x, y := s.x(j, t)[lo:hi], s.y(s.Y, j, t)[lo:hi]
		for p, v := range x {
			y[p] = s.D[j] * v
		}
		for n := range s.States {
			h := state[n*(hi-lo) : (n+1)*(hi-lo)]
			for p, v := range h {
				h[p] = decay*v + delta*x[p]*b[n]
				y[p] += c[n] * h[p]
			}
		}
	}
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
