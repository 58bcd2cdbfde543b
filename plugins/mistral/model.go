package main

import (
	"fmt"
	"math"
	"slices"

	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/internal/state"
	"github.com/archbench/archbench/lm"
)

// Model is a Mistral with its output matrix.
type Model struct {
	Tokens *nn.Embedding // model.embed_tokens [V, d]
	RoPE   *nn.RoPE
	Blocks []Block
	Norm   *nn.RMSNorm // model.norm
	Head   *nn.Linear  // lm_head [V, d], or the embedding

	cfg       Config
	precision nn.Precision
	json      []byte // the effective config
}

// Block is a layer: attention and MLP, each with a norm before it and a residual around it.
type Block struct {
	Norm1      *nn.RMSNorm // input_layernorm
	Q, K, V, O *nn.Linear  // self_attn.{q,k,v,o}_proj [H·hd, d], [K·hd, d], [K·hd, d], [d, H·hd]
	Attn       nn.Attention
	Norm2      *nn.RMSNorm // post_attention_layernorm
	Gate, Up   *nn.Linear  // mlp.{gate,up}_proj [f, d]
	Down       *nn.Linear  // mlp.down_proj [d, f]
}

// New declares the parameters under the names of MistralForCausalLM and LlamaForCausalLM.
func New(c Config, ps *nn.Params) *Model {
	init := nn.Normal(c.InitStd)
	ps.Ignore("model.layers.*.self_attn.rotary_emb.inv_freq")
	ps.Switch("attention_bias", c.AttnBias, "model.layers.*.self_attn.*.bias")
	ps.Switch("mlp_bias", c.MLPBias, "model.layers.*.mlp.*.bias")
	m := &Model{
		Tokens:    ps.Embedding("model.embed_tokens", c.Vocab, c.Dim, init),
		RoPE:      nn.NewRoPE(c.frequencies()),
		cfg:       c,
		precision: ps.Precision(),
	}
	for l := 0; l < c.Layers && ps.Err() == nil; l++ {
		m.Blocks = append(m.Blocks, newBlock(c, ps, fmt.Sprintf("model.layers.%d.", l), c.keys(l)))
	}
	m.Norm = ps.RMSNorm("model.norm", c.Dim, c.Eps)
	m.Head = ps.Output("lm_head", m.Tokens, &m.cfg.Tied, init)
	return m
}

func newBlock(c Config, ps *nn.Params, name string, window int) Block {
	init, attention, mlp := nn.Normal(c.InitStd), ps.In("attention"), ps.In("mlp")
	return Block{
		Norm1: ps.RMSNorm(name+"input_layernorm", c.Dim, c.Eps),
		Q:     attention.Linear(name+"self_attn.q_proj", c.Heads*c.HeadDim, c.Dim, c.AttnBias, init),
		K:     attention.Linear(name+"self_attn.k_proj", c.KVHeads*c.HeadDim, c.Dim, c.AttnBias, init),
		V:     attention.Linear(name+"self_attn.v_proj", c.KVHeads*c.HeadDim, c.Dim, c.AttnBias, init),
		O:     attention.Linear(name+"self_attn.o_proj", c.Dim, c.Heads*c.HeadDim, c.AttnBias, init),
		Attn: nn.Attention{Attention: kernel.Attention{
			Heads: c.Heads, KVHeads: c.KVHeads, Dim: c.HeadDim, Window: window,
			Scale: float32(1 / math.Sqrt(float64(c.HeadDim))), Naive: !c.UseFlash,
			BF16: ps.Precision().Blocks.AttentionBF16(),
		}},
		Norm2: ps.RMSNorm(name+"post_attention_layernorm", c.Dim, c.Eps),
		Gate:  mlp.Linear(name+"mlp.gate_proj", c.Inner, c.Dim, c.MLPBias, init),
		Up:    mlp.Linear(name+"mlp.up_proj", c.Inner, c.Dim, c.MLPBias, init),
		Down:  mlp.Linear(name+"mlp.down_proj", c.Dim, c.Inner, c.MLPBias, init),
	}
}

// NewState implements engine.Network. Each layer has a ring of W positions, rounded up to whole tiles in bf16, or a growing
// cache.
func (m *Model) NewState() *state.Document {
	slots := m.cfg.slots()
	return state.New(len(slots), func(l int) state.Layer {
		return state.NewKV(slots[l], m.cfg.KVHeads, m.cfg.HeadDim, m.precision.Blocks.AttentionBF16())
	})
}

// Forward implements engine.Network.
func (m *Model) Forward(p *nn.Pass, b nn.Batch) (nn.Mat, error) {
	p.Component("embedding")
	x := m.Tokens.Forward(p, b.Tokens)
	p.Component("attention")
	angles := m.RoPE.Angles(p, b)
	for l := range m.Blocks {
		x = m.Blocks[l].forward(p, l, x, angles, b.Spans)
	}
	p.Component("norm")
	return m.Norm.Forward(p, x), nil
}

// forward returns x + attention(norm x), then adds mlp(norm x).
func (b *Block) forward(p *nn.Pass, layer int, x nn.Mat, angles nn.Angles, spans []nn.Span) nn.Mat {
	x = nn.Residual(p, x, b.Norm1, mixing{b, layer, angles, spans}, mixing.attention)
	return nn.Residual(p, x, b.Norm2, b, (*Block).mlp)
}

// mixing is the use of a block's attention by a batch.
type mixing struct {
	*Block
	layer  int
	angles nn.Angles
	spans  []nn.Span
}

func (b mixing) attention(p *nn.Pass, x nn.Mat) nn.Mat {
	p.Component("attention")
	q, k, v := b.angles.Rotate(p, b.Q.Forward(p, x)), b.angles.Rotate(p, b.K.Forward(p, x)), b.V.Forward(p, x)
	return b.O.Forward(p, b.Attn.Forward(p, b.layer, nn.Heads{Mat: q}, nn.Heads{Mat: k}, nn.Heads{Mat: v}, b.spans))
}

func (b *Block) mlp(p *nn.Pass, x nn.Mat) nn.Mat {
	p.Component("mlp")
	return b.Down.Forward(p, nn.SwiGLU(p, b.Gate.Forward(p, x), b.Up.Forward(p, x)))
}

// Output implements engine.Network.
func (m *Model) Output() *nn.Linear { return m.Head }

// Info implements engine.Network.
func (m *Model) Info() lm.ModelInfo {
	return lm.ModelInfo{
		Mode: "causal", Vocab: m.cfg.Vocab, BOS: m.cfg.BOS.First(), EOS: m.cfg.EOS, Causal: true, StateKind: m.cfg.stateKind(),
	}
}

// stateKind says how many layers keep a window.
func (c Config) stateKind() string {
	slots, rings := c.slots(), 0
	for _, n := range slots {
		rings += min(n, 1)
	}
	switch most := slices.Max(slots); rings {
	case 0:
		return "kv cache"
	case len(slots):
		return fmt.Sprintf("kv ring %d", most)
	default:
		return fmt.Sprintf("kv cache, ring %d in %d of %d layers", most, rings, len(slots))
	}
}

// Config implements engine.Network.
func (m *Model) Config() []byte { return m.json }
