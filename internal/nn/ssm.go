package nn

import (
	"math"
	"math/rand/v2"

	"github.com/archbench/archbench/internal/kernel"
	"github.com/archbench/archbench/internal/state"
)

// SelectiveScan is the recurrence of Mamba (Gu and Dao 2023): for every channel e and state s of a token
//
//	h[e,s] ← exp(Δ[e]·A[e,s])·h[e,s] + Δ[e]·B[s]·u[e],    y[e] = Σ_s C[s]·h[e,s] + D[e]·u[e],    A = -exp(A_log)
type SelectiveScan struct {
	Channels, States int
	ALog             *Param // [channels, states]
	D                *Param // [channels]

	a []float32 // A in the order of the kernel
}

// SelectiveScan declares prefix+"A_log" and prefix+"D". New ones are A = -1, -2, ..., -states in every channel and D = 1.
func (ps *Params) SelectiveScan(prefix string, channels, states int) *SelectiveScan {
	s := &SelectiveScan{
		Channels: channels, States: states,
		ALog: ps.Tensor(prefix+"A_log", logRange, channels, states),
		D:    ps.Tensor(prefix+"D", Const(1), channels),
		a:    make([]float32, channels*states),
	}
	ps.derive(s.decay)
	return s
}

// logRange fills a row with log 1, log 2, ...
func logRange(_ *rand.Rand, _ int, dst []float32) {
	for i := range dst {
		dst[i] = float32(math.Log(float64(i + 1)))
	}
}

// decay computes A.
func (s *SelectiveScan) decay() {
	for i, v := range s.ALog.W {
		s.a[s.at(i)] = float32(-math.Exp(float64(v)))
	}
}

// at is the kernel's index of element i of A_log.
func (s *SelectiveScan) at(i int) int {
	return kernel.ScanIndex(s.Channels, s.States, i/s.States, i%s.States)
}

// Forward returns y and advances the states of the documents, each a [state.SSM] at the index layer. u and delta are
// [rows, channels]; the last 2·states columns of proj are B and C. It costs 7 FLOPs per token, channel and state
// (Δ·A, its exponential, the product with h, Δu·B, its addition, and the multiply-add with C) and 3 per token and
// channel (Δ·u and the multiply-add with D).
func (s *SelectiveScan) Forward(p *Pass, layer int, u, delta, proj Mat, spans []Span) Mat {
	y := p.New(u.Rows, s.Channels)
	for _, span := range spans {
		scan := s.piece(u, delta, proj, y, span)
		scan.H = ssmState(p, span, layer, s.Channels*s.States)
		if p.Tape != nil {
			scan.Saved = p.Scratch(scan.SavedLen())
			s.record(p, scan, u, delta, proj, y, span)
		}
		scan.Run(p.Pool)
	}
	rows, e, n := int64(u.Rows), int64(s.Channels), int64(s.States)
	p.Add(rows*e*(7*n+3), 4*(rows*(3*e+2*n)+e*n+e+2*int64(len(spans))*e*n))
	return y
}

// piece returns the scan of one span, except for its state.
func (s *SelectiveScan) piece(u, delta, proj, y Mat, span Span) kernel.Scan {
	lo, hi := span.Start*s.Channels, (span.Start+span.Len)*s.Channels
	bc := kernel.Rows{Data: proj.Data, Stride: proj.Cols}
	return kernel.Scan{
		Len: span.Len, Channels: s.Channels, States: s.States,
		U: u.Data[lo:hi], Delta: delta.Data[lo:hi], Y: y.Data[lo:hi],
		B: bc.From(span.Start, proj.Cols-2*s.States), C: bc.From(span.Start, proj.Cols-s.States),
		A: s.a, D: s.D.W,
	}
}

// record adds the backward pass of one span. The gradient of the state before the span is dropped.
func (s *SelectiveScan) record(p *Pass, scan kernel.Scan, u, delta, proj, y Mat, span Span) {
	aLogGrad, dGrad := trainable(s.ALog, "scan"), trainable(s.D, "scan")
	p.Tape.Record(func() {
		defer p.arena.release(p.Mark())
		lo, hi := span.Start*s.Channels, (span.Start+span.Len)*s.Channels
		bc := kernel.Rows{Data: proj.Grad, Stride: proj.Cols}
		g := kernel.ScanGrad{
			Scan: scan, DY: y.Grad[lo:hi], DU: u.Grad[lo:hi], DDelta: delta.Grad[lo:hi],
			DB: bc.From(span.Start, proj.Cols-2*s.States), DC: bc.From(span.Start, proj.Cols-s.States),
			DA: p.zeros(len(s.a)), DD: dGrad,
		}
		g.Parts = p.zeros(g.PartsLen())
		g.Run(p.Pool)
		for i := range aLogGrad {
			aLogGrad[i] += g.DA[s.at(i)] * s.a[s.at(i)] // dA/dA_log = A
		}
	})
}

// ssmState returns a document's recurrent state of n floats in a layer, or zeros if it has none.
func ssmState(p *Pass, span Span, layer, n int) []float32 {
	if s := state.Of[*state.SSM](span.State, layer); s != nil {
		return s.H
	}
	empty := p.Scratch(n)
	clear(empty)
	return empty
}
