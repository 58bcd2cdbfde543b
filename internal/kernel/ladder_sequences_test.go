package kernel

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// ladderSequences are the operations along time: attention, state-space recurrences and resolvents.
func ladderSequences() []rung {
	return []rung{
		ladderAttention(F32, 512, 0), ladderAttention(F32, 1, 256), ladderAttention(BF16, 512, 0), ladderAttention(BF16, 1, 256),
		ladderAttentionGrad(),
		ladderConv(), ladderConvGrad(), ladderScan(), ladderScanGrad(), ladderSSD(), ladderSSDGrad(),
		ladderResolvent(), ladderResolventGrad(), ladderFullResolvent(),
	}
}

// Heads of the ladder's attention, as in GPT-2.
const (
	ladderHeads   = 12
	ladderHeadDim = 64
)

// attentionFLOPs is the work of n queries after past keys: two products, and scale, shift, exponential and sum.
func attentionFLOPs(n, past int) int {
	pairs := n*past + n*(n+1)/2
	return ladderHeads * (pairs*(4*ladderHeadDim+4) + n*ladderHeadDim)
}

func ladderAttention(f Format, n, past int) rung {
	const width = ladderHeads * ladderHeadDim
	pastBytes := 4 * past // per element of a key or value
	if f.AttentionBF16() {
		pastBytes /= 2
	}
	return rung{
		name: fmt.Sprintf("attention-%s/%d-after-%d", f, n, past), flops: attentionFLOPs(n, past),
		bytes: 4*width*4*n + 2*width*pastBytes, format: f,
		setup: func(*tier) func() {
			a := Attention{Heads: ladderHeads, KVHeads: ladderHeads, Dim: ladderHeadDim, Scale: .125, BF16: f == BF16}
			rows := func(seed uint64) Rows { return Rows{gaussians(seed, n*width), width} }
			out, q, k, v := rows(1), rows(2), rows(3), rows(4)
			span := AttentionSpan{Len: n, Pos: past, Slots: past, PastK: gaussians(5, past*width), PastV: gaussians(6, past*width)}
			if a.BF16 {
				span.Cache = NewKeyValues(ladderHeads, ladderHeadDim, past+n, nil)
				span.Cache.Put(nil, 0, Rows{span.PastK, width}, Rows{span.PastV, width}, past)
			}
			spans := []AttentionSpan{span}
			return func() {
				if a.BF16 {
					span.Cache.Put(nil, past, k, v, n)
				}
				a.Forward(nil, out, q, k, v, nil, spans)
			}
		},
	}
}

func ladderAttentionGrad() rung {
	const n, width = ladderTokens, ladderHeads * ladderHeadDim
	return rung{
		name: fmt.Sprintf("attention-grad/%d", n), flops: 5 * attentionFLOPs(n, 0) / 2, bytes: 4 * width * 11 * n,
		setup: func(*tier) func() {
			rows := func(seed uint64) Rows { return Rows{gaussians(seed, n*width), width} }
			g := AttentionGrad{
				Attention: Attention{Heads: ladderHeads, KVHeads: ladderHeads, Dim: ladderHeadDim, Scale: .125},
				Q:         rows(1), K: rows(2), V: rows(3), Out: rows(4), DOut: rows(5), DQ: rows(6), DK: rows(7), DV: rows(8),
				LSE: make([]float32, n*ladderHeads), Spans: []AttentionSpan{{Len: n}},
			}
			g.Forward(nil, g.Out, g.Q, g.K, g.V, g.LSE, g.Spans)
			return func() { g.Run(nil) }
		},
	}
}

// Sizes of the ladder's state-space layers, as in Mamba 130M.
const (
	ladderChannels = 1536
	ladderStates   = 16
	ladderTaps     = 4
)

func newLadderConv() Conv {
	const n, e = ladderTokens, ladderChannels
	return Conv{
		Len: n, Channels: e, Taps: ladderTaps, X: Rows{gaussians(1, n*e), e}, W: gaussians(2, ladderTaps*e), Bias: gaussians(3, e),
		Tail: make([]float32, (ladderTaps-1)*e), Y: make([]float32, n*e),
	}
}

func ladderConv() rung {
	const n = ladderTokens * ladderChannels
	return rung{name: "conv", flops: n * (2*ladderTaps + 1), bytes: 8 * n, setup: func(*tier) func() {
		c := newLadderConv()
		return func() { c.Run(nil) }
	}}
}

func ladderConvGrad() rung {
	const n = ladderTokens * ladderChannels
	return rung{name: "conv-grad", flops: 4 * n * ladderTaps, bytes: 16 * n, setup: func(*tier) func() {
		g := ConvGrad{Conv: newLadderConv(), DY: gaussians(4, n), DX: Rows{make([]float32, n), ladderChannels},
			DW: make([]float32, ladderTaps*ladderChannels), DBias: make([]float32, ladderChannels)}
		return func() { g.Run(nil) }
	}}
}

func ladderScan() rung {
	const n = ladderTokens * ladderChannels
	return rung{name: "scan", flops: n * (7*ladderStates + 3), bytes: 12 * n, setup: func(*tier) func() {
		s := scanCase(rand.New(rand.NewPCG(1, 1)), ladderTokens, ladderChannels, ladderStates)
		return func() { s.Run(nil) }
	}}
}

