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
// Channels are independent and each one's sums have a fixed order, so results depend neither on the pool nor on where
// a document is cut into pieces. That is also why time is not cut: chunks of it that run side by side cost twice the
// arithmetic and round differently, and there are more blocks of channels than threads.
type Scan struct {
	Len, Channels, States int

	U, Delta []float32 // [len, channels]
	B, C     Rows      // [len, states]
	A        []float32 // [channels, states] in the order of ScanIndex
	D        []float32 // [channels]
	H        []float32 // [channels, states] in the same order; the state before the piece, replaced by that after it
	Y        []float32 // [len, channels]; the output

	// Saved, if not nil, receives the state before every saveEvery-th token, for backward: SavedLen floats.
	Saved []float32
}

const (
	// saveEvery is the distance between saved states: backward recomputes those between.
	saveEvery = 16
	// scanBlock is the number of channels that walk through time together: the widest vector. Their states stay in the
	// first-level cache.
	scanBlock = 16
	// leastDecay bounds the exponent of a decay. e⁻⁸⁷ is about the smallest normal number; smaller ones would change
	// nothing but the speed, which is a hundredth with denormal operands.
	leastDecay = -87
	// scanWork and ssdWork are how many multiply-adds take as long as an update of a state, with and without the
	// exponential of its decay.
	scanWork, ssdWork = 4, 3
)

// ScanIndex is where A and H of that many channels hold a state of a channel: blocks of scanBlock channels lie one after
// the other, and in a block the first state of its channels, then the second, and so on.
func ScanIndex(channels, states, channel, state int) int {
	first := channel / scanBlock * scanBlock
	return first*states + state*min(scanBlock, channels-first) + channel - first
}

// SavedLen is the length of Saved: [⌈len/saveEvery⌉, channels, states].
func (s *Scan) SavedLen() int { return (s.Len + saveEvery - 1) / saveEvery * s.Channels * s.States }

// Run computes Y and advances H.
func (s Scan) Run(pool *Pool) {
	run := scanRuns.Get().(*scanRun)
	run.Scan = s
	pool.spread(scanBlocks(s.Channels), scanWork*s.Len*s.Channels*s.States, run)
	run.Scan = Scan{}
	scanRuns.Put(run)
}

// scanBlocks is the number of blocks of channels.
func scanBlocks(channels int) int { return (channels + scanBlock - 1) / scanBlock }

// scanRun is a Scan in flight. Runs are reused, so that decoding allocates nothing.
type scanRun struct{ Scan }

var scanRuns = sync.Pool{New: func() any { return &scanRun{} }}

// Do walks blocks [lo, hi) of channels through time.
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
	// ssd advances channels [lo, hi) of a block of head j of an SSD over len(steps)/2 tokens from token from on, with
	// the decay and Δ of each in steps.
	ssd func(s *SSD, j, from int, steps []float32, lo, hi int)
	// convolve computes y[t,e] = bias[e] + Σ_q w[q,e]·x[t+q,e] of at least one token for the channels of bias.
	convolve func(y Rows, bias []float32, w Rows, taps int, x Rows, tokens int)
	// states computes the states and decays of tokens of a block from its inputs, and back takes it from after token t
	// of them to before it.
	states func(w *scanWalk, tokens int, b Rows)
	back   func(w *scanWalk, t int, b, c, db, dc []float32)
}

// scanReference are the plain-Go kernels, which define the others.
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
