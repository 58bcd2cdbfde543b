package nn

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/archbench/archbench/internal/kernel"
)

// layerCase is a function of matrices and parameters whose gradients a test checks.
type layerCase struct {
	params  *Params
	inputs  []Mat // values, copied into the pass
	forward func(p *Pass, inputs []Mat) Mat
	plain   Pass // without a tape
}

// randomMat returns a matrix of normally distributed values without a gradient.
func randomMat(seed uint64, rows, cols int) Mat {
	r := rand.New(rand.NewPCG(seed, 1))
	m := Mat{Rows: rows, Cols: cols, Data: make([]float32, rows*cols)}
	for i := range m.Data {
		m.Data[i] = float32(r.NormFloat64())
	}
	return m
}

// run returns Σ weight·output and, while taping, the gradients of the inputs.
func (c *layerCase) run(p *Pass) (loss float64, gradients [][]float32) {
	inputs := make([]Mat, len(c.inputs))
	for i, m := range c.inputs {
		inputs[i] = p.New(m.Rows, m.Cols)
		copy(inputs[i].Data, m.Data)
		gradients = append(gradients, inputs[i].Grad)
	}
	out := c.forward(p, inputs)
	for i, w := range randomMat(77, out.Rows, out.Cols).Data {
		loss += float64(w) * float64(out.Data[i])
		if p.Tape != nil {
			out.Grad[i] += w
		}
	}
	return loss, gradients
}

// check compares gradients with fourth-order differences in some coordinates of every input and parameter.
func (c *layerCase) check(t *testing.T) {
	t.Helper()
	var trained []*Param
	if c.params != nil {
		if err := c.params.Train(); err != nil {
			t.Fatal(err)
		}
		trained = c.params.Trainable()
	}
	pass := &Pass{Tape: &Tape{}}
	taped, gradients := c.run(pass)
	pass.Tape.Backward()
	if plain, _ := c.run(&c.plain); plain != taped {
		t.Errorf("the output is %g with a tape and %g without", taped, plain)
	}
	values := make([][]float32, 0, len(gradients)+len(trained))
	for _, m := range c.inputs {
		values = append(values, m.Data)
	}
	for _, p := range trained {
		values, gradients = append(values, p.W), append(gradients, p.Grad)
	}
	r, worst := rand.New(rand.NewPCG(3, 3)), 0.0
	for k, x := range values {
		for range 20 {
			i := r.IntN(len(x))
			want := c.slope(&x[i])
			got := float64(gradients[k][i])
			diff := math.Abs(got-want) / max(1, math.Abs(want))
			worst = max(worst, diff)
			if !(diff < 1e-3) {
				t.Errorf("tensor %d, coordinate %d: gradient %g, difference quotient %g", k, i, got, want)
			}
		}
	}
	t.Logf("largest difference %.2g", worst)
}

// slope differentiates the loss with respect to one coordinate.
func (c *layerCase) slope(x *float32) float64 {
	const h = 1.0 / 64
	set := func(v float32) {
		*x = v
		if c.params != nil {
			c.params.Changed()
		}
	}
	at := func(d float32) float64 {
		was := *x
		set(was + d)
		loss, _ := c.run(&c.plain)
		c.plain.Reset()
		set(was)
		return loss
	}
	return (8*(at(h)-at(-h)) - (at(2*h) - at(-2*h))) / (12 * h)
}

func init() { PoisonReleased = true }

func TestGradients(t *testing.T) {
	f32 := func() *Params { return NewParams(nil, 5, Precision{}) }
	x, y := randomMat(1, 5, 12), randomMat(2, 5, 12)
	one := func(f func(p *Pass, x Mat) Mat) func(*Pass, []Mat) Mat {
		return func(p *Pass, in []Mat) Mat { return f(p, in[0]) }
	}
	two := func(f func(p *Pass, x, y Mat) Mat) func(*Pass, []Mat) Mat {
		return func(p *Pass, in []Mat) Mat { return f(p, in[0], in[1]) }
	}
	cases := map[string]*layerCase{
		"add":    {inputs: []Mat{x, y}, forward: two(Add)},
		"swiglu": {inputs: []Mat{x, y}, forward: two(SwiGLU)},
		"twice":  {inputs: []Mat{x}, forward: one(func(p *Pass, x Mat) Mat { return SwiGLU(p, x, x) })},
	}
	for _, a := range []Activation{SiLU, GELU, GELUNew, Softplus} {
		cases[a.Name] = &layerCase{inputs: []Mat{x}, forward: one(a.Apply)}
	}
	ps := f32()
	linear := ps.In("").Linear("l", 7, 12, true, Normal(1), BiasInit(Normal(1)))
	cases["linear"] = &layerCase{params: ps, inputs: []Mat{x}, forward: one(linear.Forward)}
	ps = f32()
	transposed := ps.In("").Linear("l", 7, 12, false, Normal(1), Transposed)
	cases["transposed linear"] = &layerCase{params: ps, inputs: []Mat{x}, forward: one(transposed.Forward)}
	ps = f32()
	rms := ps.RMSNorm("n", 12, 1e-5)
	cases["rms norm"] = &layerCase{params: ps, inputs: []Mat{randomMat(1, normBlock+3, 12)}, forward: one(rms.Forward)}
	ps = f32()
	grouped := ps.RMSNorm("n", 12, 1e-5)
	grouped.Groups = 3
	cases["grouped rms norm"] = &layerCase{params: ps, inputs: []Mat{randomMat(1, normBlock+3, 12)}, forward: one(grouped.Forward)}
	ps = f32()
	layer := ps.LayerNorm("n", 12, 1e-5)
	cases["layer norm"] = &layerCase{params: ps, inputs: []Mat{randomMat(1, normBlock+3, 12)}, forward: one(layer.Forward)}
	ps = f32()
	table := ps.Embedding("e", 9, 12, Normal(1))
	head := ps.TiedHead(table)
	cases["tied embedding"] = &layerCase{params: ps, forward: func(p *Pass, _ []Mat) Mat {
		return head.Forward(p, table.Forward(p, []int32{3, 0, 3, 8}))
	}}
	for name, c := range cases {
		t.Run(name, c.check)
	}
}

