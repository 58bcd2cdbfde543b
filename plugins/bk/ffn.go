package main

import (
	"fmt"

	"github.com/archbench/archbench/internal/nn"
)

// FFN is one dense expert, or a mixture of experts with a learned gate:
//
//	expert(x) = W2 act(W1 x + b1) + b2        W1 [M, D], or [2M, D] with swiglu; W2 [D, M]
type FFN struct {
	nn.MoE
	Gate *nn.TopKGate // nil: one expert
}

// newFFN declares the experts and, if there is more than one, their gate.
func newFFN(c *CausalConfig, name string, ps *nn.Params) FFN {
	var f FFN
	inner := c.FFNMultiplier * c.Dim
	for e := range c.Experts {
		expert := fmt.Sprintf("%sexperts.%d.", name, e)
		f.Experts = append(f.Experts, newExpert(ps.In("ffn"), expert, c.Dim, inner, c.FFNActivation, c.residualInit(c.Dim, inner)))
	}
	if c.Experts > 1 {
		f.Gate = newGate(ps, name, c.Experts, c.Dim, c.TopK, c.MoEGate == "topk_softmax")
	}
	return f
}

// newExpert declares layers 0 and 3 of an expert; 1 and 2 are its activation and dropout.
func newExpert(ps nn.Part, name string, dim, inner int, activation string, residual nn.Init) *nn.Expert {
	e := &nn.Expert{Act: nn.ReLU, Gated: activation == "swiglu"}
	if activation == "gelu" {
		e.Act = nn.GELU
	}
	up := inner
	if e.Gated {
		up = 2 * inner
	}
	e.Up = ps.Linear(name+"0", up, dim, true, nn.Xavier(up, dim, 1))
	e.Down = ps.Linear(name+"3", dim, inner, true, residual)
	return e
}

// newGate declares the learned gate.
func newGate(ps *nn.Params, name string, experts, dim, topK int, renormalise bool) *nn.TopKGate {
	linear := ps.Gate(name+"gating_network", experts, dim, true, nn.Xavier(experts, dim, 1), nn.Const(0))
	return &nn.TopKGate{Linear: linear, TopK: topK, Renormalise: renormalise}
}

// forward applies the experts to every token.
func (f *FFN) forward(p *nn.Pass, x nn.Mat) nn.Mat {
	if f.Gate == nil {
		p.Component("ffn")
		return f.Experts[0].Forward(p, x)
	}
	p.Component("router")
	routes := f.Gate.Forward(p, x)
	p.Component("ffn")
	return f.MoE.Forward(p, x, routes)
}
