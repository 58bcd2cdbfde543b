package nn

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/archbench/archbench/internal/state"
)

// ssmLayers is the state-space part of a block: vz → gate(scan(conv v), z).
type ssmLayers struct {
	conv *CausalConv
	scan *SelectiveScan
	ps   *Params
}

const ssmChannels, ssmStates, ssmTaps = 6, 3, 4

func newSSMLayers(t *testing.T) *ssmLayers {
	t.Helper()
	ps := NewParams(nil, 5, Precision{})
	l := &ssmLayers{
		conv: ps.CausalConv("conv", ssmChannels, ssmTaps, true),
		scan: ps.SelectiveScan("", ssmChannels, ssmStates),
		ps:   ps,
	}
	if ps.Err() != nil {
		t.Fatal(ps.Err())
	}
	return l
}

// forward reads vz [rows, 2·channels] and rbc [rows, channels + 2·states].
func (l *ssmLayers) forward(p *Pass, vz, rbc Mat, spans []Span) Mat {
	u := SiLU.Apply(p, l.conv.Forward(p, 0, vz, 0, spans))
	delta := Softplus.Apply(p, Columns(p, rbc, 0, ssmChannels))
	return GateSiLU(p, l.scan.Forward(p, 0, u, delta, rbc, spans), vz, ssmChannels)
}

// fill returns a new matrix of random numbers.
func fill(p *Pass, r *rand.Rand, rows, cols int) Mat {
	m := p.New(rows, cols)
	for i := range m.Data {
		m.Data[i] = float32(r.NormFloat64())
	}
	return m
}

func ssmState1() *state.Document {
	return state.New(1, func(int) state.Layer { return state.NewSSM((ssmTaps-1)*ssmChannels, ssmChannels*ssmStates) })
}

// TestSSMSpans checks that documents in one batch give the results of each alone in pieces.
func TestSSMSpans(t *testing.T) {
	l := newSSMLayers(t)
	var p Pass
	r := rand.New(rand.NewPCG(1, 1))
	const rows = 11
	vz, rbc := fill(&p, r, rows, 2*ssmChannels), fill(&p, r, rows, ssmChannels+2*ssmStates)
	together := slices.Clone(l.forward(&p, vz, rbc, []Span{{0, 4, nil}, {4, 7, nil}}).Data)
	var alone []float32
	for _, doc := range [][]int{{0, 4}, {4, 5, 9, 11}} {
		st := ssmState1()
		for i := range doc[1:] {
			lo, hi := doc[i], doc[i+1]
			out := l.forward(&p, vz.Slice(lo, hi), rbc.Slice(lo, hi), []Span{{0, hi - lo, st}})
			alone = append(alone, out.Data...)
		}
	}
	if !slices.Equal(together, alone) {
		t.Error("documents in one batch differ from documents alone in pieces")
	}
}

// TestSSMGradients compares the gradients of inputs and parameters with central differences of the taped forward.
func TestSSMGradients(t *testing.T) {
	l := newSSMLayers(t)
	if err := l.ps.Train(); err != nil {
		t.Fatal(err)
	}
	const rows = 9
	spans := []Span{{0, 3, nil}, {3, 6, nil}}
	p := Pass{Tape: &Tape{}}
	r := rand.New(rand.NewPCG(2, 2))
	vz, rbc := fill(&p, r, rows, 2*ssmChannels), fill(&p, r, rows, ssmChannels+2*ssmStates)
	for _, param := range l.ps.Trainable() {
		for i := range param.W {
			param.W[i] += float32(.3 * r.NormFloat64())
		}
	}
	l.ps.Changed()
	out := l.forward(&p, vz, rbc, spans)
	weights := make([]float32, len(out.Data))
	for i := range weights {
		weights[i] = float32(r.NormFloat64())
	}
	copy(out.Grad, weights)
	p.Tape.Backward()

	value := func() (sum float64) {
		var q Pass
		l.ps.Changed()
		for i, v := range l.forward(&q, vz, rbc, spans).Data {
			sum += float64(weights[i]) * float64(v)
		}
		return sum
	}
	check := func(name string, x, grad []float32) {
		var worst, scale float64
		for range 20 {
			i := r.IntN(len(x))
			old := x[i]
			const h = 1.0 / 128
			x[i] = old + h
			up := value()
			x[i] = old - h
			slope := (up - value()) / (2 * h)
			x[i] = old
			worst, scale = max(worst, math.Abs(slope-float64(grad[i]))), max(scale, math.Abs(slope))
		}
		t.Logf("%s: largest difference %.2g of %.2g", name, worst, scale)
		if worst > 1e-4*(1+scale) {
			t.Errorf("gradient of %s differs from central differences by %g", name, worst)
		}
	}
	check("vz", vz.Data, vz.Grad)
	check("rbc", rbc.Data, rbc.Grad)
	for _, param := range l.ps.Trainable() {
		check(param.Name, param.W, param.Grad)
	}
}

// TestSSDSteps checks the step sizes of Mamba-2, and that those beyond the limits have no gradient.
func TestSSDSteps(t *testing.T) {
	ps := NewParams(nil, 5, Precision{})
	s := ps.SSD("", SSD{Heads: 4, Dim: 2, Groups: 2, States: 3, StepMin: .5, StepMax: 2}, Const(.25))
	if err := ps.Train(); err != nil {
		t.Fatal(err)
	}
	p := Pass{Tape: &Tape{}}
	x := p.New(1, 6)
	copy(x.Data, []float32{9, -9, -.25, 0, 1, 9})
	delta := s.Steps(&p, x, 1)
	want := []float32{.5, float32(math.Log(2)), float32(math.Log1p(math.Exp(.25))), float32(math.Log1p(math.Exp(1.25)))}
	for i, v := range delta.Data {
		if math.Abs(float64(v-want[i])) > 1e-6 {
			t.Errorf("step %d is %v, want %v", i, v, want[i])
		}
		delta.Grad[i] = 1
	}
	p.Tape.Backward()
	if x.Grad[1] != 0 || math.Abs(float64(x.Grad[2])-.5) > 1e-6 || x.Grad[0] != 0 || x.Grad[5] != 0 {
		t.Errorf("gradients %v: want 0 beyond the limits and in other columns, ½ where softplus is at 0", x.Grad)
	}
	if s.StepBias.Grad[0] != 0 || s.StepBias.Grad[1] != x.Grad[2] {
		t.Errorf("gradients of the bias %v, of the input %v", s.StepBias.Grad, x.Grad)
	}
}
