package main

import (
	"fmt"
	"math"

	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/internal/state"
	"github.com/archbench/archbench/lm"
)

// Model is a GPT-2 with its output matrix.
type Model struct {
	Tokens    *nn.Embedding // wte [V, d]
	Positions *nn.Embedding // wpe [P, d]
	Blocks    []Block
	Norm      *nn.LayerNorm // ln_f
	Head      *nn.Linear    // wte, or lm_head [V, d]

	cfg       Config
	precision nn.Precision
	json      []byte  // the effective config
	order     []int32 // 0, 1, ..., P-1
}

// Block is a layer: attention and MLP, each with a norm before it and a residual around it.
type Block struct {
	Norm1 *nn.LayerNorm // ln_1
	QKV   *nn.Linear    // attn.c_attn, stored [d, 3d]: queries, keys, values
	Attn  nn.Attention
	Proj  *nn.Linear    // attn.c_proj, stored [d, d]
	Norm2 *nn.LayerNorm // ln_2
	Up    *nn.Linear    // mlp.c_fc, stored [d, f]
	Act   nn.Activation
	Down  *nn.Linear // mlp.c_proj, stored [f, d]
	Drop  float64    // dropout rate of both outputs in training
}

// New declares the parameters under the names of GPT2LMHeadModel.
func New(c Config, ps *nn.Params) *Model {
	ps.Ignore("transformer.h.*.attn.bias", "transformer.h.*.attn.masked_bias")
	m := &Model{
		Tokens:    ps.Embedding("transformer.wte", c.Vocab, c.Dim, nn.Normal(c.InitStd)),
		Positions: ps.Embedding("transformer.wpe", c.Positions, c.Dim, nn.Normal(c.InitStd)),
		cfg:       c,
		precision: ps.Precision(),
		order:     make([]int32, c.Positions),
	}
	for i := range m.order {
		m.order[i] = int32(i)
	}
	for l := 0; l < c.Layers && ps.Err() == nil; l++ {
		m.Blocks = append(m.Blocks, newBlock(c, ps, fmt.Sprintf("transformer.h.%d.", l), l))
	}
	m.Norm = ps.LayerNorm("transformer.ln_f", c.Dim, c.Eps)
	m.Head = ps.Output("lm_head", m.Tokens, &m.cfg.Tied, nn.Normal(c.InitStd))
	return m
}

// newBlock declares one layer. As in GPT-2, the projections into the residual stream start smaller by √(2L), so that
// its variance does not grow with depth.
func newBlock(c Config, ps *nn.Params, name string, layer int) Block {
	init, residual := nn.Normal(c.InitStd), nn.Normal(c.InitStd/math.Sqrt(2*float64(c.Layers)))
	attention, mlp := ps.In("attention"), ps.In("mlp")
	return Block{
		Norm1: ps.LayerNorm(name+"ln_1", c.Dim, c.Eps),
		QKV:   attention.Linear(name+"attn.c_attn", 3*c.Dim, c.Dim, true, init, nn.Transposed),
		Attn: nn.Attention{Attention: kernel.Attention{
			Heads: c.Heads, KVHeads: c.Heads, Dim: c.Dim / c.Heads, Scale: c.scale(layer), Naive: !c.UseFlash,
			BF16: ps.Precision().Blocks.AttentionBF16(),
		}},
		Proj:  attention.Linear(name+"attn.c_proj", c.Dim, c.Dim, true, residual, nn.Transposed),
		Norm2: ps.LayerNorm(name+"ln_2", c.Dim, c.Eps),
		Up:    mlp.Linear(name+"mlp.c_fc", c.Inner, c.Dim, true, init, nn.Transposed),
		Act:   activations[c.Activation],
		Down:  mlp.Linear(name+"mlp.c_proj", c.Dim, c.Inner, true, residual, nn.Transposed),
		Drop:  c.ResidualDrop,
	}
}

