package main

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/archbench/archbench/internal/analytic"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/internal/state"
	"github.com/archbench/archbench/lm"
)

// Model is a Mamba or Mamba-2 with its output matrix.
type Model struct {
	Shared
	Tokens *nn.Embedding // backbone.embeddings [V, d]
	Blocks []Layer
	Norm   *nn.RMSNorm // backbone.norm_f
	Head   *nn.Linear  // the embedding's table, or lm_head [V, d]

	tail, states int // floats of a layer's convolution tail and recurrent state
	json         []byte
}

// Layer is a mixer with a norm before it and a residual around it.
type Layer struct {
	Norm *nn.RMSNorm // norm
	mixer
}

// mixer is the state-space part of a layer.
type mixer interface {
	// forward returns the output for the normalised x [tokens, d].
	forward(p *nn.Pass, layer int, x nn.Mat, spans []nn.Span) nn.Mat
	// cost adds the cost of forward.
	cost(s *analytic.Sheet, w analytic.Work)
}

// mixing is the use of a mixer by a batch.
type mixing struct {
	mixer
	layer int
	spans []nn.Span
}

func (m mixing) run(p *nn.Pass, x nn.Mat) nn.Mat { return m.forward(p, m.layer, x, m.spans) }

// newModel declares the parameters outside the mixers under the names of Hugging Face, or of the first published files,
// which call the embedding backbone.embedding. block declares the mixer of a layer.
func newModel(c Shared, ps *nn.Params, block func(name string) mixer) *Model {
	embedding := "backbone.embeddings"
	if old := "backbone.embedding"; ps.Stored(old + ".weight") {
		embedding = old
	}
	ps.Switch("use_bias", c.Bias, "backbone.layers.*.mixer.in_proj.bias", "backbone.layers.*.mixer.out_proj.bias")
	ps.Switch("use_conv_bias", c.ConvBias, "backbone.layers.*.mixer.conv1d.bias")
	m := &Model{Shared: c, Tokens: ps.Embedding(embedding, c.Vocab, c.Dim, nn.Normal(c.InitStd))}
	for l := 0; l < c.Layers && ps.Err() == nil; l++ {
		name := fmt.Sprintf("backbone.layers.%d.", l)
		m.Blocks = append(m.Blocks, Layer{Norm: ps.RMSNorm(name+"norm", c.Dim, c.Eps), mixer: block(name + "mixer.")})
	}
	m.Norm = ps.RMSNorm("backbone.norm_f", c.Dim, c.Eps)
	m.Head = ps.Output("lm_head", m.Tokens, &m.Tied, nn.Normal(c.InitStd))
	return m
}

// NewState implements engine.Network. Its size does not depend on the length of the document.
func (m *Model) NewState() *state.Document {
	return state.New(m.Layers, func(int) state.Layer { return state.NewSSM(m.tail, m.states) })
}

// Forward implements engine.Network.
func (m *Model) Forward(p *nn.Pass, b nn.Batch) (nn.Mat, error) {
	p.Component("embedding")
	x := m.Tokens.Forward(p, b.Tokens)
	for l := range m.Blocks {
		block := &m.Blocks[l]
		x = nn.Residual(p, x, block.Norm, mixing{block.mixer, l, b.Spans}, mixing.run)
	}
	p.Component("norm")
	return m.Norm.Forward(p, x), nil
}

// Output implements engine.Network.
func (m *Model) Output() *nn.Linear { return m.Head }

// Info implements engine.Network.
func (m *Model) Info() lm.ModelInfo {
	return lm.ModelInfo{
		Mode: m.ModelType, Vocab: m.Vocab, BOS: m.BOS.First(), EOS: m.EOS, Causal: true, StateKind: "constant",
	}
}

// Config implements engine.Network.
func (m *Model) Config() []byte { return m.json }

// StateBytes implements engine.Network. It counts the last inputs of the convolution and the recurrent state of every layer,
// in float32.
func (m *Model) StateBytes(int) int64 { return 4 * int64(m.Layers) * int64(m.tail+m.states) }

// Cost implements engine.Network. No cost depends on earlier tokens, and there is no reference counter.
func (m *Model) Cost(req lm.CostRequest) (items, reference []lm.CostItem, err error) {
	w, err := analytic.WorkOf(req)
	if err != nil {
		return nil, nil, err
	}
	s, rows := analytic.NewSheet(w), w.Rows()
	s.Component("embedding")
	s.Embedding(rows, m.Dim, m.Tokens.Table.Format())
	for _, b := range m.Blocks {
		s.Component("norm")
		s.RMSNorm(rows, m.Dim)
		b.cost(s, w)
		s.Component("residual")
		s.Residual(rows * m.Dim)
	}
	s.Component("norm")
	s.RMSNorm(rows, m.Dim)
	s.Component("head")
	s.Linear(w.LogitRows, m.Dim, m.Vocab, m.Head.W.Format())
	return s.Items(), nil, nil
}

// outInit initialises an out_proj with in inputs: uniform in ±1/√in, divided by √layers with rescale_prenorm_residual, so
// that the residual stream does not grow with depth.
func (c *Shared) outInit(in int) nn.Init {
	bound := fanIn(in)
	if c.Rescale {
		bound *= fanIn(c.Layers)
	}
	return nn.Uniform(bound)
}

// fanIn is the usual bound of a new linear layer's weights.
func fanIn(in int) float64 { return 1 / math.Sqrt(float64(in)) }

// stepBiases initialises a bias so that its softplus is log-uniform between the smallest and the largest step size.
func (c *Shared) stepBiases() nn.Init {
	lo, hi := math.Log(c.StepMin), math.Log(c.StepMax)
	return func(r *rand.Rand, _ int, dst []float32) {
		for i := range dst {
			step := max(math.Exp(lo+(hi-lo)*r.Float64()), c.StepFloor)
			dst[i] = float32(step + math.Log(-math.Expm1(-step))) // the inverse of softplus
		}
	}
}
