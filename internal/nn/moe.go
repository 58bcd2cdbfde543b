package nn

import (
	"iter"

	"github.com/archbench/archbench/internal/kernel"
)

// Expert is a feed-forward network of two layers, W2 act(W1 x + b1) + b2. If Gated, W1 has twice the width and
// act(h) is silu(first half)·(second half).
type Expert struct {
	Up, Down *Linear
	Act      Activation
	Gated    bool
	Drop     float64 // dropout rate of the activations in training
}

// Forward applies the expert to every row of x.
func (e *Expert) Forward(p *Pass, x Mat) Mat {
	h := e.Up.Forward(p, x)
	if e.Gated {
		h = splitSwiGLU(p, h)
	} else {
		h = e.Act.Apply(p, h)
	}
	return e.Down.Forward(p, Dropout(p, h, e.Drop))
}

// splitSwiGLU returns silu(first half)·(second half) of every row. It costs 5 FLOPs per output.
func splitSwiGLU(p *Pass, x Mat) Mat {
	y := p.New(x.Rows, x.Cols/2)
	p.byRows(rowsTask{f: splitSwiGLURow, y: y, x: x})
	n := int64(len(y.Data))
	p.Add(5*n, 12*n)
	if p.Tape != nil {
		p.Tape.Record(func() {
			p.eachRow(y, func(r int) {
				in, grad, half := x.Row(r), x.rowGrad(r), y.Cols
				kernel.SwiGLUGrad(grad[:half], grad[half:], y.rowGrad(r), in[:half], in[half:])
			})
		})
	}
	return y
}

func splitSwiGLURow(y, x, _, _ []float32, _ float64) { kernel.SwiGLU(y, x[:len(y)], x[len(y):]) }

// NotRouted marks an expert that a token does not use in a matrix of routes [tokens, experts]. Other elements are the
// expert's weight for the token.
const NotRouted = -1

// MoE is a mixture of experts. Each expert runs once, on the tokens that chose it, so only chosen experts cost anything.
type MoE struct{ Experts []*Expert }

// Forward returns Σ_e routes[t, e]·expert_e(x_t) over the experts that each token chose, in the order of the experts.
// In addition to the experts it costs 2 FLOPs per element of a chosen expert's output. A token's result does not depend,
// even in the last bit, on what other tokens chose.
func (m *MoE) Forward(p *Pass, x, routes Mat) Mat {
	out := p.New(x.Rows, x.Cols)
	clear(out.Data)
	for e, expert := range m.Experts {
		n := chosen(routes, e)
		if n == 0 {
			continue
		}
		mark := p.Mark()
		p.steady = x.Rows >= kernel.SteadyRows
		y := expert.Forward(p, gather(p, x, routes, e, n))
		p.steady = false
		scatter(p, out, y, routes, e)
		p.Release(mark)
	}
	return out
}

// product computes y = x·wᵀ. While the pass is steady, a row's result does not depend on the number of rows: if it would,
// the rows are padded with zeros, which is not counted.
func (p *Pass) product(w kernel.Matrix, y, x Mat) {
	if !p.steady || kernel.Steady(w, x.Rows) {
		w.MulT(p.Pool, y.Data, x.Data, x.Rows)
		return
	}
	mark := p.Mark()
	in, out := p.Scratch(kernel.SteadyRows*x.Cols), p.Scratch(kernel.SteadyRows*y.Cols)
	clear(in[copy(in, x.Data):])
	w.MulT(p.Pool, out, in, kernel.SteadyRows)
	copy(y.Data, out)
	p.Release(mark)
}

// routed yields the tokens that use expert e, each with its number among them.
func routed(routes Mat, e int) iter.Seq2[int, int] {
	return func(yield func(n, token int) bool) {
		n := 0
		for t := range routes.Rows {
			if routes.Row(t)[e] == NotRouted {
				continue
			}
			if !yield(n, t) {
				return
			}
			n++
		}
	}
}

// chosen counts the tokens that use expert e.
func chosen(routes Mat, e int) (n int) {
	for range routed(routes, e) {
		n++
	}
	return n
}

// gather returns the n rows of x that use expert e.
func gather(p *Pass, x, routes Mat, e, n int) Mat {
	y := p.New(n, x.Cols)
	for i, t := range routed(routes, e) {
		copy(y.Row(i), x.Row(t))
	}
	p.Add(0, 8*int64(len(y.Data)))
	if p.Tape != nil {
		p.Tape.Record(func() {
			for i, t := range routed(routes, e) {
				kernel.Axpy(1, y.rowGrad(i), x.rowGrad(t))
			}
		})
	}
	return y
}

// scatter adds the weighted rows of y to the tokens that use expert e.
func scatter(p *Pass, out, y, routes Mat, e int) {
	for i, t := range routed(routes, e) {
		weight, into := routes.Row(t)[e], out.Row(t)
		for j, v := range y.Row(i) {
			into[j] += weight * v
		}
	}
	n := int64(len(y.Data))
	p.Add(2*n, 12*n)
	if p.Tape != nil {
		p.Tape.Record(func() { scatterGrad(out, y, routes, e) })
	}
}

func scatterGrad(out, y, routes Mat, e int) {
	for i, t := range routed(routes, e) {
		weight, weightGrad, values, into := routes.Row(t)[e], &routes.rowGrad(t)[e], y.Row(i), y.rowGrad(i)
		for j, g := range out.rowGrad(t) {
			into[j] += weight * g
			*weightGrad += g * values[j]
		}
	}
}
