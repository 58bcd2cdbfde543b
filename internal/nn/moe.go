package nn

import "github.com/archbench/archbench/internal/kernel"

// Expert is a feed-forward network of two layers, W2 act(W1 x + b1) + b2. If Gated, W1 has twice the width and
// act(h) is silu(first half)·(second half).
type Expert struct {
	Up, Down *Linear
	Act      Activation
	Gated    bool
}

// Forward applies the expert to every row of x.
func (e *Expert) Forward(p *Pass, x Mat) Mat {
	h := e.Up.Forward(p, x)
	if e.Gated {
		h = splitSwiGLU(p, h)
	} else {
		h = e.Act.Apply(p, h)
	}
	return e.Down.Forward(p, h)
}

// splitSwiGLU returns silu(first half)·(second half) of every row. It costs 5 FLOPs an output.
func splitSwiGLU(p *Pass, x Mat) Mat {
	y := p.New(x.Rows, x.Cols/2)
	p.byRows(rowsTask{f: splitSwiGLURow, y: y, x: x})
	n := int64(len(y.Data))
	p.Add(5*n, 12*n)
	if p.Tape != nil {
		p.Tape.Record(func() { splitSwiGLUGrad(x, y) })
	}
	return y
}

func splitSwiGLURow(y, x, _, _ []float32, _ float64) { kernel.SwiGLU(y, x[:len(y)], x[len(y):]) }

func splitSwiGLUGrad(x, y Mat) {
	for r := range y.Rows {
		in, grad, half := x.Row(r), x.rowGrad(r), y.Cols
		kernel.SwiGLUGrad(grad[:half], grad[half:], y.rowGrad(r), in[:half], in[half:])
	}
}

// NotRouted marks an expert that a token does not use in a matrix of routes [tokens, experts], which otherwise holds
// the expert's weight for the token.
const NotRouted = -1

// MoE is a mixture of experts. Every expert runs once, on the tokens that chose it gathered together, so only chosen
// experts cost anything.
type MoE struct{ Experts []*Expert }

// Forward returns Σ_e routes[t, e]·expert_e(x_t) over the experts that each token chose, in the order of the experts.
// Beside the experts it costs 2 FLOPs an element of a chosen expert's output. A token's result does not depend on what
// the others chose, not even in its last bit.
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

// product computes y = x·wᵀ. While the pass is steady, a row's result does not depend on the number of rows: where it
// would, few are filled up with zeros, which is not counted.
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

// routed reports whether token t uses expert e.
func routed(routes Mat, t, e int) bool { return routes.Data[t*routes.Cols+e] != NotRouted }

// chosen counts the tokens that use expert e.
func chosen(routes Mat, e int) (n int) {
	for t := range routes.Rows {
		if routed(routes, t, e) {
			n++
		}
	}
	return n
}

// gather returns the n rows of x that use expert e.
func gather(p *Pass, x, routes Mat, e, n int) Mat {
	y := p.New(n, x.Cols)
	next := 0
	for t := range x.Rows {
		if routed(routes, t, e) {
			copy(y.Row(next), x.Row(t))
			next++
		}
	}
	p.Add(0, 8*int64(len(y.Data)))
	if p.Tape != nil {
		p.Tape.Record(func() { gatherGrad(x, routes, y, e) })
	}
	return y
}

func gatherGrad(x, routes, y Mat, e int) {
	next := 0
	for t := range x.Rows {
		if routed(routes, t, e) {
			for i, g := range y.Grad[next*y.Cols : (next+1)*y.Cols] {
				x.Grad[t*x.Cols+i] += g
			}
			next++
		}
	}
}

// scatter adds the weighted rows of y to the tokens that use expert e.
func scatter(p *Pass, out, y, routes Mat, e int) {
	next := 0
	for t := range out.Rows {
		if !routed(routes, t, e) {
			continue
		}
		weight, into := routes.Data[t*routes.Cols+e], out.Row(t)
		for i, v := range y.Row(next) {
			into[i] += weight * v
		}
		next++
	}
	n := int64(len(y.Data))
	p.Add(2*n, 12*n)
	if p.Tape != nil {
		p.Tape.Record(func() { scatterGrad(out, y, routes, e) })
	}
}

func scatterGrad(out, y, routes Mat, e int) {
	next := 0
	for t := range out.Rows {
		if !routed(routes, t, e) {
			continue
		}
		at := t*routes.Cols + e
		for i, g := range out.Grad[t*out.Cols : (t+1)*out.Cols] {
			y.Grad[next*y.Cols+i] += routes.Data[at] * g
			routes.Grad[at] += g * y.Data[next*y.Cols+i]
		}
		next++
	}
}
