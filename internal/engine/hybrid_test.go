package engine_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/archbench/archbench/internal/engine"
	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/internal/modeltest"
	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/internal/state"
	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmtest"
)

const vocab, dim, heads = 19, 12, 3

// hybrid is a family whose config names the mixer of each layer. If careless is set, blocks free memory that they still use.
type hybrid struct{ careless bool }

func (hybrid) Describe() lm.Description {
	return lm.Description{Name: "hybrid", Variants: []lm.Variant{
		{Name: "hybrid", Config: `{"layers": ["attention", "scan", "resolvent", "attention"]}`},
	}}
}

// mixer is a layer of any kind.
type mixer interface {
	newState() state.Layer
	forward(p *nn.Pass, layer int, x nn.Mat, spans []nn.Span) nn.Mat
}

type block struct {
	norm *nn.RMSNorm
	mixer
}

type hybridNet struct {
	hybrid
	config []byte
	tokens *nn.Embedding
	blocks []block
	norm   *nn.RMSNorm
	head   *nn.Linear
	drop   float64
}

func (f hybrid) New(config []byte, _ map[string]string, ps *nn.Params) (engine.Network, []string, error) {
	var c struct {
		Layers []string
		Drop   float64
	}
	if err := json.Unmarshal(config, &c); err != nil {
		return nil, nil, err
	}
	n := &hybridNet{hybrid: f, config: config, drop: c.Drop, tokens: ps.Embedding("tokens", vocab, dim, nn.Normal(1))}
	for l, kind := range c.Layers {
		name := fmt.Sprintf("%d.", l)
		n.blocks = append(n.blocks, block{norm: ps.RMSNorm(name+"norm", dim, 1e-5), mixer: newMixer(kind, name, ps)})
	}
	n.norm = ps.RMSNorm("norm", dim, 1e-5)
	n.head = ps.TiedHead(n.tokens)
	return n, nil, ps.Err()
}

func newMixer(kind, name string, ps *nn.Params) mixer {
	linear := func(part string, out, in int) *nn.Linear {
		return ps.In("mixer").Linear(name+part, out, in, true, nn.Normal(0.3))
	}
	switch kind {
	case "attention":
		return &attention{
			attn: nn.Attention{Attention: kernel.Attention{Heads: heads, KVHeads: heads, Dim: dim / heads, Scale: 0.5}},
			qkv:  linear("qkv", 3*dim, dim), out: linear("out", dim, dim),
		}
	case "scan":
		return &scan{
			conv: ps.CausalConv(name+"conv", dim, 4, true), proj: linear("proj", dim+4, dim),
			scan: ps.SelectiveScan(name, dim, 2),
		}
	default:
		return &resolvent{
			core: nn.Resolvent{Heads: heads, Values: 2, BornNorm: true}, v: linear("v", heads, dim), u: linear("u", 2*heads, dim),
			out: linear("out", dim, 4*heads), eta: nn.ConstHeadValue(heads, 0.3), hop: nn.ConstHeadValue(heads, 0.8),
		}
	}
}

type attention struct {
	attn     nn.Attention
	qkv, out *nn.Linear
}

func (m *attention) newState() state.Layer { return state.NewKV(0, heads, dim/heads, false) }

func (m *attention) forward(p *nn.Pass, layer int, x nn.Mat, spans []nn.Span) nn.Mat {
	qkv := m.qkv.Forward(p, x)
	q, k, v := nn.Heads{Mat: qkv}, nn.Heads{Mat: qkv, From: dim}, nn.Heads{Mat: qkv, From: 2 * dim}
	return m.out.Forward(p, m.attn.Forward(p, layer, q, k, v, spans))
}

type scan struct {
	conv *nn.CausalConv
	proj *nn.Linear
	scan *nn.SelectiveScan
}

func (m *scan) newState() state.Layer { return state.NewSSM(3*dim, 2*dim) }

func (m *scan) forward(p *nn.Pass, layer int, x nn.Mat, spans []nn.Span) nn.Mat {
	u := nn.SiLU.Apply(p, m.conv.Forward(p, layer, x, 0, spans))
	proj := m.proj.Forward(p, u)
	return m.scan.Forward(p, layer, u, nn.Softplus.Apply(p, nn.Columns(p, proj, 0, dim)), proj, spans)
}

type resolvent struct {
	core      nn.Resolvent
	v, u, out *nn.Linear
	eta, hop  *nn.HeadValue
}

func (m *resolvent) newState() state.Layer { return state.NewResolvent(heads, 2) }

