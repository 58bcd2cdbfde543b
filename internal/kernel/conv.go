package kernel

import "sync"

// Conv is one document's piece of a causal depthwise convolution: for token t, channel e and k taps
//
//	y[t,e] = bias[e] + Σ_q w[q,e]·x[t-(k-1)+q, e]
//
// with the last k-1 inputs of the piece before it, zeros at the start of a document.
type Conv struct {
	Len, Channels, Taps int

	X    Rows      // [len, channels]
	W    []float32 // [taps, channels]; the last tap meets the current token
	Bias []float32 // [channels]; nil: none
	Tail []float32 // [taps-1, channels], oldest first; replaced by the last inputs of this piece
	Y    []float32 // [len, channels]; the output
}

// serialConv is the number of products below which waking other threads costs more than it saves.
const serialConv = 1 << 15

// Run computes Y and advances Tail.
func (c Conv) Run(pool *Pool) {
	run := convRuns.Get().(*convRun)
	run.Conv = c
	if c.Len*c.Channels*c.Taps < serialConv {
		run.Do(0, c.Channels)
	} else {
		pool.Run(c.Channels, run)
	}
	run.Conv = Conv{}
	convRuns.Put(run)
}

// convRun is a Conv in flight. Runs are reused, so that decoding allocates nothing.
type convRun struct{ Conv }

var convRuns = sync.Pool{New: func() any { return &convRun{} }}

// Do runs channels [lo, hi).
func (c *convRun) Do(lo, hi int) {
	for t := range c.Len {
		y := c.Y[t*c.Channels:][lo:hi]
		if c.Bias == nil {
			clear(y)
		} else {
			copy(y, c.Bias[lo:hi])
		}
		for q := range c.Taps {
			active.scan.addMul(y, c.W[q*c.Channels:][lo:hi], c.input(t - (c.Taps - 1) + q)[lo:hi])
		}
	}
	for j := range c.Taps - 1 {
		copy(c.Tail[j*c.Channels:][lo:hi], c.input(c.Len - (c.Taps - 1) + j)[lo:hi])
	}
}

// addMulReference implements scanKernels.
func addMulReference(y, w, x []float32) {
	w, x = w[:len(y)], x[:len(y)]
	for i := range y {
		y[i] += w[i] * x[i]
	}
}

// input returns the inputs of token t; those before the piece are in the tail.
func (c *Conv) input(t int) []float32 {
	if t < 0 {
		return c.Tail[(t+c.Taps-1)*c.Channels:][:c.Channels]
	}
	return rowOf(c.X, t, c.Channels)
}

// ConvGrad is the backward of a Conv. It adds to the gradients that it is given; Tail holds the inputs before the
// piece, which get no gradient.
type ConvGrad struct {
	Conv
	DY    []float32 // [len, channels]
	DX    Rows      // [len, channels]
	DW    []float32 // [taps, channels]
	DBias []float32 // [channels]; nil: none
}

// Run adds to DX, DW and DBias: dx[t-(k-1)+q] += w[q]·dy[t] and dw[q] += dy[t]·x[t-(k-1)+q].
func (g *ConvGrad) Run(pool *Pool) { pool.Each(g.Channels, g.channels) }

// channels runs channels [lo, hi).
func (g *ConvGrad) channels(lo, hi int) {
	for t := range g.Len {
		dy := g.DY[t*g.Channels:][:g.Channels]
		for q := range g.Taps {
			at := t - (g.Taps - 1) + q
			x := g.input(at)
			for e := lo; e < hi; e++ {
				g.DW[q*g.Channels+e] += dy[e] * x[e]
			}
			if at >= 0 {
				dx := rowOf(g.DX, at, g.Channels)
				for e := lo; e < hi; e++ {
					dx[e] += g.W[q*g.Channels+e] * dy[e]
				}
			}
		}
		if g.DBias != nil {
			for e := lo; e < hi; e++ {
				g.DBias[e] += dy[e]
			}
		}
	}
}
