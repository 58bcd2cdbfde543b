package nn

import (
	"cmp"

	"github.com/archbench/archbench/internal/kernel"
)

// Linear is y = x Wᵀ + b with W [out, in].
type Linear struct {
	In, Out int
	W       kernel.Matrix
	Weight  *Param // the same weights if they are float32, else nil
	Bias    *Param // nil: none
}

// LinearOption changes how Part.Linear declares a layer.
type LinearOption func(*linearOptions)

type linearOptions struct {
	transposed bool
	keep       bool
	biasInit   Init
}

// Transposed means that the file stores the weight as [in, out], like GPT-2's Conv1D. In memory it is [out, in]; init sees
// the stored rows.
func Transposed(o *linearOptions) { o.transposed = true }

// Keep keeps the weight in at least bf16 if the model is quantised.
func Keep(o *linearOptions) { o.keep = true }

// BiasInit initialises the bias of a new layer; the default is zero.
func BiasInit(init Init) LinearOption { return func(o *linearOptions) { o.biasInit = init } }

// Linear declares name.weight [out, in], packed in the format of the component, and name.bias [out] if bias is set.
func (c Part) Linear(name string, out, in int, bias bool, init Init, options ...LinearOption) *Linear {
	o := linearOptions{biasInit: Const(0)}
	for _, set := range options {
		set(&o)
	}
	format := c.precision.Linear(c.component)
	if o.keep {
		format = wide(format)
	}
	l := &Linear{In: in, Out: out}
	l.W, l.Weight = c.matrix(name+".weight", ClassLinear, format, out, in, o.transposed, init)
	if bias {
		l.Bias = c.tensor(name+".bias", ClassLinear, o.biasInit, []int{out})
		l.Bias.Component = cmp.Or(c.component, ClassLinear)
	}
	if l.Weight != nil {
		l.Weight.Component = cmp.Or(c.component, ClassLinear)
	}
	return l
}

// Forward returns x Wᵀ + b. It costs 2·in + 1 FLOPs per output, 2·in without bias; the scales of packed weights are not
// counted.
func (l *Linear) Forward(p *Pass, x Mat) Mat {
	y := p.New(x.Rows, l.Out)
	p.product(l.W, y, x)
	rows, in, out := int64(x.Rows), int64(l.In), int64(l.Out)
	p.Add(2*rows*in*out, l.W.Bytes()+4*rows*(in+out))
	if l.Bias != nil {
		p.byRows(rowsTask{f: addBias, y: y, x: y, w: l.Bias.W})
		p.Add(rows*out, 4*out)
	}
	if p.Tape != nil {
		l.record(p, y, x)
	}
	return y
}

func addBias(y, x, b, _ []float32, _ float64) { kernel.Add(y, x, b) }

// record adds the backward pass to the tape.
func (l *Linear) record(p *Pass, y, x Mat) {
	trainable(l.Weight, "linear layer")
	p.Tape.Record(func() { l.backward(p, y.Grad, x) })
}

// backward adds dx = dy·W, dW = dyᵀ·x and db = Σ dy for dy [rows, out].
func (l *Linear) backward(p *Pass, dy []float32, x Mat) {
	kernel.MulNN(p.Pool, x.Grad, dy, l.Weight.W, x.Rows, l.In, l.Out)
	kernel.MulTN(p.Pool, trainable(l.Weight, "linear layer"), dy, x.Data, l.Out, l.In, x.Rows)
	if l.Bias != nil {
		p.sumColumns(l.Bias.Grad, dy)
	}
}

// columnBlock is the number of columns per unit of parallel work in sumColumns: a few cache lines.
const columnBlock = 64

// sumColumns adds the rows of x to sum, in order.
func (p *Pass) sumColumns(sum, x []float32) {
	cols := len(sum)
	p.Pool.Each((cols+columnBlock-1)/columnBlock, func(lo, hi int) {
		lo, hi = lo*columnBlock, min(cols, hi*columnBlock)
		for row := 0; row < len(x); row += cols {
			kernel.Axpy(1, x[row+lo:row+hi], sum[lo:hi])
		}
	})
}
