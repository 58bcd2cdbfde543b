package nn

import "github.com/archbench/archbench/internal/kernel"

// carriedSpan is a span with a past in the backward pass of attention. The visible past becomes rows before the span's
// own, with queries and output gradients of zero, so that the backward pass of a whole document applies. What arrives at
// the rows of the past is dropped.
type carriedSpan struct {
	row, len int // of the span in the batch
	past     int // number of visible positions before it

	keys, values kernel.Rows // of the past; copied, because the state advances before the backward pass
}

// carry copies the visible past of a span.
func (a *Attention) carry(p *Pass, s kernel.AttentionSpan) carriedSpan {
	first, width := a.First(s.Pos), a.KVHeads*a.Dim
	c := carriedSpan{row: s.Row, len: s.Len, past: s.Pos - first}
	c.keys = kernel.Rows{Data: p.Scratch(c.past * width), Stride: width}
	c.values = kernel.Rows{Data: p.Scratch(c.past * width), Stride: width}
	for i := range c.past {
		for head := range a.KVHeads {
			at, from := i*width+head*a.Dim, (head*s.Slots+(first+i)%s.Slots)*a.Dim
			copy(c.keys.Data[at:][:a.Dim], s.PastK[from:])
			copy(c.values.Data[at:][:a.Dim], s.PastV[from:])
		}
	}
	return c
}

// backward adds to the gradients of the span's rows.
func (c *carriedSpan) backward(p *Pass, all *kernel.AttentionGrad) {
	mark := p.Mark()
	queries, keys := all.Heads*all.Dim, all.KVHeads*all.Dim
	whole := kernel.AttentionGrad{
		Attention: all.Attention,
		Q:         c.after(p, all.Q, queries), Out: c.after(p, all.Out, queries), DOut: c.after(p, all.DOut, queries),
		K: c.after(p, all.K, keys), V: c.after(p, all.V, keys),
		DQ: c.zeros(p, queries), DK: c.zeros(p, keys), DV: c.zeros(p, keys),
		LSE:   c.after(p, kernel.Rows{Data: all.LSE, Stride: all.Heads}, all.Heads).Data,
		Spans: []kernel.AttentionSpan{{Len: c.past + c.len}},
	}
	copy(whole.K.Data, c.keys.Data)
	copy(whole.V.Data, c.values.Data)
	whole.Run(p.Pool)
	c.add(all.DQ, whole.DQ)
	c.add(all.DK, whole.DK)
	c.add(all.DV, whole.DV)
	p.arena.release(mark) // Release would keep it while taping
}

// zeros returns zeros for the rows of the past and the span.
func (c *carriedSpan) zeros(p *Pass, cols int) kernel.Rows {
	x := kernel.Rows{Data: p.Scratch((c.past + c.len) * cols), Stride: cols}
	clear(x.Data)
	return x
}

// after returns zeros for the past, then the span's rows of x.
func (c *carriedSpan) after(p *Pass, x kernel.Rows, cols int) kernel.Rows {
	y := c.zeros(p, cols)
	for i := range c.len {
		copy(y.Data[(c.past+i)*cols:][:cols], x.Data[(c.row+i)*x.Stride:])
	}
	return y
}

// add adds the span's rows of x to those of sum.
func (c *carriedSpan) add(sum, x kernel.Rows) {
	for i := range c.len {
		from := x.Data[(c.past+i)*x.Stride:][:x.Stride]
		kernel.Axpy(1, from, sum.Data[(c.row+i)*sum.Stride:][:x.Stride])
	}
}
