package nn

import (
	"math"
	"testing"
)

// objectiveInput is a small output layer with rows, targets and a teacher.
type objectiveInput struct {
	x, w, bias, teacher []float64
	rows, in, out       int
	o                   Objective
}

// losses computes the objective of every row from its definition, in float64.
func (c *objectiveInput) losses() (sum Losses) {
	for r := range c.rows {
		z, q := make([]float64, c.out), c.teacher[r*c.out:][:c.out]
		for v := range z {
			z[v] = c.bias[v]
			for k := range c.in {
				z[v] += c.x[r*c.in+k] * c.w[v*c.in+k]
			}
		}
		logp := logSoftmax(z, 1)
		share, target := c.o.Shares[r], c.o.Targets[r]
		sum.NLL -= share * logp[target]
		for v, l := range logp {
			want := c.o.Smoothing / float64(c.out)
			if int32(v) == target {
				want += 1 - c.o.Smoothing
			}
			sum.Targets -= share * (1 - c.o.TeacherWeight) * want * l
		}
		t := c.o.Temperature
		hot, teacher := logSoftmax(z, t), logSoftmax(q, t)
		for v := range hot {
			sum.Distillation += share * c.o.TeacherWeight * t * t * math.Exp(teacher[v]) * (teacher[v] - hot[v])
		}
	}
	return sum
}

func logSoftmax(z []float64, temperature float64) []float64 {
	var sum float64
	for _, v := range z {
		sum += math.Exp(v / temperature)
	}
	out := make([]float64, len(z))
	for i, v := range z {
		out[i] = v/temperature - math.Log(sum)
	}
	return out
}

// TestLoss compares losses with their definition in float64, and gradients with its central differences.
func TestLoss(t *testing.T) {
	const rows, in, out = 7, 6, 13
	ps := newF32Params()
	l := ps.In("").Linear("head", out, in, true, Normal(1), BiasInit(Normal(1)))
	if err := ps.Train(); err != nil {
		t.Fatal(err)
	}
	p := &Pass{Tape: &Tape{}}
	x, teacher := p.New(rows, in), randomMat(4, rows, out)
	copy(x.Data, randomMat(3, rows, in).Data)
	c := objectiveInput{
		x: widened(x.Data), w: widened(l.Weight.W), bias: widened(l.Bias.W), teacher: widened(teacher.Data),
		rows: rows, in: in, out: out,
		o: Objective{Smoothing: 0.2, TeacherWeight: 0.3, Temperature: 2, Scale: 4},
	}
	for r := range rows {
		c.o.Targets, c.o.Shares = append(c.o.Targets, int32(r*5%out)), append(c.o.Shares, 0.1*float64(r+1))
	}
	c.o.Teacher = func(p *Pass, lo, hi int) Mat {
		m := p.New(hi-lo, out)
		copy(m.Data, teacher.Slice(lo, hi).Data)
		return m
	}
	got, want := l.Loss(p, x, &c.o), c.losses()
	for name, pair := range map[string][2]float64{
		"nll": {got.NLL, want.NLL}, "targets": {got.Targets, want.Targets}, "distillation": {got.Distillation, want.Distillation},
	} {
		if math.Abs(pair[0]-pair[1]) > 1e-5*math.Abs(pair[1]) {
			t.Errorf("%s %g, want %g", name, pair[0], pair[1])
		}
	}
	total := func() float64 { l := c.losses(); return l.Targets + l.Distillation }
	for name, pair := range map[string]struct {
		values []float64
		grad   []float32
	}{"x": {c.x, x.Grad}, "weight": {c.w, l.Weight.Grad}, "bias": {c.bias, l.Bias.Grad}} {
		for i, was := range pair.values {
			const h = 1e-5
			pair.values[i] = was + h
			above := total()
			pair.values[i] = was - h
			slope := (above - total()) / (2 * h)
			pair.values[i] = was
			if d := float64(pair.grad[i])/c.o.Scale - slope; math.Abs(d) > 1e-5*max(0.1, math.Abs(slope)) {
				t.Errorf("%s[%d]: gradient is off by %g from %g", name, i, d, slope)
			}
		}
	}
}

func widened(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// TestLossInTiles checks that tiles of rows give the losses of NLL, which tiles columns.
func TestLossInTiles(t *testing.T) {
	const rows, in, out = 300, 8, 9001
	ps := newF32Params()
	l := ps.In("").Linear("head", out, in, false, Normal(1))
	if err := ps.Train(); err != nil {
		t.Fatal(err)
	}
	if rows*out <= lossTile {
		t.Fatalf("%d logits are one tile", rows*out)
	}
	p := &Pass{Tape: &Tape{}}
	x := p.New(rows, in)
	copy(x.Data, randomMat(1, rows, in).Data)
	o, nll := Objective{}, make([]float64, rows)
	for r := range rows {
		o.Targets, o.Shares = append(o.Targets, int32(r*30)), append(o.Shares, 1)
	}
	l.NLL(&Pass{}, nll, x, o.Targets)
	var want float64
	for _, v := range nll {
		want += v
	}
	p.ResetPeak()
	before := p.PeakBytes()
	if got := l.Loss(p, x, &o).NLL; math.Abs(got-want) > 1e-6*want {
		t.Errorf("loss %g, want %g", got, want)
	}
	if taken := p.PeakBytes() - before; taken > 3*4*lossTile {
		t.Errorf("the loss took %d bytes of memory", taken)
	}
}