func ladderScanGrad() rung {
	const n = ladderTokens * ladderChannels
	return rung{name: "scan-grad", flops: n * 16 * ladderStates, bytes: 4*n*7 + 4*n*ladderStates/saveEvery, setup: func(*tier) func() {
		s := scanCase(rand.New(rand.NewPCG(1, 1)), ladderTokens, ladderChannels, ladderStates)
		s.Saved = make([]float32, s.SavedLen())
		s.Run(nil)
		maps := func() Rows { return Rows{make([]float32, ladderTokens*ladderStates), ladderStates} }
		g := ScanGrad{Scan: s, DY: gaussians(2, n), DU: make([]float32, n), DDelta: make([]float32, n), DB: maps(), DC: maps(),
			DA: make([]float32, len(s.A)), DD: make([]float32, len(s.D))}
		g.Parts = make([]float32, g.PartsLen())
		return func() { g.Run(nil) }
	}}
}

// Sizes of the ladder's Mamba-2 layer: as many channels, in heads, with more states.
const (
	ladderSSDHeads  = 24
	ladderSSDDim    = 64
	ladderSSDStates = 128
)

func ladderSSD() rung {
	const n = ladderTokens * ladderSSDHeads * ladderSSDDim
	return rung{name: "ssd", flops: n * (5*ladderSSDStates + 3), bytes: 8 * n, setup: func(*tier) func() {
		s := ssdCase(rand.New(rand.NewPCG(1, 1)), ladderTokens, ladderSSDHeads, ladderSSDDim, 1, ladderSSDStates)
		return func() { s.Run(nil) }
	}}
}

func ladderSSDGrad() rung {
	const tokens = ladderTokens / 4
	const n, maps = tokens * ladderSSDHeads * ladderSSDDim, tokens * ladderSSDStates
	return rung{name: "ssd-grad", flops: n * 12 * ladderSSDStates, bytes: 4*n*4 + 4*n*ladderSSDStates/saveEvery, setup: func(*tier) func() {
		s := ssdCase(rand.New(rand.NewPCG(1, 1)), tokens, ladderSSDHeads, ladderSSDDim, 1, ladderSSDStates)
		s.Saved = make([]float32, s.SavedLen())
		s.Run(nil)
		g := SSDGrad{SSD: s, DY: gaussians(2, n), DX: Rows{make([]float32, n), ladderSSDHeads * ladderSSDDim},
			DDelta: make([]float32, tokens*ladderSSDHeads), DB: Rows{make([]float32, maps), ladderSSDStates},
			DC: Rows{make([]float32, maps), ladderSSDStates}, DA: make([]float32, ladderSSDHeads), DD: make([]float32, ladderSSDHeads)}
		g.Parts = make([]float32, g.PartsLen())
		return func() { g.Run(nil) }
	}}
}

// Sizes of the ladder's resolvent chains: heads of several documents side by side, and values per head.
const (
	ladderChains = 64
	ladderValues = 32
)

func ladderResolvent() rung {
	const n, values = ladderTokens * ladderChains, ladderChains * ladderValues
	return rung{name: "resolvent", flops: n * (12 + 12*ladderValues), bytes: 4 * n * (2 + 3*ladderValues), setup: func(*tier) func() {
		eta := make([]float32, ladderChains)
		fill(eta, .1)
		c := Chains{
			Len: ladderTokens, Heads: ladderChains, Values: ladderValues, Born: true, Eta: eta,
			A: Rows{gaussians(1, n), ladderChains}, Hop: Rows{gaussians(2, n), ladderChains}, U: Rows{gaussians(3, n*ladderValues), values},
			G: NewComplex(ladderChains), Y: NewComplex(values),
			ZRe: Rows{make([]float32, n*ladderValues), values}, ZIm: Rows{make([]float32, n*ladderValues), values},
		}
		return c.Run
	}}
}

func ladderResolventGrad() rung {
	const n, values = 4 * ladderTokens, ladderValues
	return rung{name: "resolvent-grad", flops: n * (40 + 30*values), bytes: 8 * n * (8 + 6*values), setup: func(*tier) func() {
		t := ResolventTrace{Values: values, Hop: wide(gaussians(1, n)), U: wide(gaussians(2, n*values)),
			G: make([]complex128, n+1), Y: NewComplex((n + 1) * values)}
		for i, a := range wide(gaussians(3, n)) {
			c := t.Hop[i]
			t.G[i+1] = resolventStep(a, .1, c*c, t.G[i])
			for j := range values {
				t.Y.Set((i+1)*values+j, resolventRowStep(t.G[i+1], c, t.U[i*values+j], t.Y.At(i*values+j)))
			}
		}
		dg, dy, d := slices.Clone(t.G[1:]), t.Y.Slice(values, (n+1)*values), NewResolventGrad(n, values)
		work := dy.Clone()
		return func() {
			work.Copy(dy)
			t.Backward(dg, work, &d)
		}
	}}
}

func ladderFullResolvent() rung {
	const n = 16 * ladderTokens
	return rung{name: "resolvent-full", flops: 34 * n, bytes: n * (8 + 8 + 3*16), setup: func(*tier) func() {
		a, k, planes := wide(gaussians(1, n)), wide(gaussians(2, n)), make([]complex128, 3*n)
		for i, v := range k {
			k[i] = v * v
		}
		return func() { FullResolvent(a, k[:n-1], complex(0, .1), planes[:n], planes[n:2*n], planes[2*n:]) }
	}}
}

// wide returns x as float64.
func wide(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}