func (m *resolvent) forward(p *nn.Pass, layer int, x nn.Mat, spans []nn.Span) nn.Mat {
	in := nn.ResolventInput{A: m.v.Forward(p, x), Hop: m.hop.Forward(p), Eta: m.eta.Forward(p), U: m.u.Forward(p, x)}
	return m.out.Forward(p, m.core.Forward(p, spans, layer, in))
}

func (n *hybridNet) Forward(p *nn.Pass, b nn.Batch) (nn.Mat, error) {
	p.Component("embedding")
	x := n.tokens.Forward(p, b.Tokens)
	for l := range n.blocks {
		x = n.step(p, l, x, b.Spans)
	}
	p.Component("norm")
	return n.norm.Forward(p, x), nil
}

func (n *hybridNet) step(p *nn.Pass, l int, x nn.Mat, spans []nn.Span) nn.Mat {
	block := &n.blocks[l]
	use := mixing{block, l, spans, n.drop}
	if !n.careless {
		return nn.Residual(p, x, block.norm, use, mixing.run)
	}
	mark := p.Mark()
	sum := nn.Add(p, x, use.run(p, block.norm.Forward(p, x)))
	p.Release(mark) // frees the sum as well
	return sum
}

// mixing is the use of a block by a batch.
type mixing struct {
	*block
	layer int
	spans []nn.Span
	drop  float64
}

func (m mixing) run(p *nn.Pass, x nn.Mat) nn.Mat {
	p.Component("mixer")
	return nn.Dropout(p, m.forward(p, m.layer, x, m.spans), m.drop)
}

func (n *hybridNet) NewState() *state.Document {
	return state.New(len(n.blocks), func(l int) state.Layer { return n.blocks[l].newState() })
}

func (n *hybridNet) Output() *nn.Linear { return n.head }
func (n *hybridNet) Config() []byte     { return n.config }
func (n *hybridNet) StateBytes(int) int64 {
	return -1
}

func (n *hybridNet) Cost(lm.CostRequest) (analytic, reference []lm.CostItem, err error) {
	return nil, nil, lm.Errorf(lm.Unsupported, "", "no formulas")
}

func (n *hybridNet) Info() lm.ModelInfo {
	return lm.ModelInfo{Mode: "causal", Vocab: vocab, BOS: -1, Causal: true, StateKind: "hybrid"}
}

// TestHybrid checks that layers with different kinds of state form one model, with equal results whole, in pieces and with
// a tape.
func TestHybrid(t *testing.T) {
	var tokens []int32
	for i := range int32(60) {
		tokens = append(tokens, i*i*7%vocab)
	}
	m := modeltest.Load(t, engine.New(hybrid{}), lm.LoadRequest{Variant: "hybrid", Seed: 3})
	modeltest.Streaming(t, m, tokens, 1, 7, 25)
	ps := nn.NewParams(nil, 3, nn.Precision{})
	net, _, err := hybrid{}.New([]byte(hybrid{}.Describe().Variants[0].Config), nil, ps)
	if err != nil {
		t.Fatal(err)
	}
	if err := ps.Train(); err != nil {
		t.Fatal(err)
	}
	modeltest.TapeChangesNothing(t, net, tokens, tokens[20:])
}

// TestConformanceFindsFreedMemory checks that the conformance kit detects a block that reads freed memory.
func TestConformanceFindsFreedMemory(t *testing.T) {
	for _, careless := range []bool{false, true} {
		checks := lmtest.Run(t.Context(), engine.New(hybrid{careless}), lmtest.Options{Tokens: 60, TempDir: t.TempDir(), Skip: []string{"cancellation", "concurrency", "clocks"}})
		for _, name := range []string{"shapes", "chunks", "greedy"} {
			i := slices.IndexFunc(checks, func(c lmtest.Check) bool { return c.Name == name })
			if failed := checks[i].Status == lmtest.Fail; failed != careless {
				t.Errorf("careless=%v: %v", careless, checks[i])
			}
		}
	}
}

// TestPackedWeightsCannotBeSaved checks that the abilities of a model agree with whether it can be saved.
func TestPackedWeightsCannotBeSaved(t *testing.T) {
	for precision, want := range map[string]bool{"f32": true, "bf16": true, "int8": false, "f32+mixer.int4": false} {
		m := modeltest.Load(t, engine.New(hybrid{}), lm.LoadRequest{Variant: "hybrid", Precision: precision})
		_, can := lm.As[lm.Saver](m)
		if err := m.(lm.Saver).Save(t.Context(), t.TempDir()); can != want || (err == nil) != want {
			t.Errorf("%s: says %v, does %v", precision, can, err)
		}
	}
}
