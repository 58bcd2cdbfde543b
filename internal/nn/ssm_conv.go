package nn

import (
	"math"
	"math/rand/v2"

	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/internal/state"
)

// CausalConv is a depthwise convolution over time, y[t,e] = b[e] + Σ_q w[e,q]·x[t-(taps-1)+q, e].
type CausalConv struct {
	Channels, Taps int
	Weight         *Param // [channels, 1, taps]; the last tap is that of the current token
	Bias           *Param // [channels]; nil: none

	w []float32 // the weight as [taps, channels]
}

// CausalConv declares name.weight and, if bias is set, name.bias. New weights are uniform in ±1/√taps, as usual for a
// convolution; a new bias is 0.
func (ps *Params) CausalConv(name string, channels, taps int, bias bool) *CausalConv {
	return ps.causalConv(name, channels, taps, bias, Uniform(1/math.Sqrt(float64(taps))))
}

// NearIdentityConv declares name.weight. New weights are uniform in ±½, and the current token's tap is 1 more, so a new layer
// passes on its input and some of that of the tokens before.
func (ps *Params) NearIdentityConv(name string, channels, taps int) *CausalConv {
	uniform := Uniform(0.5)
	return ps.causalConv(name, channels, taps, false, func(r *rand.Rand, row int, dst []float32) {
		uniform(r, row, dst)
		dst[taps-1]++
	})
}

func (ps *Params) causalConv(name string, channels, taps int, bias bool, init Init) *CausalConv {
	c := &CausalConv{Channels: channels, Taps: taps}
	c.Weight = ps.Tensor(name+".weight", init, channels, 1, taps)
	c.w = make([]float32, channels*taps)
	ps.derive(c.arrange)
	if bias {
		c.Bias = ps.Tensor(name+".bias", Const(0), channels)
	}
	return c
}

// arrange makes the weights of each tap contiguous.
func (c *CausalConv) arrange() {
	for i, v := range c.Weight.W {
		c.w[i%c.Taps*c.Channels+i/c.Taps] = v
	}
}

// Forward convolves the channels of x from column from on, and advances the tails of the documents' states, each a
// [state.Convolved] at the index layer. It costs 2·taps + 1 FLOPs per token and channel, 2·taps without bias.
func (c *CausalConv) Forward(p *Pass, layer int, x Mat, from int, spans []Span) Mat {
	y := p.New(x.Rows, c.Channels)
	for _, span := range spans {
		conv := c.piece(x, from, y, span)
		conv.Tail = c.tail(p, span, layer)
		if p.Tape != nil {
			c.record(p, conv, x, from, y, span)
		}
		conv.Run(p.Pool)
	}
	rows, e, k := int64(x.Rows), int64(c.Channels), int64(c.Taps)
	p.Add(2*rows*e*k, 4*(2*rows*e+e*k+2*int64(len(spans))*e*(k-1)))
	if c.Bias != nil {
		p.Add(rows*e, 4*e)
	}
	return y
}

// tail returns the last inputs of a document, or zeros if it has no state.
func (c *CausalConv) tail(p *Pass, span Span, layer int) []float32 {
	if s := state.Of[state.Convolved](span.State, layer); s != nil {
		return s.ConvTail()
	}
	empty := p.Scratch((c.Taps - 1) * c.Channels)
	clear(empty)
	return empty
}

// piece returns the convolution of one span, except for its tail.
func (c *CausalConv) piece(x Mat, from int, y Mat, span Span) kernel.Conv {
	conv := kernel.Conv{
		Len: span.Len, Channels: c.Channels, Taps: c.Taps,
		X: kernel.Rows{Data: x.Data, Stride: x.Cols}.From(span.Start, from),
		W: c.w,
		Y: y.Data[span.Start*c.Channels : (span.Start+span.Len)*c.Channels],
	}
	if c.Bias != nil {
		conv.Bias = c.Bias.W
	}
	return conv
}

// record adds the backward pass of one span. The gradient of the tail is dropped.
func (c *CausalConv) record(p *Pass, conv kernel.Conv, x Mat, from int, y Mat, span Span) {
	grad := trainable(c.Weight, "convolution")
	g := kernel.ConvGrad{Conv: conv}
	g.Tail = p.Scratch(len(conv.Tail))
	copy(g.Tail, conv.Tail)
	if c.Bias != nil {
		g.DBias = trainable(c.Bias, "convolution")
	}
	p.Tape.Record(func() {
		defer p.arena.release(p.Mark())
		g.DW = p.zeros(len(c.w))
		g.DY = y.Grad[span.Start*c.Channels : (span.Start+span.Len)*c.Channels]
		g.DX = kernel.Rows{Data: x.Grad, Stride: x.Cols}.From(span.Start, from)
		g.Run(p.Pool)
		for i := range grad {
			grad[i] += g.DW[i%c.Taps*c.Channels+i/c.Taps]
		}
	})
}
