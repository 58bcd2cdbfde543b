package nn

import (
	"sync"

	"github.com/archbench/archbench/internal/kernel"
)

// Columns returns a copy of columns [lo, hi) of x. It costs no FLOPs.
func Columns(p *Pass, x Mat, lo, hi int) Mat {
	y := p.New(x.Rows, hi-lo)
	for r := range x.Rows {
		copy(y.Row(r), x.Row(r)[lo:hi])
	}
	p.Add(0, 8*int64(len(y.Data)))
	if p.Tape != nil {
		recordColumns(p, y, x, lo)
	}
	return y
}

func recordColumns(p *Pass, y, x Mat, lo int) {
	p.Tape.Record(func() {
		for i, g := range y.Grad {
			x.Grad[i/y.Cols*x.Cols+lo+i%y.Cols] += g
		}
	})
}

// GateSiLU returns y·silu(z), where z is the columns of x that begin at column from. It costs 5
// FLOPs an element.
func GateSiLU(p *Pass, y, x Mat, from int) Mat {
	out := p.New(y.Rows, y.Cols)
	task := gateTasks.Get().(*gateTask)
	*task = gateTask{out, y, x, from}
	pool := p.Pool
	if len(y.Data) <= elementBlock {
		pool = nil
	}
	pool.Run(y.Rows, task)
	*task = gateTask{}
	gateTasks.Put(task)
	n := int64(len(out.Data))
	p.Add(5*n, 12*n)
	if p.Tape != nil {
		recordGateSiLU(p, out, y, x, from)
	}
	return out
}

// gateTask is a GateSiLU in flight, by rows. Tasks are reused, so that decoding allocates nothing.
type gateTask struct {
	out, y, x Mat
	from      int
}

var gateTasks = sync.Pool{New: func() any { return &gateTask{} }}

// Do implements kernel.Task.
func (t *gateTask) Do(lo, hi int) {
	for r := lo; r < hi; r++ {
		kernel.SwiGLU(t.out.Row(r), t.x.Row(r)[t.from:][:t.y.Cols], t.y.Row(r))
	}
}

func recordGateSiLU(p *Pass, out, y, x Mat, from int) {
	p.Tape.Record(func() {
		for r := range y.Rows {
			kernel.SwiGLUGrad(x.rowGrad(r)[from:][:y.Cols], y.rowGrad(r), out.rowGrad(r), x.Row(r)[from:][:y.Cols], y.Row(r))
		}
	})
}
