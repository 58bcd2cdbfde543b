package kernel

import "sync"

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
	// cache while the rows of U, Delta and Y are read in whole lines, and their decays are one call of Exp.
	scanTile = 64
	// leastDecay bounds the exponent of a decay. e⁻⁸⁷ is about the smallest normal number; smaller ones would change
	// nothing but the speed, which is a hundredth with denormal operands.
	leastDecay = -87
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
	decays := scanDecays.Get().(*[]float32)
	if want := scanTile * s.States; len(*decays) < want {
		*decays = make([]float32, want)
	}
	for ; lo < hi; lo += scanTile {
		s.tile(*decays, lo, min(hi, lo+scanTile))
	}
	scanDecays.Put(decays)
}

// scanDecays holds a thread's memory for the decays of a tile.
var scanDecays = sync.Pool{New: func() any { return new([]float32) }}

// tile walks channels [lo, hi) through time. decays is scratch.
func (s *Scan) tile(decays []float32, lo, hi int) {
	n := s.States
	decays = decays[:(hi-lo)*n]
	for t := range s.Len {
		if s.Saved != nil && t%saveEvery == 0 {
			copy(s.saved(t)[lo*n:hi*n], s.H[lo*n:hi*n])
		}
		if fast := active.scan.token; fast == nil || !fast(s, t, lo, hi) {
			s.token(decays, t, lo, hi)
		}
	}
}

// scanKernels are the inner loops of state-space models.
type scanKernels struct {
	// token advances channels [lo, hi) of a Scan over token t, or reports false where the tier has no faster way than
	// the reference; nil: it never has.
	token func(s *Scan, t, lo, hi int) bool
	// channel advances the states h of a channel of an SSD, h ← decay·h + input·b, and returns Σ c·h.
	channel func(h, b, c []float32, decay, input float32) float32
	// addMul adds w·x to y by elements.
	addMul func(y, w, x []float32)
}

// scanReference are the plain-Go kernels, which define the others.
var scanReference = scanKernels{channel: ssdStep, addMul: addMulReference}

// token advances channels [lo, hi) over token t. decays is scratch of a number for each of their states.
func (s *Scan) token(decays []float32, t, lo, hi int) {
	n := s.States
	s.decays(decays, t, lo, hi)
	b, c := rowOf(s.B, t, n), rowOf(s.C, t, n)
	for e := lo; e < hi; e++ {
		i, j := t*s.Channels+e, (e-lo)*n
		s.Y[i] = scanStep(s.H[e*n:(e+1)*n], decays[j:j+n], b, c, s.Delta[i]*s.U[i]) + s.D[e]*s.U[i]
	}
}

// decays writes exp(Δ[t,e]·A[e,s]) for channels [lo, hi).
func (s *Scan) decays(dst []float32, t, lo, hi int) {
	n := s.States
	for e := lo; e < hi; e++ {
		delta, to := s.Delta[t*s.Channels+e], dst[(e-lo)*n:(e-lo+1)*n]
		for i, a := range s.A[e*n : (e+1)*n] {
			to[i] = max(delta*a, leastDecay)
		}
	}
	Exp(dst, dst)
}

// saved returns the saved state of all channels before token t, a multiple of saveEvery.
func (s *Scan) saved(t int) []float32 {
	size := s.Channels * s.States
	return s.Saved[t/saveEvery*size:][:size]
}

// rowOf returns the first n elements of row r.
func rowOf(x Rows, r, n int) []float32 { return x.Data[r*x.Stride:][:n] }

// scanStep advances the states h of one channel by one token, h ← decay·h + input·b, and returns Σ c·h.
func scanStep(h, decay, b, c []float32, input float32) (y float32) {
	decay, b, c = decay[:len(h)], b[:len(h)], c[:len(h)]
	for i, v := range h {
		v = decay[i]*v + input*b[i]
		h[i] = v
		y += c[i] * v
	}
	return y
}
