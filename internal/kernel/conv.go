package kernel

import "sync"

// Conv is one document's piece of a causal depthwise convolution. For token t, channel e and k taps
//
//	y[t,e] = bias[e] + Σ_q w[q,e]·x[t-(k-1)+q, e]
//
// where inputs before the piece come from Tail, which is zero at the start of a document.
type Conv struct {
	Len, Channels, Taps int

	X    Rows      // [len, channels]
	W    []float32 // [taps, channels]; the last tap multiplies the current token
	Bias []float32 // [channels]; nil: none
	Tail []float32 // [taps-1, channels], oldest first; updated to the last inputs of this piece
	Y    []float32 // [len, channels]; the output
}

// convStretch is the number of tokens convolved together; each of their rows is a memory stream.
const convStretch = 8

// Run computes Y and advances Tail.
func (c Conv) Run(pool *Pool) {
	spreadPooled(&convRuns, pool, scanBlocks(c.Channels), c.Len*c.Channels*c.Taps, convRun{c})
}

// convRun is the state of one Run. It is pooled, so decoding does not allocate.
type convRun struct{ Conv }

var convRuns = sync.Pool{New: func() any { return &convRun{} }}

// Do runs blocks [lo, hi) of channels.
func (c *convRun) Do(lo, hi int) {
	lo, hi = lo*scanBlock, min(c.Channels, hi*scanBlock)
	memory := convMemory.Get().(*[]float32)
	before := c.Taps - 1
	early := min(before, c.Len)
	bias, start := c.prepare(memory, early, lo, hi)
	y, w := Rows{c.Y[lo:], c.Channels}, Rows{c.W[lo:], c.Channels}
	if early > 0 {
		active.scan.convolve(y, bias, w, c.Taps, start, early)
	}
	for t := early; t < c.Len; t += convStretch {
		active.scan.convolve(y.From(t, 0), bias, w, c.Taps, c.X.From(t-before, lo), min(convStretch, c.Len-t))
	}
	convMemory.Put(memory)
	for j := range before {
		copy(c.Tail[j*c.Channels:][lo:hi], c.input(c.Len - before + j)[lo:hi])
	}
}

// convMemory holds a thread's memory for the start of a piece.
var convMemory = sync.Pool{New: func() any { return new([]float32) }}

// prepare returns the bias of channels [lo, hi), or zeros, and makes the tail contiguous with the early inputs whose
// windows overlap it.
func (c *Conv) prepare(memory *[]float32, early, lo, hi int) (bias []float32, start Rows) {
	before, width := c.Taps-1, hi-lo
	if want := (1 + before + early) * width; len(*memory) < want {
		*memory = make([]float32, want)
	}
	bias, start = (*memory)[:width], Rows{(*memory)[width:], width}
	clear(bias)
	if c.Bias != nil {
		bias = c.Bias[lo:hi]
	}
	for i := range before + early {
		copy(start.Data[i*width:], c.input(i - before)[lo:hi])
	}
	return bias, start
}

// convolveReference implements scanKernels.
func convolveReference(y Rows, bias []float32, w Rows, taps int, x Rows, tokens int) {
	for t := range tokens {
		sum := rowOf(y, t, len(bias))
		copy(sum, bias)
		for q := range taps {
			addMulReference(sum, w.From(q, 0).Data, x.From(t+q, 0).Data)
		}
	}
}

func addMulReference(y, w, x []float32) {
	w, x = w[:len(y)], x[:len(y)]
	for i := range y {
		y[i] += w[i] * x[i]
	}
}

// input returns the inputs of token t; those before the piece come from the tail.
func (c *Conv) input(t int) []float32 {
	if t < 0 {
		return c.Tail[(t+c.Taps-1)*c.Channels:][:c.Channels]
	}
	return rowOf(c.X, t, c.Channels)
}

// ConvGrad is the backward pass of a Conv. It adds to the given gradients. Tail holds the inputs before the piece,
// which get no gradient.
type ConvGrad struct {
	Conv
	DY    []float32 // [len, channels]
	DX    Rows      // [len, channels]
	DW    []float32 // [taps, channels]
	DBias []float32 // [channels]; nil: none
}

// Run adds to DX, DW and DBias: dx[t-(k-1)+q] += w[q]·dy[t] and dw[q] += dy[t]·x[t-(k-1)+q].
func (g *ConvGrad) Run(pool *Pool) { pool.Each(scanBlocks(g.Channels), g.blocks) }

// blocks runs blocks [lo, hi) of channels.
func (g *ConvGrad) blocks(lo, hi int) {
	lo, hi = lo*scanBlock, min(g.Channels, hi*scanBlock)
	for t := range g.Len {
		dy := g.DY[t*g.Channels:][lo:hi]
		for q := range g.Taps {
			at := t - (g.Taps - 1) + q
			active.addMul(g.DW[q*g.Channels:][lo:hi], dy, g.input(at)[lo:hi])
			if at >= 0 {
				active.addMul(rowOf(g.DX, at, g.Channels)[lo:hi], g.W[q*g.Channels:][lo:hi], dy)
			}
		}
		if g.DBias != nil {
			Add(g.DBias[lo:hi], g.DBias[lo:hi], dy)
		}
	}
}