// TestNormGradientsIndependentOfThreads runs the backward pass of rows that are summed in several blocks.
func TestNormGradientsIndependentOfThreads(t *testing.T) {
	const rows, dim = 3*normBlock + 5, 40
	ps, x := newF32Params(), randomMat(1, rows, dim)
	rms, layer := ps.RMSNorm("r", dim, 1e-5), ps.LayerNorm("n", dim, 1e-5)
	if err := ps.Train(); err != nil {
		t.Fatal(err)
	}
	backward := func(threads int, forward func(p *Pass, x Mat) Mat) (gradients []float32) {
		p := &Pass{Pool: kernel.NewPool(threads), Tape: &Tape{}}
		defer p.Pool.Close()
		in := p.New(rows, dim)
		copy(in.Data, x.Data)
		copy(forward(p, in).Grad, randomMat(2, rows, dim).Data)
		before := p.Mark()
		p.Tape.Backward()
		if p.Mark() != before {
			t.Error("backward keeps memory")
		}
		gradients = append(gradients, in.Grad...)
		for _, w := range ps.Trainable() {
			gradients = append(gradients, w.Grad...)
			clear(w.Grad)
		}
		return gradients
	}
	for name, forward := range map[string]func(*Pass, Mat) Mat{"rms norm": rms.Forward, "layer norm": layer.Forward} {
		want := backward(1, forward)
		for threads := 2; threads <= 4; threads++ {
			if !slices.Equal(backward(threads, forward), want) {
				t.Errorf("%s: %d threads change the gradients", name, threads)
			}
		}
	}
}

func TestReLUGradient(t *testing.T) {
	pass := &Pass{Tape: &Tape{}}
	x := pass.New(1, 3)
	copy(x.Data, []float32{-2, 0, 3})
	y := ReLU.Apply(pass, x)
	copy(y.Grad, []float32{5, 5, 5})
	pass.Tape.Backward()
	if x.Grad[0] != 0 || x.Grad[1] != 0 || x.Grad[2] != 5 || y.Data[2] != 3 || y.Data[0] != 0 {
		t.Errorf("relu %v, gradient %v", y.Data, x.Grad)
	}
}

func TestCrossEntropy(t *testing.T) {
	pass := &Pass{Tape: &Tape{}, Count: &Counter{}}
	logits := pass.New(4, 9)
	copy(logits.Data, randomMat(4, 4, 9).Data)
	targets := []int32{3, -1, 8, 0}
	loss := CrossEntropy(pass, logits, targets)
	pass.Tape.Backward()
	at := func() float64 { return CrossEntropy(&Pass{}, logits, targets) }
	if at() != loss {
		t.Errorf("loss %g with a tape, %g without", loss, at())
	}
	const h = 1.0 / 64
	for i, got := range logits.Grad {
		was := logits.Data[i]
		logits.Data[i] = was + h
		above := at()
		logits.Data[i] = was - h
		below := at()
		logits.Data[i] = was
		if want := (above - below) / (2 * h); math.Abs(float64(got)-want) > 1e-4 {
			t.Errorf("gradient %d is %g, difference quotient %g", i, got, want)
		}
	}
}

// TestBackwardOfPackedWeights checks that taping over weights that cannot be trained is refused.
func TestBackwardOfPackedWeights(t *testing.T) {
	ps := NewParams(nil, 1, Precision{Blocks: kernel.Format{Kind: kernel.KindInt8}, Head: kernel.F32})
	l := ps.In("").Linear("l", 4, 4, false, Normal(1))
	if err := ps.Train(); err == nil {
		t.Error("Train accepted int8 weights")
	}
	tied := NewParams(nil, 1, Precision{Blocks: kernel.F32, Head: kernel.Format{Kind: kernel.KindInt8}})
	tied.TiedHead(tied.Embedding("e", 4, 4, Normal(1)))
	if err := tied.Train(); err == nil {
		t.Error("Train accepted an int8 head, which has no gradient")
	}
	defer func() {
		if recover() == nil {
			t.Error("backward of int8 weights did not panic")
		}
	}()
	pass := &Pass{Tape: &Tape{}}
	l.Forward(pass, pass.New(1, 4))
}
