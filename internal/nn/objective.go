package nn

import (
	"cmp"

	"github.com/archbench/archbench/internal/kernel"
)

// Objective is what training minimises at a model's output layer. For each row with share s it is
//
//	s·(1-TeacherWeight)·CE(smoothed target, p) + s·TeacherWeight·T²·KL(q_T || p_T)
//
// where p is the model's distribution and q the teacher's, both at temperature T in the second term. The smoothed target
// has probability 1-Smoothing plus its part of Smoothing, which is spread evenly over the vocabulary.
type Objective struct {
	Targets       []int32
	Shares        []float64
	Smoothing     float64
	Teacher       func(p *Pass, lo, hi int) Mat // logits of rows [lo, hi), which are overwritten; nil: none
	TeacherWeight float64
	Temperature   float64 // 0 is 1
	Scale         float64 // factor of the gradient; 0 is 1
}

// Losses are sums over rows, each times its share.
type Losses struct {
	NLL          float64 // -log p(target) in nats
	Targets      float64 // the first term of an [Objective]
	Distillation float64 // the second
}

// Pick returns some rows of x, or x itself if rows is nil.
func Pick(p *Pass, x Mat, rows []int) Mat {
	if rows == nil {
		return x
	}
	y := p.New(len(rows), x.Cols)
	for i, r := range rows {
		copy(y.Row(i), x.Row(r))
	}
	if p.Tape != nil {
		p.Tape.Record(func() {
			for i, r := range rows {
				kernel.Axpy(1, y.rowGrad(i), x.rowGrad(r))
			}
		})
	}
	return y
}

// Loss returns the losses of x [rows, in], and adds the gradient of the objective to those of x and the layer. The layer is
// a model's output layer. Logits and their gradient exist for some rows at a time, so Loss does both passes at once and
// records nothing: the tape's Backward continues from the gradient of x.
func (l *Linear) Loss(p *Pass, x Mat, o *Objective) (sum Losses) {
	tape := p.Tape
	p.Tape = nil // the tiles are freed
	defer func() { p.Tape = tape }()
	rows := make([]Losses, x.Rows)
	tile := max(1, lossTile/l.Out)
	for lo := 0; lo < x.Rows; lo += tile {
		hi := min(x.Rows, lo+tile)
		l.tileLoss(p, x.Slice(lo, hi), o, lo, rows[lo:hi])
	}
	for _, r := range rows {
		sum.NLL, sum.Targets, sum.Distillation = sum.NLL+r.NLL, sum.Targets+r.Targets, sum.Distillation+r.Distillation
	}
	return sum
}

// lossTile is the number of logits that Loss computes at a time.
const lossTile = 1 << 21

// tileLoss is Loss of consecutive rows, of which the first is row at of the batch.
func (l *Linear) tileLoss(p *Pass, x Mat, o *Objective, at int, losses []Losses) {
	mark := p.Mark()
	logits := l.Forward(p, x)
	slopes := p.New(x.Rows, l.Out)
	var teacher Mat
	if o.Teacher != nil {
		teacher = o.Teacher(p, at, at+x.Rows)
	}
	p.Pool.Each(x.Rows, func(lo, hi int) {
		for r := lo; r < hi; r++ {
			losses[r] = o.row(at+r, slopes.Row(r), logits.Row(r))
			if o.Teacher != nil {
				losses[r].Distillation = o.distil(at+r, slopes.Row(r), logits.Row(r), teacher.Row(r))
			}
		}
	})
	l.backward(p, slopes.Data, x)
	p.Release(mark)
}

// row returns the losses of one row without the teacher, and writes the gradient of its logits to slope.
func (o *Objective) row(r int, slope, logits []float32) Losses {
	share, target, n := o.Shares[r]*(1-o.TeacherWeight), o.Targets[r], float64(len(logits))
	total, scale := kernel.LogSumExp(logits), share*cmp.Or(o.Scale, 1)
	nll := total - float64(logits[target])
	even := float32(-scale * o.Smoothing / n)
	for i := range slope {
		slope[i] = even
	}
	kernel.NLLGrad(slope, logits, total, target, float32(scale))
	smoothed := nll
	if o.Smoothing > 0 {
		slope[target] += float32(scale * o.Smoothing)
		smoothed = (1-o.Smoothing)*nll + o.Smoothing*(total-mean(logits))
	}
	return Losses{NLL: o.Shares[r] * nll, Targets: share * smoothed}
}

// distil returns the divergence of one row from the teacher, and adds its gradient to slope. It overwrites both logits.
func (o *Objective) distil(r int, slope, student, teacher []float32) float64 {
	weight, t := o.Shares[r]*o.TeacherWeight, cmp.Or(o.Temperature, 1)
	if t != 1 {
		scaleBy(student, 1/t)
		scaleBy(teacher, 1/t)
	}
	p, q := kernel.LogSumExp(student), kernel.LogSumExp(teacher)
	scale := float32(weight * t * cmp.Or(o.Scale, 1))
	kernel.AddSoftmax(slope, student, p, scale)
	kernel.AddSoftmax(slope, teacher, q, -scale)
	return weight * t * t * kernel.Divergence(teacher, student)
}

func mean(x []float32) float64 {
	var sum float64
	for _, v := range x {
		sum += float64(v)
	}
	return sum / float64(len(x))
}

func scaleBy(x []float32, a float64) {
	for i, v := range x {
		x[i] = float32(float64(v) * a)
	}
}
