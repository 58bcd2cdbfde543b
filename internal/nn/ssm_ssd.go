package nn

import (
	"math"
	"math/rand/v2"

	"github.com/archbench/archbench/internal/kernel"
)

// SSD is the recurrence of Mamba-2 (Dao and Gu 2024), in which head j of Dim channels has one decay and one step size,
// and shares B and C with the heads of its group: for every channel p and state n of a token
//
//	h[j,p,n] ← exp(Δ[j]·A[j])·h[j,p,n] + Δ[j]·B[n]·x[j,p],    y[j,p] = Σ_n C[n]·h[j,p,n] + D[j]·x[j,p]
//
// with A = -exp(A_log) and Δ = softplus(dt + dt_bias), kept within limits.
type SSD struct {
	Heads, Dim, Groups, States int
	StepMin, StepMax           float32 // limits of Δ
	ALog, D, StepBias          *Param  // [heads]

	a []float32 // A
}

// SSD declares prefix+"A_log", "D" and "dt_bias" of a layer with the given sizes. New ones are A = -1, -2, ..., -heads and
// D = 1; steps initialises the bias.
func (ps *Params) SSD(prefix string, sizes SSD, steps Init) *SSD {
	s := &sizes
	s.ALog = ps.Tensor(prefix+"A_log", headRange, s.Heads)
	s.D = ps.Tensor(prefix+"D", Const(1), s.Heads)
	s.StepBias = ps.Tensor(prefix+"dt_bias", steps, s.Heads)
	s.a = make([]float32, s.Heads)
	ps.derive(s.decay)
	return s
}

// headRange fills a vector, whose rows are its elements, with log 1, log 2, ...
func headRange(_ *rand.Rand, row int, dst []float32) {
	dst[0] = float32(math.Log(float64(row + 1)))
}

// decay computes A.
func (s *SSD) decay() {
	for i, v := range s.ALog.W {
		s.a[i] = float32(-math.Exp(float64(v)))
	}
}

// Steps returns Δ [rows, heads] from columns [from, from+heads) of x. It costs 4 FLOPs per element: 1 for the bias and 3 for
// softplus.
func (s *SSD) Steps(p *Pass, x Mat, from int) Mat {
	dt := Columns(p, x, from, from+s.Heads)
	biased := s.addBias(p, dt)
	delta := Softplus.Apply(p, biased)
	s.limit(p, delta)
	return delta
}

// addBias returns dt + dt_bias.
func (s *SSD) addBias(p *Pass, dt Mat) Mat {
	y := p.New(dt.Rows, dt.Cols)
	for r := range y.Rows {
		kernel.Add(y.Row(r), dt.Row(r), s.StepBias.W)
	}
	p.Add(int64(len(y.Data)), 4*int64(s.Heads))
	if p.Tape != nil {
		grad := trainable(s.StepBias, "step size")
		p.Tape.Record(func() {
			for r := range y.Rows {
				kernel.Axpy(1, y.rowGrad(r), dt.rowGrad(r))
				kernel.Axpy(1, y.rowGrad(r), grad)
			}
		})
	}
	return y
}

// limit clamps delta to its limits, beyond which it has no gradient. Comparisons are not counted.
func (s *SSD) limit(p *Pass, delta Mat) {
	var outside []int
	for i, v := range delta.Data {
		if kept := min(max(v, s.StepMin), s.StepMax); kept != v {
			delta.Data[i] = kept
			if p.Tape != nil {
				outside = append(outside, i)
			}
		}
	}
	if outside != nil {
		p.Tape.Record(func() {
			for _, i := range outside {
				delta.Grad[i] = 0
			}
		})
	}
}

// Forward returns y [rows, heads·dim] and advances the states of the documents, each a [state.SSM] at the index layer.
// xbc is [rows, heads·dim + 2·groups·states]: x, B and C. It costs 5 FLOPs per token, channel and state (the product with
// the decay, Δx·B, its addition, and the multiply-add with C), 3 per token and channel (Δ·x and the multiply-add with D)
// and 2 per token and head (Δ·A and its exponential).
func (s *SSD) Forward(p *Pass, layer int, xbc, delta Mat, spans []Span) Mat {
	heads, e, n := int64(s.Heads), int64(s.Heads*s.Dim), int64(s.States)
	y := p.New(xbc.Rows, s.Heads*s.Dim)
	for _, span := range spans {
		ssd := s.piece(xbc, delta, y, span)
		ssd.H = ssmState(p, span, layer, s.Heads*s.Dim*s.States)
		if p.Tape != nil {
			ssd.Saved = p.Scratch(ssd.SavedLen())
			s.record(p, ssd, xbc, delta, y, span)
		}
		ssd.Run(p.Pool)
	}
	rows := int64(xbc.Rows)
	p.Add(rows*(e*(5*n+3)+2*heads), 4*(rows*(int64(xbc.Cols)+e+heads)+2*heads+2*int64(len(spans))*e*n))
	return y
}

// columns returns x, B and C in the rows of a matrix from row on.
func (s *SSD) columns(data []float32, cols, row int) (x, b, c kernel.Rows) {
	all := kernel.Rows{Data: data, Stride: cols}
	e, maps := s.Heads*s.Dim, s.Groups*s.States
	return all.From(row, 0), all.From(row, e), all.From(row, e+maps)
}

// piece returns the recurrence of one span, except for its state.
func (s *SSD) piece(xbc, delta, y Mat, span Span) kernel.SSD {
	lo, hi := span.Start, span.Start+span.Len
	k := kernel.SSD{
		Len: span.Len, Heads: s.Heads, Dim: s.Dim, Groups: s.Groups, States: s.States,
		Delta: delta.Slice(lo, hi).Data, Y: y.Slice(lo, hi).Data, A: s.a, D: s.D.W,
	}
	k.X, k.B, k.C = s.columns(xbc.Data, xbc.Cols, lo)
	return k
}

// record adds the backward pass of one span. The gradient of the state before the span is dropped.
func (s *SSD) record(p *Pass, ssd kernel.SSD, xbc, delta, y Mat, span Span) {
	aLogGrad, dGrad := trainable(s.ALog, "scan"), trainable(s.D, "scan")
	p.Tape.Record(func() {
		defer p.arena.release(p.Mark())
		lo, hi := span.Start, span.Start+span.Len
		g := kernel.SSDGrad{
			SSD: ssd, DY: y.Slice(lo, hi).Grad, DDelta: delta.Slice(lo, hi).Grad,
			DA: p.zeros(s.Heads), DD: dGrad,
		}
		g.DX, g.DB, g.DC = s.columns(xbc.Grad, xbc.Cols, lo)
		g.Parts = p.zeros(g.PartsLen())
		g.Run(p.Pool)
		for i, d := range g.DA {
			aLogGrad[i] += d * s.a[i] // dA/dA_log = A
		}
	})
}
