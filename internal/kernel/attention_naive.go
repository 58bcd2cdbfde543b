package kernel

import "math"

// naive attends from one token, head by head, with all scores of a head at once.
func (run *attentionRun) naive(w *attentionScratch, t queryTile) {
	group := run.group()
	width := group * run.Dim
	q, out := t.row(run.q, 0, width), t.row(run.out, 0, width)
	first, end := run.First(t.pos(0)), t.pos(1)
	w.reserve(end - first)
	scores := w.take(end - first)
	for g := range group {
		run.naiveScores(scores, t, q[g*run.Dim:][:run.Dim], first)
		run.normalise(scores, t, g)
		run.naiveValues(out[g*run.Dim:][:run.Dim], t, scores, first)
	}
}

// normalise turns all scores of head g of a tile into probabilities.
func (run *attentionRun) normalise(scores []float32, t queryTile, g int) {
	top := rowMax(scores)
	sum := expShift(scores, top)
	if run.lse != nil {
		t.row(Rows{run.lse, run.Heads}, 0, run.group())[g] = top + float32(math.Log(float64(sum)))
	}
	for j := range scores {
		scores[j] /= sum
	}
}

// naiveScores fills scores[j] with scale·q·k[first+j].
func (run *attentionRun) naiveScores(scores []float32, t queryTile, q []float32, first int) {
	for j := 0; j < len(scores); {
		k, _, n := run.keys(t.span, t.head, first+j, first+len(scores), len(scores))
		for i := range n {
			scores[j+i] = run.Scale * active.dot(q, k.Data[i*k.Stride:][:run.Dim])
		}
		j += n
	}
}

// naiveValues fills out with Σ_j p[j]·v[first+j].
func (run *attentionRun) naiveValues(out []float32, t queryTile, p []float32, first int) {
	clear(out)
	for j := 0; j < len(p); {
		_, v, n := run.keys(t.span, t.head, first+j, first+len(p), len(p))
		for i := range n {
			Axpy(p[j+i], v.Data[i*v.Stride:][:len(out)], out)
		}
		j += n
	}
}

// naive adds the gradients of one span and key head, query by query.
func (g *AttentionGrad) naive(s *AttentionSpan, head int) {
	group := g.group()
	width := group * g.Dim
	for i := range s.Len {
		t := queryTile{span: s, head: head, first: i, tokens: 1}
		q, dq := t.row(g.Q, 0, width), t.row(g.DQ, 0, width)
		out, dout := t.row(g.Out, 0, width), t.row(g.DOut, 0, width)
		lse := t.row(Rows{g.LSE, g.Heads}, 0, group)
		for h := range group {
			at, to := h*g.Dim, (h+1)*g.Dim
			g.naiveQuery(s, head, i, q[at:to], dq[at:to], out[at:to], dout[at:to], lse[h])
		}
	}
}

// naiveQuery adds the gradients of query i of one head:
// dv[j] += p[j]·dout, ds[j] = scale·p[j]·(dout·v[j] - dout·out), dq += Σ ds[j]·k[j], dk[j] += ds[j]·q.
func (g *AttentionGrad) naiveQuery(s *AttentionSpan, head, i int, q, dq, out, dout []float32, lse float32) {
	delta := active.dot(dout, out)
	for j := g.First(i); j <= i; j++ {
		row, at := s.Row+j, head*g.Dim
		k, v := g.K.From(row, at).Data[:g.Dim], g.V.From(row, at).Data[:g.Dim]
		p := expf(g.Scale*active.dot(q, k) - lse)
		ds := g.Scale * p * (active.dot(dout, v) - delta)
		Axpy(p, dout, g.DV.From(row, at).Data)
		Axpy(ds, k, dq)
		Axpy(ds, q, g.DK.From(row, at).Data)
	}
}
