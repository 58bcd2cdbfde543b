package kernel

import (
	"math"
	"sync"
)

// Scan is one document's piece of a selective scan: the recurrence of a diagonal state-space model whose step size and
// input and output maps depend on the token (Gu and Dao 2023, equation 2 and algorithm 2). For token t, channel e and
// state s
//
//	h[e,s] ← exp(Δ[t,e]·A[e,s])·h[e,s] + Δ[t,e]·B[t,s]·u[t,e]
//	y[t,e] = Σ_s C[t,s]·h[e,s] + D[e]·u[t,e]
//
// Channels are independent and each sums in a fixed order, so results depend neither on the pool nor on where a
// document is split. That is also why time is not parallelised: concurrent chunks would take twice the arithmetic and
// round differently, and there are more blocks of channels than threads.
type Scan struct {
	Len, Channels, States int

	U, Delta []float32 // [len, channels]
	B, C     Rows      // [len, states]
	A        []float32 // [channels, states] in the order of ScanIndex
	D        []float32 // [channels]
	H        []float32 // [channels, states] in the same order; the state, updated in place
	Y        []float32 // [len, channels]; the output

	// Saved, if not nil, receives the state before every saveEvery-th token for the backward pass: SavedLen floats.
	Saved []float32
}

const (
	// saveEvery is the distance between saved states; the backward pass recomputes the states between.
	saveEvery = 16
	// scanBlock is the number of channels that advance together: the widest vector. Their states stay in the
	// first-level cache.
	scanBlock = 16
	// leastDecay bounds the exponent of a decay. e⁻⁸⁷ is about the smallest normal number. Anything smaller would only
	// cost speed: denormal operands are a hundred times slower.
	leastDecay = -87
	// scanWork and ssdWork are the cost of a state update in multiply-adds, with and without the exponential of its
	// decay.
	scanWork, ssdWork = 4, 3
)

// ScanIndex is the position of a channel's state in A and H: blocks of scanBlock channels follow each other, and a
// block holds the first state of all its channels, then the second, and so on.
func ScanIndex(channels, states, channel, state int) int {
	first := channel / scanBlock * scanBlock
	return first*states + state*min(scanBlock, channels-first) + channel - first
}

// SavedLen is the length of Saved: [⌈len/saveEvery⌉, channels, states].
func (s *Scan) SavedLen() int { return (s.Len + saveEvery - 1) / saveEvery * s.Channels * s.States }

// Run computes Y and advances H.
func (s Scan) Run(pool *Pool) {
	spreadPooled(&scanRuns, pool, scanBlocks(s.Channels), scanWork*s.Len*s.Channels*s.States, scanRun{s})
}

// scanBlocks is the number of blocks of channels.
func scanBlocks(channels int) int { return (channels + scanBlock - 1) / scanBlock }

// scanRun is the state of one Run. It is pooled, so decoding does not allocate.
type scanRun struct{ Scan }

var scanRuns = sync.Pool{New: func() any { return &scanRun{} }}

// Do advances blocks [lo, hi) of channels through time.
func (s *scanRun) Do(lo, hi int) {
	step := s.Len
	if s.Saved != nil {
		step = saveEvery
	}
	for ; lo < hi; lo++ {
		first, last := lo*scanBlock, min(s.Channels, (lo+1)*scanBlock)
		for t := 0; t < s.Len; t += step {
			if s.Saved != nil {
				copy(s.saved(t)[first*s.States:last*s.States], s.H[first*s.States:])
			}
			active.scan.tokens(&s.Scan, t, min(s.Len, t+step), first, last)
		}
	}
}

// saved returns the saved state of all channels before token t, a multiple of saveEvery.
func (s *Scan) saved(t int) []float32 {
	size := s.Channels * s.States
	return s.Saved[t/saveEvery*size:][:size]
}

// scanKernels are the inner loops of state-space models.
type scanKernels struct {
	// tokens advances channels [lo, hi) of a block of a Scan over tokens [from, to).
	tokens func(s *Scan, from, to, lo, hi int)
	// ssd advances channels [lo, hi) of a block of head j of an SSD over len(steps)/2 tokens starting at from; steps
	// holds each token's decay and Δ.
	ssd func(s *SSD, j, from int, steps []float32, lo, hi int)
	// convolve computes y[t,e] = bias[e] + Σ_q w[q,e]·x[t+q,e] for at least one token and the channels of bias.
	convolve func(y Rows, bias []float32, w Rows, taps int, x Rows, tokens int)
	// states computes the states and decays of a block for the given tokens from its inputs; back moves the adjoint
	// from after token t to before it.
	states func(w *scanWalk, tokens int, b Rows)
	back   func(w *scanWalk, t int, b, c, db, dc []float32)
}

// scanReference holds the plain-Go kernels, which define the results.
var scanReference = scanKernels{
	tokens: scanTokens, ssd: ssdTokens, convolve: convolveReference, states: scanStates, back: scanBack,
}

// scanTokens implements scanKernels.
func scanTokens(s *Scan, from, to, lo, hi int) {
	for t := from; t < to; t++ {
		at := t * s.Channels
		u, delta, y := s.U[at+lo:at+hi], s.Delta[at+lo:at+hi], s.Y[at+lo:at+hi]
		for e, d := range s.D[lo:hi] {
			y[e] = d * u[e]
		}
		b, c := rowOf(s.B, t, s.States), rowOf(s.C, t, s.States)
		for n := range s.States {
			row := lo*s.States + n*(hi-lo)
			h, a := s.H[row:row+hi-lo], s.A[row:row+hi-lo]
			for e, v := range h {
				h[e] = decay(delta[e]*a[e])*v + delta[e]*u[e]*b[n]
				y[e] += c[n] * h[e]
			}
		}
	}
}

// decay returns eˣ.
func decay(x float32) float32 { return float32(math.Exp(float64(max(x, leastDecay)))) }

// rowOf returns the first n elements of row r.
func rowOf(x Rows, r, n int) []float32 { return x.Data[r*x.Stride:][:n] }
