package nn

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/internal/state"
)

// cores are resolvent layers of every form of output.
var cores = map[string]*Resolvent{
	"row":                 {Heads: 3, Values: 2, BornNorm: true},
	"plain row with g":    {Heads: 3, Values: 2, IncludeG: true},
	"row with Cayley g":   {Heads: 3, Values: 2, BornNorm: true, IncludeG: true, Cayley: true},
	"diagonal":            {Heads: 3},
	"diagonal by Cayley":  {Heads: 3, Cayley: true},
	"row of a single one": {Heads: 1, Values: 1, BornNorm: true},
}

// randomChains are the inputs of a core over rows tokens.
func randomChains(r *Resolvent, rows, hopRows int) []Mat {
	return []Mat{randomMat(1, rows, r.Heads), randomMat(2, hopRows, r.Heads), randomMat(3, 1, r.Heads), randomMat(4, rows, r.Heads*r.Values)}
}

// run applies the core to inputs, with η = softplus(in[2]).
func (r *Resolvent) run(p *Pass, spans []Span, in []Mat) Mat {
	return r.Forward(p, spans, 0, ResolventInput{A: in[0], Hop: in[1], Eta: Softplus.Apply(p, in[2]), U: in[3]})
}

func TestResolventGradients(t *testing.T) {
	spans := []Span{{Start: 0, Len: 4}, {Start: 4, Len: 7}}
	for name, core := range cores {
		for _, hopRows := range []int{1, 11} {
			t.Run(fmt.Sprintf("%s/%d hops", name, hopRows), func(t *testing.T) {
				inputs := randomChains(core, 11, hopRows)
				if core.Values == 0 {
					inputs[3] = randomMat(4, 11, 1) // not used
				}
				c := layerCase{inputs: inputs, forward: func(p *Pass, in []Mat) Mat { return core.run(p, spans, in) }}
				c.check(t)
			})
		}
	}
}

// TestResolventPieces checks that a document gives bit-identical results whole or in pieces, alone or next to another, on any
// number of threads.
func TestResolventPieces(t *testing.T) {
	core, rows := cores["row with Cayley g"], 900
	in := randomChains(core, rows, rows)
	in[2] = Mat{Rows: 1, Cols: 3, Data: []float32{0.3, 0.7, 1.1}}
	chains := func(lo, hi int) ResolventInput {
		return ResolventInput{A: in[0].Slice(lo, hi), Hop: in[1].Slice(lo, hi), Eta: in[2], U: in[3].Slice(lo, hi)}
	}
	want := slices.Clone(core.Forward(&Pass{}, []Span{{Len: rows}}, 0, chains(0, rows)).Data)
	for _, size := range []int{1, 7, 450} {
		doc := state.New(1, func(int) state.Layer { return state.NewResolvent(core.Heads, core.Values) })
		var got []float32
		for lo := 0; lo < rows; lo += size {
			hi := min(rows, lo+size)
			got = append(got, core.Forward(&Pass{}, []Span{{Len: hi - lo, State: doc}}, 0, chains(lo, hi)).Data...)
		}
		if !slices.Equal(got, want) {
			t.Errorf("pieces of %d differ from one", size)
		}
	}
	whole := slices.Clone(core.Forward(&Pass{}, []Span{{Len: 400}, {Start: 400, Len: 500}}, 0, chains(0, rows)).Data)
	for threads := 1; threads <= 3; threads++ {
		pool := kernel.NewPool(threads)
		p := &Pass{Pool: pool}
		if got := core.Forward(p, []Span{{Len: rows}}, 0, chains(0, rows)).Data; !slices.Equal(got, want) {
			t.Errorf("%d threads give another result", threads)
		}
		if got := core.Forward(p, []Span{{Len: 400}, {Start: 400, Len: 500}}, 0, chains(0, rows)).Data; !slices.Equal(got, whole) {
			t.Errorf("%d threads give another result for two documents", threads)
		}
		pool.Close()
	}
	if !slices.Equal(whole[:400*core.Width()], want[:400*core.Width()]) {
		t.Error("a second document changes the result of the first")
	}
}

