package kernel

import (
	"math"
	"sync"
)

// Scan is one document's piece of a selective scan, the recurrence of a diagonal state-space model whose step size
// and input and output maps depend on the token (Gu and Dao 2023, equation 2 and algorithm 2). For token t, channel
// e and state s
//
//	h[e,s] ← exp(Δ[t,e]·A[e,s])·h[e,s] + Δ[t,e]·B[t,s]·u[t,e]
//	y[t,e] = Σ_s C[t,s]·h[e,s] + D[e]·u[t,e]
//
// Channels are independent and each one's sums have a fixed order, so results depend neither on the pool nor on
// where a document is cut into pieces.
type Scan struct {
	Len, Channels, States int

	U, Delta []float32 // [len, channels]
	B, C     Rows      // [len, states]
	A        []float32 // [channels, states]
	D        []float32 // [channels]
	H        []float32 // [channels, states]; the state before the piece, replaced by that after it
	Y        []float32 // [len, channels]; the output

	// Saved, if not nil, receives the state before every saveEvery-th token, for backward: SavedLen floats.
	Saved []float32
}

const (
	// saveEvery is the distance between saved states: backward recomputes those between.
	saveEvery = 16
	// scanTile is the number of channels that walk through time together. Their states stay in the first-level
	// cache while the rows of U, Delta and Y are read in whole lines.
	scanTile = 64
	// serialScan is the number of state updates below which waking other threads costs more than it saves.
	serialScan = 2048
)

// SavedLen is the length of Saved: [⌈len/saveEvery⌉, channels, states].
func (s *Scan) SavedLen() int { return (s.Len + saveEvery - 1) / saveEvery * s.Channels * s.States }

// Run computes Y and advances H.
func (s Scan) Run(pool *Pool) {
	run := scanRuns.Get().(*scanRun)
	run.Scan = s
	if s.Len*s.Channels*s.States < serialScan {
		run.Do(0, s.Channels)
	} else {
		pool.Run(s.Channels, run)
	}
	run.Scan = Scan{}
	scanRuns.Put(run)
}

// scanRun is a Scan in flight. Runs are reused, so that decoding allocates nothing.
type scanRun struct{ Scan }

var scanRuns = sync.Pool{New: func() any { return &scanRun{} }}

// Do runs channels [lo, hi), a tile at a time.
func (s *scanRun) Do(lo, hi int) {
	for ; lo < hi; lo += scanTile {
		s.tile(lo, min(hi, lo+scanTile))
	}
}

// tile walks channels [lo, hi) through time.
func (s *Scan) tile(lo, hi int) {
	n := s.States
	for t := range s.Len {
		if s.Saved != nil && t%saveEvery == 0 {
			copy(s.saved(t)[lo*n:hi*n], s.H[lo*n:hi*n])
		}
		b, c := rowOf(s.B, t, n), rowOf(s.C, t, n)
		for e := lo; e < hi; e++ {
			i := t*s.Channels + e
			s.Y[i] = scanStep(s.H[e*n:(e+1)*n], s.A[e*n:(e+1)*n], b, c, s.Delta[i], s.U[i]) + s.D[e]*s.U[i]
		}
	}
}

// saved returns the saved state of all channels before token t, a multiple of saveEvery.
func (s *Scan) saved(t int) []float32 {
	size := s.Channels * s.States
	return s.Saved[t/saveEvery*size:][:size]
}

// rowOf returns the first n elements of row r.
func rowOf(x Rows, r, n int) []float32 { return x.Data[r*x.Stride:][:n] }

// scanStep advances the states h of one channel by one token and returns Σ c·h.
func scanStep(h, a, b, c []float32, delta, u float32) (y float32) {
	a, b, c = a[:len(h)], b[:len(h)], c[:len(h)]
	input := delta * u
	for i, v := range h {
		v = expNeg(delta*a[i])*v + input*b[i]
		h[i] = v
		y += c[i] * v
	}
	return y
}

// expNeg is e^x for the decays, whose x is never positive: it underflows to 0.
func expNeg(x float32) float32 { return float32(math.Exp(float64(x))) }
