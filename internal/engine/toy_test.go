package engine

import (
	"fmt"

	"github.com/archbench/archbench/internal/nn"
	"github.com/archbench/archbench/internal/state"
	"github.com/archbench/archbench/lm"
)

// toy is a small recurrent family: h ← h/2 + E[token], logits = E·h. If leak is set, every hidden state also contains the
// last token's, which requires the whole sequence.
type toy struct{ leak bool }

const (
	toyVocab = 11
	toyDim   = 5
)

func (toy) Describe() lm.Description {
	return lm.Description{Name: "toy", Variants: []lm.Variant{{Name: "tiny", Config: "{}"}}}
}

func (f toy) New(_ []byte, options map[string]string, ps *nn.Params) (Network, []string, error) {
	if options["fail"] != "" {
		return nil, nil, fmt.Errorf("key %q: refused", "fail")
	}
	n := &toyNet{leak: f.leak, emb: ps.Embedding("embedding.weight", toyVocab, toyDim, nn.Normal(1))}
	n.head = ps.TiedHead(n.emb)
	return n, nil, ps.Err()
}

type toyNet struct {
	leak bool
	emb  *nn.Embedding
	head *nn.Linear
}

type toyState struct{ h [toyDim]float32 }

func (s *toyState) Bytes() int64      { return 4 * toyDim }
func (s *toyState) Fork() state.Layer { c := *s; return &c }
func (s *toyState) Reset()            { *s = toyState{} }

func (n *toyNet) NewState() *state.Document {
	if n.leak {
		return nil
	}
	return state.New(1, func(int) state.Layer { return &toyState{} })
}

func (n *toyNet) Forward(p *nn.Pass, b nn.Batch) (nn.Mat, error) {
	p.Component("embedding")
	x := n.emb.Forward(p, b.Tokens)
	for _, span := range b.Spans {
		s := state.Of[*toyState](span.State, 0)
		if s == nil {
			s = &toyState{}
		}
		if span.Position()+span.Len > 4000 {
			return nn.Mat{}, lm.Errorf(lm.Invalid, "", "position beyond 4000")
		}
		for r := span.Start; r < span.Start+span.Len; r++ {
			for i, v := range x.Row(r) {
				s.h[i] = s.h[i]/2 + v
			}
			copy(x.Row(r), s.h[:])
		}
		for r := span.Start; n.leak && r+1 < span.Start+span.Len; r++ {
			for i, v := range x.Row(span.Start + span.Len - 1) {
				x.Row(r)[i] += v
			}
		}
	}
	return x, nil
}

func (n *toyNet) Output() *nn.Linear { return n.head }

func (n *toyNet) Cost(req lm.CostRequest) (analytic, reference []lm.CostItem, err error) {
	rows := int64(req.Batch)
	if req.Phase == lm.Scoring {
		rows *= int64(req.Length)
	}
	return []lm.CostItem{{Component: "head", FLOPs: 2 * rows * toyDim * toyVocab}}, nil, nil
}

func (n *toyNet) StateBytes(int) int64 {
	if n.leak {
		return -1
	}
	return 4 * toyDim
}

func (n *toyNet) Info() lm.ModelInfo {
	return lm.ModelInfo{Mode: "toy", Vocab: toyVocab, BOS: 0, Causal: !n.leak, StateKind: "constant"}
}

func (n *toyNet) Config() []byte { return []byte("{}") }
