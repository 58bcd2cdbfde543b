package main

import (
	"math"
	"testing"

	"github.com/archbench/archbench/internal/modeltest"
	"github.com/archbench/archbench/internal/nn"
)

// TestInitialState checks the table of initial values on the shape of bk-row-3m.
func TestInitialState(t *testing.T) {
	net, _ := newNetwork(t, variantConfig(t, "bk-row-3m"), 5)
	m := net.(*Model)
	block := &m.Blocks[3]
	core, dim, heads := block.Core.(*Row), m.config.Dim, block.Core.(*Row).Heads
	hop := core.Hop.(*hopGate)
	eta := core.Eta.forward(newPass(), nn.Mat{}).Data
	ratio := math.Pow(0.05, 1/float64(heads-1))
	golden := (math.Sqrt(5) - 1) / 2
	for h := range heads {
		want := math.Pow(ratio, float64(h))
		_, frac := math.Modf((float64(h) + 0.5) * golden)
		modeltest.Near(t, "eta, v_max, a0, energy",
			[]float32{eta[h], core.Site.VMax.W[h], core.Site.A0.W[h], core.Site.Energy.W[h]},
			[]float64{want, min(3, 1.5*math.Sqrt(want)), 1.9 * (2*frac - 1), 0}, 1e-6)
		row := core.V.Weight.W[h*dim : (h+1)*dim]
		bound := math.Sqrt(6/float64(dim+heads)) * min(1, 0.5*math.Sqrt(want))
		within(t, "v_proj", row, bound)
	}
	residual := 1 / math.Sqrt(2*7)
	within(t, "output_proj", block.Out.Weight.W, residual*math.Sqrt(6.0/(384+192)))
	within(t, "k_proj", hop.K.Weight.W, 0.1*math.Sqrt(6.0/(12+192)))
	within(t, "u_proj", core.U.Weight.W, math.Sqrt(6.0/(192+192)))
	expert := block.FFN.(*Dense).Expert
	within(t, "experts.0.0", expert.Up.Weight.W, math.Sqrt(6.0/(384+192)))
	within(t, "experts.0.3", expert.Down.Weight.W, residual*math.Sqrt(6.0/(384+192)))
	var squares float64
	for _, v := range m.Tokens.Weight.W {
		squares += float64(v) * float64(v)
	}
	modeltest.Near(t, "embedding's deviation", []float64{math.Sqrt(squares / float64(len(m.Tokens.Weight.W)))}, []float64{0.02}, 1e-4)
	modeltest.Near(t, "bk_scale and biases", []float32{block.Scale.W[0], core.V.Bias.W[0], hop.K.Bias.W[3], block.Out.Bias.W[5]}, []float64{1, 0, 0, 0}, 0)
}

// within checks that uniform values fill ±bound.
func within(t *testing.T, what string, w []float32, bound float64) {
	t.Helper()
	var top float64
	for _, v := range w {
		top = max(top, math.Abs(float64(v)))
	}
	if top > bound*1.000001 || top < 0.9*bound {
		t.Errorf("%s: the largest value is %g, want one just below %g", what, top, bound)
	}
}

// TestLearnedHop checks that a new model's learned k is k_value, and the slope of the hop.
func TestLearnedHop(t *testing.T) {
	net, _ := newNetwork(t, `{"mode": "causal-diag", "d_model": 8, "vocab_size": 4, "n_layers": 1, "bk_heads": 3, "k_value": 0.49}`, 1)
	hop := net.(*Model).Blocks[0].Core.(*Diag).Hop.forward(newPass(), nn.Mat{}).Data
	modeltest.Near(t, "hop", hop, []float64{0.7, 0.7, 0.7}, 1e-6)
	for _, raw := range []float64{-3, 0, 2} {
		const h = 1e-6
		modeltest.Near(t, "slope", []float64{hopSlope(raw)}, []float64{(hopOfRaw(raw+h) - hopOfRaw(raw-h)) / (2 * h)}, 1e-8)
	}
}
