package nn

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// newMoE declares experts and a gate.
func newMoE(ps *Params, experts, topK int, renormalise, gated bool) (*MoE, *TopKGate) {
	const dim, inner = 6, 5
	up := inner
	if gated {
		up = 2 * inner
	}
	m := &MoE{}
	for e := range experts {
		name := string(rune('a' + e))
		m.Experts = append(m.Experts, &Expert{
			Up: ps.In("").Linear(name+".0", up, dim, true, Normal(0.5), BiasInit(Normal(0.5))), Act: GELU, Gated: gated,
			Down: ps.In("").Linear(name+".3", dim, inner, true, Normal(0.5), BiasInit(Normal(0.5))),
		})
	}
	return m, &TopKGate{Linear: ps.Gate("gate", experts, dim, true, Normal(1), Normal(1)), TopK: topK, Renormalise: renormalise}
}

func TestMoEGradients(t *testing.T) {
	for name, tt := range map[string]struct {
		topK               int
		renormalise, gated bool
	}{
		"top 1 of the softmax":        {topK: 1},
		"top 2 of the softmax, gated": {topK: 2, gated: true},
		"softmax of the top 2":        {topK: 2, renormalise: true},
		"all, gated":                  {topK: 5, gated: true},
		"softmax of all":              {topK: 3, renormalise: true},
	} {
		t.Run(name, func(t *testing.T) {
			ps := newF32Params()
			moe, gate := newMoE(ps, 3, tt.topK, tt.renormalise, tt.gated)
			c := layerCase{params: ps, inputs: []Mat{randomMat(8, 9, 6)}, forward: func(p *Pass, in []Mat) Mat {
				return moe.Forward(p, in[0], gate.Forward(p, in[0]))
			}}
			c.check(t)
		})
	}
}

// TestTopKGateRules compares the two rules with their definitions.
func TestTopKGateRules(t *testing.T) {
	logits := []float32{0.5, 2, -1, 2}
	var sum float64
	for _, l := range logits {
		sum += math.Exp(float64(l))
	}
	share := func(e int) float32 { return float32(math.Exp(float64(logits[e])) / sum) }
	const none = NotRouted
	tests := []struct {
		name        string
		topK        int
		renormalise bool
		want        []float32
	}{
		{"the lower index wins a tie", 1, false, []float32{none, share(1), none, none}},
		{"one chosen has weight 1", 1, true, []float32{none, 1, none, none}},
		{"two of the softmax", 2, false, []float32{none, share(1), none, share(3)}},
		{"softmax of two", 2, true, []float32{none, 0.5, none, 0.5}},
		{"three of the softmax", 3, false, []float32{share(0), share(1), none, share(3)}},
		{"all", 9, true, []float32{share(0), share(1), share(2), share(3)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := make([]float32, 4)
			(&TopKGate{Linear: &Linear{Out: 4}, TopK: tt.topK, Renormalise: tt.renormalise}).route(got, logits)
			for e, w := range got {
				if math.Abs(float64(w-tt.want[e])) > 1e-7 {
					t.Errorf("weights %v, want %v", got, tt.want)
				}
			}
		})
	}
}

// TestTopKGateSpreadsNaN checks that NaN logits lead to NaN weights, not to a panic.
func TestTopKGateSpreadsNaN(t *testing.T) {
	nan := float32(math.NaN())
	routes := make([]float32, 2)
	(&TopKGate{Linear: &Linear{Out: 2}, TopK: 1}).route(routes, []float32{nan, nan})
	if !slices.ContainsFunc(routes, func(w float32) bool { return w != w }) {
		t.Errorf("routes of NaN logits are %v", routes)
	}
}

// TestMoEIsTheSumOfItsExperts compares MoE with running every expert on every token.
func TestMoEIsTheSumOfItsExperts(t *testing.T) {
	moe, gate := newMoE(newF32Params(), 4, 2, false, false)
	p, x := &Pass{}, randomMat(3, 20, 6)
	routes := gate.Forward(p, x)
	want := make([]float32, len(x.Data))
	for e, expert := range moe.Experts {
		y := expert.Forward(p, x)
		for i, v := range y.Data {
			if w := routes.Row(i / 6)[e]; w != NotRouted {
				want[i] += w * v
			}
		}
	}
	if diff := cmp.Diff(want, moe.Forward(p, x, routes).Data); diff != "" {
		t.Error(diff)
	}
}

// TestMoEIsIndependentOfOthers checks that a token's result is the same, bit for bit, whether or not it shares its expert.
// The order of summation depends on the number of rows for one of the two sizes of experts.
func TestMoEIsIndependentOfOthers(t *testing.T) {
	const rows, token = 20, 3
	for _, size := range [][2]int{{24, 40}, {256, 600}} {
		dim, inner, ps := size[0], size[1], newF32Params()
		expert := func(name string) *Expert {
			return &Expert{Up: ps.In("").Linear(name+".up", inner, dim, true, Normal(.1)), Act: GELU, Down: ps.In("").Linear(name+".down", dim, inner, true, Normal(.1))}
		}
		moe := &MoE{Experts: []*Expert{expert("a"), expert("b")}}
		x, alone, shared := randomMat(3, rows, dim), Mat{Rows: rows, Cols: 2}, Mat{Rows: rows, Cols: 2}
		alone.Data, shared.Data = slices.Repeat([]float32{NotRouted, 1}, rows), slices.Repeat([]float32{1, NotRouted}, rows)
		copy(alone.Row(token), shared.Row(token))
		p := &Pass{}
		want := slices.Clone(moe.Forward(p, x, shared).Row(token))
		if !slices.Equal(moe.Forward(p, x, alone).Row(token), want) {
			t.Errorf("experts of %d by %d: other tokens' choices change a token's result", inner, dim)
		}
	}
}

// TestMoECountsWhatRuns checks that experts that no token chose cost nothing.
func TestMoECountsWhatRuns(t *testing.T) {
	moe, _ := newMoE(newF32Params(), 4, 1, false, false)
	p := &Pass{Count: &Counter{}}
	x, routes := randomMat(3, 5, 6), Mat{Rows: 5, Cols: 4, Data: slices.Repeat([]float32{NotRouted, NotRouted, 1, NotRouted}, 5)}
	moe.Forward(p, x, routes)
	const expert = 2*6*5 + 5 + 5*5 + 2*5*6 + 6 // products, biases, and 5 for each GELU
	p.Count.Each(func(_ string, c Cost) {
		if want := int64(5 * (expert + 2*6)); c.FLOPs != want {
			t.Errorf("%d FLOPs, want %d", c.FLOPs, want)
		}
	})
}