// scale returns the factor of a layer's scores.
func (c Config) scale(layer int) float32 {
	scale := 1.0
	if c.Scale {
		scale /= math.Sqrt(float64(c.Dim / c.Heads))
	}
	if c.ScaleByInv {
		scale /= float64(layer + 1)
	}
	return float32(scale)
}

// NewState implements engine.Network.
func (m *Model) NewState() *state.Document {
	return state.New(m.cfg.Layers, func(int) state.Layer {
		return state.NewKV(m.cfg.Positions, m.cfg.Heads, m.cfg.Dim/m.cfg.Heads, m.precision.Blocks.AttentionBF16())
	})
}

// Forward implements engine.Network.
func (m *Model) Forward(p *nn.Pass, b nn.Batch) (nn.Mat, error) {
	positions, err := m.positions(b)
	if err != nil {
		return nn.Mat{}, err
	}
	p.Component("embedding")
	x := nn.Add(p, m.Tokens.Forward(p, b.Tokens), m.Positions.Forward(p, positions))
	x = nn.Dropout(p, x, m.cfg.EmbedDrop)
	for l := range m.Blocks {
		x = m.Blocks[l].forward(p, l, x, b.Spans)
	}
	p.Component("norm")
	return m.Norm.Forward(p, x), nil
}

// forward returns x + attention(norm x), then adds mlp(norm x).
func (b *Block) forward(p *nn.Pass, layer int, x nn.Mat, spans []nn.Span) nn.Mat {
	x = nn.Residual(p, x, b.Norm1, mixing{b, layer, spans}, mixing.attention)
	return nn.Residual(p, x, b.Norm2, b, (*Block).mlp)
}

// mixing is the use of a block's attention by a batch.
type mixing struct {
	*Block
	layer int
	spans []nn.Span
}

func (b mixing) attention(p *nn.Pass, x nn.Mat) nn.Mat {
	p.Component("attention")
	qkv, dim := b.QKV.Forward(p, x), x.Cols
	q, k, v := nn.Heads{Mat: qkv}, nn.Heads{Mat: qkv, From: dim}, nn.Heads{Mat: qkv, From: 2 * dim}
	return nn.Dropout(p, b.Proj.Forward(p, b.Attn.Forward(p, b.layer, q, k, v, b.spans)), b.Drop)
}

func (b *Block) mlp(p *nn.Pass, x nn.Mat) nn.Mat {
	p.Component("mlp")
	return nn.Dropout(p, b.Down.Forward(p, b.Act.Apply(p, b.Up.Forward(p, x))), b.Drop)
}

// positions lists the position of every token.
func (m *Model) positions(b nn.Batch) (list []int32, err error) {
	for _, s := range b.Spans {
		first := s.Position()
		if end := first + s.Len; end > m.cfg.Positions {
			return nil, lm.Errorf(lm.Invalid, "", "position %d is beyond the context limit n_positions=%d of the config: "+
				"GPT-2 has no embedding for it", end-1, m.cfg.Positions)
		}
		run := m.order[first : first+s.Len]
		if len(b.Spans) == 1 {
			return run, nil
		}
		list = append(list, run...)
	}
	return list, nil
}

// Output implements engine.Network.
func (m *Model) Output() *nn.Linear { return m.Head }

// Info implements engine.Network.
func (m *Model) Info() lm.ModelInfo {
	return lm.ModelInfo{
		Mode: "causal", Vocab: m.cfg.Vocab, BOS: m.cfg.BOS.First(), EOS: m.cfg.EOS, ContextLimit: m.cfg.Positions, Causal: true,
		StateKind: fmt.Sprintf("kv cache, at most %d tokens", m.cfg.Positions),
	}
}

// Config implements engine.Network.
func (m *Model) Config() []byte { return m.json }

// CheckTraining implements engine.TrainingChecker.
func (m *Model) CheckTraining() error {
	if m.cfg.AttentionDrop > 0 {
		return fmt.Errorf("attn_pdrop is %g: attention does not drop out its weights; train with the option attn_pdrop=0", m.cfg.AttentionDrop)
	}
	return nil
}