func TestFullResolventLayerGradients(t *testing.T) {
	spans := []Span{{Start: 0, Len: 5}, {Start: 5, Len: 1}, {Start: 6, Len: 4}}
	c := layerCase{inputs: []Mat{randomMat(1, 10, 1)}, forward: func(p *Pass, in []Mat) Mat {
		return FullResolvent{Z: 0.3 + 0.4i}.Forward(p, spans, in[0])
	}}
	c.check(t)
}

func TestSiteGradients(t *testing.T) {
	ps := newF32Params()
	site := &SiteEnergy{A0: ps.Tensor("a0", Normal(1), 4), Energy: ps.Tensor("energy", Normal(1), 4), VMax: Fixed(4, 1.5)}
	raw := ps.Tensor("raw", Normal(1), 4)
	value := ps.HeadValue(raw, math.Exp, math.Exp)
	scale := ps.Tensor("scale", Const(0.7))
	cases := map[string]*layerCase{
		"site energy": {params: ps, inputs: []Mat{randomMat(1, 6, 4)}, forward: func(p *Pass, in []Mat) Mat {
			return site.Forward(p, in[0])
		}},
		"hop gate": {inputs: []Mat{randomMat(1, 6, 4)}, forward: func(p *Pass, in []Mat) Mat { return HopGate{KMax: 2}.Forward(p, in[0]) }},
		"head value": {params: ps, inputs: []Mat{randomMat(1, 1, 4)}, forward: func(p *Pass, in []Mat) Mat {
			return Add(p, in[0], value.Forward(p))
		}},
		"add scaled": {params: ps, inputs: []Mat{randomMat(1, 6, 4), randomMat(2, 6, 4)}, forward: func(p *Pass, in []Mat) Mat {
			return AddScaled(p, in[0], scale, in[1])
		}},
	}
	for name, c := range cases {
		t.Run(name, c.check)
	}
}

// TestClamps checks the two layers with kinks, away from the kinks.
func TestClamps(t *testing.T) {
	x := Mat{Rows: 1, Cols: 5, Data: []float32{-4, -1, 0, 2, 9}}
	p := &Pass{Tape: &Tape{}}
	in := p.New(1, 5)
	copy(in.Data, x.Data)
	site := &SiteEnergy{A0: Fixed(5, -2), Energy: Fixed(5, 1), VMax: Fixed(5, 3), Clamp: true}
	outs := []Mat{ClampValues(p, in, 3), site.Forward(p, in)}
	for i, want := range [][]float32{{-3, -1, 0, 2, 3}, {-6, -4, -3, -1, 0}} {
		if !slices.Equal(outs[i].Data, want) {
			t.Errorf("clamp %d is %v, want %v", i, outs[i].Data, want)
		}
		for j := range outs[i].Grad {
			outs[i].Grad[j] = 1
		}
	}
	p.Tape.Backward()
	if want := []float32{0, 2, 2, 2, 0}; !slices.Equal(in.Grad, want) {
		t.Errorf("gradient of both clamps %v, want %v", in.Grad, want)
	}
}

// TestHeadValueFollowsItsParameter checks that a changed parameter changes the value.
func TestHeadValueFollowsItsParameter(t *testing.T) {
	ps := newF32Params()
	raw := ps.Tensor("raw", Const(1), 2)
	v := ps.HeadValue(raw, func(x float64) float64 { return x * x }, func(x float64) float64 { return 2 * x })
	p := &Pass{}
	for _, x := range []float32{1, 3, 3, math.MaxInt8} {
		raw.W[1] = x
		ps.Changed()
		if got := v.Forward(p).Data; got[0] != 1 || got[1] != x*x {
			t.Errorf("values %v after the parameter became %v", got, x)
		}
	}
}
